"""Calls of tools in generated text, found as the text comes: fed in any pieces it gives the same visible text and the
same calls as fed whole.

Never here: how a call is marked and written (one format a file, `tool_calls_*`), or carrying one out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from streamspec.reference_impl import payload

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping

MOST_CALL_CHARS: Final = 16_384  # of a call, its marker included: what is longer is text


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool's name, and its arguments: a JSON object."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The text ended inside a call, behind its whole marker: what had come of it. Whether that is text or half a
    call, whoever knows why the text ended can tell."""

    text: str


Part = str | ToolCall  # of an answer, in the order in which a model wrote them


class Closing(Protocol):
    """Looks for the end of one call."""

    def end(self, held: str, most: int) -> int | None:
        """How many characters the call has, None while its end has not come. `held` begins with the marker; each time
        there may be more of it. Nothing from `most` on is looked at."""


@dataclass(frozen=True, slots=True)
class Format:
    """How calls are written. `opening` is a pattern of `tool_calls_markers.marker`; `read` takes a call with all that
    marks it, and gives None where it is none after all; `written` is the inverse. `asks` tells a model how to call."""

    name: str
    opening: re.Pattern[str]
    closing: Callable[[re.Match[str]], Closing]
    read: Callable[[str], ToolCall | None]
    written: Callable[[ToolCall], str]
    asks: str


class Extractor:
    """Tells the calls in one text from what is to be seen. It holds back at most `MOST_CALL_CHARS` and one piece.

    What looks like a call and cannot be read as one is text, all of it, and so is what is too long. Neither is looked
    through for other calls.
    """

    __slots__ = ("_before", "_closing", "_format", "_held")

    def __init__(self, format: Format) -> None:  # noqa: A002 -- that is its name
        self._format = format
        self._before = ""  # the character in front of what is held: some markers may not follow any
        self._held = ""
        self._closing: Closing | None = None

    def feed(self, piece: str) -> list[Part]:
        """What is certain now, in order; texts are never empty."""
        self._held += piece
        parts: list[Part] = []
        while self._opened(parts) and self._closed(parts):
            pass
        return parts

    def end(self) -> list[Part | Unfinished]:
        """The text is over: half a marker was text, and a call that has no end is unfinished."""
        held, self._held = self._held, ""
        if self._closing is not None:
            self._closing = None
            return [Unfinished(held)]
        return [held] if held else []

    def _opened(self, parts: list[Part]) -> bool:
        """Whether a call has begun. All the text before it, or before what may become one, goes out."""
        if self._closing is not None:
            return True
        found = self._format.opening.search(self._before + self._held, len(self._before))
        at = len(self._held) if found is None else found.start() - len(self._before)
        if found is not None and found["whole"] is not None:
            self._closing = self._format.closing(found)
        if at:
            shown, self._held = self._held[:at], self._held[at:]
            self._before = shown[-1]
            parts.append(shown)
        return self._closing is not None

    def _closed(self, parts: list[Part]) -> bool:
        """Whether the call that has begun is over: it is whole, or it is none."""
        assert self._closing is not None, "one has been opened"
        length = len(self._held)
        end = self._closing.end(self._held, min(length, MOST_CALL_CHARS))
        if end is None and length <= MOST_CALL_CHARS:
            return False
        self._closing = None
        text = self._held[: end or MOST_CALL_CHARS]
        call = None if end is None else self._format.read(text)
        self._before, self._held = text[-1], self._held[len(text) :]
        parts.append(text if call is None else call)
        return True


def extracted(text: str, formats: Iterable[Format]) -> tuple[ToolCall, ...]:
    """The calls in a whole text, in the first of the formats in which there are any."""
    for format in formats:  # noqa: A001 -- that is its name
        calls = tuple(part for part in Extractor(format).feed(text) if isinstance(part, ToolCall))
        if calls:
            return calls
    return ()


def object_of(text: str) -> dict[str, object] | None:
    """The JSON object that a text is, None where it is none, or one that could not be written again: with NaN, with
    half a surrogate pair, or nested too deep."""
    try:
        value = payload.repeatable(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def arguments_of(value: object) -> dict[str, object] | None:
    """A call's arguments: an object, or its JSON as a text, as some models write it."""
    if isinstance(value, str):
        return object_of(value)
    return value if isinstance(value, dict) else None
