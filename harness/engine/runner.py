"""Cases to results: each case from a healthy target, driven, stored, then judged by the pure core.

Around every case the runner looks: before it (a case starts from a healthy target) and after it, up to three times
(LC-16 reads those looks). The judging itself is `core.judge`.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.again import TRY, in_two, stood_still, took_ms, untold
from streamspec.harness.core.asking import has_run, run_ids
from streamspec.harness.core.errors import NoVerdict, SeveralWorkers
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.judge import judge
from streamspec.harness.core.ports import HeadDecoder, Request
from streamspec.harness.core.redaction import redacted, secrets_of
from streamspec.harness.core.run import Result, crashed, unrun
from streamspec.harness.core.script import AGAIN, BEFORE, LOOK, Ask, Heal, Read, Script, Session, expanded
from streamspec.harness.engine import store
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.sharing import Link
from streamspec.harness.engine.silence import Silence
from streamspec.harness.engine.stage import Stage, no_accounts, no_gates
from streamspec.harness.engine.way import Way, no_way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
    from pathlib import Path

    from streamspec.harness.core.case import Capabilities, Case
    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.plan import Plan
    from streamspec.harness.core.ports import Decoder, Driver, Exchange, Transport
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.stage import Take

    Progress = Callable[[str, int, int], None]  # what is done, cases done, cases in all

TRIES: Final = 3  # a late budget counts only three times out of three
MOST_TRIES: Final = 12  # of a case during which our own machine stood still
CYCLES: Final = {"quick": 30, "full": 200, "soak": 1000}  # of a session that is played as often as the effort says


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that the cases of one run share. `choose` names the driver for an answer; `place` is the run's
    directory, None when nothing is stored; `mark` ends the id of the probe. `account` takes every account of the
    target, and `told` only what it tells itself: looking at a process takes its time. `renew` starts it anew, where we
    may, and `stop` asks it to end. `new_runs` are ids for streams of scripted targets, each new, and `open_gate` opens
    their gates. `silence` is that of its roles. `way` puts toxics between us and the target, where a proxy
    leads there. `driver` is the one of its binding, once that is known."""

    target: Capabilities
    transport: Transport
    choose: Callable[[Opened], Driver | None]
    budgets: Mapping[str, float]
    limits: Limits
    rules: tuple[Rule, ...]
    tool: str
    started: str
    place: Path | None
    cycles: int = CYCLES["quick"]
    mark: str = ""
    account: Take = no_accounts
    told: Take = no_accounts
    measured: Take = no_accounts
    renew: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    new_runs: Iterator[str] = field(default_factory=lambda: run_ids("r"))
    open_gate: Callable[[str, str], Awaitable[str]] = no_gates
    silence: Silence = field(default_factory=Silence)
    way: Way | None = None
    driver: Driver | None = None


async def execute(
    plan: Plan, bench: Bench, results: list[Result], progress: Progress, lost: str = "", done: Container[str] = ()
) -> None:
    """Run the plan's cases one after another, but for those that are `done`, and append to `results`, so that a stopped
    run keeps what it has. `lost` names what the target did not come back from: nothing more is tried then. A case that
    could not tell is tried again, while `again_ms` lasts."""
    left_ms = bench.budgets["again_ms"]
    for number, case in enumerate(plan.cases):
        if case.id in done:
            continue
        progress(case.id, number, len(plan.cases))
        if lost and not await begun_anew(bench):
            results.append(unrun(case, f"the target was not back after {lost}"))
            continue
        lost, spent_ms = await _until_told(case, bench, results, left_ms, renewed=bool(lost))
        left_ms -= spent_ms
    order = {case.id: number for number, case in enumerate(plan.cases)}
    results.sort(key=lambda result: order.get(result.case.partition(TRY)[0], -1))
    progress("done", len(plan.cases), len(plan.cases))


async def _until_told(
    case: Case, bench: Bench, results: list[Result], left_ms: float, *, renewed: bool
) -> tuple[str, float]:
    """Run one case, and again while it could not tell, three times at most: what twice the same was not told, is not
    told by chance, unless our own machine stood still meanwhile. What the target did not come back from, and how long
    the further tries took, in ms."""
    first, lost = await run_alone(case, bench, renewed=renewed)
    place = len(results)
    results.append(first)
    latest, spent_ms = first, 0.0
    for number in range(2, MOST_TRIES + 1):
        open_ = untold(first)
        if lost or not open_ or bench.silence.hushed or spent_ms + took_ms(first) > left_ms:
            break
        if number > TRIES and not stood_still(latest):
            break
        latest, lost = await run_alone(replace(case, id=f"{case.id}{TRY}{number}"), bench, renewed=False)
        first, *more = in_two(first, latest, bench.rules)
        results[place] = first
        results += more
        spent_ms += min(took_ms(latest), left_ms)
        if untold(latest) == open_ and not stood_still(latest):
            break
    return lost, spent_ms


async def run_next(case: Case, bench: Bench, lost: str) -> tuple[Result, str]:
    """Run one case behind others: on a target that is started anew where it did not come back from `lost`; not at all
    where we may not. Raises `NoVerdict` when it does not start again."""
    if lost and not await begun_anew(bench):
        return unrun(case, f"the target was not back after {lost}"), lost
    return await run_alone(case, bench, renewed=bool(lost))


async def run_alone(case: Case, bench: Bench, *, renewed: bool) -> tuple[Result, str]:
    """Run one case and judge it; and what the target did not come back from, in words."""
    for role in case.scenario.script.roles():
        if bench.silence.lasts(role, patience_ms := bench.budgets["patience_ms"]):
            return unrun(case, f"{role} sent no item in {patience_ms / 1e3:g} s and more: it was asked no more"), ""
    try:
        if case.scenario.fresh and not renewed:
            await begun_anew(bench)
        history, back = await run_case(case, bench)
    except NoVerdict as gone:  # it did not start again
        return unrun(case, str(gone)), case.id
    except SeveralWorkers as workers:
        return crashed(case, str(workers)), ""
    except Exception:  # noqa: BLE001 -- ours, never the target's: this case is ERROR, the others go on
        return crashed(case, traceback.format_exc()), ""
    result = result_of(history, case.promises, bench.rules, bench.place)
    how = "asked to end" if case.scenario.ends_target else _last_answer(history)
    return result, "" if back else f"{case.id}: {how}"


async def begun_anew(bench: Bench) -> bool:
    """Whether the target was started anew. Raises `NoVerdict` when it does not start again."""
    if bench.renew is None:
        return False
    await bench.renew()
    return True


def result_of(history: History, promises: tuple[str, ...], rules: tuple[Rule, ...], place: Path | None) -> Result:
    """Store, then judge: a bug in a check costs no history."""
    path = str(store.save_history(place, history)) if place else ""
    return Result(history.header.case, promises, judge(history, rules, promises), history, path)


async def run_case(case: Case, bench: Bench) -> tuple[History, bool]:
    """The history of one case, and whether the target answered a look afterwards."""
    recorder = recorder_of(bench)
    stage = stage_of(bench, recorder)
    if not case.scenario.of_process:
        stage = replace(stage, account=bench.told)
    seen: list[Session] = []
    healthy = await look_until_served(BEFORE, stage, bench, seen)
    if healthy:
        abrupt = bench.target.fin_half_closes
        script = expanded(case.scenario.script, bench.cycles, _limit_bytes(bench.target), abrupt=abrupt)
        script = bench.silence.shortened(script, bench.budgets["patience_ms"])
        seen += script.sessions
        await play(script, stage)
        if bench.way:  # whatever a session has left on the way, the looks afterwards must not meet it
            await bench.way(Heal())
        healthy = not case.scenario.ends_target and await look_until_served(AGAIN, stage, bench, seen)
    header = header_of(bench, case.id, case.scenario.id, Script(tuple(seen)), case.promises)
    return recorder.seal(replace(header, seed=case.seed, by_hand=case.scenario.by_hand)), healthy


def recorder_of(bench: Bench) -> Recorder:
    """A recorder that knows what this target must not be quoted with."""
    other = Request("", headers=bench.target.other)
    return Recorder(bench.limits, secrets=secrets_of([*_requests(bench.target).values(), other]))


async def look_until_served(name: str, stage: Stage, bench: Bench, seen: list[Session]) -> bool:
    """Look until one look is served as the probe's was, at most three times, the last when `recover_ms` have passed."""
    control = bench.target.control
    window_ms = bench.budgets["recover_ms"]
    for number in range(1, TRIES + 1):
        if number > 1:
            await asyncio.sleep(window_ms / (TRIES - 1) / 1e3)
        reading = (Read(items=1, budget="recover_ms"),) if control.items else ()
        session = Session(f"{name}{number}", LOOK, (Ask(budget="recover_ms"), *reading))
        seen.append(session)
        await play(Script((session,)), stage)
        history = stage.recorder.seal(header_of(bench, "", "", Script(tuple(seen)), ()))
        if standing.served_as(history, control, session.id):
            return True
        if standing.is_full(history, session.id):
            window_ms = bench.budgets["slots_ms"]  # many a server sees that we left only when it next writes
    return False


def _last_answer(history: History) -> str:
    """How the last look was answered, in words."""
    last = history.sessions(LOOK)[-1]
    return standing.not_opened(history, last) or "its answer was unlike the one before"


def stage_of(bench: Bench, recorder: Recorder) -> Stage:
    target = bench.target

    def decoder(opened: Opened, role: str) -> Decoder | None:
        driver = bench.choose(opened) if opened.accepted else None  # an error page is no stream
        if driver is None:
            return None
        made = driver.decoder(target.profile, target.seq(role), bench.limits)
        if isinstance(made, HeadDecoder):
            made.begin(opened)
        return made

    driver = bench.driver
    talker, addressee = (driver.talker, driver.addressee) if driver else (None, None)
    if target.profile.envelope is None:
        addressee = None  # each stream has a connection to itself

    def shared(exchange: Exchange, stream: str) -> Exchange:
        assert addressee is not None
        return Link(exchange, partial(addressee, target.profile), bench.limits).member(stream)

    requests = _requests(target)
    return Stage(
        bench.transport,
        decoder,
        requests,
        bench.budgets,
        bench.limits,
        recorder,
        bench.account,
        bench.measured,
        _item_bytes(target),
        stop=bench.stop,
        new_runs=bench.new_runs,
        open_gate=bench.open_gate,
        silence=bench.silence,
        way=bench.way or no_way,
        other=bench.target.other,
        shared=shared if addressee else None,
        talker=partial(talker, target.profile) if talker else None,
        opening=partial(driver.opening, target.profile) if driver and driver.opening else None,
    )


def _limit_bytes(target: Capabilities) -> int:
    """The largest item that the target declares; 0 when it declares none."""
    return int(target.scripted.features.declares.get("limit_bytes", 0)) if target.scripted else 0


def _item_bytes(target: Capabilities) -> int:
    large = target.roles.get("large")
    return int(large.attributes.get("item_bytes", 1)) if large else 1


def _requests(target: Capabilities) -> dict[str, Request]:
    scripted = target.scripted.requests() if target.scripted else {}
    found = {LOOK: target.look, **{name: role.request for name, role in target.roles.items()}, **scripted}
    return {name: replace(request, frame=target.profile.frame) for name, request in found.items()}


def header_of(bench: Bench, case: str, scenario: str, script: Script, promises: tuple[str, ...]) -> Header:
    """What a judge must know of this target. Secrets are gone before anything is written."""
    target = bench.target
    declared: dict[str, str | int | bool] = {
        "profile.terminal": target.terminal,
        "profile.error_channel": target.profile.error_channel,
        "profile.items": target.profile.items,
        "profile.features": ",".join(target.profile.features),
        "binding.declared": target.declared_binding,
        "process": target.process,
        "auth": target.auth,
        "effort.cycles": bench.cycles,
    }
    # Last what the target itself tells: of a figure that its witness tells as well it says what others mean by it.
    declared |= {
        f"tells.{tell.name}.per": tell.per for tell in sorted(target.tells, key=lambda t: not has_run(t.request))
    }
    declared |= {f"witness.{tell.name}": True for tell in target.tells if has_run(tell.request)}
    for role in target.roles.values():
        declared |= {f"{role.name}.{name}": value for name, value in role.attributes.items()}
    if target.scripted:
        declared |= target.scripted.facts()
    return Header(
        case=case,
        scenario=scenario,
        binding=target.binding,
        profile=target.profile.name,
        script=script,
        promises=promises,
        declared=declared,
        budgets=dict(bench.budgets),
        requests={role: redacted(request) for role, request in _requests(target).items()},
        started=bench.started,
        tool=bench.tool,
    )
