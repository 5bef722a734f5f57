"""Messages in hexadecimal digits: what a person writes, and what is refused."""

from __future__ import annotations

import pytest

from streamspec.harness.core.hexadecimal import OCTETS_MAX, octets_of


@pytest.mark.parametrize(
    ("text", "octets"),
    [("", b""), ("0a", b"\n"), ("0A ff", b"\n\xff"), ("01 0203*3\n04", b"\1\2\3\2\3\2\3\4"), ("ff*1", b"\xff")],
)
def test_groups_follow_each_other_and_are_repeated(text: str, octets: bytes) -> None:
    assert octets_of(text) == octets


@pytest.mark.parametrize("text", ["0", "0g", "0a*", "0a*0", "0a*-1", "*3", "0a*1000000", "0x0a", "{n}"])
def test_what_is_no_group_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal digits are needed, two for each octet"):
        octets_of(f"0102 {text}")


def test_no_more_is_made_than_one_message_may_have() -> None:
    assert len(octets_of(f"00*4 {'00' * 1024}*4095")) == OCTETS_MAX - 1020
    with pytest.raises(ValueError, match="more than"):
        octets_of(f"{'00' * 1024}*4097")
