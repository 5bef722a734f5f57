"""One load: find or start the target, probe it, let Locust's child do the work, and make a `Run` of what it says.

A door. The streams run in an engine beside a Locust process, neither of which is this one: gevent is never imported
here. Never here: when a stream begins (`load.schedule`), what a figure means (`load.figures`), or printing.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamspec.harness import config
from streamspec.harness.assembly import object_station
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.history import from_lines
from streamspec.harness.core.load import Load
from streamspec.harness.core.plan import plan, unmet
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.run import Run, unrun
from streamspec.harness.discovery import all_rules, constants
from streamspec.harness.embedded_run import declared
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.runner import result_of
from streamspec.harness.load import figures
from streamspec.harness.load_job import Job
from streamspec.harness.locust_process import need_locust, result_of_locust, run_locust
from streamspec.harness.serving import Judged, directory_of, judge_server, only, stopped_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.load import Wanted
    from streamspec.harness.core.plan import Plan
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.runner import Bench, Progress
    from streamspec.harness.load.controller import Controller
    from streamspec.harness.load.figures import Threshold
    from streamspec.harness.locust_process import Company

DEFAULT_MAX: Final = "failed=0%"
THREADS_STREAMS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What a load is asked for besides its target. `role` is empty for what the target has; `more` are words for Locust
    itself (a page of its own, a web port)."""

    wanted: Wanted
    role: str
    thresholds: tuple[Threshold, ...]
    company: Company | None = None
    more: tuple[str, ...] = ()
    insecure: bool = False
    cacert: str = ""


def load_of(role: str, roles: Sequence[str]) -> Load:
    """The load of this role; without one, the first that there is a role for. Raises `UsageError`."""
    loads = {load.role: load for load in constants("streamspec.scenarios.load", Load) if not load.in_process}
    wanted = [role] if role else ["finite", *loads]
    found = next((loads[name] for name in wanted if name in loads and name in roles), None)
    if found:
        return found
    if role and role not in loads:
        raise UsageError(f"--role-name {role}: no load opens such streams (there are {', '.join(sorted(loads))})")
    what = f"the role {role}" if role else f"one of the roles {', '.join(sorted(loads))}"
    raise UsageError(f"a load needs {what}: say where it is, like --role {role or 'finite'}=/path")


async def run_load(settings: Settings, asked: Asked, progress: Progress) -> Run:
    """Load a target. Raises `UsageError`; a load whose figures cannot be trusted is a `Run` with a `problem`."""
    need_locust()
    return await (_load_object if settings.object else _load_server)(settings, asked, progress)


async def _load_server(settings: Settings, asked: Asked, progress: Progress) -> Run:
    started = datetime.now(UTC)
    keep = directory_of(settings.store, started)
    if not settings.look.url:
        settings = declared(settings, settings.binding or "sse")
    chosen = config.selected(all_rules(), settings.rules)
    if not settings.script:  # an adapter says only later which roles there are
        chosen = _judged_by(load_of(asked.role, tuple(config.roles(settings.roles, settings.look))), chosen)
    told: list[Controller] = []

    async def drive(bench: Bench, judged: Judged, say: Progress) -> None:
        load = load_of(asked.role, tuple(bench.target.roles))
        judged.rules = _judged_by(load, judged.rules)
        made = plan((load.scenario(),), all_rules(), bench.target, settings.seed)
        judged.plan = only(made, judged.rules)
        job = _job(asked, load, bench, judged.plan)
        judged.problem = await _play(job, asked, say, judged, told)

    run = await judge_server(settings, chosen, progress, started, keep, drive=drive)
    run = _with_thresholds(run, told, asked)
    if place := keep():
        store.save_run(place, run)
    return run


async def _load_object(settings: Settings, asked: Asked, progress: Progress) -> Run:
    began_ns = now_ns()
    bench, _, about = await object_station(settings)
    if asked.company:
        raise UsageError("--expect-workers: an object is loaded in one process of this machine")
    loads = [load for load in constants("streamspec.scenarios.load", Load) if load.in_process]
    load = next(
        one for one in sorted(loads, key=lambda one: -len(one.needs)) if not unmet(one.needs, bench.target.needs())
    )
    chosen = _judged_by(load, config.selected(all_rules(), settings.rules))
    if bench.target.kind == "threads" and asked.wanted.streams > THREADS_STREAMS_MAX:
        raise UsageError(
            f"--streams {asked.wanted.streams}: each stream of threads has two; {THREADS_STREAMS_MAX} at most"
        )
    made = only(plan((load.scenario(),), all_rules(), bench.target, settings.seed), chosen)
    judged = Judged(about, chosen, made, [])
    told: list[Controller] = []
    request = Request("")
    job = Job(
        wanted=asked.wanted,
        load=load.name,
        binding=bench.target.binding,
        rules=_promised(made),
        budgets=dict(bench.budgets),
        tool=bench.tool,
        started=bench.started,
        request=request,
        look=request,
        profile=Profile("object", "no profile of a server"),
        object=settings.object,
        claims=settings.claims,
        paths=_import_paths(),
    )
    try:
        judged.problem = await _play(job, asked, progress, judged, told)
    except NoVerdict as none:
        judged.problem = str(none)
    except asyncio.CancelledError as cancelled:
        stopped_by(cancelled)
    run = Run(
        about,
        chosen,
        tuple(judged.results),
        made.skips,
        (now_ns() - began_ns) / 1e9,
        problem=judged.problem,
        sections=tuple(judged.sections),
    )
    run = _with_thresholds(run, told, asked)
    if bench.place:
        store.save_run(bench.place, run)
    return run


async def _play(job: Job, asked: Asked, progress: Progress, judged: Judged, told: list[Controller]) -> str:
    """Let Locust's child do it, and put what it says into `judged`, also when this is cancelled; then why that is not
    to be trusted, empty when it is. Raises `NoVerdict`."""
    with tempfile.TemporaryDirectory(prefix="streamspec-load-") as name:
        place = Path(name)
        try:
            await run_locust(job, asked.company, asked.more, place, progress)
        finally:
            if controller := result_of_locust(place):
                told.append(controller)
                _fill(judged, controller, asked)
                judged.problem = figures.problem_of(controller)
    return judged.problem


def _judged_by(load: Load, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those of the rules that this load judges. Raises `UsageError` when there are none."""
    found = tuple(rule for rule in rules if rule.id in load.promises)
    if not found:
        raise UsageError(f"--rule: a load of {load.name} streams judges {', '.join(load.promises)}, and none of these")
    return found


def _import_paths() -> tuple[str, ...]:
    """Where this process finds modules, for one that runs elsewhere."""
    return tuple(dict.fromkeys(str(Path(path).resolve()) for path in sys.path))


def _promised(made: Plan) -> tuple[str, ...]:
    return tuple(rule for case in made.cases for rule in case.promises)


def _job(asked: Asked, load: Load, bench: Bench, made: Plan) -> Job:
    role = bench.target.roles[load.role]
    return Job(
        wanted=asked.wanted,
        load=load.name,
        binding=bench.target.binding,
        rules=_promised(made),
        budgets={**bench.budgets, "linger_ms": 0.0},  # what comes with the end is seen; nobody waits for more
        tool=bench.tool,
        started=bench.started,
        request=role.request,
        look=bench.target.look,
        profile=bench.target.profile,
        attributes=dict(role.attributes),
        closes=bench.target.closes,
        declared_binding=bench.target.declared_binding,
        auth=bench.target.auth,
        insecure=asked.insecure,
        cacert=str(Path(asked.cacert).resolve()) if asked.cacert else "",
    )


# -- from what it said to a run ----------------------------------------------------------------------------------------


def _fill(judged: Judged, controller: Controller, asked: Asked) -> None:
    """The histories that were kept, judged here once more, and the figures."""
    (case,) = judged.plan.cases or (None,)
    for kept in controller.evidence:
        history = from_lines(kept["lines"].splitlines(), "what an engine kept")
        good = not kept["why"]  # a good stream answers for what the case promised
        promises = case.promises if case and good else ()
        judged.results.append(result_of(history, promises, judged.plan.rules, _place(judged)))
    if case and not any(not kept["why"] for kept in controller.evidence):
        judged.results.append(unrun(case, "no stream came to a good end"))
    judged.sections.extend(figures.sections_of(controller, asked.wanted))


def _place(judged: Judged) -> Path | None:
    return Path(judged.about.place) if judged.about.place else None


def _with_thresholds(run: Run, told: Sequence[Controller], asked: Asked) -> Run:
    """The run, and what of it was crossed."""
    if not told:
        return run
    controller = told[0]
    total = figures.total_of(controller)
    judged = figures.judge_thresholds(controller, asked.thresholds)
    shown = {v.rule for result in run.results for v in result.verdicts if v.outcome.value in {"FAIL", "WARN"}}
    return replace(
        run,
        crossed=(*run.crossed, *judged.crossed, *figures.unshown(total, tuple(shown))),
        problem=run.problem or judged.problem,
        about=replace(run.about, notes=(*run.about.notes, *figures.notes_of(controller, asked.wanted.duration_s))),
    )
