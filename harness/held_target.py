"""A target held open over many cases, for doors that ask for one case at a time: probed once, planned once, ended once.

It lives in a thread of its own, whose event loop runs on between the cases, so that the output of a target that was
started is read all the while. Everything is what `run` does with a case; never here: a verdict, or words of a person.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from streamspec.harness.assembly import object_station
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.plan import Plan, lacking
from streamspec.harness.core.run import About, Result, Run, unrun
from streamspec.harness.discovery import all_scenarios
from streamspec.harness.engine import store
from streamspec.harness.engine.objects import run_object_case
from streamspec.harness.engine.runner import result_of, run_next
from streamspec.harness.engine.spawn import PORT_WORD
from streamspec.harness.serving import directory_of, judge_server, only, stopped_by
from streamspec.harness.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.case import Case, Scenario, Target
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.runner import Bench, Progress
    from streamspec.harness.serving import Judged

LEAVING_S: Final = 60.0  # for a target to be ended; what started it ends it at our own end at the latest


@dataclass(frozen=True, slots=True)
class Part:
    """What is held open: the settings, the rules that are reported, and the mark at the end of its cases."""

    settings: Settings
    rules: tuple[Rule, ...]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the probe and the plan said. `probe` is the probe's own result, where there was one."""

    about: About
    target: Target
    plan: Plan
    probe: Result | None


class HeldTarget:
    """One target and its results. `make` says what is to be opened, when it is: a port that is free is free then. The
    methods block; they are for one thread."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        self._problem = ""
        self._opened: Opened | None = None
        self._results: dict[str, Result] = {}
        self._life: _Life | None = None
        self._part: Part | None = None

    def opened(self) -> Opened:
        """Open it, if it is not open yet. Raises `UsageError` or `NoVerdict` when it cannot be judged, always the same
        once it was tried."""
        if self._problem:
            raise NoVerdict(self._problem)
        if self._opened is None:
            self._live()
            assert self._opened
        return self._opened

    def result(self, scenario: str) -> Result | None:
        """The result of this scenario's case, which is played when it is first asked for; None where the target has no
        such case."""
        found = next((case for case in self.opened().plan.cases if case.scenario.id == scenario), None)
        return self.played(found) if found else None

    def played(self, case: Case) -> Result:
        """The result of this case, which is played when it is first asked for. Raises as `opened` does."""
        self.opened()
        if case.id not in self._results:
            self._results[case.id] = self._live().played(case)
        return self._results[case.id]

    def cases(self) -> tuple[Case, ...]:
        """Those that promise a rule that is reported."""
        return only(self.opened().plan, self.part().rules).cases

    def part(self) -> Part:
        """What was opened last, or would be."""
        if self._part is None:
            self._part = self._make()
        return self._part

    def lacks(self, scenario: str, rule: Rule) -> tuple[str, ...]:
        """The needs because of which this scenario has no case that promises this rule; empty when another one does."""
        opened = self.opened()
        scenarios: list[Scenario] = [s for s in all_scenarios() if s.id == scenario]
        return lacking(scenarios[0], rule, opened.target) if scenarios else ()

    def run(self) -> Run:
        """What is known so far, as a run."""
        opened = self.opened()
        probe = (opened.probe,) if opened.probe else ()
        return Run(opened.about, self.part().rules, (*probe, *self._results.values()), opened.plan.skips, 0.0)

    def close(self) -> None:
        """End it, and whatever is under way. What was played stays known; it opens again when more is asked."""
        life, self._life = self._life, None
        if life:
            life.end()

    def _live(self) -> _Life:
        if self._life is None:
            self._part = self._make()
            life = _Life(self._part)
            try:
                opened = life.begin()
            except (UsageError, NoVerdict) as problem:
                self._problem = str(problem)
                life.end()
                raise NoVerdict(self._problem) from None
            except Exception:  # noqa: BLE001 -- ours: each case says so, and none tries again
                self._problem = f"our error: {traceback.format_exc()}"
                life.end()
                raise NoVerdict(self._problem) from None
            except BaseException:  # Ctrl-C
                life.end()
                raise
            self._opened = self._opened or opened
            self._life = life
        return self._life


class _Life:
    """One opening: the thread, its loop, and the task that owns the target."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._ready: concurrent.futures.Future[Opened] = concurrent.futures.Future()
        self._doing: concurrent.futures.Future[Result] | None = None
        self._began = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._jobs: asyncio.Queue[tuple[Case, concurrent.futures.Future[Result]] | None]
        self._task: asyncio.Task[object]
        self._thread = threading.Thread(target=self._work, name="streamspec-target", daemon=True)

    def begin(self) -> Opened:
        self._thread.start()
        return self._ready.result()

    def played(self, case: Case) -> Result:
        self._doing = concurrent.futures.Future()
        if not self._thread.is_alive():
            return unrun(case, "the target was ended")
        self._loop.call_soon_threadsafe(self._jobs.put_nowait, (case, self._doing))
        return self._doing.result()

    def end(self) -> None:
        """Orderly where nothing is under way, else by cancelling it."""
        if not self._thread.is_alive() or not self._began.wait(LEAVING_S):
            return
        idle = self._ready.done() and (self._doing is None or self._doing.done())
        try:
            if idle:
                self._loop.call_soon_threadsafe(self._jobs.put_nowait, None)
            else:
                self._loop.call_soon_threadsafe(self._task.cancel)
        except RuntimeError:  # its loop is closed: it ended by itself
            return
        self._thread.join(LEAVING_S)

    def _work(self) -> None:
        try:
            asyncio.run(self._owned())
        except BaseException as raised:  # noqa: BLE001 -- whoever waits is to hear of it, whatever it is
            self._fail(raised)
        else:
            self._fail(NoVerdict("the target was ended"))

    def _fail(self, raised: BaseException) -> None:
        for waiting in (self._ready, self._doing):
            if waiting and not waiting.done():
                waiting.set_exception(raised)

    async def _owned(self) -> None:
        self._loop, self._jobs = asyncio.get_running_loop(), asyncio.Queue()
        task = asyncio.current_task()
        assert task
        self._task = task
        self._began.set()
        await (self._object() if self._part.settings.object else self._server())

    async def _serve(self, opened: Opened, play: Callable[[Case], Awaitable[Result]], results: list[Result]) -> None:
        self._ready.set_result(opened)
        while (job := await self._jobs.get()) is not None:
            case, asked = job
            result = await play(case)
            results.append(result)
            asked.set_result(result)

    async def _object(self) -> None:
        settings = self._part.settings
        bench, whole, about = await object_station(settings)
        results: list[Result] = []
        lost = ""

        async def play(case: Case) -> Result:
            nonlocal lost
            if lost:
                return unrun(case, lost)
            result, lost = await run_object_case(case, bench)
            return result

        bench = replace(bench, rules=whole.rules)
        try:
            await self._serve(Opened(about, bench.target, whole, None), play, results)
        except asyncio.CancelledError as cancelled:
            stopped_by(cancelled)
        if bench.place:
            store.save_run(bench.place, Run(about, self._part.rules, tuple(results), whole.skips, 0.0))

    async def _server(self) -> None:
        settings, started = self._part.settings, datetime.now(UTC)
        keep = directory_of(settings.store, started)
        turn = None if settings.spawn and PORT_WORD in settings.spawn else Turn(settings.look.url)
        try:
            if turn:
                await turn.take()
            run = await judge_server(
                settings, self._part.rules, _silent, started, keep, self._part.mark, self._driver(turn)
            )
        finally:
            if turn:
                turn.give_back()
        if not self._ready.done():
            raise NoVerdict(run.problem or "the target was ended before it was probed")
        if place := keep():
            store.save_run(place, run)

    def _driver(self, turn: Turn | None) -> Callable[[Bench, Judged, Progress], Awaitable[None]]:
        async def drive(bench: Bench, judged: Judged, _: Progress) -> None:
            lost = judged.lost
            settings = self._part.settings
            judged.plan = judged.whole
            assert judged.probed
            probe = result_of(judged.probed, (), bench.rules, bench.place)
            judged.results.append(probe)

            async def play(case: Case) -> Result:
                nonlocal lost
                try:
                    if turn:
                        await turn.take()
                    result, lost = await run_next(case, bench, lost)
                except NoVerdict as gone:
                    return unrun(case, str(gone))
                finally:
                    if turn and not settings.spawn:
                        turn.give_back()
                return result

            if turn and not settings.spawn:
                turn.give_back()
            await self._serve(Opened(judged.about, bench.target, judged.whole, probe), play, judged.results)

        return drive


def _silent(what: str, done: int, of: int) -> None:
    """Progress is pytest's to show."""
