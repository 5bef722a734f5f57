"""How the objects of a session are made, and how operations of a blocking one are driven.

Never here: an operation, or who calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.inert import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from streamspec.harness.core.ports import ObjectDriver


@dataclass(frozen=True, slots=True)
class Making:
    """How objects of a session are made: the driver, and what makes one with options."""

    driver: ObjectDriver
    make: Callable[[Mapping[str, int | str]], Any]
    scheduler: Callable[..., Any] | None
    threads: bool
    figures: Callable[[], Mapping[str, int]]  # tasks, timers, threads, … that exist now


class Unjudgeable(Exception):
    """An object that cannot be played with here, and why."""


class OverError(Exception):
    """The session is over, and a caller was about to begin something."""


def made_by(making: Callable[[], Any]) -> Any:
    """What the factory makes. Raises `Unjudgeable` when it raises: no stream is there to be judged."""
    try:
        return making()
    except Exception as raised:
        raise Unjudgeable(f"the factory raised {type(raised).__name__}: {printable(str(raised))}") from raised


def run(playing: Coroutine[Any, Any, Any]) -> Any:
    """Drive a coroutine that never suspends: an operation of a blocking object."""
    try:
        playing.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("an operation of a blocking object was awaited")
