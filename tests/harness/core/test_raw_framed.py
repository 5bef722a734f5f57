"""Octets that break length-prefixed frames, or what stands in them: each name does what it says."""

from __future__ import annotations

import json

import pytest

from streamspec.harness.core.frame import FRAME
from streamspec.harness.core.raw import RAW, raw_octets
from streamspec.harness.core.raw_framed import FRAMED


def message(name: str) -> bytes:
    """The one whole message of that name."""
    octets = raw_octets(name, "s-1")
    assert FRAME.length(octets[:4]) == len(octets) - 4
    return octets[4:]


def test_every_name_says_which_carrier_it_is_for() -> None:
    assert FRAMED
    assert all(name.startswith("tcp-") for name in FRAMED)
    assert FRAMED.items() <= RAW.items()


def test_garbage_is_well_framed_and_neither_json_nor_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        message("tcp-garbage").decode()
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(message("tcp-garbage").decode(errors="replace"))


def test_what_lacks_something_is_json() -> None:
    assert json.loads(message("tcp-no-type")) == {"id": "s-1", "payload": None}
    assert json.loads(message("tcp-no-id")) == {"type": "stream:data", "payload": None}
    assert json.loads(message("tcp-unknown-id"))["id"] not in {"s-1", ""}
    assert json.loads(message("tcp-array")) == []
    assert message("tcp-empty") == b""


def test_what_is_nested_is_balanced_and_deeper_than_most_read() -> None:
    nested = message("tcp-nested")
    assert nested.count(b"[") == nested.count(b"]") == 100_000
    with pytest.raises(RecursionError):
        json.loads(nested)


@pytest.mark.parametrize(
    ("name", "length"),
    [("tcp-prefix-80000000", 2**31), ("tcp-prefix-ffffffff", 2**32 - 1), ("tcp-prefix-16m1", 2**24 + 1)],
)
def test_a_prefix_comes_without_its_message(name: str, length: int) -> None:
    octets = raw_octets(name, "")
    assert (len(octets), FRAME.length(octets)) == (4, length)


def test_what_is_half_is_less_than_it_says() -> None:
    assert len(raw_octets("tcp-half-prefix", "")) == 2
    half = raw_octets("tcp-half-frame", "")
    assert 4 < len(half) < 4 + FRAME.length(half[:4])
