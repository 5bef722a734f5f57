"""Objects with faults around them: pauses, cancels and dropped consumers, in the scenarios of `scenarios/faults`.

There is no proxy in a process: the fault is what the script does. Never here: a verdict, or printing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streamspec.harness.assembly import all_rules, object_station
from streamspec.harness.core.plan import plan
from streamspec.harness.core.run import Figure, Result, Run, Section
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.objects import execute_objects
from streamspec.harness.serving import only, stopped_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.runner import Progress


async def run_objects(
    settings: Settings, chosen: tuple[Rule, ...], scenarios: Sequence[Scenario], progress: Progress
) -> Run:
    """Judge an object with these scenarios. Raises `UsageError`."""
    began_ns = now_ns()
    bench, _, about = await object_station(settings)
    made = plan(scenarios, all_rules(), bench.target, settings.seed)
    names = {rule for s in scenarios if "object" in s.needs for rule in s.promises}
    chosen = tuple(rule for rule in chosen if rule.id in names)
    made = only(made, chosen)
    results: list[Result] = []
    try:
        await execute_objects(made, bench, results, progress)
    except asyncio.CancelledError as cancelled:
        stopped_by(cancelled)
    streams = sum(len(result.history.sessions()) for result in results if result.history)
    section = Section("faults", (Figure("cases", len(results)), Figure("objects made", streams)))
    run = Run(about, chosen, tuple(results), made.skips, (now_ns() - began_ns) / 1e9, sections=(section,))
    if bench.place:
        store.save_run(bench.place, run)
    return run
