"""Compression taken off, one message at a time: windows kept or not, limits, and blocks that end early."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket_octets import Deflater

from streamspec.harness.transports.websocket_deflate import MessageInflater, Unreadable

LIMIT = 1_000


def inflater(*, takeover: bool = True) -> MessageInflater:
    return MessageInflater(LIMIT, takeover=takeover)


@given(
    messages=st.lists(st.binary(max_size=200), max_size=6), takeover=st.booleans(), bits=st.sampled_from([9, 12, 15])
)
def test_what_a_sender_packs_comes_out_as_it_was(*, messages: list[bytes], takeover: bool, bits: int) -> None:
    pack, unpack = Deflater(takeover=takeover, bits=bits), inflater(takeover=takeover)
    assert [unpack.inflate(pack(message)) for message in messages] == messages


@pytest.mark.parametrize(
    "octets",
    [
        "f248cdc9c90700",  # RFC 7692 §7.2.3.1
        "000500faff48656c6c6f00",  # §7.2.3.3, without compression
        "f348cdc9c9070000",  # §7.2.3.4, a last block
        "f248050000 00ffff cac9c90700",  # §7.2.3.5, two blocks
    ],
)
def test_the_examples_of_the_specification_say_hello(octets: str) -> None:
    assert inflater().inflate(bytes.fromhex(octets)) == b"Hello"


def test_the_second_hello_leans_on_the_first() -> None:
    unpack = inflater()
    assert unpack.inflate(bytes.fromhex("f248cdc9c90700")) == b"Hello"
    assert unpack.inflate(bytes.fromhex("f200110000")) == b"Hello"  # §7.2.3.2
    assert inflater(takeover=False).inflate(bytes.fromhex("f200110000")) != b"Hello"


LAST_BLOCK = bytes.fromhex("f348cdc9c90700")  # Hello, and BFINAL is set
WORDS = b"words that come once"


def leaning(on: bytes) -> bytes:
    """The words, packed in a window that holds these octets."""
    coder = zlib.compressobj(wbits=-15, zdict=on)
    packed = coder.compress(WORDS) + coder.flush(zlib.Z_SYNC_FLUSH)
    assert len(packed) < len(WORDS)
    return packed.removesuffix(b"\x00\x00\xff\xff")


def test_a_last_block_ends_no_window() -> None:
    unpack = inflater()
    assert unpack.inflate(Deflater()(WORDS)) == WORDS
    assert unpack.inflate(LAST_BLOCK + b"\x00") == b"Hello"
    assert unpack.inflate(leaning(WORDS + b"Hello")) == WORDS


def test_blocks_behind_a_last_one_are_of_the_same_message() -> None:
    assert inflater().inflate(LAST_BLOCK + Deflater()(b" there")) == b"Hello there"


def test_exactly_the_limit_is_read_and_one_more_is_not() -> None:
    assert inflater().inflate(Deflater()(b"x" * LIMIT)) == b"x" * LIMIT
    assert inflater().inflate(Deflater()(b"x" * (LIMIT + 1))) == Unreadable(
        "ws.message-too-long", f"limit {LIMIT} octets, inflated"
    )


def test_with_windows_of_their_own_the_next_message_is_read() -> None:
    pack, unpack = Deflater(takeover=False), inflater(takeover=False)
    assert isinstance(unpack.inflate(pack(b"x" * (LIMIT + 1))), Unreadable)
    assert isinstance(unpack.inflate(b"\xff\xff"), Unreadable)
    assert unpack.inflate(pack(b"next")) == b"next"


def test_with_one_window_for_all_the_next_is_lost_for_the_same_cause() -> None:
    for octets, code in ((Deflater()(b"x" * (LIMIT + 1)), "ws.message-too-long"), (b"\xff\xff", "ws.inflate")):
        unpack = inflater()
        told = [unpack.inflate(octets), unpack.inflate(Deflater()(b"next"))]
        assert [each.code for each in told if isinstance(each, Unreadable)] == [code, code]
