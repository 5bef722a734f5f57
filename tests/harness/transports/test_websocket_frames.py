"""What a WebSocket server sends, octet by octet: whole messages, control frames, every deviation with its place."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from cuts import readings
from hypothesis import given
from hypothesis import strategies as st
from websocket_octets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Deflater, close, frame, text

from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import Deviation, Ended, Event, Farewell, Pong
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import Body
from streamspec.harness.transports.websocket_deflate import MessageInflater
from streamspec.harness.transports.websocket_frames import FrameObserver, Pinged

Seen = Event | Body | Pinged
KEY = b"\x01\x02\x03\x04"
SMALL = replace(LIMITS, message_bytes=100, message_frames=4)


def observed(
    pieces: list[bytes], limits: Limits = LIMITS, *, deflate: bool = False, takeover: bool = True
) -> list[Seen]:
    inflater = MessageInflater(limits.message_bytes, takeover=takeover) if deflate else None
    observer = FrameObserver(limits, inflater)
    out: list[Seen] = []
    for piece in pieces:
        out += observer.feed(piece)
        assert observer.buffered_bytes <= limits.message_bytes + 14
    return [*out, *observer.end()]


def seen(octets: bytes, limits: Limits = LIMITS, *, deflate: bool = False) -> list[Seen]:
    """What is seen of these octets and a FIN, whole and octet by octet alike."""
    whole, single = (
        observed(pieces, limits, deflate=deflate)
        for pieces in ([octets], [octets[n : n + 1] for n in range(len(octets))])
    )
    assert whole == single
    return whole


# -- messages --------------------------------------------------------------------------------------------------


def test_a_text_and_a_binary_message_are_bodies() -> None:
    assert seen(text("hällo") + frame(BINARY, b"\xff\x00")) == [
        Body("hällo".encode(), text=True),
        Body(b"\xff\x00", text=False),
    ]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_every_form_of_a_length_is_read(length: int) -> None:
    assert observed([frame(BINARY, b"x" * length)]) == [Body(b"x" * length, text=False)]


def test_fragments_are_one_message_and_control_frames_may_stand_between_them() -> None:
    octets = (
        frame(TEXT, b"a\xc3", fin=False)  # cut inside a character
        + frame(PING, b"1")
        + frame(CONTINUATION, b"", fin=False)
        + frame(PONG, b"2")
        + frame(CONTINUATION, b"\xa4b")
    )
    assert seen(octets) == [Pinged(b"1"), Pong("2", 9), Body("aäb".encode())]


def test_a_message_comes_as_soon_as_its_last_octet_is_there() -> None:
    observer, octets = FrameObserver(LIMITS), text("abc")
    assert observer.feed(octets[:-1]) == []
    assert observer.buffered_bytes == 2
    assert observer.feed(octets[-1:]) == [Body(b"abc")]
    assert observer.buffered_bytes == 0


def test_a_pong_shows_what_it_carries_as_inert_text() -> None:
    assert seen(frame(PONG, b"\x1b[2J\xff")) == [Pong("\\x1b[2J\ufffd", 0)]


# -- ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "code"), [(close(1000), 1000), (frame(CLOSE), -1)], ids=["with its code", "without a code"]
)
def test_a_close_that_says_done_ends_the_message_stream(octets: bytes, code: int) -> None:
    assert seen(text("ab") + text("c") + octets) == [
        Body(b"ab"),
        Body(b"c"),
        Farewell(code, "", 7),
        Ended("close-frame", 3),
    ]


@pytest.mark.parametrize("code", [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])
def test_a_close_for_another_reason_ends_nothing_well(code: int) -> None:
    assert seen(close(code, b"so")) == [Farewell(code, "so", 0)]


def test_the_end_of_the_connection_alone_says_nothing_between_two_messages() -> None:
    assert seen(text("ab")) == [Body(b"ab")]
    assert seen(b"") == []


@pytest.mark.parametrize(
    ("octets", "detail"),
    [
        (frame(TEXT, b"ab", says=5), "3 octets of a frame missing"),
        (b"\x81", "inside the head of a frame, behind '\\x81'"),
        (b"\x81\x7e\x01", "inside the head of a frame, behind '\\x81~\\x01'"),
        (frame(TEXT, b"ab", fin=False), "between two frames of a message"),
        (frame(PING, b"", says=1), "1 octets of a frame missing"),
    ],
)
def test_a_connection_that_ends_inside_cuts(octets: bytes, detail: str) -> None:
    assert seen(text("x") + octets) == [Body(b"x"), Deviation("ws.cut", 3 + len(octets), detail)]


def test_a_close_inside_a_message_cuts_it_and_ends_nothing_well() -> None:
    assert seen(frame(TEXT, b"ab", fin=False) + close()) == [
        Deviation("ws.cut", 4, "a Close frame stands inside a message"),
        Farewell(1000, "", 4),
    ]


def test_what_comes_behind_a_close_is_said_once_and_counts_nothing() -> None:
    assert seen(close() + text("late") + text("later")) == [
        Farewell(1000, "", 0),
        Ended("close-frame", 0),
        Deviation("ws.after-close", 4, "begins with '\\x81'"),
    ]


# -- deviations: one case for each code that a frame can have ----------------------------------------------------

VIOLATIONS: dict[str, tuple[bytes, list[Seen]]] = {
    "masked": (frame(TEXT, b"hello", key=KEY), [Deviation("ws.masked", 0), Body(b"hello")]),
    "masked, long": (
        frame(BINARY, b"0123456789" * 20, key=KEY),
        [Deviation("ws.masked", 0), Body(b"0123456789" * 20, text=False)],
    ),
    "rsv1 without deflate": (frame(TEXT, b"\xff", rsv=4), [Deviation("ws.reserved-bit", 0, "RSV1"), Body(b"\xff")]),
    "rsv2 and rsv3": (frame(TEXT, b"a", rsv=3), [Deviation("ws.reserved-bit", 0, "RSV2 RSV3"), Body(b"a")]),
    "rsv on a ping": (frame(PING, b"a", rsv=1), [Deviation("ws.reserved-bit", 0, "RSV3"), Pinged(b"a")]),
    "reserved opcode": (frame(3, b"abc") + text("x"), [Deviation("ws.opcode", 0, "0x3"), Body(b"x")]),
    "reserved control opcode": (frame(11, b"abc"), [Deviation("ws.opcode", 0, "0xb")]),
    "16 bits for 2 octets": (frame(TEXT, b"ab", form=126), [Deviation("ws.length", 0, "2 in 2 octets"), Body(b"ab")]),
    "64 bits for 2 octets": (frame(TEXT, b"ab", form=127), [Deviation("ws.length", 0, "2 in 8 octets"), Body(b"ab")]),
    "64 bits for 65,535": (
        frame(BINARY, b"x" * 65_535, form=127),
        [Deviation("ws.length", 0, "65535 in 8 octets"), Body(b"x" * 65_535, text=False)],
    ),
    "highest bit of a length": (
        b"\x81\x7f" + struct.pack(">Q", 2**63) + b"abc",
        [Deviation("ws.length", 0, "its highest bit is set")],
    ),
    "ping of 126": (
        frame(PING, b"p" * 126) + text("x"),
        [Deviation("ws.control-long", 0, "126 octets"), Pinged(b"p" * 125), Body(b"x")],
    ),
    "pong of 300": (frame(PONG, b"p" * 300), [Deviation("ws.control-long", 0, "300 octets"), Pong("p" * 125, 0)]),
    "fragmented ping": (frame(PING, b"a", fin=False), [Deviation("ws.control-fragmented", 0), Pinged(b"a")]),
    "stray continuation": (
        frame(CONTINUATION, b"abc") + text("x"),
        [Deviation("ws.continuation", 0), Body(b"x")],
    ),
    "new message inside one": (
        frame(TEXT, b"lost", fin=False) + text("x"),
        [Deviation("ws.interrupted", 6, "of 4 octets so far"), Body(b"x")],
    ),
    "bad utf8": (
        text("x") + frame(TEXT, b"ab\xc3\x28"),
        [Body(b"x"), Deviation("ws.utf8", 3, "octet 2 of the message"), Body(b"ab\xc3\x28")],
    ),
    "half a character at the end": (
        frame(TEXT, b"ab\xc3"),
        [Deviation("ws.utf8", 0, "octet 2 of the message"), Body(b"ab\xc3")],
    ),
    "a surrogate": (
        frame(TEXT, b"\xed\xa0\x80"),
        [Deviation("ws.utf8", 0, "octet 0 of the message"), Body(b"\xed\xa0\x80")],
    ),
    "close of one octet": (frame(CLOSE, b"\x03"), [Deviation("ws.close-length", 0), Farewell(-1, "", 0)]),
    "close 999": (close(999), [Deviation("ws.close-code", 0, "999"), Farewell(999, "", 0)]),
    "close 0": (close(0), [Deviation("ws.close-code", 0, "0"), Farewell(0, "", 0)]),
    "close 1005": (close(1005), [Deviation("ws.close-code", 0, "1005"), Farewell(1005, "", 0)]),
    "close 1006": (close(1006), [Deviation("ws.close-code", 0, "1006"), Farewell(1006, "", 0)]),
    "close 1015": (close(1015), [Deviation("ws.close-code", 0, "1015"), Farewell(1015, "", 0)]),
    "close with a bad reason": (
        close(1000, b"\xff"),
        [Deviation("ws.close-utf8", 0, "'\\xff'"), Farewell(1000, "\ufffd", 0), Ended("close-frame", 0)],
    ),
    "close with a long reason": (
        close(1001, b"r" * 124),
        [Deviation("ws.control-long", 0, "126 octets"), Farewell(1001, "r" * 123, 0)],
    ),
    "close with a long reason, cut by us inside a character": (
        close(1001, b"r" * 122 + "é".encode()),
        [Deviation("ws.control-long", 0, "126 octets"), Farewell(1001, "r" * 122 + "\ufffd", 0)],
    ),
    "fragmented close": (
        frame(CLOSE, b"", fin=False),
        [Deviation("ws.control-fragmented", 0), Farewell(-1, "", 0), Ended("close-frame", 0)],
    ),
    "after the close": (
        frame(CLOSE) + b"x",
        [Farewell(-1, "", 0), Ended("close-frame", 0), Deviation("ws.after-close", 2, "begins with 'x'")],
    ),
    "cut": (b"\x81", [Deviation("ws.cut", 1, "inside the head of a frame, behind '\\x81'")]),
}
ELSEWHERE = {"ws.upgrade", "ws.accept", "ws.extension", "ws.subprotocol"}  # of the handshake
BELOW = {"ws.inflate", "ws.message-too-long"}  # further down


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_said_at_its_place_and_reading_goes_on(name: str) -> None:
    octets, expected = VIOLATIONS[name]
    assert seen(octets) == expected


def test_every_code_of_the_layer_is_proved() -> None:
    proved = {e.code for _, events in VIOLATIONS.values() for e in events if isinstance(e, Deviation)}
    assert proved | ELSEWHERE | BELOW == {code for code in DEVIATIONS if code.startswith("ws.")}


def test_several_faults_of_one_frame_are_all_said() -> None:
    assert seen(frame(PING, b"p" * 126, fin=False, rsv=7, key=KEY)) == [
        Deviation("ws.masked", 0),
        Deviation("ws.reserved-bit", 0, "RSV1 RSV2 RSV3"),
        Deviation("ws.control-long", 0, "126 octets"),
        Deviation("ws.control-fragmented", 0),
        Pinged(b"p" * 125),
    ]


# -- limits ----------------------------------------------------------------------------------------------------


def test_a_message_beyond_the_limit_is_said_once_dropped_and_skipped() -> None:
    assert seen(text("x" * 100) + text("y" * 101) + text("z"), SMALL) == [
        Body(b"x" * 100),
        Deviation("ws.message-too-long", 102, "limit 100 octets"),
        Body(b"z"),
    ]


def test_so_is_one_whose_fragments_add_up() -> None:
    octets = frame(TEXT, b"x" * 60, fin=False) + frame(CONTINUATION, b"y" * 60, fin=False) + frame(CONTINUATION, b"z")
    assert seen(octets + text("a"), SMALL) == [
        Deviation("ws.message-too-long", 0, "limit 100 octets"),
        Body(b"a"),
    ]


def test_as_many_fragments_as_the_limit_are_a_message() -> None:
    octets = frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", fin=False) * 2 + frame(CONTINUATION, b"c")
    assert seen(octets, SMALL) == [Body(b"abbc")]


def test_what_was_held_of_a_dropped_message_is_let_go() -> None:
    observer = FrameObserver(SMALL)
    observer.feed(frame(TEXT, b"x" * 60, fin=False))
    assert observer.buffered_bytes == 60
    observer.feed(frame(CONTINUATION, b"y" * 60, fin=False))
    assert observer.buffered_bytes == 0


def test_endless_empty_fragments_are_bounded_by_their_number() -> None:
    octets = frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 50 + frame(CONTINUATION)
    assert seen(octets + text("a"), SMALL) == [
        Deviation("ws.message-too-long", 0, "limit 4 frames"),
        Body(b"a"),
    ]


def test_a_length_of_sixty_two_bits_is_skipped_and_never_held() -> None:
    observer = FrameObserver(LIMITS)
    assert observer.feed(b"\x81\x7f" + struct.pack(">Q", 2**62)) == [
        Deviation("ws.message-too-long", 0, "limit 4194304 octets")
    ]
    for _ in range(100):
        assert observer.feed(b"x" * 65_536) == []
    assert observer.buffered_bytes == 0
    assert observer.end() == [
        Deviation("ws.cut", 10 + 100 * 65_536, f"{2**62 - 100 * 65_536} octets of a frame missing")
    ]


def test_a_control_frame_of_sixty_two_bits_is_kept_to_what_one_may_have() -> None:
    observer = FrameObserver(LIMITS)
    observer.feed(b"\x89\x7f" + struct.pack(">Q", 2**62))
    for _ in range(10):
        observer.feed(b"x" * 65_536)
    assert observer._frame.into is not None
    assert len(observer._frame.into) == 125


# -- compression -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("takeover", [True, False])
def test_compressed_messages_are_inflated_in_one_window_or_each_in_its_own(*, takeover: bool) -> None:
    deflate = Deflater(takeover=takeover)
    words = [b"the same words again and again" * 3] * 3
    octets = b"".join(frame(TEXT, deflate(word), rsv=4) for word in words)
    assert observed([octets], deflate=True, takeover=takeover) == [Body(word) for word in words]


def test_a_compressed_message_may_be_fragmented_and_a_plain_one_stand_beside_it() -> None:
    packed = Deflater()(b"hello hello hello")
    octets = frame(BINARY, packed[:3], fin=False, rsv=4) + frame(PING) + frame(CONTINUATION, packed[3:]) + text("plain")
    assert seen(octets, deflate=True) == [Pinged(b""), Body(b"hello hello hello", text=False), Body(b"plain")]


@pytest.mark.parametrize("later", [CONTINUATION, PING])
def test_the_bit_of_compression_is_for_the_first_frame_of_a_message_only(later: int) -> None:
    first = frame(TEXT, b"a", fin=False)
    told = seen(first + frame(later, b"b", rsv=4), deflate=True)
    assert told[0] == Deviation("ws.reserved-bit", len(first), "RSV1")


def test_what_cannot_be_inflated_is_said_once_and_dropped() -> None:
    assert seen(frame(TEXT, b"\xff\xff\xff", rsv=4) + text("x"), deflate=True)[1:] == [Body(b"x")]
    [fault, _] = seen(frame(TEXT, b"\xff\xff\xff", rsv=4) + text("x"), deflate=True)
    assert isinstance(fault, Deviation)
    assert (fault.code, fault.offset) == ("ws.inflate", 0)


def test_a_bomb_is_said_and_never_held() -> None:
    bomb = Deflater()(b"\0" * 100_000)
    assert len(bomb) < 200
    assert seen(frame(BINARY, bomb, rsv=4), replace(SMALL, message_bytes=200), deflate=True) == [
        Deviation("ws.message-too-long", 0, "limit 200 octets, inflated")
    ]


def test_behind_our_own_limit_a_lost_window_is_not_held_against_the_server() -> None:
    deflate = Deflater()
    first, second = (frame(TEXT, deflate(word), rsv=4) for word in (bytes(range(40, 120)) * 9, b"a"))
    assert [e.code for e in seen(first + second, SMALL, deflate=True) if isinstance(e, Deviation)] == [
        "ws.message-too-long",
        "ws.message-too-long",
    ]


def test_behind_an_interrupted_compressed_message_its_window_is_missed() -> None:
    deflate = Deflater()
    octets = frame(TEXT, deflate(b"abc"), fin=False, rsv=4) + text("x") + frame(TEXT, deflate(b"abc"), rsv=4)
    assert [e.code for e in seen(octets, deflate=True) if isinstance(e, Deviation)] == ["ws.interrupted", "ws.inflate"]


def test_invalid_utf8_shows_behind_compression_too() -> None:
    [fault, body] = seen(frame(TEXT, Deflater()(b"a\xff"), rsv=4), deflate=True)
    assert (fault, body) == (Deviation("ws.utf8", 0, "octet 1 of the message"), Body(b"a\xff"))


# -- any cut, any octets -------------------------------------------------------------------------------------------

SOME_FRAME = st.builds(
    frame,
    st.sampled_from([CONTINUATION, TEXT, BINARY, PING, PONG, 3, 11]),
    st.one_of(st.binary(max_size=20), st.binary(min_size=120, max_size=140)),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 1, 4]),
    key=st.sampled_from([b"", b"", KEY]),
    form=st.sampled_from([0, 0, 126, 127]),
)
SIZES = st.lists(st.integers(0, 30), max_size=20)


@given(
    frames=st.lists(SOME_FRAME, max_size=8),
    last=st.sampled_from([b"", close(), close(1005), b"\x81"]),
    sizes=SIZES,
    packed=st.booleans(),
)
def test_any_cut_of_the_same_frames_is_the_same(
    *, frames: list[bytes], last: bytes, sizes: list[int], packed: bool
) -> None:
    first, *others = readings(
        lambda pieces: observed(pieces, SMALL, deflate=packed),  # type: ignore[arg-type, return-value]
        b"".join(frames) + last,
        sizes,
    )
    assert all(other == first for other in others)


@given(octets=st.binary(max_size=60), sizes=SIZES, packed=st.booleans())
def test_any_octets_at_all_are_borne_and_read_the_same(*, octets: bytes, sizes: list[int], packed: bool) -> None:
    first, *others = readings(
        lambda pieces: observed(pieces, SMALL, deflate=packed),  # type: ignore[arg-type, return-value]
        octets,
        sizes,
    )
    assert all(other == first for other in others)
    assert all(0 <= e.offset <= len(octets) for e in first if isinstance(e, Deviation))
