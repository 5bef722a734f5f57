"""A target with faults on its way: which faults are for it, what is played there, and how that counts.

The probe and the process come from `serving`, as for any run; what the target tells is asked for past the proxy. Never
here: how a fault works (`engine/faultproxy`, `toxics`), a verdict, or printing.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from streamspec.harness import config, faulting_objects
from streamspec.harness.assembly import TOOL, all_rules, all_scenarios, concerns
from streamspec.harness.core.case import Scenario
from streamspec.harness.core.errors import InternalError, UsageError
from streamspec.harness.core.fault import PROXY, TIMES, Fault, broken_by, judged_beside, widened
from streamspec.harness.core.plan import Plan, plan
from streamspec.harness.core.run import Figure, Result, Section, merged
from streamspec.harness.core.script import Heal
from streamspec.harness.core.toxic import Toxic
from streamspec.harness.discovery import constants
from streamspec.harness.embedded_run import declared
from streamspec.harness.engine import store
from streamspec.harness.engine.proxies import embedded, given
from streamspec.harness.engine.runner import run_next
from streamspec.harness.engine.way import DOWN, Poisoned
from streamspec.harness.serving import directory_of, judge_server, only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.case import Capabilities, Case
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Run
    from streamspec.harness.engine.proxies import Toxiproxy
    from streamspec.harness.engine.runner import Bench, Progress
    from streamspec.harness.serving import Judged

BINDING: Final = "sse"  # of the embedded reference, where nobody says another
CONTROL: Final = "control"  # the name of no fault
OFFSETS_SHOWN: Final = 12
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Faulting:
    """What is asked for: the names of toxics (all without any), and a Toxiproxy other than our own proxy, by its URL or
    its program."""

    toxics: tuple[str, ...] = ()
    toxiproxy: str = ""


async def run_faults(settings: Settings, faulting: Faulting, progress: Progress) -> Run:
    """Judge the target of these settings with faults on its way. Raises `UsageError`; a target that cannot be judged is
    a `Run` with a `problem`. Cancelling the task makes the run partial: it returns what it has."""
    toxics = {toxic.name: toxic for toxic in constants("streamspec.harness.toxics", Toxic)}
    faults, scenarios = (
        constants("streamspec.scenarios.faults", Fault),
        constants("streamspec.scenarios.faults", Scenario),
    )
    _check(faulting, faults, scenarios)
    scenarios = tuple(s for s in scenarios if ("object" in s.needs) is bool(settings.object))
    chosen = config.selected(all_rules(), settings.rules)
    if not settings.rules:
        chosen = tuple(rule for rule in chosen if concerns(rule, in_process=bool(settings.object)))
    if settings.object:
        if faulting.toxiproxy:
            raise UsageError("--toxiproxy leads to servers, and --object was given")
        return await faulting_objects.run_objects(settings, chosen, _of(faulting, scenarios), progress)
    started = datetime.now(UTC)
    keep = directory_of(settings.store, started)
    target = settings if settings.look.url else declared(settings, settings.binding or BINDING)
    async with _proxies(faulting, toxics, settings.seed) as toxiproxy:
        faults = tuple(fault for fault in faults if not faulting.toxics or fault.toxic in faulting.toxics)
        driver = _Driver(settings.seed, toxics, toxiproxy, faults, _of(faulting, scenarios))
        run = merged([await judge_server(target, chosen, progress, started, keep, drive=driver.drive)])
    if run.problem and not settings.look.url:
        raise InternalError(f"the embedded reference cannot be judged: {run.problem}")
    if place := keep():
        store.save_run(place, run)
    return run


@asynccontextmanager
async def _proxies(faulting: Faulting, toxics: Mapping[str, Toxic], seed: int) -> AsyncIterator[Toxiproxy]:
    source = given(faulting.toxiproxy) if faulting.toxiproxy else embedded(toxics, seed, TOOL)
    async with source as toxiproxy:
        try:
            yield toxiproxy
        finally:
            await toxiproxy.close()


def toxic_of(scenario: Scenario) -> str:
    """The toxic that a scenario is about, as its id says."""
    return scenario.id.split("/")[1]


def _of(faulting: Faulting, scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    return tuple(s for s in scenarios if not faulting.toxics or toxic_of(s) in faulting.toxics)


def _check(faulting: Faulting, faults: Sequence[Fault], scenarios: Sequence[Scenario]) -> None:
    """Raises `UsageError` for a toxic with which nothing is tried."""
    known = dict.fromkeys((*(fault.toxic for fault in faults), *map(toxic_of, scenarios)))
    for name in faulting.toxics:
        if name not in known:
            raise UsageError(f"--toxic {name}: nothing is tried with it (there are {', '.join(sorted(known))})")


@dataclass(frozen=True, slots=True)
class _Led:
    """The target, with a proxy on its way."""

    target: Capabilities
    toxics: frozenset[str]

    @property
    def binding(self) -> str:
        return self.target.binding

    def needs(self) -> frozenset[str]:
        return self.target.needs() | {PROXY} | {f"{PROXY}:{name}" for name in self.toxics}

    def seq(self, role: str) -> str:
        return self.target.seq(role)


@dataclass(slots=True)
class _Driver:
    """Carries out one run's faults on a target that was started and probed."""

    seed: int
    toxics: Mapping[str, Toxic]
    toxiproxy: Toxiproxy
    faults: Sequence[Fault]
    scenarios: Sequence[Scenario]
    lost: str = ""  # what the target did not come back from
    counted: Counter[str] = field(default_factory=Counter)

    async def drive(self, bench: Bench, judged: Judged, progress: Progress) -> None:
        """The faults that change nothing, then those that cut. Raises `NoVerdict` and `UsageError`."""
        way = await self._way(bench)
        led = replace(bench, transport=way.leading(_through(bench, self.toxiproxy)))
        known = {name for name, toxic in self.toxics.items() if self.toxiproxy.tally or not toxic.ours}
        target = _Led(bench.target, frozenset(known | {DOWN}))
        played = {name for fault in self.faults for name in fault.plays}
        tried = [s for s in all_scenarios() if s.id in played]
        ordinary = only(plan(tried, bench.rules, bench.target, self.seed), judged.rules)
        cutting = only(plan(self.scenarios, bench.rules, target, self.seed), judged.rules)
        judged.plan = _whole(ordinary, cutting, played, self.scenarios)
        judged.rules = _spoken_of(judged, ordinary, cutting, self.scenarios)
        total = len(ordinary.cases) * (1 + len(self.faults)) + len(cutting.cases)
        try:
            await self._unchanged(ordinary.cases, bench, led, way, judged, _steps(progress, total))
            for case in cutting.cases:
                progress(case.id, len(judged.results), total)
                way.chance = random.Random(case.seed)  # noqa: S311 -- an offset that can be had again, no secret
                judging = replace(led, way=way.act, rules=_with_causes(case.promises, bench.rules))
                judged.results.append(await self._run(case, judging))
        finally:
            judged.sections.append(self._section(way))

    async def _way(self, bench: Bench) -> Poisoned:
        """Every host that the target is asked at is led to."""
        requests = [bench.target.look, *(role.request for role in bench.target.roles.values())]
        requests += [bench.target.scripted.request] if bench.target.scripted else []
        for request in requests:
            parts = urlsplit(request.url)
            await self.toxiproxy.lead(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        return Poisoned(self.toxiproxy, self.toxics, random.Random(self.seed))  # noqa: S311 -- as above

    async def _unchanged(
        self, cases: Sequence[Case], bench: Bench, led: Bench, way: Poisoned, judged: Judged, step: Any
    ) -> None:
        controls: dict[str, Result] = {}
        for case in cases:
            step(named(case, CONTROL))
            controls[case.id] = await self._run(replace(case, id=named(case, CONTROL)), bench)
            judged.results.append(controls[case.id])
        for fault in self.faults:
            slow = replace(led, budgets=widened(bench.budgets, fault.adds_ms))
            for case in cases:
                step(named(case, fault.toxic))
                there = _Beside(fault, replace(case, id=named(case, fault.toxic)), slow, led, way)
                judged.results.append(await self._compared(there, controls[case.id]))

    async def _compared(self, there: _Beside, control: Result) -> Result:
        """The case with the fault. What it seems to change is tried twice more, each time with the way itself as a
        control: its ends, too, are not the target's own."""
        shown = await self._poisoned(there)
        suspects = broken_by(shown, control)
        times = Counter(suspects)
        while suspects and max(times.values()) < TIMES:
            idle = await self._run(there.case, there.idle)
            if not broken_by(shown, idle):
                return judged_beside(shown, idle, times)
            again = await self._poisoned(there)
            suspects = broken_by(again, idle)
            times.update(suspects)
            shown = again if suspects else shown  # what was broken once is not kept because it was kept later
        return judged_beside(shown, control, times)

    async def _poisoned(self, there: _Beside) -> Result:
        try:
            for poison in there.fault.poisons:
                await there.way.act(poison)
            return await self._run(there.case, there.slow)
        finally:
            await there.way.act(Heal())

    async def _run(self, case: Case, bench: Bench) -> Result:
        result, self.lost = await run_next(case, bench, self.lost)
        return result

    def _section(self, way: Poisoned) -> Section:
        """What went over the way, and where it was cut."""
        figures = [Figure("streams led through the proxy", way.streams)]
        if self.toxiproxy.tally:
            tally = self.toxiproxy.tally()
            figures += [
                Figure("connections of the proxy", tally.connections),
                Figure("octets through it", tally.octets),
            ]
            figures += [Figure("connections it cut", tally.cut)]
        cuts = Counter(toxic for toxic, _ in way.offsets)
        for toxic, n in sorted(cuts.items()):
            offsets = [str(offset) for name, offset in way.offsets if name == toxic]
            more = f", and {n - OFFSETS_SHOWN} more" if n > OFFSETS_SHOWN else ""
            where = f"behind body octets {', '.join(offsets[:OFFSETS_SHOWN])}{more}"
            figures.append(Figure(f"streams cut by {toxic}", f"{n}, {where}"))
        return Section("faults", tuple(figures))


@dataclass(frozen=True, slots=True)
class _Beside:
    """A case with a fault: `slow` is the bench over that way, `idle` the one over the way itself."""

    fault: Fault
    case: Case
    slow: Bench
    idle: Bench
    way: Poisoned


def named(case: Case, toxic: str) -> str:
    """The id of an ordinary case with this toxic on the way."""
    return f"faults/{toxic}/{case.id.partition('/')[2]}"


def _steps(progress: Progress, total: int) -> Any:
    done = iter(range(total))
    return lambda name: progress(name, next(done), total)


def _through(bench: Bench, toxiproxy: Toxiproxy) -> Any:
    if bench.transport.through is None:
        raise UsageError(f"the transport {bench.transport.name} cannot be led through a proxy")
    return bench.transport.through(toxiproxy.where)


def _with_causes(promises: Sequence[str], rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The promised rules, and those that would be the cause of their failure. Others say nothing of a cut."""
    by_id = {rule.id: rule for rule in rules}
    found: set[str] = set()
    edge = set(promises) & set(by_id)
    while edge:
        found |= edge
        edge = {cause for name in edge for cause in by_id[name].after if cause in by_id} - found
    return tuple(rule for rule in rules if rule.id in found)


def _whole(ordinary: Plan, cutting: Plan, played: set[str], scenarios: Sequence[Scenario]) -> Plan:
    """Both as one: a rule is skipped where neither carries it."""
    carried = {rule for case in (*ordinary.cases, *cutting.cases) for rule in case.promises}
    promised = {rule for s in scenarios for rule in s.promises}
    promised |= {rule for s in all_scenarios() if s.id in played for rule in s.promises}
    skips = {skip.rule: skip for made in (ordinary, cutting) for skip in made.skips}
    kept = tuple(skip for name, skip in sorted(skips.items()) if name in promised - carried)
    return Plan((*ordinary.cases, *cutting.cases), ordinary.rules, kept)


def _spoken_of(judged: Judged, ordinary: Plan, cutting: Plan, scenarios: Sequence[Scenario]) -> tuple[Rule, ...]:
    """The rules that a report of faults is about: others were not tried."""
    names = {skip.rule for skip in judged.plan.skips}
    names |= {rule.id for rule in ordinary.rules} if ordinary.cases else set()
    names |= {rule for case in cutting.cases for rule in case.promises} | {r for s in scenarios for r in s.promises}
    return tuple(rule for rule in judged.rules if rule.id in names)
