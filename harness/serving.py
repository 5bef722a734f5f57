"""One run against a server: start or find it, probe, plan, drive, judge. `assembly` chose that it is a server.

Never here: the words of a person (`config` reads them), printing, a verdict.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import streamspec
from streamspec.harness import config, profile_file, scripting, target_file
from streamspec.harness.core.asking import run_ids
from streamspec.harness.core.case import Capabilities, Case, Control, Scenario
from streamspec.harness.core.errors import InternalError, NoVerdict, UsageError
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.moving import at_port, moved
from streamspec.harness.core.plan import Plan, plan
from streamspec.harness.core.ports import Transport
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.run import About, Result, Run, Section
from streamspec.harness.core.script import AGAIN, BEFORE, SCRIPT, Script
from streamspec.harness.discovery import all_drivers, all_rules, all_scenarios, constants
from streamspec.harness.engine import collecting, store
from streamspec.harness.engine.clock import calibrate, now_ns
from streamspec.harness.engine.company import run_in_company
from streamspec.harness.engine.free_port import free_port
from streamspec.harness.engine.hearing import hear
from streamspec.harness.engine.probe import probe
from streamspec.harness.engine.process import attached
from streamspec.harness.engine.runner import CYCLES, Bench, execute, result_of
from streamspec.harness.engine.sockets import listens
from streamspec.harness.engine.spawn import PORT_WORD, Spawned, spawned
from streamspec.harness.engine.telling import accountant, carried_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.history import History
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Driver, Exchange, Request, Where
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.company import Another
    from streamspec.harness.engine.process import ProcessTree
    from streamspec.harness.engine.runner import Progress

INSTANCES: Final = 3  # of a target that we may start so often, if nobody says another number
BEATS_WATCHED: Final = 3  # declared heartbeats that an idle stream is watched for
TOOL: Final = f"streamspec {streamspec.__version__}"


Keep = Callable[[], "Path | None"]
Drive = Callable[[Bench, "Judged", "Progress"], Awaitable[None]]


@dataclass(slots=True)
class Judged:
    """What has come of the run so far; it survives a signal."""

    about: About
    rules: tuple[Rule, ...]
    plan: Plan
    results: list[Result]
    problem: str = ""
    ended: list[Spawned] = field(default_factory=list)  # each target that we started
    sections: list[Section] = field(default_factory=list)
    whole: Plan = field(default_factory=lambda: Plan((), (), ()))  # every case for it, whatever was asked for
    probed: History | None = None  # and what it was like before any case
    lost: str = ""  # whether it came back from that, in words


async def run_server(settings: Settings, chosen: tuple[Rule, ...], progress: Progress) -> Run:
    """Judge a server, and keep the run. Raises `UsageError`; a target that cannot be judged is a `Run` with a
    `problem`."""
    started = datetime.now(UTC)
    keep = directory_of(settings.store, started)
    with collecting.seldom():
        run = await judge_server(settings, chosen, progress, started, keep)
    if place := keep():
        store.save_run(place, run)
    return run


def directory_of(root: Path | None, started: datetime) -> Keep:
    """Makes the directory of a run that began then, when it is first asked for it; None when nothing is kept. Raises
    `UsageError`."""
    return cache(lambda: store.new_directory(root, started.strftime("%Y%m%dT%H%M%SZ")) if root else None)


def stopped_by(cancelled: asyncio.CancelledError) -> None:
    """A run that is cancelled goes on to tell what it has. Raises `InternalError` when nobody asked for that."""
    task = asyncio.current_task()
    if task is None or not task.cancelling():
        raise InternalError("a task of ours was cancelled, and nobody asked for it") from cancelled
    task.uncancel()


async def judge_server(
    settings: Settings,
    chosen: tuple[Rule, ...],
    progress: Progress,
    started: datetime,
    keep: Keep,
    mark: str = "",
    drive: Drive | None = None,
) -> Run:
    """The same, whose histories are kept where `keep` says; `mark` ends the ids of its cases. With `drive` it is not
    the cases of the plan that are played: what else is done to a target that was probed, says the caller."""
    began_ns = now_ns()
    drivers = all_drivers()
    if settings.binding and settings.binding not in {driver.name for driver in drivers}:
        names = ", ".join(driver.name for driver in drivers)
        raise UsageError(f"--binding {settings.binding}: no such binding (there are {names})")
    target = declared(settings, drivers)
    factor = await calibrate()
    bench = Bench(
        target,
        settings.transport or transport_of(),
        lambda _: None,
        budgets(factor),
        LIMITS,
        all_rules(),
        TOOL,
        started.isoformat(timespec="seconds"),
        keep(),
        CYCLES[settings.effort],
        mark,
        new_runs=run_ids(secrets.token_hex(4)),
    )
    judged = Judged(_about(settings, target, bench, factor), chosen, Plan((), (), ()), [])
    try:
        if settings.spawn:
            progress("starting the target", 0, 0)
            port = urlsplit(settings.look.url).port or 80
            async with spawned(settings.spawn, port, LIMITS, bench.budgets, settings.directory) as spawn:
                judged.ended.append(spawn)
                await _judge(settings, bench, spawn, drivers, judged, progress, drive)
        else:
            await _judge(settings, bench, _running(settings), drivers, judged, progress, drive)
    except NoVerdict as none:
        judged.problem = str(none)
    except asyncio.CancelledError as cancelled:
        stopped_by(cancelled)
    about = replace(judged.about, notes=_notes(judged.ended))
    duration_s = (now_ns() - began_ns) / 1e9
    return Run(
        about,
        judged.rules,
        tuple(judged.results),
        judged.plan.skips,
        duration_s,
        problem=judged.problem,
        sections=tuple(judged.sections),
    )


async def _judge(
    settings: Settings,
    bench: Bench,
    process: ProcessTree | None,
    drivers: tuple[Driver, ...],
    judged: Judged,
    progress: Progress,
    drive: Drive | None,
) -> None:
    """Probe, plan, drive and judge. Raises `NoVerdict`."""
    progress(f"probing {judged.about.target}", 0, 0)
    features = await scripting.asked_for_features(settings, bench) if settings.script else None
    if features:
        bench = replace(bench, target=scripting.before_the_probe(settings, bench.target, features, drivers))
    probed = await probe(bench, drivers)
    target = probed.target
    if features:
        target = scripting.after_the_probe(settings, target, features, drivers)
    bench = replace(bench, target=target, choose=lambda _: probed.driver, driver=probed.driver)
    bench = replace(bench, budgets=_fitted(bench.budgets, target))
    bench = _known(bench, process)
    judged.about = replace(
        judged.about,
        binding=target.binding,
        binding_reason=target.binding_reason,
        profile=target.profile.name,
        serial=target.serial,
    )
    if not settings.rules:  # of a rule about another binding nobody can say what to add
        judged.rules = tuple(rule for rule in judged.rules if not rule.on or target.binding in rule.on)
    whole = plan(all_scenarios(), bench.rules, target, settings.seed)
    if settings.replay:
        whole = replace(whole, cases=(case_of(settings.replay),))
    whole = replace(whole, cases=tuple(replace(case, id=case.id + bench.mark) for case in whole.cases))
    bench = replace(bench, rules=whole.rules)  # what the plan skips is judged nowhere
    judged.whole = whole
    judged.probed, judged.lost = probed.history, "" if probed.back else "the probe"
    if drive:
        if not probed.back:
            raise NoVerdict("the target was not back after the probe")
        await drive(bench, judged, progress)
        return
    judged.plan = only(whole, judged.rules)
    judged.results.append(result_of(probed.history, (), bench.rules, bench.place))
    lost, done = judged.lost, frozenset[str]()
    if not (lost or settings.replay) and (silent := await hear(bench, judged.plan, probed.history, progress)):
        judged.results.append(silent)
    elif bench.renew and not lost:  # a target that did not survive its neighbours must not spoil the rest
        others = _others(settings, bench, judged.ended, drivers)
        done, lost = await run_in_company(judged.plan, bench, others, settings.together, judged.results, progress)
    await execute(judged.plan, bench, judged.results, progress, lost, done)


def _others(settings: Settings, bench: Bench, ended: list[Spawned], drivers: tuple[Driver, ...]) -> tuple[Another, ...]:
    """More targets of this kind, where the command says where they shall listen; `ended` is told of each."""
    if PORT_WORD not in settings.spawn:
        return ()

    @asynccontextmanager
    async def another() -> AsyncIterator[Bench]:
        port = free_port()
        target = moved(bench.target, port)
        if target is None and not _plays_alone(settings):
            raise NoVerdict("a part of the target is somewhere else")
        async with spawned(settings.spawn, port, LIMITS, bench.budgets, settings.directory) as spawn:
            ended.append(spawn)
            target = target or await _asked_anew(settings, bench, drivers, port)
            yield _known(replace(bench, target=target), spawn)

    return (another,) * ((settings.instances or INSTANCES) - 1)


def _plays_alone(settings: Settings) -> bool:
    """Whether the adapter alone says what there is, so that it can be asked again at another port."""
    return bool(settings.script) and settings.look.url == settings.script and not (settings.roles or settings.tells)


async def _asked_anew(settings: Settings, bench: Bench, drivers: tuple[Driver, ...], port: int) -> Capabilities:
    """The target of an adapter that was started at another port: it says itself where its other carriers are."""
    url = at_port(settings.script, port)
    there = replace(settings, look=replace(settings.look, url=url), script=url)
    features = await scripting.asked_for_features(there, bench)
    target = replace(bench.target, roles=MappingProxyType({}), tells=())
    target = scripting.before_the_probe(there, target, features, drivers)
    return scripting.after_the_probe(there, target, features, drivers)


def case_of(stored: History) -> Case:
    """The case of a stored history, with the looks left out that the runner puts around every case."""
    header = stored.header
    own = tuple(s for s in header.script.sessions if not s.id.startswith((BEFORE, AGAIN)))
    needs = ("process",) if header.declared.get("process") else ()  # what it was about is not known
    scenario = Scenario(header.scenario, "as stored", Script(own), header.promises, needs, by_hand=header.by_hand)
    return Case(header.case, scenario, header.binding, header.promises, header.seed)


def _running(settings: Settings) -> ProcessTree | None:
    """The process that the user named. Raises `UsageError` when it is not the one that serves: its figures would acquit
    somebody else."""
    if not settings.pid:
        return None
    found = attached(settings.pid)
    parts = urlsplit(settings.look.url)
    if listens(found.pids(), parts.port or config.PORTS.get(parts.scheme, 0)) is False:
        raise UsageError(f"--pid {settings.pid}: neither this process nor a child of it listens at {parts.netloc}")
    return found


def _known(bench: Bench, process: ProcessTree | None) -> Bench:
    """The bench with what the target's process and its own words can tell."""
    tells, ways = bench.target.tells, (bench.transport, bench.limits, bench.budgets)
    account, told = accountant(process, tells, *ways), accountant(None, tells, *ways)
    bench = replace(bench, account=account, told=told, measured=accountant(process, (), *ways))
    if isinstance(process, Spawned):
        bench = replace(bench, renew=process.respawn, stop=process.ask_to_end)
    scripted = bench.target.scripted
    if scripted is None:
        return bench

    async def open_gate(run: str, name: str) -> str:
        return await carried_out(scripted.gate(run, name), bench.transport, bench.limits, bench.budgets)

    return replace(bench, open_gate=open_gate)


def _notes(ended: Sequence[Spawned]) -> tuple[str, ...]:
    """What a person should know of targets that we started."""
    survivors = dict.fromkeys(name for spawn in ended for name in spawn.survivors)
    return tuple(f"{name} did not end when the target was asked to, and was killed" for name in survivors)


def declared(settings: Settings, drivers: tuple[Driver, ...]) -> Capabilities:
    """The target as declared, before anything was seen of it. We say what we can read, unless the user says. Raises
    `UsageError`."""
    profile = profile_file.profile(settings.profile or "plain")
    look = config.look_of(profile.roles, settings.look)
    words = target_file.merged(config.words_of_roles(profile.roles), settings.roles)
    roles = config.roles(words, look)
    wanted = [d for d in drivers if (d.name == settings.binding if settings.binding else d.carrier == "http")]
    accepts = [*dict.fromkeys(driver.accept for driver in wanted if driver.accept)]

    def with_headers(request: Request) -> Request:
        if not request.url.startswith("http"):
            return request  # no body follows that would have a type
        return replace(request, headers=config.for_streams(settings.look.headers, accepts))

    return Capabilities(
        binding=settings.binding,
        binding_reason="declared" if settings.binding else "",
        declared_binding=bool(settings.binding),
        profile=profile,
        look=with_headers(look),
        roles={name: replace(role, request=with_headers(role.request)) for name, role in roles.items()},
        control=Control(200, "", items=False, head_ms=0.0),
        tells=config.tells(settings.tells, settings.look),
        process="spawn" if settings.spawn else "pid" if settings.pid else "",
        grace_ms=settings.grace_ms,
        claims=config.claims(settings.claims),
        auth=config.auth(settings.auth, settings.look.headers),
        other=settings.other,
    )


def _fitted(base: Mapping[str, float], target: Capabilities) -> dict[str, float]:
    """Budgets that fit what this target showed and declared of itself."""
    gap = _attribute(target, "prompt", "gap_ms")
    beats = _attribute(target, "idle", "heartbeat_ms")
    return {
        **base,
        "silent_ms": base["silent_ms"] + BEATS_WATCHED * beats,
        "grace_ms": base["grace_ms"] + target.grace_ms,
        "recover_ms": target.control.patience_ms(base["recover_ms"]),
        "prompt_ms": base["prompt_ms"] + 2 * gap,
        "item_ms": base["item_ms"] + 2 * _attribute(target, "endless", "first_item_ms"),
        "patience_ms": base["patience_ms"] + 2 * _attribute(target, "endless", "first_item_ms"),
    }


def _attribute(target: Capabilities, role: str, name: str) -> int:
    found = target.roles[role].attributes.get(name, 0) if role in target.roles else 0
    return found if isinstance(found, int) else 0


def transport_of() -> Transport:
    """All of them as one: whoever is asked decides by the scheme of the URL and the version of HTTP."""
    return joined(constants("streamspec.harness.transports", Transport))


def joined(transports: Sequence[Transport]) -> Transport:
    """These transports as one."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        scheme = request.url.partition(":")[0].lower()
        for transport in transports:
            if scheme in transport.schemes and request.version in transport.versions:
                return await transport.open(request, limits, connect_ms)
        raise UsageError(f"nothing here asks for {scheme}: URLs in HTTP/{request.version}")

    def through(where: Where) -> Transport:
        return joined([transport.through(where) for transport in transports if transport.through])

    schemes = tuple(dict.fromkeys(scheme for transport in transports for scheme in transport.schemes))
    return Transport("any", schemes, open_exchange, through)


def only(made: Plan, chosen: tuple[Rule, ...]) -> Plan:
    """The cases that promise a chosen rule. Every rule is judged on them, the chosen ones are reported."""
    ids = {rule.id for rule in chosen}
    cases = tuple(case for case in made.cases if ids & set(case.promises))
    skips = tuple(skip for skip in made.skips if skip.rule in ids)
    return Plan(cases, chosen, skips)


def _about(settings: Settings, target: Capabilities, bench: Bench, factor: float) -> About:
    roles = tuple((name, redacted_url(role.request.url)) for name, role in target.roles.items())
    return About(
        target=redacted_url(settings.look.url),
        binding=target.binding,
        binding_reason=target.binding_reason,
        profile=target.profile.name,
        roles=(*roles, (SCRIPT, redacted_url(settings.script))) if settings.script else roles,
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
