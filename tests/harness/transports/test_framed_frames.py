"""Length-prefixed frames without a socket: any cut of the same octets is read alike."""

from __future__ import annotations

import multiprocessing.connection
import socket
from typing import Literal

import pytest
from cuts import cut_into, octet_by_octet, readings
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import Deviation, Elided, Event
from streamspec.harness.core.frame import FRAME, Frame
from streamspec.harness.core.limits import Limits
from streamspec.harness.core.ports import Body
from streamspec.harness.transports.framed_frames import FrameObserver

LIMITS = Limits(message_bytes=100)
SIZES = st.lists(st.integers(0, 40), max_size=30)
MESSAGES = st.lists(st.binary(max_size=60), max_size=8)
TOO_LONG = Deviation("tcp.frame-too-long", 0, "101 octets, limit 100")


def read(pieces: list[bytes], frame: Frame = FRAME) -> list[Event | Body]:
    observer = FrameObserver(frame, LIMITS)
    out: list[Event | Body] = []
    for piece in pieces:
        out += observer.feed(piece)
        assert observer.buffered_bytes <= LIMITS.message_bytes + frame.width
    return [*out, *observer.end()]


@given(MESSAGES, SIZES, st.sampled_from([1, 2, 4, 8]), st.sampled_from(["big", "little"]))
def test_messages_come_whole_however_they_are_cut(
    messages: list[bytes], sizes: list[int], width: int, order: Literal["big", "little"]
) -> None:
    frame = Frame(width, order)
    data = b"".join(map(frame.around, messages))
    expected: list[Event | Body] = []
    at = 0
    for message in messages:
        expected.append(Body(message) if message else Deviation("tcp.empty", at))
        at += width + len(message)
    for pieces in ([data], cut_into(data, sizes), octet_by_octet(data)):
        assert read(pieces, frame) == expected


@given(st.binary(max_size=300), SIZES)
def test_any_octets_are_read_alike_however_they_are_cut(data: bytes, sizes: list[int]) -> None:
    whole, cut, single = readings(lambda pieces: read(pieces, Frame(1)), data, sizes)  # type: ignore[arg-type,return-value]
    assert whole == cut == single


def test_a_message_is_said_with_its_last_octet() -> None:
    observer = FrameObserver(FRAME, LIMITS)
    *before, last = octet_by_octet(FRAME.around(b"abc"))
    assert [observer.feed(octet) for octet in before] == [[]] * 6
    assert observer.feed(last) == [Body(b"abc")]
    assert observer.size == 3


@pytest.mark.parametrize("size", [1, 7, 500])
def test_a_frame_beyond_the_limit_is_said_once_and_let_go(size: int) -> None:
    data = FRAME.around(b"x" * 101) + FRAME.around(b"next")
    expected = [TOO_LONG, Elided("Item", 1, 101), Body(b"next")]
    assert read(cut_into(data, [size] * (len(data) // size))) == expected


def test_a_frame_at_the_limit_is_read() -> None:
    assert read([FRAME.around(b"x" * 100)]) == [Body(b"x" * 100)]


def test_it_is_said_of_the_length_and_not_awaited() -> None:
    observer = FrameObserver(FRAME, LIMITS)
    detail = "4294967295 octets, limit 100"
    assert observer.feed(b"\xff" * 4) == [
        Deviation("tcp.frame-too-long", 0, detail),
        Elided("Item", 1, 4_294_967_295),
    ]
    assert observer.feed(b"x" * 65_536) == []
    assert observer.buffered_bytes == 0
    assert observer.end() == [Deviation("tcp.cut", 0, "65536 octets of a message of 4294967295")]


@pytest.mark.parametrize(
    ("tail", "detail"),
    [
        (b"\0", "1 octets of a length that has 4"),
        (b"\0\0\0", "3 octets of a length that has 4"),
        (b"\0\0\0\x03", "0 octets of a message of 3"),
        (b"\0\0\0\x03ab", "2 octets of a message of 3"),
    ],
)
def test_an_end_inside_a_frame_is_a_cut(tail: bytes, detail: str) -> None:
    before = FRAME.around(b"whole")
    assert read([before + tail]) == [Body(b"whole"), Deviation("tcp.cut", 9, detail)]
    assert read([before]) == [Body(b"whole")]
    assert read([]) == []


def test_the_library_that_writes_such_frames_is_read() -> None:
    """`multiprocessing` sets its messages apart by four octets, too."""
    ours, theirs = socket.socketpair()
    messages = [b"one", b"two" * 30, b"x"]
    with ours, multiprocessing.connection.Connection(theirs.detach()) as library:
        for message in messages:
            library.send_bytes(message)
        assert read([ours.recv(4096)]) == [Body(message) for message in messages]
        ours.sendall(b"".join(map(FRAME.around, messages)))
        assert [library.recv_bytes() for _ in messages] == messages
