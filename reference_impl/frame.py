"""What a binding is asked to show: an item, or one of the two endings.

Never here: how it looks on any wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.errors import Code


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `n` counts from 1 without gaps."""

    n: int
    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The good ending."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The bad ending."""

    code: Code
    message: str


Frame = Item | Completed | Failed
