"""How messages are set apart: a length, and the message behind it."""

from __future__ import annotations

import struct
from typing import Literal

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.frame import FRAME, ORDERS, WIDTHS, Frame

LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [0, 1, 255])
def test_a_length_is_written_as_the_library_writes_it(width: int, order: Literal["big", "little"], size: int) -> None:
    frame, message = Frame(width, order), b"x" * size
    packed = struct.pack((">" if order == "big" else "<") + LETTERS[width], size)
    assert frame.around(message) == packed + message
    assert frame.length(packed) == size


def test_without_a_word_a_length_has_four_octets_the_highest_first() -> None:
    assert FRAME.around(b"ab") == b"\0\0\0\x02ab"
    assert FRAME.length(b"\xff\xff\xff\xff") == 2**32 - 1


def test_a_message_that_no_length_can_name_is_refused() -> None:
    with pytest.raises(UsageError, match="256 octets does not fit into a frame whose length has 1"):
        Frame(1).around(b"x" * 256)
