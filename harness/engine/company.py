"""Cases beside each other: some on one target, some on others of its kind that were started for that.

What comes out well in company is kept, at the second turn too of a case that could not tell; everything else runs once
more, alone, and only that counts. So a neighbour can cost time and no verdict: a target that others disturb, or that
shares something with them, is never accused of it. Never here: how a case runs (`runner`), or how a target is started.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.again import untold
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.judge import Outcome
from streamspec.harness.engine.runner import run_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from streamspec.harness.core.case import Case
    from streamspec.harness.core.plan import Plan
    from streamspec.harness.core.run import Result
    from streamspec.harness.engine.runner import Bench, Progress

    Another = Callable[[], AbstractAsyncContextManager[Bench]]  # one more target of this kind, while the block runs

TOGETHER: Final = 4  # cases at once on one target: small servers serve no more
WORTH: Final = 3  # cases, for which one more target is started


async def run_in_company(
    plan: Plan,
    bench: Bench,
    others: Sequence[Another],
    together: int,
    results: list[Result],
    progress: Progress,
) -> tuple[frozenset[str], str]:
    """Append to `results` what came out well: the ids of those cases, and what the target of `bench` did not come back
    from. At most so many are `together` on one target; a case that has to be alone is alone on its target, and runs
    here only where there are `others`."""
    company = _Company(plan, together, results, progress)
    others = others[: len(company.alone) // WORTH]
    if not others:
        company.alone.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(company.first(bench))
        for another in others:
            group.create_task(company.other(another))
    return frozenset(company.done), first.result()


class _Company:
    """The cases that are still to be tried, and the good ends of others."""

    def __init__(self, plan: Plan, together: int, results: list[Result], progress: Progress) -> None:
        # What takes longest first, and last what may harm a target; before all what a target that has just been started
        # is good for.
        cases = sorted(plan.cases, key=lambda case: (_harms(case), not case.scenario.fresh, -case.scenario.order))
        self.beside = deque(case for case in cases if not case.alone)
        self.alone = deque(case for case in cases if case.alone)
        self.done: set[str] = set()
        self._had_turns: set[str] = set()  # which could not tell, and may try once more when most others are done
        self._all = len(plan.cases)
        self._together = together
        self._results = results
        self._progress = progress

    async def first(self, bench: Bench) -> str:
        """On the target itself: those that bear company, then what is left."""
        return await self._try_beside(bench) or await self._try_all(self.alone, bench)

    async def other(self, another: Another) -> None:
        """On a target of its own, if it can be had: those that bear no company, then what is left."""
        try:
            async with another() as bench:
                if not await self._try_all(self.alone, bench, new=True):
                    await self._try_beside(bench)
        except (NoVerdict, UsageError):  # such a target cannot be started twice
            return

    async def _try_beside(self, bench: Bench) -> str:
        """Some at once, on one target."""
        async with asyncio.TaskGroup() as group:
            tried = [group.create_task(self._try_all(self.beside, bench)) for _ in range(self._together)]
        return next((task.result() for task in tried if task.result()), "")

    async def _try_all(self, left: deque[Case], bench: Bench, *, new: bool = False) -> str:
        """One after another, as long as the target survives; what it did not come back from. On a `new` one nothing has
        happened before the first of them."""
        lost = ""
        while left and not lost:
            case = left.popleft()
            self._progress(case.id, len(self.done), self._all)
            result, lost = await run_alone(case, bench, renewed=new)
            new = False
            survived = not lost or case.scenario.ends_target
            if survived and result.history and all(verdict.outcome is Outcome.PASS for verdict in result.verdicts):
                self.done.add(case.id)
                self._results.append(result)
            elif survived and _could_not_tell(result) and case.id not in self._had_turns:
                self._had_turns.add(case.id)
                left.append(case)
        return lost


def _harms(case: Case) -> bool:
    return case.scenario.exclusive or case.scenario.ends_target


def _could_not_tell(result: Result) -> bool:
    """Whether that is all there is against it."""
    open_ = untold(result)
    return bool(open_) and all(v.outcome is Outcome.PASS or v.rule in open_ for v in result.verdicts)
