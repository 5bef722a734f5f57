"""The scenarios about accounts, played by the engine in virtual time with servers made of data: an honest one passes
what they promise, and each defect is seen where it should be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from virtual_target import in_virtual_time, sse_head

from streamspec.harness.core.case import TELLABLE
from streamspec.harness.core.event import Closed, Ended, Event
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS, Limits
from streamspec.harness.core.ports import Body, Figures, Request, Transport
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import expanded
from streamspec.harness.discovery import all_rules
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.scenarios.conformance import leaks, leaving, pressure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from streamspec.harness.core.case import Scenario

ITEM_BYTES: Final = 262_144  # few items make much
LATE_S: Final = 60.0
AHEAD: Final = 16  # items, of 4 MiB
RUNS: Final = 500  # items a second, of a producer that waits for nobody
STALL_S: Final = 0.4
MIB: Final = 1_048_576
RULES: Final = {rule.id: rule for rule in all_rules()}


@dataclass
class Stream:
    """One stream of the server: its items are made as time goes on, or as they are taken."""

    server: Server
    role: str
    asked: int
    malformed: bool
    began_s: float
    taken: int = 0
    read_s: float = 0.0
    left_s: float | None = None
    how: str = ""
    said_head: bool = False
    ended_s: float | None = None

    @property
    def noticed_s(self) -> float:
        """When its producer has learnt that nobody reads any more, or has come to its end."""
        defects = self.server.defects
        if self.left_s is None:
            return self.ended_s if self.ended_s is not None else inf
        deaf = "deaf" in defects or f"deaf to {self.how}" in defects or f"deaf when {self.role}" in defects
        return self.left_s + (LATE_S if deaf else self.server.notice_s)

    def open(self, now: float) -> bool:
        return not self.malformed and now < self.noticed_s

    def produced(self, now: float) -> int:
        until = now if "goes on producing" in self.server.defects else min(now, self.noticed_s)
        ahead = AHEAD + (int(RUNS * (until - self.began_s)) if "runs ahead" in self.server.defects else 0)
        made = {
            "endless": 1 + int((until - self.began_s) / self.server.tick_s),
            "large": min(self.asked, self.taken + ahead),
            "finite": 3,
        }
        return 0 if self.malformed else made.get(self.role, 1)

    async def receive(self) -> Sequence[Event | Body]:
        await self.server.turn(self)
        now = asyncio.get_running_loop().time()
        stalled, self.read_s = now - max(self.read_s, self.began_s) > STALL_S, now
        if not self.said_head:
            self.said_head = True
            return (sse_head(400), Ended("length", 0)) if self.malformed else (sse_head(),)
        if self.role == "large" and stalled and "drops who stands still" in self.server.defects:
            self.ended_s = now
            return (Closed("reset"),)
        if self.taken >= {"large": self.asked, "finite": 3}.get(self.role, inf):
            self.ended_s = now
            return (Ended("chunked", 0),)
        if self.role == "endless":
            await asyncio.sleep(max(0.0, self.began_s + self.server.tick_s * self.taken - now))
        elif self.role == "idle" and self.taken:
            await asyncio.Event().wait()
        self.taken += 2 if self.role == "large" and stalled and "loses items" in self.server.defects else 1
        size = ITEM_BYTES - 12 if self.role == "large" else 3
        return (Body(b'data: {"n":%d,"x":"%s"}\n\n' % (self.taken, b"x" * size)),)

    async def close(self) -> None:
        self._leave("fin")

    def abort(self) -> None:
        self._leave("rst")

    def _leave(self, how: str) -> None:
        if self.left_s is None and self.ended_s is None:
            self.left_s, self.how = asyncio.get_running_loop().time(), how


@dataclass
class Server:
    """All of its streams, and what it tells of them. `defects` are names, and so are policies that are none."""

    defects: tuple[str, ...]
    tick_s: float = 0.02
    notice_s: float = 0.05  # from a client's leaving until it has noticed
    streams: list[Stream] = field(default_factory=list)

    async def open(self, request: Request, _limits: Limits, _connect_ms: float) -> Stream:
        split = urlsplit(request.url)
        asked = int(parse_qs(split.query).get("n", ["1"])[0])
        now = asyncio.get_running_loop().time()
        self.streams.append(Stream(self, split.path.strip("/"), asked, request.malformed, now))
        return self.streams[-1]

    @property
    def transport(self) -> Transport:
        opening: Callable[[Request, Limits, float], Awaitable[Any]] = self.open
        return Transport("model", ("http",), opening)

    async def turn(self, stream: Stream) -> None:
        """Reading takes a little time, and as long as others stand still where one lock is held by all."""
        await asyncio.sleep(0.005)
        while stream.role == "look" and "one at a time" in self.defects and self._standing():  # noqa: ASYNC110 -- virtual
            await asyncio.sleep(0.01)

    def _standing(self) -> bool:
        now = asyncio.get_running_loop().time()
        return any(s.role == "large" and s.open(now) and now - s.read_s > 0.1 for s in self.streams)

    async def account(self, _run: str, _wanted: frozenset[str]) -> Sequence[Figures]:
        await asyncio.sleep(0.005)
        now = asyncio.get_running_loop().time()
        alive = [s for s in self.streams if s.open(now)]
        gone = [s for s in self.streams if not s.malformed and not s.open(now)]
        left = sum(s.left_s is not None for s in gone)
        cleanups = 0 if "never cleans up" in self.defects else 2 if "cleans up twice" in self.defects else 1
        told = {
            "produced": sum(s.produced(now) for s in self.streams),
            "open": len(alive),
            "sending": sum(s.role == "large" and s.taken < s.asked for s in alive),
            "cancelled": left,
            "ended": len(gone),
            "cleanups": len(gone) - left + cleanups * left,
        }
        leaks = {"leaks": len(gone), "leaks the refused": sum(s.malformed for s in self.streams)}
        leaked = sum(n for name, n in leaks.items() if name in self.defects)
        held = sum(s.produced(now) - s.taken for s in alive if s.role == "large")
        made = sum(s.produced(now) for s in self.streams)
        process = {
            "fds": 9 + len(alive) + leaked,
            "threads": 4,
            "rss_bytes": 40 * MIB + held * ITEM_BYTES,
            "cpu_ms": made,
        }
        told_ = () if "tells nothing" in self.defects else (Figures("driver", told),)
        return (Figures("harness", process), *told_)

    async def measured(self, run: str, wanted: frozenset[str]) -> Sequence[Figures]:
        return [figures for figures in await self.account(run, wanted) if figures.seen_by == "harness"]


def verdicts(scenario: Scenario, server: Server) -> dict[str, Verdict]:
    """What the scenario's promises come to."""
    history = played(scenario, server)
    return {v.rule: v for v in judge(history, RULES.values(), scenario.promises) if v.rule in scenario.promises}


def played(scenario: Scenario, server: Server) -> History:
    script = expanded(scenario.script, cycles=12)
    roles = ("finite", "endless", "idle", "look")
    requests = {role: Request(f"http://127.0.0.1/{role}") for role in roles}
    requests["large"] = Request("http://127.0.0.1/large?n={n}")

    async def main() -> History:
        recorder = Recorder(LIMITS)
        stage = Stage(
            server.transport,
            lambda _opened, _role: SSE.decoder(Profile("plain", "anything"), "$.n", LIMITS),
            requests,
            BUDGETS_MS,
            LIMITS,
            recorder,
            server.account,
            server.measured,
            ITEM_BYTES,
        )
        await play(script, stage)
        tells = {f"tells.{name}.per": "run" for name in TELLABLE}
        declared: dict[str, str | int | bool] = {**tells, "large.item_bytes": ITEM_BYTES, "process": "spawn"}
        return recorder.seal(Header("case", scenario.id, "sse", "plain", script, scenario.promises, declared=declared))

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history


SCENARIOS: Final = (
    *(pressure.STALL, pressure.MEMORY, pressure.BESIDE, pressure.LEAVE_BLOCKED),
    *(leaving.LEAVE, leaving.LEAVE_TOLD, leaving.LEAVE_IDLE, leaving.CLEANUPS),
    *(leaks.COMPLETED, leaks.LEFT, leaks.LEFT_ABRUPTLY, leaks.REFUSED),
)
# LC-16 reads the looks of the runner, who is not here.
PROMISED: Final = [(s, rule) for s in SCENARIOS for rule in s.promises if rule != "LC-16"]


IDS: Final = [f"{scenario.id}-{rule}" for scenario, rule in PROMISED]


@pytest.mark.parametrize(("scenario", "rule"), PROMISED, ids=IDS)
def test_an_honest_server_keeps_what_is_promised(scenario: Scenario, rule: str) -> None:
    verdict = verdicts(scenario, Server(()))[rule]
    assert (verdict.outcome, verdict.reason) == ("PASS", "")


@pytest.mark.parametrize(
    "server",
    [
        # it ticks once a second, and notices at its second write
        Server((), tick_s=1.0, notice_s=2.0),
        Server((), notice_s=2.5),
        Server(("drops who stands still",)),
    ],
    ids=["a slow ticker", "a slow ear", "a policy"],
)
@pytest.mark.parametrize(("scenario", "rule"), PROMISED, ids=IDS)
def test_no_honest_server_is_accused(scenario: Scenario, rule: str, server: Server) -> None:
    assert verdicts(scenario, replace(server, streams=[]))[rule].outcome in {"PASS", "INCONCLUSIVE"}


@pytest.mark.parametrize(
    ("defect", "scenario", "rule", "outcome"),
    [
        ("runs ahead", pressure.STALL, "BP-05", "FAIL"),
        ("runs ahead", pressure.MEMORY, "BP-06", "INCONCLUSIVE"),  # it was told of first
        ("loses items", pressure.BESIDE, "BP-07", "FAIL"),
        ("one at a time", pressure.BESIDE, "BP-11", "FAIL"),
        ("deaf when large", pressure.LEAVE_BLOCKED, "BP-09", "FAIL"),
        ("goes on producing", leaving.LEAVE, "CN-08", "FAIL"),
        ("deaf", leaving.LEAVE, "CN-08", "FAIL"),
        ("deaf", leaving.LEAVE, "CN-11", "INCONCLUSIVE"),
        ("deaf to rst", leaving.LEAVE, "CN-11", "FAIL"),
        ("deaf to rst", leaving.LEAVE_TOLD, "CN-11", "FAIL"),
        ("deaf", leaving.LEAVE_TOLD, "CN-11", "INCONCLUSIVE"),
        ("deaf when idle", leaving.LEAVE_IDLE, "CN-02", "WARN"),
        ("never cleans up", leaving.CLEANUPS, "CN-04", "FAIL"),
        ("cleans up twice", leaving.CLEANUPS, "CN-04", "FAIL"),
        ("leaks", leaks.COMPLETED, "RL-01", "FAIL"),
        ("leaks", leaks.LEFT, "RL-03", "FAIL"),
        ("leaks", leaks.LEFT_ABRUPTLY, "RL-04", "FAIL"),
        ("leaks the refused", leaks.REFUSED, "RL-05", "FAIL"),
        ("deaf", leaks.LEFT, "RL-03", "FAIL"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_defect_shows_where_it_should(defect: str, scenario: Scenario, rule: str, outcome: str) -> None:
    assert verdicts(scenario, Server((defect,)))[rule].outcome == outcome


@pytest.mark.parametrize(("outcome", "defects"), [("PASS", ()), ("FAIL", ("runs ahead",))])
def test_memory_alone_shows_what_is_held(outcome: str, defects: tuple[str, ...]) -> None:
    assert verdicts(pressure.MEMORY, Server(("tells nothing", *defects)))["BP-06"].outcome == outcome


@pytest.mark.parametrize(
    ("scenario", "most_s"),
    [
        (pressure.STALL, 2.0),
        (pressure.MEMORY, 2.0),
        (pressure.BESIDE, 4.0),
        (pressure.LEAVE_BLOCKED, 2.5),
        (leaving.LEAVE, 5.0),
        (leaving.LEAVE_TOLD, 1.0),
        (leaving.LEAVE_IDLE, 1.0),
        (leaving.CLEANUPS, 1.5),
    ],
    ids=lambda x: x if isinstance(x, float) else x.id,
)
def test_an_honest_server_that_tells_is_not_kept_for_long(scenario: Scenario, most_s: float) -> None:
    assert played(scenario, Server(())).records[-1].t_ns / 1e9 < most_s
