"""A search on one target: which properties are for it, who plays its scripts, what becomes of what was found.

The search blocks, in a thread of its own; the event loop, the target's process and its probe stay here. Never here:
what is drawn, how a script is judged, or printing.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness import config, embedded_target
from streamspec.harness.assembly import concerns, object_station
from streamspec.harness.core.errors import InternalError, NoVerdict, UsageError
from streamspec.harness.core.exploration import section
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import unmet
from streamspec.harness.core.property import Property
from streamspec.harness.core.run import Result, Run, merged
from streamspec.harness.discovery import all_rules, constants
from streamspec.harness.embedded_run import declared
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.explore import Search, TimeIsUp, warm_up
from streamspec.harness.engine.making import Unjudgeable
from streamspec.harness.engine.objects import history_of
from streamspec.harness.engine.runner import run_case
from streamspec.harness.serving import directory_of, judge_server, stopped_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.case import Case
    from streamspec.harness.core.exploration import Example
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.runner import Bench, Progress
    from streamspec.harness.serving import Judged

TOLD_S: Final = 1.0  # from one word about the progress to the next
LEAVING_S: Final = 5.0  # for the search to end when it was asked to
SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Fuzzing:
    """What is asked of a search: how long it may take, which properties it is about (all that fit, without any), where
    the case files of failures are saved besides, and how many scripts each property draws at most, then tries to make
    a failure smaller (0: the time alone bounds them)."""

    seconds: float = SECONDS
    names: tuple[str, ...] = ()
    save: Path | None = None
    scripts_max: int = 0


async def run_fuzz(settings: Settings, fuzzing: Fuzzing, progress: Progress) -> Run:
    """Search the target of these settings. Raises `UsageError`; a target that cannot be judged, and a search that
    explored nothing, is a `Run` with a `problem`. Cancelling the task makes the run partial: it returns what it has."""
    properties = _named(fuzzing.names)
    chosen = config.selected(all_rules(), settings.rules)
    if not settings.rules:
        chosen = tuple(rule for rule in chosen if concerns(rule, in_process=bool(settings.object)))
    if settings.object:
        return await _fuzz_object(settings, fuzzing, properties, chosen, progress)
    started = datetime.now(UTC)
    keep = directory_of(settings.store, started)
    targets = [settings] if settings.look.url else _embedded(settings)
    runs: list[Run] = []
    for target in targets:
        share = replace(fuzzing, seconds=fuzzing.seconds / len(targets))
        driver = _ServerSearch(share, properties)
        run = await judge_server(target, chosen, progress, started, keep, drive=driver.drive)
        runs.append(run)
        if driver.stopped.is_set():
            break
    run = replace(merged(runs), duration_s=sum(run.duration_s for run in runs))  # one after another
    if run.problem and not settings.look.url:
        raise InternalError(f"the embedded reference cannot be searched: {run.problem}")
    if place := keep():
        store.save_run(place, run)
    return run


def all_properties() -> tuple[Property, ...]:
    return constants("streamspec.scenarios.properties", Property)


def _named(names: Sequence[str]) -> tuple[Property, ...]:
    """The properties of these names, all of them without any. Raises `UsageError`."""
    known = {prop.name: prop for prop in all_properties()}
    for name in names:
        if name not in known:
            raise UsageError(f"--property {name}: no such property (there are {', '.join(known)})")
    return tuple(prop for name, prop in known.items() if not names or name in names)


def _embedded(settings: Settings) -> list[Settings]:
    wanted = (settings.binding,) if settings.binding else embedded_target.available()
    return [declared(settings, binding) for binding in wanted]


def _fitting(properties: Sequence[Property], needs: frozenset[str]) -> tuple[Property, ...]:
    """Those for this target. Raises `NoVerdict` when there is none."""
    fitting = tuple(prop for prop in properties if not unmet(prop.needs, needs))
    if not fitting:
        lacks = "; ".join(f"{prop.name} needs {', '.join(unmet(prop.needs, needs))}" for prop in properties)
        raise NoVerdict(f"no property is for this target: {lacks}")
    return fitting


async def _fuzz_object(
    settings: Settings,
    fuzzing: Fuzzing,
    properties: Sequence[Property],
    chosen: tuple[Rule, ...],
    progress: Progress,
) -> Run:
    began_ns = now_ns()
    bench, _, about = await object_station(settings)
    problem = ""
    rules = tuple(rule for rule in bench.rules if rule in chosen)
    watch = _Watch(min(bench.budgets["case_ms"] / 1e3, fuzzing.seconds + LEAVING_S))

    def play(case: Case, _seconds: float) -> tuple[History, str]:
        with watch:
            return history_of(case, bench), ""

    search = Search(play, rules, about.binding, settings.seed, _seconds_now, watch.stopped.is_set, fuzzing.scripts_max)
    try:
        drawn = [(prop, prop.draw(bench.target)) for prop in _fitting(properties, bench.target.needs())]
        await _searched(search, drawn, fuzzing.seconds, watch, progress)
    except (NoVerdict, Unjudgeable) as none:
        problem = str(none)
    except asyncio.CancelledError as cancelled:
        stopped_by(cancelled)
    duration_s = (now_ns() - began_ns) / 1e9
    results = _results(search, bench.place, fuzzing.save)
    sections = (section(_title(about.binding), search.explored, rules, duration_s),)
    problem = problem or ("" if watch.stopped.is_set() else search.explored.nothing)
    run = Run(about, chosen, results, (), duration_s, problem=problem, sections=sections)
    if bench.place:
        store.save_run(bench.place, run)
    return run


@dataclass(slots=True)
class _ServerSearch:
    """A search on a server that was started and probed. Its scripts are played in the event loop, one at a time."""

    fuzzing: Fuzzing
    properties: Sequence[Property]
    stopped: threading.Event = field(default_factory=threading.Event)

    async def drive(self, bench: Bench, judged: Judged, progress: Progress) -> None:
        """Search, and tell what has come of it, also when it is cancelled. Raises `NoVerdict`."""
        began_ns = now_ns()
        loop = asyncio.get_running_loop()
        rules = tuple(rule for rule in bench.rules if rule in judged.rules)
        watch = _Watch(0.0, self.stopped)

        def play(case: Case, seconds: float) -> tuple[History, str]:
            playing = asyncio.run_coroutine_threadsafe(_played(case, bench), loop)
            watch.playing = playing
            try:
                return playing.result(max(0.0, seconds))
            except (TimeoutError, concurrent.futures.CancelledError):
                playing.cancel()
                raise TimeIsUp from None

        seed, binding = judged.about.seed, bench.target.binding
        search = Search(play, rules, binding, seed, _seconds_now, self.stopped.is_set, self.fuzzing.scripts_max)
        fitting = _fitting(self.properties, bench.target.needs())
        drawn = [(prop, prop.draw(bench.target)) for prop in fitting]
        try:
            await _searched(search, drawn, self.fuzzing.seconds, watch, progress)
        finally:
            judged.results += _results(search, bench.place, self.fuzzing.save)
            duration_s = (now_ns() - began_ns) / 1e9
            judged.sections.append(section(_title(binding), search.explored, rules, duration_s))
            lost = f"the target was not back after {search.lost}" if search.lost else ""
            judged.problem = lost or ("" if self.stopped.is_set() else search.explored.nothing)


async def _played(case: Case, bench: Bench) -> tuple[History, str]:
    """One script on the server, which is started anew where it does not come back and we may. Raises `NoVerdict` when
    it does not start again."""
    history, back = await run_case(case, bench)
    if back:
        return history, ""
    if bench.renew is None:
        return history, case.id
    await bench.renew()
    return history, ""


@dataclass(slots=True)
class _Watch:
    """What the loop must know of the search's thread: since when it plays a script, and how it is asked to end."""

    limit_s: float  # for one script of an object, in real time; 0 where the script itself is bounded
    stopped: threading.Event = field(default_factory=threading.Event)
    since_s: float = 0.0
    playing: concurrent.futures.Future[Any] | None = None

    def __enter__(self) -> None:
        self.since_s = _seconds_now()

    def __exit__(self, *_: object) -> None:
        self.since_s = 0.0

    @property
    def is_stuck(self) -> bool:
        since_s = self.since_s
        return bool(self.limit_s and since_s) and _seconds_now() - since_s > self.limit_s

    def stop(self) -> None:
        self.stopped.set()
        if self.playing is not None:
            self.playing.cancel()


async def _searched(
    search: Search, drawn: Sequence[tuple[Property, Any]], seconds: float, watch: _Watch, progress: Progress
) -> None:
    """Every property in turn, each with its share of what is left of the time. Raises what the search raised, and
    `NoVerdict` for an object that does not give back control: its thread is left behind."""
    began_s = _seconds_now()

    def work() -> None:
        nonlocal began_s
        warm_up()
        began_s = _seconds_now()
        for number, (prop, strategy) in enumerate(drawn):
            left_s = began_s + seconds - _seconds_now()
            if search.lost or search.stopped() or left_s <= 0:
                return
            search.explore(prop, strategy, left_s / (len(drawn) - number))

    with _own_storage():
        done = _in_a_thread(work)
        try:
            while not done.done():
                told = f"searching: {search.explored.scripts} scripts, {len(search.found)} failures"
                progress(told, int(_seconds_now() - began_s), int(seconds))
                await asyncio.wait({done}, timeout=TOLD_S)
                if watch.is_stuck:
                    limit = f"the object did not give back control within {watch.limit_s:g} s"
                    raise NoVerdict(f"{limit} in script {search.explored.scripts + 1}")
            done.result()
        except asyncio.CancelledError:
            watch.stop()
            await asyncio.wait({done}, timeout=LEAVING_S)
            raise


@contextlib.contextmanager
def _own_storage() -> Iterator[None]:
    """Where Hypothesis keeps what it has read of local modules: nothing that lasts, and not where the user stands."""
    from hypothesis import configuration

    before = vars(configuration).get("__hypothesis_home_directory")
    with tempfile.TemporaryDirectory(prefix="streamspec-") as place:
        configuration.set_hypothesis_home_dir(place)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(before)


def _in_a_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    """A daemon thread of its own: one that never comes back must not keep us."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(raised: BaseException | None) -> None:
        if done.done():
            return
        if raised is None:
            done.set_result(None)
        else:
            done.set_exception(raised)

    def target() -> None:
        wrong: BaseException | None = None
        try:
            work()
        except TimeIsUp:
            pass
        except BaseException as raised:  # noqa: BLE001 -- whatever it is, the loop raises it again
            wrong = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, wrong)

    threading.Thread(target=target, name="streamspec-search", daemon=True).start()
    return done


def _results(search: Search, place: Path | None, save: Path | None) -> tuple[Result, ...]:
    """What was found, and for each rule that held the script that shows it. A failure that was not confirmed keeps its
    file and stands in no verdict: judged again, it would be one."""
    results: list[Result] = []
    for found in search.found:
        path = _saved(found.history, place, save)
        case_id = found.history.header.case
        if found.confirmed:
            results.append(Result(case_id, (found.rule,), (found.verdict,), found.history, path))
            continue
        reason = f"{found.told}{f' (see {path})' if path else ''}"
        results.append(
            Result(case_id, (found.rule,), (Verdict(found.rule, Outcome.INCONCLUSIVE, reason=reason),), note=reason)
        )
    confirmed = frozenset(found.rule for found in search.found if found.confirmed)
    broken = {found.rule for found in search.found}
    shown: dict[int, tuple[Example, list[Verdict]]] = {}
    for rule, example in search.explored.evidence.items():
        if rule not in broken:
            verdicts = shown.setdefault(id(example), (example, []))[1]
            verdicts += [v for v in example.verdicts if v.rule == rule]
    for example, verdicts in shown.values():
        tells_more = not example.bad <= confirmed
        path = str(store.save_history(place, example.history)) if place and not tells_more else ""
        results.append(Result(example.history.header.case, (), tuple(verdicts), example.history, path))
    return tuple(results)


def _saved(history: History, place: Path | None, save: Path | None) -> str:
    """Where the case file lies that a person is told of."""
    paths = [store.save_history(directory, history) for directory in (save, place) if directory]
    return str(paths[0]) if paths else ""


def _title(binding: str) -> str:
    return f"explored over {binding}" if binding != "inprocess" else "explored"


def _seconds_now() -> float:
    """Not the loop's clock: the search has no loop in its thread."""
    return time.monotonic()
