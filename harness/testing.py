"""Streams for ordinary tests: open one, expect items of it, stall, cancel, resume, and let the rules speak of what was
seen. What the pytest fixture `stream` gives.

The same transport, decoder, recorder and rules as a run; the calls block, and a loop in a thread does the work. A time
in which a test does something else is written down as ours: no rule holds it against the target. Never here: a verdict,
or a rule's words.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NoReturn
from urllib.parse import urlsplit

from streamspec.harness import config, target_file
from streamspec.harness.core import standing
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Ended, Failed, Item, Lagged, Opened
from streamspec.harness.core.explain import record_line as shown
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.plan import plan
from streamspec.harness.core.ports import Wording
from streamspec.harness.core.quoting import quoted
from streamspec.harness.core.redaction import secrets_of
from streamspec.harness.core.run import Line, Result
from streamspec.harness.core.script import LOOK, Ask, Cancel, Read, Script, Session, Watch
from streamspec.harness.discovery import all_drivers, all_rules, constants
from streamspec.harness.engine import store
from streamspec.harness.engine.clock import calibrate
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.runner import Bench, header_of, stage_of
from streamspec.harness.engine.session import watch_lag
from streamspec.harness.engine.spawn import spawned
from streamspec.harness.engine.stream import Stream as Engine
from streamspec.harness.loop_thread import LoopThread
from streamspec.harness.options import UNSAID, run_settings
from streamspec.harness.serving import TOOL, declared, transport_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.case import Capabilities
    from streamspec.harness.core.history import History
    from streamspec.harness.core.ports import Driver
    from streamspec.harness.core.script import Act
    from streamspec.harness.engine.stage import Stage

STREAMS_MAX: Final = 1_000  # opened by one test
IDLE_MS: Final = 25.0  # a test that does something else for so long has not been reading
SHOWN: Final = 12  # records at the end of a failure
COUNTING: Final = "endless"  # the role of which nothing is declared about its end
STORE: Final = Path(".streamspec") / "tests"
_ODD: Final = re.compile(r"[^0-9A-Za-z_.-]+")


class Workshop:
    """What the tests of one process share: the loop, the calibration, and the targets that were started for them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.loop = LoopThread("streamspec-streams")
        self.factor = self.loop.do(calibrate())
        self._started: dict[Path, Settings] = {}
        self._ends: list[Callable[[], object]] = []

    def settings(self, path: Path) -> Settings:
        """What a file says of its target, which is started once where it is to be started. Raises `UsageError`, and
        `NoVerdict` when it does not start."""
        if path not in self._started:
            settings = run_settings("", {**UNSAID, "config": str(path)})
            if settings.object or not settings.look.url:
                raise UsageError(f"{path}: a stream is opened on a server, and this names none")
            if settings.spawn:
                self._start(settings)
            self._started[path] = settings
        return self._started[path]

    def nearest(self, folder: Path) -> Path:
        """The file in this folder, or in the next one above it up to the root; that of the root without any."""
        inside = [at / target_file.NAME for at in (folder, *folder.parents) if at.is_relative_to(self.root)]
        return next((path for path in inside if path.is_file()), self.root / target_file.NAME)

    def _start(self, settings: Settings) -> None:
        port = urlsplit(settings.look.url).port or 80
        target = spawned(settings.spawn, port, LIMITS, budgets(self.factor), settings.directory)
        self.loop.do(target.__aenter__())  # and not `async with`: it lives until the last test is over
        self._ends.append(lambda: self.loop.do(target.__aexit__(None, None, None)))

    def close(self) -> None:
        """End every target, and the loop."""
        for end in self._ends:
            end()
        self._ends.clear()
        self.loop.close()


@dataclass(slots=True)
class _Talk:
    """What the streams of one conversation share: one that is resumed belongs to it. `bench` knows the binding as soon
    as there was an answer."""

    workshop: Workshop
    bench: Bench
    stage: Stage
    limits_ms: dict[str, float]
    watch: asyncio.Task[None]
    sessions: dict[str, tuple[str, list[Act]]] = field(default_factory=dict)
    streams: list[Stream] = field(default_factory=list)

    def history(self, name: str) -> History:
        script = Script(tuple(Session(key, role, tuple(acts)) for key, (role, acts) in self.sessions.items()))
        header = header_of(replace(self.bench, budgets=self.limits_ms), name, "test", script, ())
        return self.stage.recorder.seal(header)

    def budget(self, ms: float) -> str:
        """A name for this wait; rules know it by nothing else."""
        name = f"test_{ms:g}_ms"
        self.limits_ms[name] = float(ms)
        return name


class Stream:
    """One open stream, at most as far read as was asked for."""

    def __init__(self, talk: _Talk, session: str, role: str, test: str) -> None:
        self.name = session
        self._talk, self._role, self._test = talk, role, test
        self._acts: list[Act] = []
        talk.sessions[session] = (role, self._acts)
        talk.streams.append(self)
        self._engine = Engine(Session(session, role, ()), talk.stage)
        self._expected = 0
        self._done_ns = time.monotonic_ns()
        self._began_ns = 0  # of the last act, in the time of the records
        self._over = False

    # -- what a test does ------------------------------------------------------------------------------------------

    def expect(self, n: int, within_ms: float = 5_000) -> list[Item]:
        """The next `n` items, when they have come. `within_ms` is total. Raises `AssertionError` in words with what
        came instead, and when."""
        __tracebackhide__ = True
        if n < 1:
            raise ValueError("expect at least one item, or `expect_end`")
        self._do(Read(items=n, budget=self._talk.budget(within_ms)))
        found = self._items()[self._expected : self._expected + n]
        if len(found) < n:
            self._wrong(f"{n} items were expected within {within_ms:g} ms, and {len(found)} came")
        self._expected += n
        return found

    def expect_end(self, within_ms: float = 5_000) -> list[Item]:
        """The items until the stream ended as it should, by its framing and without a failure; total time. Raises
        `AssertionError`."""
        __tracebackhide__ = True
        self._do(Read(items=0, budget=self._talk.budget(within_ms)))
        history = self.history()
        found = self._items()[self._expected :]
        self._expected += len(found)
        if failed := next(iter(standing.theirs(history, Failed, self.name)), None):
            self._wrong(f"an end was expected, and it failed: {shown(failed)}")
        if not next(iter(standing.theirs(history, Ended, self.name)), None):
            self._wrong(f"the end was expected within {within_ms:g} ms, and the message is not whole")
        return found

    def stall(self, ms: float) -> None:
        """Read nothing for so long, as a slow consumer does."""
        self._do(Watch(self._talk.budget(ms)))

    def cancel(self, how: Literal["rst", "fin"] = "rst") -> None:
        """Leave: abruptly (`rst`) or in an orderly way (`fin`)."""
        self._do(Cancel(how))
        self._over = True

    def resume(self) -> Stream:
        """A new stream behind the last item that was expected of this one (Last-Event-ID). Raises `AssertionError`
        when no such item carried an id."""
        __tracebackhide__ = True
        ids = [item.id for item in self._items()[: self._expected] if item.id]
        if not ids:
            self._wrong("a resume goes on behind an id, and none of the expected items carried one")
        self._talk.stage.ids[self.name] = ids[-1]
        number = len(self._talk.sessions) + 1
        after = Stream(self._talk, f"{self._role}-{number}", self._role, self._test)
        after.ask(Ask(after=self.name))
        return after

    def assert_rules(self, *rules: str) -> None:
        """Of these rules and families, every one that can speak of this conversation: none is broken, and one at least
        is kept. Raises `AssertionError` with each broken rule in full, `UsageError` for a rule that there is not."""
        __tracebackhide__ = True
        wanted = {rule.id: rule for rule in config.selected(all_rules(), rules)}
        history = self.history()
        apt = plan((), all_rules(), self._talk.bench.target, 0).rules
        verdicts = [v for v in judge(history, apt, ()) if v.rule in wanted]
        broken = [v for v in verdicts if v.outcome in {Outcome.FAIL, Outcome.WARN, Outcome.ERROR}]
        if broken:
            wording = constants("streamspec.reports", Wording)[0]
            result = Result(history.header.case, (), tuple(verdicts), history)
            lines = (Line(wanted[v.rule], v.outcome, ((result, v),)) for v in broken)
            raise AssertionError("\n\n".join(map(wording.failure, lines)))
        if not any(v.outcome is Outcome.PASS for v in verdicts):
            applicable = sorted(wanted.keys() & {rule.id for rule in apt})
            said = f"nothing was seen that {', '.join(applicable)} speak of" if applicable else "none applies to it"
            self._wrong(f"none of the rules {', '.join(rules) or 'that there are'} can tell from this stream: {said}")

    def history(self) -> History:
        """Everything seen in this conversation so far."""
        return self._talk.history(f"test/{self._test}@{self._talk.bench.target.binding or 'unknown'}")

    # -- how -------------------------------------------------------------------------------------------------------

    def ask(self, act: Ask) -> None:
        """Send the request, and wait for a stream. Raises `AssertionError` when there is none."""
        __tracebackhide__ = True
        self._do(act)
        talk = self._talk
        head = standing.opened(self.history(), self.name)
        if head and isinstance(head.event, Opened):
            driver = talk.bench.choose(head.event)
            if driver is None:
                self._wrong(f"a stream was asked for, and nobody can read {head.event.essence or 'an untyped answer'}")
            target = replace(talk.bench.target, binding=driver.name, closes=driver.closes)
            talk.bench = replace(talk.bench, target=target)
        if why := standing.not_opened(self.history(), self.name):
            self._wrong(f"a stream was asked for, and {why}")

    def close(self) -> None:
        """Our own orderly end, when it is still open."""
        if not self._over:
            self._over = True
            self._talk.workshop.loop.do(self._engine.close())

    def _do(self, act: Act) -> None:
        if self._over:
            raise UsageError(f"{self.name} was left: nothing more can be done with it")
        idle_ms = (time.monotonic_ns() - self._done_ns) / 1e6
        if idle_ms >= IDLE_MS:  # the test did something else: nobody was there to see when anything came
            self._talk.stage.recorder.add("", Lagged(round(idle_ms, 1)), "harness")
        self._acts.append(act)
        self._began_ns = self._talk.stage.recorder.now_ns()
        self._talk.workshop.loop.do(self._engine.do(act))
        self._done_ns = time.monotonic_ns()

    def _items(self) -> list[Item]:
        records = standing.items(self.history(), self.name)
        return [record.event for record in records if isinstance(record.event, Item)]

    def _wrong(self, what: str) -> NoReturn:
        __tracebackhide__ = True
        history = self.history()
        records = history.records_of(self.name)
        lines = [what, f"  asked     {history.header.requests[self._role].url}"]
        lines += [f"  … {len(records) - SHOWN} records before"] if len(records) > SHOWN else []
        lines += [f"  {shown(record)}" for record in records[-SHOWN:]]
        late = [r.event.ms for r in history.of(Lagged) if isinstance(r.event, Lagged) and r.t_ns >= self._began_ns]
        if late:
            lines.append(f"  note      this process itself stood still for {max(late):g} ms meanwhile: try again")
        raise AssertionError("\n".join(lines))


class Streams:
    """Opens streams for one test: `stream(url)`, or `stream(role="finite")` of the target in streamspec.toml."""

    def __init__(self, workshop: Workshop, test: str, folder: Path) -> None:
        self._workshop = workshop
        self._folder = folder
        self._test = _ODD.sub("-", test).strip("-")
        self._talks: list[_Talk] = []
        self._numbers = itertools.count(1)

    def __call__(
        self,
        url: str = "",
        *,
        role: str = "",
        binding: str = "",
        profile: str = "",
        method: str = "",
        data: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        file: str | Path = "",
        **declared_as: str | int,
    ) -> Stream:
        """Open one. `role` says what the endpoint does (docs/targets.md), and further words what is declared of it:
        `seq="$.n"`, `items=100`. Without a `url` it is that of this role in the nearest `streamspec.toml` (or in
        `file`).
        Raises `AssertionError` when there is no stream, `UsageError` for words that mean nothing."""
        __tracebackhide__ = True
        if sum(len(talk.streams) for talk in self._talks) >= STREAMS_MAX:
            raise UsageError(f"more than {STREAMS_MAX} streams were opened by one test")
        words = tuple(f"{name}: {value}" for name, value in headers.items())
        role = role or (COUNTING if declared_as else LOOK)
        said = [f"{role}={url}"] if url and role != LOOK else []
        said += [f"{role}.{name}={value}" for name, value in declared_as.items()]
        if url:
            options = {"headers": words, "method": method, "data": data, "profile": profile, "binding": binding}
            settings = run_settings(url, {**UNSAID, "no_config": True, **options, "roles": tuple(said)})
        else:
            if method or data:
                raise UsageError("method and data are said with a url; without one streamspec.toml says them")
            settings = self._workshop.settings(Path(file) if file else self._workshop.nearest(self._folder))
            look = replace(settings.look, headers=(*settings.look.headers, *config.headers(words)))
            roles = target_file.merged(settings.roles, tuple(said))
            binding, profile = binding or settings.binding, profile or settings.profile or "plain"
            settings = replace(settings, look=look, roles=roles, binding=binding, profile=profile)
        target = declared(settings, all_drivers())
        if role != LOOK and role not in target.roles:
            raise UsageError(f"no role {quoted(role)} is declared (there are {', '.join(target.roles) or 'none'})")
        return self._opened(target, settings, role)

    def _opened(self, target: Capabilities, settings: Settings, role: str) -> Stream:
        __tracebackhide__ = True
        workshop = self._workshop
        requests = [played.request for played in target.roles.values()]
        limits_ms = budgets(workshop.factor)
        bench = Bench(
            target,
            settings.transport or transport_of(),
            _chooser(target.binding),
            limits_ms,
            LIMITS,
            (),
            TOOL,
            datetime.now(UTC).isoformat(timespec="seconds"),
            None,
        )

        async def begin() -> _Talk:
            # the clock of the loop, which here is asked from outside as well
            recorder = Recorder(LIMITS, time.monotonic_ns, secrets_of([target.look, *requests]))
            stage = replace(stage_of(bench, recorder), budgets=limits_ms)
            return _Talk(workshop, bench, stage, limits_ms, asyncio.create_task(watch_lag(recorder)))

        talk = workshop.loop.do(begin())
        self._talks.append(talk)
        stream = Stream(talk, f"{role}-1", role, f"{self._test}-{next(self._numbers)}")
        stream.ask(Ask())
        return stream

    def saved(self) -> Sequence[Path]:
        """Store every history of this test; where they are."""
        place = self._workshop.root / STORE
        place.mkdir(parents=True, exist_ok=True)
        ignore = place / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        return [store.save_history(place, talk.streams[0].history()) for talk in self._talks]

    def close(self) -> None:
        """Close every stream that is still open."""
        for talk in self._talks:
            for stream in talk.streams:
                stream.close()
            self._workshop.loop.do(_ended(talk.watch))


def _chooser(binding: str) -> Callable[[Opened], Driver | None]:
    """The declared driver, else the first that recognises the answer."""
    drivers = all_drivers()
    if binding:
        return lambda _: next(driver for driver in drivers if driver.name == binding)
    return lambda opened: next((driver for driver in drivers if driver.recognises(opened)), None)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
