"""Frames: any cut of the same octets gives the same objects, and what is no frame ends the reading for good."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from cuts import cut_into, octet_by_octet
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.load.frames import FRAME_BYTES_MAX, VERSION, FrameError, FrameReader, frame

SAID: list[dict[str, Any]] = [
    {"op": "open", "job": {"load": "finite", "text": "№\u2028\0"}},
    {"op": "stop"},
    {"op": "batch", "seq": 1},
]
OCTETS = b"".join(frame(**said) for said in SAID)


def read(pieces: list[bytes]) -> list[dict[str, object]]:
    reader = FrameReader()
    found = [said for piece in pieces for said in reader.feed(piece)]
    reader.end()
    return found


DUE = [{"version": VERSION, **said} for said in SAID]


def test_octet_by_octet() -> None:
    assert read(octet_by_octet(OCTETS)) == DUE


@given(st.lists(st.integers(0, 40), max_size=12))
def test_any_cut_gives_the_same(sizes: list[int]) -> None:
    assert read(cut_into(OCTETS, sizes)) == DUE


def test_an_object_comes_with_its_last_octet() -> None:
    reader = FrameReader()
    first = frame("stop")
    assert reader.feed(first[:-1]) == []
    assert reader.feed(first[-1:]) == [{"version": VERSION, "op": "stop"}]


def framed(text: bytes) -> bytes:
    return len(text).to_bytes(4) + text


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (framed(b"{"), "no JSON"),
        (framed(b"\xff"), "no JSON"),
        (framed(b"[" * 100_000), "no JSON"),
        (framed(b"7"), "without an op"),
        (framed(b'{"version":1}'), "without an op"),
        (framed(b'{"version":1,"op":2}'), "without an op"),
        (framed(b'{"op":"stop"}'), "version None"),
        (framed(b'{"version":2,"op":"stop"}'), "version 2"),
        (framed(b""), "no JSON"),
        ((FRAME_BYTES_MAX + 1).to_bytes(4), f"a frame of {FRAME_BYTES_MAX + 1} octets"),
        (b"GET / HTTP/1.1\r\n\r\n", "octets"),
    ],
)
def test_what_is_no_frame_ends_the_reading(octets: bytes, why: str) -> None:
    reader = FrameReader()
    with pytest.raises(FrameError, match=why):
        reader.feed(octets)
    with pytest.raises(FrameError, match=why):
        reader.feed(frame("stop"))


def test_an_end_inside_a_frame_is_told() -> None:
    reader = FrameReader()
    reader.feed(frame("stop")[:-3])
    with pytest.raises(FrameError, match="inside a frame"):
        reader.end()


@given(st.lists(st.integers(0, 40), max_size=12))
def test_what_came_before_is_read_however_it_is_cut(sizes: list[int]) -> None:
    reader, found = FrameReader(), []
    for piece in cut_into(OCTETS + framed(b'{"version":2,"op":"x"}'), sizes):
        with contextlib.suppress(FrameError):
            found += reader.feed(piece)
    assert found == DUE
    with pytest.raises(FrameError, match="version 2"):
        reader.end()


@given(st.binary(max_size=60))
def test_any_octets_are_frames_or_an_error(octets: bytes) -> None:
    reader = FrameReader()
    try:
        found = reader.feed(octets)
    except FrameError:
        return
    assert all(said["version"] == VERSION for said in found)


def test_what_could_not_be_read_is_not_written() -> None:
    with pytest.raises(FrameError, match="a frame of"):
        frame("evidence", lines="x" * FRAME_BYTES_MAX)
    with pytest.raises(ValueError, match="JSON"):
        frame("batch", share=float("nan"))
    assert json.loads(frame("stop")[4:]) == {"version": VERSION, "op": "stop"}
