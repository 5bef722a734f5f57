"""What a binding is asked to show: the beginning, an item, a record that failed, a sign of life, or one of two endings.

Never here: how any of it looks on a wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.errors import Code


@dataclass(frozen=True, slots=True)
class Begun:
    """The stream is open, and how many items there will be, if that is known. Most bindings have nothing to say."""

    total: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `n` counts from 1 without gaps. `bare`: its payload is the text, where a binding carries text.
    `json`: the text is its JSON, on one line, and stands as it is."""

    n: int
    text: str
    bare: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """The item `n` could not be made; the stream goes on."""

    n: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing is new, and somebody is still there. It is no item."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The good ending."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The bad ending."""

    code: Code
    message: str


Produced = Item | RecordFailed  # what producers send
Frame = Begun | Produced | Heartbeat | Completed | Failed
