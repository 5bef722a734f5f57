"""gzip taken off: at once, at any cut, within a limit; a body that is no gzip, or not whole, is said to be so."""

from __future__ import annotations

import gzip
import random
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.coding import Inflater
from streamspec.harness.core.limits import LIMITS

if TYPE_CHECKING:
    from streamspec.harness.core.event import Deviation

TEXT = b"".join(b'{"n":%d}\n' % n for n in range(2_000))


def inflated(pieces: list[bytes], limit: int = LIMITS.inflated_bytes) -> tuple[bytes, list[Deviation]]:
    inflater = Inflater(replace(LIMITS, inflated_bytes=limit))
    body, faults = b"", []
    for piece in pieces:
        data, found = inflater.feed(piece)
        body += data
        faults += found
    return body, [*faults, *inflater.end()]


def cut(data: bytes, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    places = sorted(chance.randrange(len(data)) for _ in range(20))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_gives_the_same_octets(seed: int) -> None:
    assert inflated(cut(gzip.compress(TEXT), seed)) == (TEXT, [])


def test_octet_by_octet_gives_the_same() -> None:
    assert inflated([bytes([octet]) for octet in gzip.compress(TEXT)]) == (TEXT, [])


def test_what_was_flushed_shows_at_once() -> None:
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(b"first\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    assert Inflater(LIMITS).feed(first) == (b"first\n", [])


def test_several_members_are_one_body() -> None:
    assert inflated([gzip.compress(b"one,") + gzip.compress(b"two")]) == (b"one,two", [])


def test_an_empty_body_is_whole() -> None:
    assert inflated([]) == (b"", [])


@pytest.mark.parametrize("kept", [1, 9, 40, -1])
def test_a_body_that_ends_inside_its_coding_is_cut(kept: int) -> None:
    _, faults = inflated([gzip.compress(TEXT)[:kept]])
    assert [fault.code for fault in faults] == ["coding.cut"]


def test_what_is_no_gzip_is_said_once_and_gives_nothing_more() -> None:
    body, faults = inflated([b"data: 1\n\n", b"data: 2\n\n", gzip.compress(TEXT)])
    assert body == b""
    assert [fault.code for fault in faults] == ["coding.invalid"]


def test_a_changed_octet_is_seen_by_the_checksum() -> None:
    coded = bytearray(gzip.compress(TEXT))
    coded[-6] ^= 1
    _, faults = inflated([bytes(coded)])
    assert [fault.code for fault in faults] == ["coding.invalid"]


def test_a_bomb_ends_at_our_limit() -> None:
    body, faults = inflated([gzip.compress(bytes(50_000_000))], limit=1_000_000)
    assert len(body) <= 1_000_000
    assert [fault.code for fault in faults] == ["coding.too-large"]
