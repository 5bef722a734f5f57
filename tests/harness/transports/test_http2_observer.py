"""What a connection of HTTP/2 shows: each event, each departure from RFC 9113 with its offset, whatever the cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import pytest
from cuts import cut_into, octet_by_octet
from http2_doubles import EMPTY_SETTINGS, GRPC, SETTINGS_ACK, Words, data
from hyperframe.exceptions import InvalidFrameError
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import (
    Closed,
    Deviation,
    Ended,
    Event,
    Farewell,
    Opened,
    Pong,
    Refused,
    Trailers,
)
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import Body
from streamspec.harness.transports import http2_frames as frames
from streamspec.harness.transports._http2_tables import Tables
from streamspec.harness.transports.http2_frames import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    SETTINGS,
    frame,
    goaway,
    rst_stream,
    settings,
    window_update,
)
from streamspec.harness.transports.http2_observer import CONNECTION_WINDOW_BYTES, DEVIATIONS_OF_A_STREAM, Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = Opened(200, "", "HTTP/2", ())


def observer(streams: int = 1, limits: Limits = LIMITS, method: str = "GET") -> Observer:
    made = Observer(Tables(limits.head_bytes), limits)
    for number in range(streams):
        made.expect(2 * number + 1, method)
    return made


def seen(
    *octets: bytes, streams: int = 1, limits: Limits = LIMITS, method: str = "GET", eof: bool = False
) -> list[tuple[int, Event | Body]]:
    """What is said of these octets behind a preface; of a body all in one."""
    return read([EMPTY_SETTINGS, *octets], observer(streams, limits, method), eof=eof)


def read(pieces: Sequence[bytes], by: Observer, *, eof: bool = False) -> list[tuple[int, Event | Body]]:
    out: list[tuple[int, Event | Body]] = []
    for piece in pieces:
        out += by.feed(piece)
    if eof:
        out += by.end("eof")
    joined: list[tuple[int, Event | Body]] = []
    for stream, entry in out:
        last = joined[-1] if joined else None
        if last and last[0] == stream and isinstance(entry, Body) and isinstance(last[1], Body):
            joined[-1] = (stream, Body(last[1].data + entry.data))
        else:
            joined.append((stream, entry))
    return joined


def of_one(*octets: bytes, limits: Limits = LIMITS, method: str = "GET", eof: bool = False) -> list[Event | Body]:
    """The same, of the only stream that there is."""
    return [entry for _, entry in seen(*octets, limits=limits, method=method, eof=eof)]


def deviations(entries: Sequence[Event | Body]) -> list[str]:
    return [entry.code for entry in entries if isinstance(entry, Deviation)]


# -- answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_a_head_a_body_and_an_end() -> None:
    words = Words()
    assert of_one(words.head((("content-type", "text/plain"),)), data(b"ab"), data(b"c", ends=True)) == [
        Opened(200, "", "HTTP/2", (("content-type", "text/plain"),)),
        Body(b"abc"),
        Ended("end-stream", 3),
    ]


def test_trailers_stand_ahead_of_the_end() -> None:
    words = Words()
    trailers = words.trailers(("grpc-status", "0"))
    assert of_one(words.head(GRPC), data(b"abc"), trailers)[2:] == [
        Trailers((("grpc-status", "0"),)),
        Ended("end-stream", 3),
    ]


def test_a_status_that_does_not_end_its_stream_is_said_all_the_same() -> None:
    words = Words()
    head, early = words.head(GRPC), words.head((("grpc-status", "13"),), status=0)
    got = of_one(head, early, data(b"abc"), words.trailers(("grpc-status", "0")))
    assert [entry for entry in got if isinstance(entry, Trailers)] == [
        Trailers((("grpc-status", "13"),)),
        Trailers((("grpc-status", "0"),)),
    ]
    assert (deviations(got), got[-1]) == (["h2.headers"], Ended("end-stream", 3))


@pytest.mark.parametrize(("head", "fields"), [(GRPC, (("x", "y"),)), ((), (("grpc-status", "0"),))])
def test_other_fields_that_do_not_end_their_stream_are_no_trailers(
    head: tuple[tuple[str, str], ...], fields: tuple[tuple[str, str], ...]
) -> None:
    words = Words()
    got = of_one(words.head(head), words.head(fields, status=0))
    assert (deviations(got), [entry for entry in got if isinstance(entry, Trailers)]) == (["h2.headers"], [])


def test_an_answer_of_grpc_without_trailers_has_none_of_them_and_says_so() -> None:
    words = Words()
    assert of_one(words.head(GRPC), data(b"", ends=True))[1:] == [Trailers(()), Ended("end-stream", 0)]


def test_trailers_only_are_head_and_trailers_in_one() -> None:
    fields = (*GRPC, ("grpc-status", "12"))
    assert of_one(Words().head(fields, ends=True)) == [
        Opened(200, "", "HTTP/2", fields),
        Trailers(fields),
        Ended("end-stream", 0),
    ]


def test_a_plain_answer_without_a_body_has_no_trailers() -> None:
    assert of_one(Words().head(status=404, ends=True)) == [Opened(404, "", "HTTP/2", ()), Ended("end-stream", 0)]


def test_interim_heads_are_passed_over() -> None:
    words = Words()
    assert of_one(words.head(status=103), words.head(status=100), words.head()) == [PLAIN]


def test_interim_heads_without_end_are_refused() -> None:
    words = Words()
    few = replace(LIMITS, interim_heads=2)
    got = of_one(*(words.head(status=103) for _ in range(3)), limits=few)
    assert got == [Refused("too-long", "more than 2 interim heads")]


def test_a_reset_before_the_head_is_a_refusal_that_names_its_code() -> None:
    assert of_one(rst_stream(1, 7)) == [Refused("reset", "RST_STREAM REFUSED_STREAM (7)")]


def test_a_reset_inside_a_body_has_its_code() -> None:
    got = of_one(Words().head(), data(b"ab"), rst_stream(1, 8))
    assert got[2:] == [Closed("reset", "RST_STREAM CANCEL (8)", 8)]


@pytest.mark.parametrize(("code", "said"), [(0, []), (2, [Closed("reset", "RST_STREAM INTERNAL_ERROR (2)", 2)])])
def test_a_reset_behind_a_whole_answer_is_nothing_unless_it_names_an_error(code: int, said: list[Event]) -> None:
    assert of_one(Words().head(ends=True), rst_stream(1, code))[2:] == said


def test_a_reset_without_an_error_inside_a_body_is_a_reset() -> None:
    assert of_one(Words().head(), rst_stream(1, 0))[1:] == [Closed("reset", "RST_STREAM NO_ERROR (0)", 0)]


def test_a_goodbye_is_for_everybody_and_refuses_what_it_leaves_out() -> None:
    words = Words()
    got = seen(words.head(), goaway(1, 0), streams=2)
    assert got[1:] == [
        (0, Farewell(0, "", len(EMPTY_SETTINGS) + 10)),
        (3, Refused("closed", "GOAWAY NO_ERROR (0): the last stream is 1")),
    ]


def test_the_words_of_a_goodbye_are_made_inert() -> None:
    got = of_one(frame(7, 0, 0, bytes(4) + (11).to_bytes(4) + b"too\x1b[31m many\xff"))
    assert isinstance(got[0], Farewell)
    assert (got[0].code, got[0].reason) == (11, "too\\x1b[31m many\ufffd")


def test_the_answer_to_a_ping_is_a_pong() -> None:
    assert of_one(frame(PING, 1, 0, bytes(7) + b"\x05")) == [Pong("0000000000000005", 9)]


@pytest.mark.parametrize(
    ("octets", "came"),
    [
        ((), Refused("closed", "after 9 octets")),
        ((Words().head(),), Closed("eof")),
        ((Words().head(), data(b"ab")), Closed("eof")),
        ((Words().head(ends=True),), Closed("eof")),
    ],
)
def test_the_end_of_the_connection_is_one_of_every_stream(octets: tuple[bytes, ...], came: Event) -> None:
    assert of_one(*octets, eof=True)[-1] == came


def test_a_reset_of_the_connection_is_no_end_of_an_answer() -> None:
    watching = observer(2)
    watching.feed(EMPTY_SETTINGS + Words().head())
    assert watching.end("reset", "gone") == [(1, Closed("reset", "gone")), (3, Refused("reset", "gone"))]


# -- what we owe -----------------------------------------------------------------------------------------------------


def test_settings_and_pings_are_answered() -> None:
    watching = observer()
    watching.feed(EMPTY_SETTINGS + SETTINGS_ACK + frame(PING, 0, 0, b"12345678") + frame(PING, 1, 0, b"87654321"))
    assert bytes(watching.answers) == SETTINGS_ACK + frame(PING, 1, 0, b"12345678")


def test_the_window_of_the_connection_is_given_back_at_once_and_that_of_a_stream_when_it_is_read() -> None:
    watching = observer()
    watching.feed(EMPTY_SETTINGS + Words().head())
    watching.answers.clear()
    watching.feed(data(bytes(1_000)))
    assert bytes(watching.answers) == window_update(0, 1_000)
    assert watching.courses[1].window == LIMITS.window_bytes - 1_000
    assert watching.credit(1, 1_000) == window_update(1, 1_000)
    assert watching.courses[1].window == LIMITS.window_bytes


def test_padding_is_given_back_at_once_for_nobody_reads_it() -> None:
    watching = observer()
    watching.feed(EMPTY_SETTINGS + Words().head())
    watching.answers.clear()
    got = watching.feed(frame(0, frames.PADDED, 1, b"\x05body" + bytes(5)))
    assert got == [(1, Body(b"body"))]
    assert bytes(watching.answers) == window_update(1, 6) + window_update(0, 10)
    assert watching.courses[1].window == LIMITS.window_bytes - 4


def test_nothing_is_given_back_to_a_stream_that_is_over() -> None:
    watching = observer()
    watching.feed(EMPTY_SETTINGS + Words().head() + data(b"all", ends=True))
    assert watching.credit(1, 3) == b""


def test_settings_change_what_we_may_send_on_every_stream_and_may_take_more_than_there_was() -> None:
    watching = observer(2)
    watching.courses[3].their_window -= 60_000
    watching.feed(settings({frames.INITIAL_WINDOW_SIZE: 1_000, frames.MAX_FRAME_SIZE: 20_000}))
    watching.expect(5, "GET")
    assert [course.their_window for course in watching.courses.values()] == [1_000, -59_000, 1_000]
    assert watching.frame_bytes == 20_000
    watching.feed(window_update(3, 60_000) + window_update(0, 5))
    assert (watching.courses[3].their_window, watching.window) == (1_000, 65_540)


# -- departures ------------------------------------------------------------------------------------------------------


def head_with(*fields: tuple[str, str], status: str | None = "200") -> bytes:
    named = [(":status", status)] if status is not None else []
    return frame(HEADERS, END_HEADERS, 1, Words().block((*named, *fields)))


AT = len(EMPTY_SETTINGS)
HEAD = Words().head()
DEPARTURES: dict[str, tuple[tuple[bytes, ...], str, int]] = {
    "a frame ahead of the settings": ((), "h2.preface", 0),
    "an odd size": ((frame(PING, 0, 0, b"short"),), "h2.frame-size", AT),
    "a frame that is too large": ((bytes((0, 64, 1, 0, 0, 0, 0, 0, 1)),), "h2.frame-size", AT),
    "padding beyond the frame": ((HEAD, frame(0, frames.PADDED, 1, b"\x09four")), "h2.frame-size", AT + len(HEAD)),
    "data on the connection": ((data(b"x", stream=0),), "h2.stream", AT),
    "settings on a stream": ((frame(SETTINGS, 0, 1),), "h2.stream", AT),
    "a ping on a stream": ((frame(PING, 0, 1, bytes(8)),), "h2.stream", AT),
    "a goodbye on a stream": ((frame(7, 0, 1, bytes(8)),), "h2.stream", AT),
    "a priority on the connection": ((frame(PRIORITY, 0, 0, bytes(5)),), "h2.stream", AT),
    "a head on the connection": ((frame(HEADERS, END_HEADERS, 0, b"\x88"),), "h2.stream", AT),
    "data on a stream that nobody opened": ((data(b"x", stream=5),), "h2.stream", AT),
    "data on a stream of theirs": ((data(b"x", stream=2),), "h2.stream", AT),
    "a reset of a stream that nobody opened": ((rst_stream(5, 8),), "h2.stream", AT),
    "a credit for a stream that nobody opened": ((window_update(5, 8),), "h2.stream", AT),
    "a push": ((frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x82"),), "h2.stream", AT),
    "a body ahead of its head": ((data(b"x"),), "h2.stream", AT),
    "data behind a reset": ((HEAD, rst_stream(1, 8), data(b"x")), "h2.stream", AT + len(HEAD) + 13),
    "a continuation of nothing": ((frame(CONTINUATION, END_HEADERS, 1, b"\x88"),), "h2.stream", AT),
    "data behind the end": ((HEAD, data(b"", ends=True), data(b"x")), "h2.after-end", AT + len(HEAD) + 9),
    "a head behind the end": ((HEAD, data(b"", ends=True), HEAD), "h2.after-end", AT + len(HEAD) + 9),
    "a block that is interrupted": ((frame(HEADERS, 0, 1, b"\x88"), data(b"x")), "h2.headers", AT + 10),
    "a block for no table": ((frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\x0f"),), "h2.headers", AT),
    "no status": ((head_with(status=None),), "h2.headers", AT),
    "a status of two digits": ((head_with(status="20"),), "h2.headers", AT),
    "two statuses": ((head_with((":status", "200")),), "h2.headers", AT),
    "a status behind a field": ((head_with(("a", "b"), (":status", "200"), status=None),), "h2.headers", AT),
    "the path of a request": ((head_with((":path", "/")),), "h2.headers", AT),
    "a name in upper case": ((head_with(("Server", "x")),), "h2.headers", AT),
    "a name with a blank": ((head_with(("ser ver", "x")),), "h2.headers", AT),
    "a name without a letter": ((head_with(("", "x")),), "h2.headers", AT),
    "a value with a line end": ((head_with(("server", "x\r\ny")),), "h2.headers", AT),
    "a value with blanks around it": ((head_with(("server", " x")),), "h2.headers", AT),
    "101": ((head_with(status="101"),), "h2.headers", AT),
    "an interim head that ends the stream": ((Words().head(status=103, ends=True),), "h2.headers", AT),
    "trailers that end nothing": ((HEAD, frame(HEADERS, END_HEADERS, 1, b"\x0f\x2b\x01x")), "h2.headers", AT + 10),
    "a status in trailers": ((HEAD, frame(HEADERS, 5, 1, b"\x88")), "h2.headers", AT + len(HEAD)),
    "connection": ((head_with(("connection", "close")),), "h2.connection-field", AT),
    "keep-alive": ((head_with(("keep-alive", "x")),), "h2.connection-field", AT),
    "proxy-connection": ((head_with(("proxy-connection", "x")),), "h2.connection-field", AT),
    "transfer-encoding": ((head_with(("transfer-encoding", "chunked")),), "h2.connection-field", AT),
    "upgrade": ((head_with(("upgrade", "x")),), "h2.connection-field", AT),
    "a body too short": ((head_with(("content-length", "5")), data(b"four", ends=True)), "h2.length", -1),
    "a body too long": ((head_with(("content-length", "3")), data(b"four", ends=True)), "h2.length", -1),
    "a length that is no number": ((head_with(("content-length", "4x")), data(b"four", ends=True)), "h2.length", -1),
    "a push that is set": ((settings({frames.ENABLE_PUSH: 1}),), "h2.settings", AT),
    "a window beyond its bound": ((settings({frames.INITIAL_WINDOW_SIZE: 2**31}),), "h2.settings", AT),
    "frames below their bound": ((settings({frames.MAX_FRAME_SIZE: 16_383}),), "h2.settings", AT),
    "a credit of nothing": ((window_update(1, 0),), "h2.increment", AT),
    "a credit of nothing for the connection": ((window_update(0, 0),), "h2.increment", AT),
    "a window that overflows": ((window_update(0, 2**31 - 1),), "h2.increment", AT),
}


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_departure_is_said_once_with_its_offset(name: str) -> None:
    octets, code, offset = DEPARTURES[name]
    got = [entry for _, entry in (seen(*octets) if octets else read([frame(PING, 0, 0, bytes(8))], observer()))]
    assert deviations(got) == [code]
    (said,) = (entry for entry in got if isinstance(entry, Deviation))
    assert offset in {said.offset, -1}


@pytest.mark.parametrize("name", DEPARTURES)
def test_any_cut_says_the_same_of_a_departure(name: str) -> None:
    octets = b"".join((EMPTY_SETTINGS, *DEPARTURES[name][0]))
    assert read(octet_by_octet(octets), observer(), eof=True) == read([octets], observer(), eof=True)


def test_every_code_of_this_layer_is_among_the_tests() -> None:
    tried = {code for _, code, _ in DEPARTURES.values()} | {"h2.window", "h2.cut"}  # these two have tests of their own
    assert tried == {code for code in DEVIATIONS if code.startswith("h2.")}


@pytest.mark.parametrize(
    ("octets", "at"), [((data(b"cut short")[:12],), 9), ((frame(HEADERS, 0, 1, b"\x88"),), 9), ((b"\0\0",), 9)]
)
def test_the_end_of_the_connection_inside_a_frame_is_said(octets: tuple[bytes, ...], at: int) -> None:
    got = of_one(*octets, eof=True)
    assert [(d.code, d.offset) for d in got if isinstance(d, Deviation)] == [("h2.cut", at)]


def test_a_reset_inside_a_frame_cuts_nothing() -> None:
    watching = observer()
    watching.feed(EMPTY_SETTINGS + data(b"cut short")[:12])
    assert watching.end("reset", "gone") == [(1, Refused("reset", "gone"))]


def test_more_than_the_window_of_a_stream_is_said_when_it_is_overrun_and_the_body_is_kept() -> None:
    small = replace(LIMITS, window_bytes=100)
    got = of_one(Words().head(), data(bytes(100)), data(b"x"), data(b"y"), limits=small)
    assert deviations(got) == ["h2.window"]
    assert b"".join(entry.data for entry in got if isinstance(entry, Body)) == bytes(100) + b"xy"


def test_an_empty_frame_may_end_a_stream_whose_window_is_full() -> None:
    small = replace(LIMITS, window_bytes=100)
    got = of_one(Words().head(), data(bytes(100)), data(b"", ends=True), limits=small)
    assert got[-1] == Ended("end-stream", 100)
    assert deviations(got) == []


def test_more_than_the_window_of_the_connection_is_said() -> None:
    wide = replace(LIMITS, window_bytes=4 * CONNECTION_WINDOW_BYTES)
    watching = observer(limits=wide)
    watching.feed(EMPTY_SETTINGS + Words().head())
    body = data(bytes(16_384)) * (CONNECTION_WINDOW_BYTES // 16_384)
    assert deviations([entry for _, entry in watching.feed(body)]) == []
    assert deviations([entry for _, entry in watching.feed(body + data(b"x"))]) == ["h2.window"]


@pytest.mark.parametrize(
    "head",
    [
        Words().head((("content-length", "3"),), status=304, ends=True),
        Words().head((("content-length", "03"),)) + data(b"abc", ends=True),
        Words().head((("content-length", "3, 3"),)) + data(b"abc", ends=True),
    ],
)
def test_a_length_that_is_right_or_of_no_body_is_no_departure(head: bytes) -> None:
    assert deviations(of_one(head)) == []


def test_a_length_in_an_answer_to_head_says_nothing_of_a_body() -> None:
    assert deviations(of_one(Words().head((("content-length", "3"),), ends=True), method="HEAD")) == []


def test_frames_that_nobody_knows_and_priorities_are_ignored() -> None:
    assert of_one(frame(0xEE, 0xFF, 1, b"x"), frame(PRIORITY, 0, 9, bytes(5)), frame(0xEE, 0, 0)) == []


def test_a_stream_that_we_have_left_is_silent() -> None:
    watching = observer(2)
    watching.forget(1)
    words = Words()
    got = watching.feed(EMPTY_SETTINGS + words.head() + data(b"x") + rst_stream(1, 8) + words.head(stream=3))
    assert got == [(3, PLAIN)]
    assert window_update(0, 1) in bytes(watching.answers)  # its octets count for the connection all the same


def test_a_thousand_departures_of_a_kind_are_said_so_often_and_no_more() -> None:
    got = of_one(Words().head(ends=True), data(b"x") * 1_000)
    assert deviations(got) == ["h2.after-end"] * DEVIATIONS_OF_A_STREAM


def test_an_answer_in_http_1_is_no_http_2() -> None:
    watching = observer()
    watching.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert watching.refused == Refused("not-http", "no HTTP/2 frame begins with 'HTTP/1.1 '")
    assert watching.end("eof") == [(1, watching.refused)]


@pytest.mark.parametrize(
    "octets",
    [
        frame(HEADERS, 0, 1, b"\x88") + frame(CONTINUATION, 0, 1) * 64,
        frame(HEADERS, 0, 1, bytes(1_000)) + frame(CONTINUATION, 0, 1, bytes(1_000)),
        frame(HEADERS, END_HEADERS, 1, Words().block((("a", "b" * 1_500),), 200)),
    ],
    ids=["continuations", "octets", "inflated"],
)
def test_a_head_without_end_is_refused_and_ends_the_connection(octets: bytes) -> None:
    few = replace(LIMITS, head_bytes=1_500)
    watching = observer(limits=few)
    got = watching.feed(EMPTY_SETTINGS + octets)
    assert [type(entry) for _, entry in got] == [Refused]
    assert watching.broken
    assert watching.broken[0] == frames.ENHANCE_YOUR_CALM
    assert watching.feed(HEAD) == []


def test_a_head_of_too_many_fields_is_refused_and_the_others_go_on() -> None:
    words = Words()
    few = replace(LIMITS, head_fields=3)
    got = seen(words.head((("a", "b"),) * 4), words.head(stream=3), streams=2, limits=few)
    assert got == [(1, Refused("too-long", "more than 3 fields")), (3, PLAIN)]


@pytest.mark.parametrize(
    "octets", [frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\x0f"), frame(HEADERS, 0, 1, b"\x88") + data(b"x")]
)
def test_where_nothing_more_can_be_read_the_connection_is_given_up(octets: bytes) -> None:
    watching = observer(2)
    watching.feed(EMPTY_SETTINGS + octets)
    assert watching.broken
    assert watching.feed(Words().head(stream=3)) == []
    assert watching.end("ours", watching.broken[1])[-1] == (3, Closed("ours", watching.broken[1]))


# -- any cut, anything, and a library ----------------------------------------------------------------------------------


def conversation() -> bytes:
    words = Words()
    return b"".join(
        (
            settings({frames.INITIAL_WINDOW_SIZE: 1_000}),
            SETTINGS_ACK,
            words.head(GRPC),
            words.head((("x", "y"),), stream=3),
            data(b"first"),
            data(b"other", stream=3),
            frame(PING, 0, 0, b"12345678"),
            data(b"second"),
            words.trailers(("grpc-status", "0")),
            rst_stream(1, 0),
            data(b"", stream=3, ends=True),
            goaway(3, 0),
        )
    )


@given(st.lists(st.integers(0, 40), max_size=30))
def test_any_cut_says_the_same(sizes: list[int]) -> None:
    octets = conversation()
    whole = read([octets], observer(2), eof=True)
    assert len(whole) == 11
    assert read(cut_into(octets, sizes), observer(2), eof=True) == whole
    assert read(octet_by_octet(octets), observer(2), eof=True) == whole


KINDS = st.sampled_from([*range(10), 0xEE])
ANY_FRAME = st.builds(frame, KINDS, st.integers(0, 255), st.sampled_from([0, 1, 1, 1, 2, 3, 5]), st.binary(max_size=20))


@given(st.lists(ANY_FRAME, max_size=12), st.binary(max_size=12))
def test_nothing_breaks_the_observer_and_cuts_mean_nothing(some: list[bytes], rest: bytes) -> None:
    octets = b"".join((EMPTY_SETTINGS, *some, rest))
    whole, slowly = observer(2), observer(2)
    assert read([octets], whole, eof=True) == read(octet_by_octet(octets), slowly, eof=True)
    assert all(course.phase == "gone" for course in whole.courses.values())
    assert whole.broken == slowly.broken


@given(st.lists(ANY_FRAME, max_size=6))
def test_what_a_strict_library_takes_we_find_nothing_wrong_with(some: list[bytes]) -> None:
    octets = b"".join((EMPTY_SETTINGS, *some))
    theirs = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    theirs.initiate_connection()
    theirs.update_settings({h2.settings.SettingCodes.ENABLE_PUSH: 0})
    for number in (1, 3):
        theirs.send_headers(number, [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")])
    try:
        events = theirs.receive_data(octets)
    except (h2.exceptions.ProtocolError, InvalidFrameError):
        return
    if any(isinstance(event, h2.events.StreamReset) and not event.remote_reset for event in events):
        return  # it minds, and resets one stream
    said = {entry.code for _, entry in read([octets], observer(2)) if isinstance(entry, Deviation)}
    assert said <= {"h2.stream"}  # of which it lets pass: a push before our settings are acknowledged, an idle reset


def test_a_library_and_we_read_the_same_conversation() -> None:
    ours = read([conversation()], observer(2))
    theirs = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    theirs.initiate_connection()
    for number in (1, 3):
        theirs.send_headers(number, [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")])
    events = theirs.receive_data(conversation())
    bodies = b"".join(event.data for event in events if isinstance(event, h2.events.DataReceived))
    assert bodies == b"".join(entry.data for _, entry in ours if isinstance(entry, Body))
    ends = [event.stream_id for event in events if isinstance(event, h2.events.StreamEnded)]
    assert ends == [stream for stream, entry in ours if isinstance(entry, Ended)]
    trailers = [event.headers for event in events if isinstance(event, h2.events.TrailersReceived)]
    assert [[(n.decode(), v.decode()) for n, v in fields] for fields in trailers] == [
        list(entry.fields) for _, entry in ours if isinstance(entry, Trailers)
    ]


def test_frames_of_a_dynamic_table_are_read_in_their_order() -> None:
    words = Words()
    first = words.head((("x-long", "v" * 30),))
    second = words.head((("x-long", "v" * 30),), stream=3)
    assert len(second) < len(first)
    got = seen(first, second, streams=2)
    assert [entry.header("x-long") for _, entry in got if isinstance(entry, Opened)] == ["v" * 30, "v" * 30]


def test_trailers_are_read_on_a_stream_whose_end_is_in_them_only() -> None:
    words = Words()
    block = words.block((("grpc-status", "0"),))
    split = frame(HEADERS, END_STREAM, 1, block[:3]) + frame(CONTINUATION, END_HEADERS, 1, block[3:])
    assert of_one(words.head(GRPC), split)[1:] == [Trailers((("grpc-status", "0"),)), Ended("end-stream", 0)]
