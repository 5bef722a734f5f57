"""What an `Accept` field says of media types (RFC 9110 12.5.1): its ranges, and which of them speaks of a type.

Pure. Never here: which type is chosen, or what becomes of a weight that makes no sense: systems differ there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Range:
    """`media` in lower case, and the texts of its weights: one at most, of whoever keeps to the grammar."""

    media: str
    weights: tuple[str, ...]

    def precision(self, media_type: str) -> int:
        """How precisely it speaks of a type: 2 of it alone, 1 of its kind, 0 of all; -1: it does not."""
        return {media_type: 2, f"{media_type.partition('/')[0]}/*": 1, "*/*": 0}.get(self.media, -1)


def ranges(accept: str) -> Iterator[Range]:
    """In their order. Other parameters than the weight are not looked at."""
    for text in accept.split(","):
        media, *parameters = (part.strip().lower() for part in text.split(";"))
        named = (parameter.partition("=") for parameter in parameters)
        yield Range(media, tuple(value.strip() for name, _, value in named if name.strip() == "q"))
