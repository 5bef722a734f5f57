"""How sessions wait: for each other, within a budget, and for what a read still expects.

Every wait here has a bound. Never here: what is waited for, or what it means that it did not come.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from streamspec.harness.core.script import Await, Read


@dataclass(slots=True)
class Progress:
    """How many acts each session has done; `moved` wakes those who wait for it."""

    done: dict[str, int] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def step(self, session: str, *, over: bool = False) -> None:
        async with self.moved:
            if over:
                self.over.add(session)
            else:
                self.done[session] = self.done.get(session, 0) + 1
            self.moved.notify_all()

    async def wait(self, act: Await) -> bool:
        """False when the other session is over without having come so far."""
        async with self.moved:
            await self.moved.wait_for(lambda: act.session in self.over or self.done.get(act.session, 0) >= act.acts)
        return self.done.get(act.session, 0) >= act.acts


async def within(waiting: Coroutine[None, None, bool], budget_ms: float) -> bool | None:
    """Await within a budget; None when it ran out."""
    try:
        async with asyncio.timeout(budget_ms / 1e3):
            return await waiting
    except TimeoutError:
        return None


@dataclass(slots=True)
class Patience:
    """How long a read still waits, and under which budget's name: its own, from its start or from the last sign of
    life (an item, a heartbeat); a short tail once the stream is over."""

    act: Read
    budgets: Mapping[str, float]
    began_ns: int
    marked_ns: int
    signs: int
    tail: str = ""

    def left(self, at_ns: int, signs: int, tail: str) -> tuple[str, float]:
        """The budget that runs now, and what is left of it in ms."""
        if tail != self.tail:
            self.tail, self.marked_ns = tail, at_ns
        elif self.act.quiet and signs > self.signs:
            self.marked_ns = at_ns
        self.signs = signs
        name = tail or self.act.budget
        left_ms = self.budgets[name] - (at_ns - self.marked_ns) / 1e6
        whole_ms = self.budgets["finite_ms"] - (at_ns - self.began_ns) / 1e6
        return ("finite_ms", whole_ms) if self.act.quiet and not tail and whole_ms < left_ms else (name, left_ms)
