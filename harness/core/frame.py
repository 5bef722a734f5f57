"""Frames: how messages are set apart on a connection that only moves octets. Data and pure functions.

Never here: a socket, or what a message means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from streamspec.harness.core.errors import UsageError

WIDTHS: Final = (1, 2, 4, 8)
ORDERS: Final = ("big", "little")


@dataclass(frozen=True, slots=True)
class Frame:
    """Before each message stands its length in octets: `width` octets, unsigned, in this `order`."""

    width: int = 4
    order: Literal["big", "little"] = "big"

    def around(self, message: bytes) -> bytes:
        """The message with its length ahead. Raises `UsageError` for one whose length does not fit there."""
        try:
            return len(message).to_bytes(self.width, self.order) + message
        except OverflowError:
            what = f"a message of {len(message)} octets does not fit into a frame whose length has {self.width}"
            raise UsageError(what) from None

    def length(self, prefix: bytes) -> int:
        """The length that stands in these `width` octets."""
        return int.from_bytes(prefix, self.order)


FRAME: Final = Frame()
