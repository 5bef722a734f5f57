"""Event streams: each event and each deviation at its offset, however the octets are cut."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cuts import cut_at, decoded
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import (
    Completed,
    Deviation,
    Event,
    Failed,
    Heartbeat,
    Item,
    Meta,
    Opened,
)
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers.sse import SSE, SseDecoder, recognises

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = Profile("plain", "")
JSON = Profile("json", "", items="json", clauses=(Clause((("data", "[DONE]"),), "completed"),))
RICH = Profile(
    "rich",
    "",
    clauses=(
        Clause((("event", "end"),), "completed"),
        Clause((("json.type", "error"),), "failed"),
        Clause((("event", "error"),), "failed"),
        Clause((("event", "ping"),), "heartbeat"),
        Clause((("event", "open"),), "start"),
        Clause((("event", "usage"),), "meta"),
        Clause((("event", "noise"),), "ignore"),
    ),
)
SMALL = replace(LIMITS, line_bytes=24, event_bytes=32, prefix_chars=8, json_depth=3)


def decode(
    data: bytes, profile: Profile = PLAIN, seq: str = "", limits: Limits = LIMITS, cuts: Iterable[int] = ()
) -> list[Event]:
    return decoded(SSE.decoder(profile, seq, limits), cut_at(data, cuts))


def item(n: int, payload: bytes, offset: int, kind: str = "message", seq: int | None = None) -> Item:
    sha = hashlib.sha256(payload).hexdigest()[:16]
    prefix = payload.decode().replace("\n", "\\n").replace("\ufeff", "\\ufeff")
    return Item(n, len(payload), sha, prefix, offset, kind, seq)


GOLDEN: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", []),
    "one event": (b"data: a\n\n", [item(0, b"a", 0)]),
    "two events": (b"data: a\n\ndata:b\n\n", [item(0, b"a", 0), item(1, b"b", 9)]),
    "CR": (b"data: a\r\rdata: b\r\r", [item(0, b"a", 0), item(1, b"b", 9)]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [item(0, b"a", 0), item(1, b"b", 11)]),
    "mixed line ends": (
        b"data: a\r\r\ndata: b\n\r\ndata: c\r\n\rdata: d\n\n",
        [item(0, b"a", 0), item(1, b"b", 10), item(2, b"c", 20), item(3, b"d", 30)],
    ),
    "several data lines": (b"data: a\ndata\ndata:  b\n\n", [item(0, b"a\n\n b", 0)]),
    "an empty data line is dispatched": (b"data\n\n", [item(0, b"", 0)]),
    "two empty data lines are a line end": (b"data:\ndata:\n\n", [item(0, b"\n", 0)]),
    "no data, no event, and a sign of life": (
        b"event: x\nid: 1\n\ndata: a\n\n",
        [Heartbeat(0), item(0, b"a", 16)],
    ),
    "blank lines": (b"\n\r\n\rdata: a\n\n", [item(0, b"a", 4)]),
    "a type of its own": (b"event: x\ndata: a\n\ndata: b\n\n", [item(0, b"a", 0, "x"), item(1, b"b", 18)]),
    "the last type wins, and an empty one is none": (b"event: x\nevent\ndata: a\n\n", [item(0, b"a", 0)]),
    "a comment": (b": hi\n:\n\ndata: a\n: in\n\n", [Heartbeat(0), Heartbeat(5), Heartbeat(16), item(0, b"a", 8)]),
    "an id and a retry": (b"id: 1\nretry: 10\ndata: a\n\n", [replace(item(0, b"a", 0), id="1")]),
    "an id is of its own event only": (
        b"id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\n",
        [replace(item(0, b"a", 0), id="1"), item(1, b"b", 15), Heartbeat(24), item(2, b"c", 31)],
    ),
    "a BOM at the start": (b"\xef\xbb\xbfdata: a\n\n", [item(0, b"a", 3)]),
    "a BOM alone in its line": (b"\xef\xbb\xbf\n\ndata: a\n\n", [item(0, b"a", 5)]),
    "a BOM inside a value": (b"data: \xef\xbb\xbfa\n\n", [item(0, b"\xef\xbb\xbfa", 0)]),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [Deviation("sse.bom", 3)]),
    "a BOM later": (b"data: a\n\xef\xbb\xbfdata: b\n\n", [Deviation("sse.bom", 8), item(0, b"a", 0)]),
    "other line separators are data": (
        "data: a\u2028b\u0085c\x0b\x0cd\n\n".encode(),
        [replace(item(0, "a\u2028b\u0085c\x0b\x0cd".encode(), 0), prefix="a\\u2028b\\x85c\\x0b\\x0cd")],
    ),
    "NUL is data": (b"data: a\0\n\n", [replace(item(0, b"a\0", 0), prefix="a\\x00")]),
    "bad UTF-8": (
        b"data: \xffa\xfe\ndata: b\n\n",
        [Deviation("sse.utf8", 6, "0xff"), item(0, "\ufffda\ufffd\nb".encode(), 0)],
    ),
    "UTF-8 cut by a line end": (
        b"data: \xe2\x82\n: \xe2\n\n",
        [
            Deviation("sse.utf8", 6, "0xe2"),
            Deviation("sse.utf8", 11, "0xe2"),
            Heartbeat(9),
            item(0, b"\xef\xbf\xbd", 0),
        ],
    ),
    "an unknown field": (
        b"Data: a\ndata : b\nx\n\n",
        [Deviation("sse.field", 0, "Data"), Deviation("sse.field", 8, "data "), Deviation("sse.field", 17, "x")],
    ),
    "an unknown field with odd octets": (
        b"\x1b[0m\xff: x\n",
        [Deviation("sse.utf8", 4, "0xff"), Deviation("sse.field", 0, "\\x1b[0m\ufffd")],
    ),
    "a NUL in an id": (b"id: a\0b\ndata: a\n\n", [Deviation("sse.id-nul", 0), item(0, b"a", 0)]),
    "a retry that is no number": (
        b"retry: 1.5\nretry:\n\n",
        [Deviation("sse.retry", 0, "1.5"), Deviation("sse.retry", 11, "")],
    ),
    "a retry in other digits": ("retry: \u0663\n\n".encode(), [Deviation("sse.retry", 0, "\u0663")]),
    "an unfinished event": (
        b"data: a\n\n: x\ndata: b\n",
        [item(0, b"a", 0), Heartbeat(9), Deviation("sse.unterminated", 9)],
    ),
    "an unfinished line": (b"data: a", [Deviation("sse.unterminated", 0)]),
    "an unfinished line after a BOM": (b"\xef\xbb\xbfdata", [Deviation("sse.unterminated", 3)]),
    "an unfinished line in a block": (b"event: x\ndata", [Deviation("sse.unterminated", 0)]),
    "an unfinished comment": (b"data: a\n\n: x", [item(0, b"a", 0)]),
    "unfinished without data": (b"event: x\nid: 1\ndatabase: a", []),
    "an event that ends in CR alone": (b"data: a\r\r", [item(0, b"a", 0)]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_stream_is_read_as_it_stands(name: str) -> None:
    data, expected = GOLDEN[name]
    assert decode(data) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stream_reads_the_same_octet_by_octet(name: str) -> None:
    data, expected = GOLDEN[name]
    assert decode(data, cuts=range(len(data))) == expected


@given(st.sampled_from(sorted(GOLDEN)), st.lists(st.integers(0, 60), max_size=5))
def test_a_stream_reads_the_same_however_it_is_cut(name: str, cuts: list[int]) -> None:
    data, expected = GOLDEN[name]
    assert decode(data, cuts=cuts) == expected


def test_an_event_comes_with_the_octet_that_completes_it() -> None:
    decoder = SSE.decoder(PLAIN, "", LIMITS)
    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [item(0, b"a", 0)]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b":") == []
    assert decoder.feed(b"\r") == [Heartbeat(11)]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\n\n") == [item(1, b"b", 11)]
    assert decoder.end() == []
    assert decoder.end() == []


# -- classification --------------------------------------------------------------------------------------------


def test_a_profile_tells_messages_apart() -> None:
    data = (
        b"event: open\ndata: {}\n\n"
        b"data: a\n\n"
        b"event: ping\ndata: \n\n"
        b"event: usage\ndata: 1\n\n"
        b"event: noise\ndata: 1\n\n"
        b'event: error\ndata: {"code": 7, "message": "no\\u001b"}\n\n'
        b"event: end\ndata: bye\n\n"
    )
    assert decode(data, RICH) == [
        Meta("start", 0),
        item(0, b"a", 22),
        Heartbeat(31),
        Meta("meta", 51),
        Failed("7", "no\\x1b", '{"code": 7, "message": "no\\u001b"}', 95),
        Completed(data.index(b"event: end")),
    ]


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ('{"code": "E", "type": "t", "message": "m"}', "E", "m"),
        ('{"type": "error", "error": {"type": "overloaded", "message": "m"}}', "overloaded", "m"),
        ('{"error": {"message": "m", "code": null, "type": "t"}}', "t", "m"),
        ('{"code": 1, "error": "m"}', "1", "m"),
        ('{"code": 1, "message": "m", "error": {}}', "1", "m"),
        ('["m"]', "", ""),
        ("plain text", "", ""),
        ("", "", ""),
    ],
)
def test_an_error_shows_its_code_and_message_wherever_they_stand(data: str, code: str, message: str) -> None:
    profile = Profile("p", "", clauses=(Clause((("event", "error"),), "failed"),))
    stream = f"event: error\ndata: {data}\n\n".encode()
    assert decode(stream, profile) == [Failed(code, message, data, 0)]


def test_the_declared_field_counts_when_it_is_an_integer() -> None:
    def seqs(*values: str) -> list[int | None]:
        stream = "".join(f'data: {{"a": {{"n": {value}}}}}\n\n' for value in values).encode()
        return [event.seq for event in decode(stream, PLAIN, "$.a.n") if isinstance(event, Item)]

    assert seqs("0", "17", "-1") == [0, 17, -1]
    assert seqs("true", "1.0", '"1"', "null", "nonsense", "9" * 5_000) == [None] * 6


# -- JSON ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        " {} ",
        "1",
        '"a"',
        "null",
        "1e999",
        "-0",
        "9" * 10_000,
        '{"a": 1, "a": 2}',
        r'"\ud800"',
        '["a\\"' + "[{" * 100 + '", [], {}]',
        "",
        "[DONE]",
    ],
)
def test_legal_json_and_words_of_the_profile_are_no_deviation(text: str) -> None:
    seen = decode(f"data: {text}\n\n".encode(), JSON)
    assert not [event for event in seen if isinstance(event, Deviation) and not event.code.startswith("json.")]


@pytest.mark.parametrize(
    "text", ["NaN", "[-Infinity]", "undefined", "{'a': 1}", "{} {}", "[1,]", " ", "{", "\ufeff1", "01"]
)
def test_what_is_no_json_is_said_just_before_its_item(text: str) -> None:
    deviation, found = decode(f"data: 1\n\ndata: {text}\n\n".encode(), JSON)[1:]
    assert isinstance(deviation, Deviation)
    assert (deviation.code, deviation.offset) == ("sse.data-not-json", 9)
    assert isinstance(found, Item)
    assert found.n == 1


def test_json_beyond_the_depth_stays_unread() -> None:
    stream = b'data: {"n": 1, "a": [[]]}\n\ndata: {"n": 2, "a": [[[]]]}\n\ndata: [[[[nonsense\n\n'
    found = decode(stream, replace(JSON, clauses=()), "$.n", replace(SMALL, line_bytes=99, event_bytes=99))
    kinds = [(type(event), getattr(event, "seq", None)) for event in found]
    assert kinds == [(Item, 1), (Deviation, None), (Item, None), (Deviation, None), (Item, None)]
    assert {event.code for event in found if isinstance(event, Deviation)} == {"sse.data-too-deep"}


def test_a_caller_deep_in_its_own_stack_is_not_blamed_on_the_target() -> None:
    def from_below(depth: int) -> list[Event]:
        return from_below(depth - 1) if depth else decode(b"data: " + b"[" * 50 + b"]" * 50 + b"\n\n", JSON)

    found: set[tuple[str, ...]] = set()
    for depth in range(sys.getrecursionlimit()):
        try:
            found.add(tuple(type(event).__name__ for event in from_below(depth)))
        except RecursionError:
            break
    assert found <= {("Item",), ("Deviation", "Item")}  # unread, and never called no JSON
    assert ("Item",) in found


def test_without_need_nothing_is_parsed() -> None:
    assert decode(b"data: NaN\n\n", PLAIN) == [item(0, b"NaN", 0)]


# -- limits ----------------------------------------------------------------------------------------------------


LIMITED: dict[str, tuple[bytes, list[tuple[str, int]], list[bytes]]] = {
    "a long line": (b"data: " + b"x" * 40 + b"\n\n", [("sse.line-too-long", 0)], [b"x" * 18]),
    "a line at the limit": (b"data: " + b"x" * 18 + b"\n\n", [], [b"x" * 18]),
    "a long comment": (b":" * 40 + b"\n" + b"data: a\n\n", [("sse.line-too-long", 0)], [b"a"]),
    "two long lines": (
        b"data: a\n\n" + b"x:" * 20 + b"\r\n" + b"y:" * 20 + b"\r\n",
        [("sse.line-too-long", 9), ("sse.field", 9), ("sse.line-too-long", 51), ("sse.field", 51)],
        [b"a"],
    ),
    "a character cut by our limit": (
        b"data: " + "\u20ac".encode() * 9 + b"\n\n",
        [("sse.line-too-long", 0)],
        ["\u20ac".encode() * 6],
    ),
    "half a character cut by our limit": (
        b"data: a" + "\u20ac".encode() * 9 + b"\n\n",
        [("sse.line-too-long", 0)],
        [b"a" + "\u20ac".encode() * 5],
    ),
    "a long line that never ends": (b"data: " + b"x" * 40, [("sse.line-too-long", 0), ("sse.unterminated", 0)], []),
    "a long event": (
        b"data: 0123456789\n" * 5 + b"\ndata: a\n\n",
        [("sse.event-too-long", 34)],
        [b"0123456789\n0123456789\n012345678", b"a"],
    ),
    "an event at the limit": (
        b"data: 0123456789\n" * 2 + b"data: 012345678\n\n",
        [],
        [b"0123456789\n0123456789\n012345678"],
    ),
    "an event of empty lines": (b"data\n" * 40 + b"\n", [("sse.event-too-long", 160)], [b"\n" * 31]),
}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("name", LIMITED)
def test_beyond_a_limit_the_rest_is_skipped_and_that_is_said_once(name: str, *, cut: bool) -> None:
    data, codes, payloads = LIMITED[name]
    found = decode(data, PLAIN, "", SMALL, range(len(data)) if cut else ())
    assert [(event.code, event.offset) for event in found if isinstance(event, Deviation)] == codes
    assert [event.sha for event in found if isinstance(event, Item)] == [
        hashlib.sha256(payload).hexdigest()[:16] for payload in payloads
    ]


def test_data_cut_by_a_limit_is_not_read_as_json() -> None:
    found = decode(b"data: [" + b"1," * 40 + b"1]\n\n", JSON, "", SMALL)
    assert [type(event) for event in found] == [Deviation, Item]
    assert isinstance(found[0], Deviation)
    assert found[0].code == "sse.line-too-long"


def test_one_endless_line_is_never_held_beyond_its_limit() -> None:
    decoder = SseDecoder(PLAIN, "", SMALL)
    assert len(decoder.feed(b"data: " + b"x" * 100)) == 1
    for _ in range(100):
        assert decoder.feed(b"x" * 65_536) == []
    assert decoder.buffered_bytes <= SMALL.line_bytes
    [deviation] = decoder.feed(b"\n" + b"data: y\n" * 10_000)
    assert isinstance(deviation, Deviation)
    assert (deviation.code, deviation.offset) == ("sse.event-too-long", 106 + 6_553_600 + 1 + 6 * 8)
    assert decoder.buffered_bytes <= SMALL.event_bytes + SMALL.line_bytes


def test_an_event_stream_is_recognised_by_its_type() -> None:
    def answer(status: int, *types: str) -> Opened:
        return Opened(status, "", "HTTP/1.1", tuple(("Content-Type", value) for value in types))

    reason = "Content-Type is text/event-stream"
    assert recognises(answer(200, "Text/Event-Stream ; charset=utf-8")) == reason
    assert recognises(answer(201, "text/event-stream")) == reason
    assert recognises(answer(200, "text/event-streams")) is None
    assert recognises(answer(200)) is None
    assert recognises(answer(404, "text/event-stream")) is None
    assert (SSE.name, SSE.accept) == ("sse", "text/event-stream")
