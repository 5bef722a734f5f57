"""Frames of HTTP/2: any cut of the same octets gives the same frames, and a library reads ours and writes theirs."""

from __future__ import annotations

import hyperframe.frame as library
import pytest
from cuts import cut_into, octet_by_octet
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.transports import http2_frames as h2

ALL = b"".join(
    (
        h2.settings({h2.INITIAL_WINDOW_SIZE: 70_000, h2.ENABLE_PUSH: 0}),
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\x88"),
        h2.frame(h2.DATA, 0, 1, b"some octets"),
        h2.frame(h2.DATA, h2.END_STREAM, 1),
        h2.frame(0xEE, 0xFF, 7, b"a frame that nobody knows"),
        h2.window_update(0, 1_000),
        h2.rst_stream(3, h2.CANCEL),
        h2.frame(h2.PING, h2.ACK, 0, b"12345678"),
        h2.goaway(3, h2.NO_ERROR),
    )
)


def read(pieces: list[bytes]) -> list[h2.Frame]:
    reader = h2.FrameReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


@given(st.lists(st.integers(0, 30), max_size=20))
def test_any_cut_gives_the_same_frames(sizes: list[int]) -> None:
    whole = read([ALL])
    assert [frame.name for frame in whole] == [
        *("SETTINGS", "HEADERS", "DATA", "DATA", "of the type 238", "WINDOW_UPDATE", "RST_STREAM", "PING", "GOAWAY")
    ]
    assert read(cut_into(ALL, sizes)) == whole
    assert read(octet_by_octet(ALL)) == whole


def test_offsets_count_all_octets_of_the_connection() -> None:
    frames = read(octet_by_octet(ALL))
    assert [frame.offset for frame in frames][:3] == [0, 21, 31]
    assert all(ALL[frame.offset : frame.offset + 3] == frame.size.to_bytes(3) for frame in frames)


def test_a_library_reads_the_same_frames() -> None:
    position = 0
    for ours in read([ALL]):
        theirs, size = library.Frame.parse_frame_header(memoryview(ALL[position : position + 9]))
        theirs.parse_body(memoryview(ALL[position + 9 : position + 9 + size]))
        assert (ours.stream, ours.size) == (theirs.stream_id, size)
        assert getattr(theirs, "type", None) in {ours.kind, None}
        position += 9 + size
    assert position == len(ALL)


@pytest.mark.parametrize("padding", [0, 1, 200])
def test_padding_and_priority_are_taken_off_as_the_library_puts_them_on(padding: int) -> None:
    head = library.HeadersFrame(1, b"block", pad_length=padding, depends_on=3, stream_weight=9)
    head.flags |= {"PADDED", "PRIORITY", "END_HEADERS"}
    body = library.DataFrame(1, b"body", pad_length=padding)
    body.flags.add("PADDED")
    push = library.PushPromiseFrame(1, 2, b"pushed", pad_length=padding)
    push.flags |= {"PADDED", "END_HEADERS"}
    frames = read([head.serialize() + body.serialize() + push.serialize()])
    assert [frame.content() for frame in frames] == [b"block", b"body", b"pushed"]
    assert not any(frame.misfit() for frame in frames)


@pytest.mark.parametrize(
    "octets",
    [
        h2.frame(h2.PING, 0, 0, b"7 octet"),
        h2.frame(h2.RST_STREAM, 0, 1, b"12345"),
        h2.frame(h2.WINDOW_UPDATE, 0, 1, b"123"),
        h2.frame(h2.PRIORITY, 0, 1, b"1234"),
        h2.frame(h2.GOAWAY, 0, 0, b"1234567"),
        h2.frame(h2.SETTINGS, 0, 0, b"12345"),
        h2.frame(h2.SETTINGS, h2.ACK, 0, b"123456"),
        h2.frame(h2.DATA, h2.PADDED, 1, b""),
        h2.frame(h2.DATA, h2.PADDED, 1, b"\x05four"),
        h2.frame(h2.HEADERS, h2.PADDED | h2.PRIORITISED, 1, b"\x01123456"[:6]),
    ],
)
def test_a_size_that_a_type_does_not_have_is_told_in_words(octets: bytes) -> None:
    (frame,) = read([octets])
    assert frame.misfit().startswith(f"{frame.name} ")


def test_padding_may_fill_all_of_a_frame() -> None:
    (frame,) = read([h2.frame(h2.DATA, h2.PADDED, 1, b"\x04four")])
    assert (frame.content(), frame.misfit()) == (b"", "")


def test_behind_a_frame_that_was_never_allowed_nothing_is_read_or_held() -> None:
    reader = h2.FrameReader()
    header = (h2.FRAME_BYTES + 1).to_bytes(3) + bytes((h2.DATA, 0, 0, 0, 0, 1))
    (frame,) = reader.feed(header)
    assert (frame.oversized, frame.size, frame.payload) == (True, h2.FRAME_BYTES + 1, b"")
    assert reader.feed(bytes(100_000) + ALL) == []
    assert (reader.buffered_bytes, reader.lost) == (0, True)


def test_a_frame_as_long_as_we_allow_is_read() -> None:
    (frame,) = read([h2.frame(h2.DATA, 0, 1, bytes(h2.FRAME_BYTES))])
    assert (frame.size, frame.misfit()) == (16_384, "")


@given(st.binary(max_size=400), st.lists(st.integers(0, 50), max_size=10))
def test_no_octets_break_the_reader(octets: bytes, sizes: list[int]) -> None:
    frames = read(cut_into(octets, sizes))
    assert frames == read([octets])
    assert all(isinstance(frame.misfit(), str) for frame in frames)


@pytest.mark.parametrize("size", [0, 1, 16, 17, 40])
def test_a_long_block_goes_on_in_continuations(size: int) -> None:
    block = bytes(range(size))
    frames = read([h2.header_block(5, block, 16, ends=True)])
    assert b"".join(frame.payload for frame in frames) == block
    assert [frame.kind for frame in frames] == [h2.HEADERS, *[h2.CONTINUATION] * (len(frames) - 1)]
    assert [frame.has(h2.END_HEADERS) for frame in frames] == [*[False] * (len(frames) - 1), True]
    assert frames[0].has(h2.END_STREAM)
    assert len(frames) == max(1, -(-size // 16))
