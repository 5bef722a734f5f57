"""The items that we say: counted, of a size, and hard to compress."""

from __future__ import annotations

import json
import zlib

import pytest

from streamspec.harness.core.saying import said_item


@pytest.mark.parametrize("octets", [0, 5, 15, 16])
def test_without_room_for_more_an_item_is_its_number(octets: int) -> None:
    assert said_item(7, octets) == '{"n":7}'


@pytest.mark.parametrize("octets", [18, 19, 64, 80, 81, 1_000, 65_536])
@pytest.mark.parametrize("n", [1, 12])
def test_an_item_is_as_long_as_it_was_asked_to_be(n: int, octets: int) -> None:
    text = said_item(n, octets)
    assert len(text.encode()) == octets
    value = json.loads(text)
    assert value["n"] == n
    assert json.dumps(value, separators=(",", ":")) == text


def test_what_fills_an_item_does_not_compress_and_is_no_others() -> None:
    one, other = said_item(1, 10_000), said_item(2, 10_000)
    assert len(zlib.compress(one.encode(), 9)) > 7_000  # 64 letters are six bits of eight
    assert one[20:] != other[20:]
    assert said_item(1, 10_000) == one
