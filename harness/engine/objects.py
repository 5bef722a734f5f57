"""Cases on stream objects: played on a stage in a thread of its own, stored, then judged by the pure core.

The thread is a daemon and the case has a budget in real time: an object that never gives back control ends the run of
its case, not ours. Never here: operations, or a judgement.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.history import Header
from streamspec.harness.core.run import Result, crashed, unrun
from streamspec.harness.core.script import expanded
from streamspec.harness.engine.making import Making, Unjudgeable, made_by
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.runner import result_of
from streamspec.harness.engine.stages import play_in_virtual_time, play_with_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from streamspec.harness.core.case import Case
    from streamspec.harness.core.history import History
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.objects import ObjectTarget
    from streamspec.harness.core.plan import Plan
    from streamspec.harness.core.ports import Adapter, ObjectDriver
    from streamspec.harness.core.rule import Rule

    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ObjectBench:
    """Everything that the cases of one run share."""

    target: ObjectTarget
    driver: ObjectDriver
    factory: Callable[..., Any]
    adapters: Sequence[Adapter]
    budgets: Mapping[str, float]
    limits: Limits
    rules: tuple[Rule, ...]
    tool: str
    started: str
    place: Path | None


async def execute_objects(plan: Plan, bench: ObjectBench, results: list[Result], progress: Progress) -> None:
    """Run the plan's cases one after another and append to `results`, so that a stopped run keeps what it has."""
    lost = ""
    for number, case in enumerate(plan.cases):
        progress(case.id, number, len(plan.cases))
        if lost:
            results.append(unrun(case, lost))
            continue
        result, lost = await run_object_case(case, bench)
        results.append(result)
    progress("done", len(plan.cases), len(plan.cases))


async def run_object_case(case: Case, bench: ObjectBench) -> tuple[Result, str]:
    """Play one case and judge it; and why no other can be played any more, in words."""
    made = await _in_a_thread(functools.partial(history_of, case, bench), bench.budgets["case_ms"])
    match made:
        case None:
            limit_s = bench.budgets["case_ms"] / 1e3
            lost = f"the object did not give back control within {limit_s:g} s in {case.id}"
            return unrun(case, lost), lost
        case Unjudgeable():
            return unrun(case, str(made)), ""
        case BaseException():
            return crashed(case, "".join(traceback.format_exception(made))), ""
        case _:
            return result_of(made, case.promises, bench.rules, bench.place), ""


def history_of(case: Case, bench: ObjectBench) -> History:
    """Play the case here and now. Raises `Unjudgeable` when this object cannot be played with."""
    script = expanded(case.scenario.script)
    play = play_with_threads if bench.target.kind == "threads" else play_in_virtual_time
    recorder = play(
        script,
        lambda figures: _making(bench, figures),
        lambda clock: Recorder(bench.limits, clock),
        bench.budgets,
        case.seed,
    )
    header = Header(
        case=case.id,
        scenario=case.scenario.id,
        binding=case.binding,
        profile="object",
        script=script,
        promises=case.promises,
        declared=bench.target.header(),
        budgets=dict(bench.budgets),
        seed=case.seed,
        started=bench.started,
        tool=bench.tool,
        by_hand=case.scenario.by_hand,
    )
    return recorder.seal(header)


def _making(bench: ObjectBench, figures: Callable[[], Mapping[str, int]]) -> Making:
    return Making(
        driver=bench.driver,
        make=lambda options: made_by(lambda: bench.driver.make(bench.factory, bench.adapters, options)),
        scheduler=getattr(bench.factory, "scheduler", None),
        threads=bench.target.kind == "threads",
        figures=figures,
    )


async def _in_a_thread(work: Callable[[], History], budget_ms: float) -> History | BaseException | None:
    """What the work gave or raised; None when it was not over within its budget."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[History | BaseException] = loop.create_future()

    def finish(made: History | BaseException) -> None:
        if not done.done():
            done.set_result(made)

    def target() -> None:
        made: History | BaseException
        try:
            made = work()
        except BaseException as raised:  # noqa: BLE001 -- whatever it is becomes this case's result
            made = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, made)

    threading.Thread(target=target, name="streamspec-case", daemon=True).start()
    try:
        async with asyncio.timeout(budget_ms / 1e3):
            return await done
    except TimeoutError:
        return None
