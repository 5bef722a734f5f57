"""The assembly of one run: what is judged, and by whom; the same for every door.

Doors hand in settings and show the `Run`; nothing here parses words or prints. There is no second runner.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streamspec.harness import config
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.plan import plan
from streamspec.harness.core.ports import ObjectDriver, Request, Transport
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.discovery import all_adapters, all_drivers, all_rules, all_scenarios, constants, object_factory
from streamspec.harness.embedded_run import run_embedded
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import calibrate, now_ns
from streamspec.harness.engine.company import TOGETHER
from streamspec.harness.engine.objects import ObjectBench, execute_objects
from streamspec.harness.serving import TOOL, case_of, directory_of, only, run_server, stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streamspec.harness.core.history import History
    from streamspec.harness.core.plan import Plan
    from streamspec.harness.core.rule import Rule

__all__ = (
    "TOOL", "Settings", "all_adapters", "all_drivers", "all_rules", "all_scenarios", "concerns", "run_target",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person asked for. An empty `look.url` is the embedded reference; an empty binding is to be found. An
    `object` (`package.module:factory`) is judged in this process, and then nothing else of the target counts. `spawn`
    is the command that starts the target, in `directory`, at most `instances` times at once (0: nobody said how often),
    each with at most so many cases `together`, and `grace_ms` how long its open streams may take to end once it is
    asked to end; `pid` a target that runs already. `script` is the base URL of its adapter: an empty profile is the
    adapter's own then, and where `look.url` is that very URL the adapter says what to look at. `auth` is the kind of
    credentials that every request needs, `other` the header with those of another client. `replay` is a history whose
    script alone is played again. `baseline` is the file of known failures, for doors that compare with one."""

    look: Request
    roles: tuple[str, ...] = ()
    binding: str = ""
    profile: str = "plain"
    rules: tuple[str, ...] = ()
    seed: int = 0
    strict: bool = False
    store: Path | None = None
    transport: Transport | None = None
    object: str = ""
    claims: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    spawn: str = ""
    instances: int = 0
    together: int = TOGETHER
    directory: Path | None = None
    grace_ms: int = 0
    pid: int = 0
    effort: str = "quick"
    script: str = ""
    auth: str = ""
    other: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    replay: History | None = None
    baseline: Path | None = None


async def run_target(settings: Settings, progress: Callable[[str, int, int], None]) -> Run:
    """Judge the target. Raises `UsageError`; a target that cannot be judged is a `Run` with a `problem`. Cancelling
    the task that runs this makes the run partial: it returns what it has, its `stopped` empty for the door to fill."""
    chosen = config.selected(all_rules(), settings.rules)
    if not settings.rules:
        chosen = tuple(rule for rule in chosen if concerns(rule, in_process=bool(settings.object)))
    if settings.object:
        return await _run_object(settings, chosen, progress)
    if settings.look.url:
        return await run_server(settings, chosen, progress)
    return await run_embedded(settings, chosen, progress)


def concerns(rule: Rule, *, in_process: bool) -> bool:
    """Whether a rule speaks of this kind of target at all. One that does not is no gap of the target: it is left out
    of the report, unless it was asked for by name."""
    if in_process:
        return any("object" in need.split("|") for need in rule.needs)
    return "object" not in rule.needs


async def _run_object(settings: Settings, chosen: tuple[Rule, ...], progress: Callable[[str, int, int], None]) -> Run:
    """Judge an object of this process: the same plan, judge and report as for a server."""
    began_ns = now_ns()
    bench, whole, about = await object_station(settings)
    made = only(whole, chosen)
    results: list[Result] = []
    try:
        await execute_objects(made, bench, results, progress)
    except asyncio.CancelledError as cancelled:
        stopped_by(cancelled)
    run = Run(about, chosen, tuple(results), made.skips, (now_ns() - began_ns) / 1e9)
    if bench.place:
        store.save_run(bench.place, run)
    return run


async def object_station(settings: Settings) -> tuple[ObjectBench, Plan, About]:
    """What the object of these settings is judged with, every case that there is for it (or the one that is played
    again), and what a report says of it. Raises `UsageError`."""
    started = datetime.now(UTC)
    driver = constants("streamspec.harness.drivers", ObjectDriver)[0]
    adapters = all_adapters()
    factory = object_factory(settings.object)
    target = driver.look(settings.object, factory, adapters, frozenset(settings.claims))
    place = directory_of(settings.store, started)()
    factor = await calibrate() if target.kind == "threads" else 1.0
    whole = plan(all_scenarios(), all_rules(), target, settings.seed)
    if settings.replay:
        whole = replace(whole, cases=(case_of(settings.replay),))
    about = About(
        target=settings.object,
        binding=target.binding,
        binding_reason=f"{target.kind}{f', by the adapter {target.adapter}' if target.adapter else ''}",
        profile="object",
        roles=(),
        seed=settings.seed,
        tool=TOOL,
        started=started.isoformat(timespec="seconds"),
        calibration=factor,
        strict=settings.strict,
        place=str(place) if place else "",
    )
    bench = ObjectBench(
        target, driver, factory, adapters, budgets(factor), LIMITS, whole.rules, TOOL, about.started, place
    )
    return bench, whole, about
