"""What the model of a stream (stream_model.py) and those who call a real one (stream_callers.py) both speak.

Calls, outcomes in words, and what a stream shows. Never here: a rule of streams, or a shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Outcome = Any  # a word, or a tuple that begins with one

ENDED: Final = frozenset({"COMPLETED", "ERRORED", "CANCELLED", "EXPIRED"})
GIVEN_UP: Final = frozenset({"CANCELLED", "EXPIRED"})
CODES: Final = frozenset({
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "TIMED_OUT", "NOT_FOUND", "ALREADY_EXISTS", "UNAUTHENTICATED",
    "UNAUTHORIZED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
})  # fmt: skip
UNSAID: Final = "(not in the page)"  # stands for every message that the page does not give
NO_REASON: Final = "stream was cancelled"
NOT_FOR_STRANGERS: Final = "the handler failed"

SENDS: Final = frozenset({"send", "send_batch"})
RECEIVES: Final = frozenset({"receive", "receive_batch", "iterate"})


class Call(NamedTuple):
    """One call of one caller. `name` is its number, and `what` is all that it brings beside items and a time."""

    name: int
    word: str
    items: tuple[int, ...] = ()
    seconds: float | None = None
    what: Any = None


class Failure(NamedTuple):
    """An exception as far as a stream may look: its `code` and `message`, if it has such attributes, and its text."""

    code: str | None
    message: str | None
    text: str


@dataclass(slots=True)
class Seen:
    """What a shell shows when nothing moves any more. None: nobody looked."""

    over: dict[int, Outcome]  # the calls that are over since somebody looked last
    phase: str
    heard: list[tuple[int, str, frozenset[int]]]  # a listener, the phase it saw, the calls that were over by then
    woke: list[int]
    complaints: int
    parked: tuple[int, int] | None = None
    buffered: int | None = None
    ready: bool | None = None
    remaining_s: float | None = None
    timers: int | None = None


def raised(code: str, message: str = UNSAID) -> Outcome:
    return ("raised", code, message)
