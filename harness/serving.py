"""One run against a server: start or find it, probe, plan, drive, judge. `assembly` chose that it is a server.

Never here: the words of a person (`config` reads them), printing, a verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import streamspec
from streamspec.harness import config
from streamspec.harness.core.case import Capabilities, Case, Control, Scenario
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.plan import Plan, plan
from streamspec.harness.core.ports import Transport
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.core.script import AGAIN, BEFORE, Script
from streamspec.harness.discovery import all_drivers, all_rules, all_scenarios, constants
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import calibrate, now_ns
from streamspec.harness.engine.probe import probe
from streamspec.harness.engine.process import attached
from streamspec.harness.engine.runner import CYCLES, Bench, execute, result_of
from streamspec.harness.engine.sockets import listens
from streamspec.harness.engine.spawn import Spawned, spawned
from streamspec.harness.engine.telling import accountant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.history import History
    from streamspec.harness.core.ports import Driver, Request
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.process import ProcessTree

BEATS_WATCHED: Final = 3  # declared heartbeats that an idle stream is watched for
TOOL: Final = f"streamspec {streamspec.__version__}"


@dataclass(slots=True)
class _Judged:
    """What has come of the run so far; it survives a signal."""

    about: About
    rules: tuple[Rule, ...]
    plan: Plan
    results: list[Result]
    problem: str = ""


async def run_server(settings: Settings, chosen: tuple[Rule, ...], progress: Callable[[str, int, int], None]) -> Run:
    """Raises `UsageError`; a target that cannot be judged is a `Run` with a `problem`."""
    began_ns = now_ns()
    started = datetime.now(UTC)
    drivers = all_drivers()
    if settings.binding and settings.binding not in {driver.name for driver in drivers}:
        names = ", ".join(driver.name for driver in drivers)
        raise UsageError(f"--binding {settings.binding}: no such binding (there are {names})")
    target = _declared(settings, drivers)
    place = store.new_directory(settings.store, started.strftime("%Y%m%dT%H%M%SZ")) if settings.store else None
    factor = await calibrate()
    bench = Bench(
        target,
        settings.transport or _transport(settings.look.url),
        lambda _: None,
        budgets(factor),
        LIMITS,
        all_rules(),
        TOOL,
        started.isoformat(timespec="seconds"),
        place,
        CYCLES[settings.effort],
    )
    judged = _Judged(_about(settings, target, bench, factor), chosen, Plan((), (), ()), [])
    spawn: Spawned | None = None
    try:
        if settings.spawn:
            progress("starting the target", 0, 0)
            port = urlsplit(settings.look.url).port or 80
            async with spawned(settings.spawn, port, LIMITS, bench.budgets, settings.directory) as spawn:
                await _judge(settings, _known(bench, spawn), drivers, judged, progress)
        else:
            running = _running(settings)
            await _judge(settings, _known(bench, running), drivers, judged, progress)
    except NoVerdict as none:
        judged.problem = str(none)
    except asyncio.CancelledError:
        with contextlib.suppress(AttributeError):
            asyncio.current_task().uncancel()  # type: ignore[union-attr]  # this coroutine runs in a task
    about = replace(judged.about, notes=_notes(spawn))
    duration_s = (now_ns() - began_ns) / 1e9
    run = Run(about, judged.rules, tuple(judged.results), judged.plan.skips, duration_s, "", judged.problem)
    if place:
        store.save_run(place, run)
    return run


async def _judge(
    settings: Settings,
    bench: Bench,
    drivers: tuple[Driver, ...],
    judged: _Judged,
    progress: Callable[[str, int, int], None],
) -> None:
    """Probe, plan, drive and judge. Raises `NoVerdict`."""
    progress(f"probing {judged.about.target}", 0, 0)
    probed = await probe(bench, drivers)
    target = probed.target
    bench = replace(bench, target=target, choose=lambda _: probed.driver, budgets=_fitted(bench.budgets, target))
    judged.about = replace(
        judged.about, binding=target.binding, binding_reason=target.binding_reason, serial=target.serial
    )
    if not settings.rules:  # of a rule about another binding nobody can say what to add
        judged.rules = tuple(rule for rule in judged.rules if not rule.on or target.binding in rule.on)
    whole = plan(all_scenarios(), bench.rules, target, settings.seed)
    if settings.replay:
        whole = replace(whole, cases=(_case_of(settings.replay),))
    bench = replace(bench, rules=whole.rules)  # what the plan skips is judged nowhere
    judged.plan = only(whole, judged.rules)
    judged.results.append(result_of(probed.history, (), bench.rules, bench.place))
    await execute(judged.plan, bench, judged.results, progress, lost="" if probed.back else "the probe")


def _case_of(stored: History) -> Case:
    """The case of a stored history, with the looks left out that the runner puts around every case."""
    header = stored.header
    own = tuple(s for s in header.script.sessions if not s.id.startswith((BEFORE, AGAIN)))
    scenario = Scenario(header.scenario, "as stored", Script(own), header.promises, by_hand=header.by_hand)
    return Case(header.case, scenario, header.binding, header.promises, header.seed)


def _running(settings: Settings) -> ProcessTree | None:
    """The process that the user named. Raises `UsageError` when it is not the one that serves: its figures would acquit
    somebody else."""
    if not settings.pid:
        return None
    found = attached(settings.pid)
    parts = urlsplit(settings.look.url)
    if listens(found.pids(), parts.port or {"https": 443}.get(parts.scheme, 80)) is False:
        raise UsageError(f"--pid {settings.pid}: neither this process nor a child of it listens at {parts.netloc}")
    return found


def _known(bench: Bench, process: ProcessTree | None) -> Bench:
    """The bench with what the target's process and its own words can tell."""
    account = accountant(process, bench.target.tells, bench.transport, bench.limits, bench.budgets)
    return replace(bench, account=account, renew=process.respawn if isinstance(process, Spawned) else None)


def _notes(spawn: Spawned | None) -> tuple[str, ...]:
    """What a person should know of a target that we started."""
    survivors = spawn.survivors if spawn else ()
    return tuple(f"{name} did not end when the target was asked to, and was killed" for name in survivors)


def _declared(settings: Settings, drivers: tuple[Driver, ...]) -> Capabilities:
    """The target as declared, before anything was seen of it. We say what we can read, unless the user says. Raises
    `UsageError`."""
    profile = config.profile(settings.profile)
    roles = config.roles(settings.roles, settings.look)
    names = {name.lower() for name, _ in settings.look.headers}
    wanted = [d for d in drivers if settings.binding in {"", d.name}]
    accept = () if "accept" in names else (("Accept", ", ".join(d.accept for d in wanted)),)
    base = (*accept, *settings.look.headers)
    encoding = () if "accept-encoding" in names else (("Accept-Encoding", "identity"),)

    def with_headers(request: Request) -> Request:
        return replace(request, headers=(*base, *encoding))

    return Capabilities(
        binding=settings.binding,
        binding_reason="declared" if settings.binding else "",
        declared_binding=bool(settings.binding),
        profile=profile,
        look=with_headers(settings.look),
        roles={name: replace(role, request=with_headers(role.request)) for name, role in roles.items()},
        control=Control(200, "", items=False, head_ms=0.0),
        tells=config.tells(settings.tells, settings.look),
        process="spawn" if settings.spawn else "pid" if settings.pid else "",
    )


def _fitted(base: Mapping[str, float], target: Capabilities) -> dict[str, float]:
    """Budgets that fit what this target showed and declared of itself."""
    gap = _attribute(target, "prompt", "gap_ms")
    beats = _attribute(target, "idle", "heartbeat_ms")
    return {
        **base,
        "silent_ms": base["silent_ms"] + BEATS_WATCHED * beats,
        "recover_ms": target.control.patience_ms(base["recover_ms"]),
        "prompt_ms": base["prompt_ms"] + 2 * gap,
        "item_ms": base["item_ms"] + 2 * _attribute(target, "endless", "first_item_ms"),
    }


def _attribute(target: Capabilities, role: str, name: str) -> int:
    found = target.roles[role].attributes.get(name, 0) if role in target.roles else 0
    return found if isinstance(found, int) else 0


def _transport(url: str) -> Transport:
    scheme = url.partition(":")[0].lower()
    found = constants("streamspec.harness.transports", Transport)
    return next(transport for transport in found if scheme in transport.schemes)


def only(made: Plan, chosen: tuple[Rule, ...]) -> Plan:
    """The cases that promise a chosen rule. Every rule is judged on them, the chosen ones are reported."""
    ids = {rule.id for rule in chosen}
    cases = tuple(case for case in made.cases if ids & set(case.promises))
    skips = tuple(skip for skip in made.skips if skip.rule in ids)
    return Plan(cases, chosen, skips)


def _about(settings: Settings, target: Capabilities, bench: Bench, factor: float) -> About:
    return About(
        target=redacted_url(settings.look.url),
        binding=target.binding,
        binding_reason=target.binding_reason,
        profile=target.profile.name,
        roles=tuple((name, redacted_url(role.request.url)) for name, role in target.roles.items()),
        seed=settings.seed,
        tool=bench.tool,
        started=bench.started,
        serial=target.serial,
        calibration=factor,
        strict=settings.strict,
        effort=settings.effort,
        process=target.process,
        place=str(bench.place) if bench.place else "",
    )
