"""The assembly of one run: configure -> probe -> plan -> drive -> judge, for every door alike.

Doors hand in settings and show the `Run`; nothing here parses words or prints. There is no second runner.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import streamspec
from streamspec.harness import config
from streamspec.harness.core.case import Capabilities, Control, Scenario
from streamspec.harness.core.errors import NoVerdict, UsageError
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.plan import Plan, plan
from streamspec.harness.core.ports import Adapter, Driver, ObjectDriver, Request, Transport
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.rule import Rule
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.discovery import constants, object_factory
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import calibrate, now_ns
from streamspec.harness.engine.embedded import reference
from streamspec.harness.engine.objects import ObjectBench, execute_objects
from streamspec.harness.engine.probe import probe
from streamspec.harness.engine.runner import Bench, execute, result_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from streamspec.harness.core.case import Role
    from streamspec.harness.core.profile import Profile

TOOL: Final = f"streamspec {streamspec.__version__}"

# What the embedded reference declares of itself when a run has no target.
EMBEDDED_BINDING: Final = "sse"
EMBEDDED_PROFILE: Final = "streamspec"
EMBEDDED_ROLES: Final = (
    "finite=finite?n=100",
    "finite.items=100",
    "finite.seq=$.n",
    "endless=endless?period_ms=5",
    "endless.seq=$.n",
    "failing=failing?after=3",
    "failing.items_before=3",
    "prompt=prompt?gap_ms=150",
    "prompt.gap_ms=150",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person asked for. An empty `look.url` is the embedded reference; an empty binding is to be found. An
    `object` (`package.module:factory`) is judged in this process, and then nothing else of the target counts."""

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


def all_rules() -> tuple[Rule, ...]:
    """Every rule of the house, by id."""
    return tuple(sorted(constants("streamspec.harness.rules", Rule), key=lambda rule: rule.id))


def all_scenarios() -> tuple[Scenario, ...]:
    return constants("streamspec.scenarios.conformance", Scenario)


def all_drivers() -> tuple[Driver, ...]:
    return constants("streamspec.harness.drivers", Driver)


def all_adapters() -> tuple[Adapter, ...]:
    return constants("streamspec.harness.adapters", Adapter)


async def run_target(settings: Settings, progress: Callable[[str, int, int], None]) -> Run:
    """Judge the target. Raises `UsageError`; a target that cannot be judged is a `Run` with a `problem`. Cancelling
    the task that runs this makes the run partial: it returns what it has, its `stopped` empty for the door to fill."""
    chosen = config.selected(all_rules(), settings.rules)
    if not settings.rules:
        chosen = tuple(rule for rule in chosen if concerns(rule, in_process=bool(settings.object)))
    if settings.object:
        return await _run_object(settings, chosen, progress)
    if settings.look.url:
        return await _run(settings, chosen, progress)
    progress("starting the embedded reference", 0, 0)
    async with reference() as url:
        return await _run(replace(settings, look=replace(settings.look, url=f"{url}/")), chosen, progress)


def concerns(rule: Rule, *, in_process: bool) -> bool:
    """Whether a rule speaks of this kind of target at all. One that does not is no gap of the target: it is left out
    of the report, unless it was asked for by name."""
    if in_process:
        return any("object" in need.split("|") for need in rule.needs)
    return "object" not in rule.needs


async def _run_object(settings: Settings, chosen: tuple[Rule, ...], progress: Callable[[str, int, int], None]) -> Run:
    """Judge an object of this process: the same plan, judge and report as for a server."""
    began_ns = now_ns()
    started = datetime.now(UTC)
    driver = constants("streamspec.harness.drivers", ObjectDriver)[0]
    adapters = all_adapters()
    factory = object_factory(settings.object)
    target = driver.look(settings.object, factory, adapters, frozenset(settings.claims))
    place = store.new_directory(settings.store, started.strftime("%Y%m%dT%H%M%SZ")) if settings.store else None
    factor = await calibrate() if target.kind == "threads" else 1.0
    whole = plan(all_scenarios(), all_rules(), target, settings.seed)
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
    made = _only(whole, chosen)
    results: list[Result] = []
    try:
        await execute_objects(made, bench, results, progress)
    except asyncio.CancelledError:
        with contextlib.suppress(AttributeError):
            asyncio.current_task().uncancel()  # type: ignore[union-attr]  # this coroutine runs in a task
    run = Run(about, chosen, tuple(results), made.skips, (now_ns() - began_ns) / 1e9)
    if place:
        store.save_run(place, run)
    return run


async def _run(settings: Settings, chosen: tuple[Rule, ...], progress: Callable[[str, int, int], None]) -> Run:
    began_ns = now_ns()
    started = datetime.now(UTC)
    profile = config.profile(settings.profile)
    roles = config.roles(settings.roles, settings.look)
    drivers = all_drivers()
    if settings.binding and settings.binding not in {driver.name for driver in drivers}:
        names = tuple(driver.name for driver in drivers)
        raise UsageError(f"--binding {settings.binding}: no such binding (there is {', '.join(names)})")
    place = store.new_directory(settings.store, started.strftime("%Y%m%dT%H%M%SZ")) if settings.store else None
    factor = await calibrate()
    target = _declared(settings, profile, roles, drivers)
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
    )
    about = _about(settings, target, bench, factor)
    progress(f"probing {about.target}", 0, 0)
    results: list[Result] = []
    made = Plan((), (), ())
    problem = ""
    try:
        probed = await probe(bench, drivers)
        target = probed.target
        bench = replace(
            bench,
            target=target,
            choose=lambda _: probed.driver,
            budgets=_fitted(bench.budgets, target),
        )
        about = _about(settings, target, bench, factor)
        whole = plan(all_scenarios(), bench.rules, target, settings.seed)
        bench = replace(bench, rules=whole.rules)  # what the plan skips is judged nowhere
        made = _only(whole, chosen)
        results.append(result_of(probed.history, (), bench.rules, place))
        await execute(made, bench, results, progress, lost="" if probed.back else "the probe")
    except NoVerdict as none:
        problem = str(none)
    except asyncio.CancelledError:
        with contextlib.suppress(AttributeError):
            asyncio.current_task().uncancel()  # type: ignore[union-attr]  # this coroutine runs in a task
    run = Run(about, chosen, tuple(results), made.skips, (now_ns() - began_ns) / 1e9, "", problem)
    if place:
        store.save_run(place, run)
    return run


def _declared(
    settings: Settings, profile: Profile, roles: Mapping[str, Role], drivers: tuple[Driver, ...]
) -> Capabilities:
    """The target as declared, before anything was seen of it. We say what we can read, unless the user says."""
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
    )


def _fitted(base: Mapping[str, float], target: Capabilities) -> dict[str, float]:
    """Budgets that fit what this target showed and declared of itself."""
    gap = target.roles["prompt"].attributes.get("gap_ms", 0) if "prompt" in target.roles else 0
    return {
        **base,
        "recover_ms": target.control.patience_ms(base["recover_ms"]),
        "prompt_ms": base["prompt_ms"] + 2 * int(gap),
    }


def _transport(url: str) -> Transport:
    scheme = url.partition(":")[0].lower()
    found = constants("streamspec.harness.transports", Transport)
    return next(transport for transport in found if scheme in transport.schemes)


def _only(made: Plan, chosen: tuple[Rule, ...]) -> Plan:
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
        place=str(bench.place) if bench.place else "",
    )
