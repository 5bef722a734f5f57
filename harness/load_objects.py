"""How an engine plays and judges streams of its own process: producers and consumers as tasks, or as threads.

A door of the engine's process. In real time, unlike a run: virtual time would measure nothing. Never here: when a
stream begins, or what many of them add up to.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import threading
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.event import Expired
from streamspec.harness.core.history import Header
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.load import Load
from streamspec.harness.core.objects import BINDING
from streamspec.harness.core.ports import ObjectDriver
from streamspec.harness.core.script import Call
from streamspec.harness.discovery import all_adapters, all_rules, constants, object_factory
from streamspec.harness.engine.making import Making, OverError, made_by, run
from streamspec.harness.engine.playing import Play
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.load.engine import Engine
from streamspec.harness.load_streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.history import History
    from streamspec.harness.core.objects import ObjectTarget
    from streamspec.harness.load_job import Job

BUDGET: Final = "finite_ms"
LETS_GO_S: Final = 1.0  # for callers of a stream that is over, to notice
STUCK_MAX: Final = 200  # threads that did not, beside those of streams that are open


def engine_of(job: Job, keep: Callable[[str, History], None]) -> Engine:
    """The engine of this job. Raises `UsageError`, and whatever else a job does that does not fit."""
    sys.path += [path for path in job.paths if path not in sys.path]
    load = next(one for one in constants("streamspec.scenarios.load", Load) if one.name == job.load)
    factory = object_factory(job.object)
    driver, adapters = constants("streamspec.harness.drivers", ObjectDriver)[0], all_adapters()
    target = driver.look(job.object, factory, adapters, frozenset(job.claims))
    making = Making(
        driver=driver,
        make=lambda options: made_by(lambda: driver.make(factory, adapters, options)),
        scheduler=None,
        threads=target.kind == "threads",
        figures=dict,
    )
    rules = tuple(rule for rule in all_rules() if rule.id in job.rules)
    header = _header(job, load, target)
    loop = asyncio.get_running_loop()

    async def play(recorder: Recorder) -> None:
        if threading.active_count() > 2 * job.wanted.streams + STUCK_MAX:
            raise RuntimeError(f"{threading.active_count()} threads are inside of streams that do not give them back")
        await _Stream(load, making, recorder, job.budgets[BUDGET]).play()

    streams = Streams(
        job,
        load,
        header,
        recorder=lambda: Recorder(LIMITS, lambda: int(loop.time() * 1e9)),
        play=play,
        keep=keep,
        rules=rules,
    )
    return Engine(job.wanted, streams.one, job.budgets[BUDGET] + LETS_GO_S * 2e3, streams.lagged)


def _header(job: Job, load: Load, target: ObjectTarget) -> Header:
    return Header(
        case=f"load/{load.name}@{BINDING}",
        scenario=f"load/{load.name}",
        binding=BINDING,
        profile="object",
        script=load.script(),
        promises=job.rules,
        declared=target.header(),
        budgets=dict(job.budgets),
        seed=job.wanted.seed,
        started=job.started,
        tool=job.tool,
    )


@dataclass(slots=True)
class _Stream:
    """One object, and its callers side by side: each does its acts in order."""

    load: Load
    making: Making
    recorder: Recorder
    budget_ms: float

    async def play(self) -> None:
        (session,) = self.load.script().sessions
        play = Play(session.id, session.options, self.making, self.recorder)
        acts = sorted((act for act in session.acts if isinstance(act, Call)), key=lambda act: act.by)
        callers = [tuple(own) for _, own in groupby(acts, key=lambda act: act.by)]
        begin = self._in_a_thread if self.making.threads else self._in_a_task
        waiting = [begin(play, own) for own in callers]
        try:
            _, left = await asyncio.wait(waiting, timeout=self.budget_ms / 1e3)
            if left:
                play.note(Expired(BUDGET, self.budget_ms))
        finally:
            await _end(play, waiting)
        for done in waiting:
            if not done.cancelled() and (wrong := done.exception()) is not None:
                raise wrong

    @staticmethod
    def _in_a_task(play: Play, acts: tuple[Call, ...]) -> asyncio.Future[None]:
        return asyncio.ensure_future(_perform(play, acts))

    @staticmethod
    def _in_a_thread(play: Play, acts: tuple[Call, ...]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def finish(wrong: BaseException | None) -> None:
            if not done.done():
                done.set_exception(wrong) if wrong else done.set_result(None)

        def work() -> None:
            wrong: BaseException | None = None
            try:
                run(_perform(play, acts))
            except BaseException as raised:  # noqa: BLE001 -- ours, and to be told: nobody sees a thread's
                wrong = raised
            with contextlib.suppress(RuntimeError):  # the loop is over, and nobody waits
                loop.call_soon_threadsafe(finish, wrong)

        threading.Thread(target=work, name=f"streamspec-{acts[0].by}", daemon=True).start()
        return done


async def _perform(play: Play, acts: tuple[Call, ...]) -> None:
    with contextlib.suppress(OverError):  # the session is over: nothing more is begun
        for act in acts:
            await play.perform(act)


async def _end(play: Play, waiting: list[asyncio.Future[None]]) -> None:
    """Nothing more is written down, and whoever still waits is let go."""
    play.over = True
    left: list[asyncio.Future[Any]] = [one for one in waiting if not one.done()]
    for cancel in play.cancels() if left else ():
        with contextlib.suppress(Exception):
            if inspect.isawaitable(gone := cancel()):
                await gone
    for one in left:
        one.cancel()
    if left:
        await asyncio.wait(left, timeout=LETS_GO_S)
