"""Frames of ours are those of RFC 6455, and the mask comes off as it went on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket_octets import frame

from streamspec.harness.core.websocket import CLOSE, PING, TEXT, client_frame, close_payload, frame_head, masked

KEY = bytes.fromhex("37fa213d")


def test_the_masked_hello_of_the_specification() -> None:
    assert client_frame(TEXT, b"Hello", KEY) == bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455 §5.7


def test_a_close_carries_its_code_and_its_reason() -> None:
    assert masked(client_frame(CLOSE, close_payload(1000, "é"), KEY)[6:], KEY) == b"\x03\xe8\xc3\xa9"


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_each_length_is_in_its_shortest_form(length: int) -> None:
    assert client_frame(PING, b"x" * length, KEY) == frame(PING, b"x" * length, key=KEY)
    assert frame_head(TEXT, length, mask=0) == frame(TEXT, b"x" * length)[: -length or None]


def test_a_frame_can_say_that_it_is_none_of_the_last_and_that_its_bits_mean_something() -> None:
    assert client_frame(TEXT, b"a", KEY, final=False, reserved=0x60) == frame(TEXT, b"a", fin=False, rsv=6, key=KEY)


@given(st.binary(max_size=64), st.binary(min_size=4, max_size=4), st.integers(0, 64))
def test_the_mask_comes_off_in_any_two_pieces(data: bytes, key: bytes, at: int) -> None:
    hidden = masked(data, key)
    assert hidden == frame(TEXT, data, key=key)[6:]
    assert masked(hidden[:at], key) + masked(hidden[at:], key, min(at, len(data))) == data
