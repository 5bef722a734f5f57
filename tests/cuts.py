"""The same octets in other pieces, and what a decoder makes of them: any cut must give the same events."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.ports import Decoder


def decoded(decoder: Decoder, pieces: Iterable[bytes]) -> list[Event]:
    """All that the decoder says of a body in these pieces, its end with it."""
    out: list[Event] = []
    for piece in pieces:
        out += decoder.feed(piece)
    return [*out, *decoder.end()]


def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut at these offsets; those beyond the end cut nothing."""
    inside = sorted({0, len(data), *(place for place in places if place < len(data))})
    return [data[start:end] for start, end in pairwise(inside)]


def cut_into(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Pieces of these sizes, and one with the rest; a size of 0 is an empty piece."""
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def octet_by_octet(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


def readings(read: Callable[[list[bytes]], list[Event]], data: bytes, sizes: Sequence[int]) -> list[list[Event]]:
    """What is read of the body whole, in pieces of these sizes, and octet by octet."""
    return [read(pieces) for pieces in ([data], cut_into(data, sizes), octet_by_octet(data))]
