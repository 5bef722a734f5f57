"""A target in virtual time with every role declared, whose streams answer as one function of their role says.

Shared by the tests of silence and of hearing. Never here: sockets (`silent_server` has them).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from virtual_bench import bench as smallest
from virtual_target import Batch, Scripted, in_virtual_time

from streamspec.harness import config, profile_file
from streamspec.harness.core.case import Control
from streamspec.harness.core.event import Opened
from streamspec.harness.core.plan import Plan, plan
from streamspec.harness.core.ports import Request
from streamspec.harness.discovery import all_rules, all_scenarios
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.hearing import hear
from streamspec.harness.engine.probe import probe
from streamspec.harness.engine.runner import execute

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Outcome
    from streamspec.harness.core.ports import Driver
    from streamspec.harness.core.run import Result
    from streamspec.harness.engine.runner import Bench

    Answer = Callable[[str], Sequence[Batch]]  # of the stream of a role; the look's is empty


def head_of(driver: Driver) -> Opened:
    return Opened(200, "", "HTTP/1.1", (("Content-Type", driver.accept), ("Cache-Control", "no-store")))


HEAD: Final = head_of(SSE)
QUIET: Final[list[Batch]] = [(1.0, (HEAD,))]
WORDS: Final = (
    *("finite=finite", "finite.items=3", "finite.seq=$.n", "endless=endless", "endless.seq=$.n"),
    *("failing=failing", "failing.items_before=1", "prompt=prompt", "prompt.gap_ms=150"),
    *("large=large?n={n}", "large.item_bytes=4000", "idle=idle", "idle.heartbeat_ms=200", "empty=empty"),
    *("text=text", 'text.items=["a", "b"]', "text.field=$.t", "unknown=unknown", "invalid=invalid"),
    *("unsupported=unsupported", "resumable=resumable", "resumable.guarantee=exactly-once"),
    *("resumable.signals_unknown=yes", "resumable.final=204"),
)
LOOKED_AT: Final = Request("http://127.0.0.1/")


@dataclass
class Heard:
    """One run in virtual time: what hearing found, what the cases came to, and how long each took, in seconds."""

    answer: Answer
    words: tuple[str, ...] = WORDS
    serial: bool = False
    driver: Driver = SSE
    profile: str = "plain"
    patient: bool = False  # each case by itself, as if nothing had been waited for before
    result: Result | None = None
    results: list[Result] = field(default_factory=list)
    asked: int = 0  # requests while we listened
    heard_s: float = 0.0
    whole_s: float = 0.0
    bench: Bench = field(init=False)
    plan: Plan = field(init=False)

    def run(self, *, cases: bool = True) -> Heard:
        in_virtual_time(self._run(cases=cases))
        return self

    def outcomes(self) -> dict[tuple[str, str], Outcome]:
        """By case and rule."""
        return {(r.case, verdict.rule): verdict.outcome for r in self.results for verdict in r.verdicts}

    async def _run(self, *, cases: bool) -> None:
        target = Scripted(lambda request, _n: self.answer(_role(request)))
        probed = await self._prepared(target)
        before, began_ns = len(target.asked), now_ns()
        if not self.patient:
            self.result = await hear(self.bench, self.plan, probed, lambda *_: None)
        self.asked, self.heard_s = len(target.asked) - before, (now_ns() - began_ns) / 1e9
        if cases and self.patient:
            for case in self.plan.cases:
                alone = replace(self.bench, silence=type(self.bench.silence)())
                await execute(replace(self.plan, cases=(case,)), alone, self.results, lambda *_: None)
        elif cases:
            await execute(self.plan, self.bench, self.results, lambda *_: None)
        self.whole_s = now_ns() / 1e9

    async def _prepared(self, target: Scripted) -> History:
        table = smallest(target)
        roles = MappingProxyType(config.roles(self.words, LOOKED_AT))
        unseen = Control(200, "", items=False, head_ms=0.0)
        dialect = profile_file.profile(self.profile)
        said = replace(table.target, look=LOOKED_AT, roles=roles, control=unseen, profile=dialect)
        table = replace(table, target=replace(said, binding=self.driver.name), choose=lambda _: self.driver)
        probed = await probe(table, (self.driver,))
        found = replace(probed.target, serial=self.serial)
        self.plan = plan(all_scenarios(), all_rules(), found, 0)
        self.bench = replace(table, target=found, rules=self.plan.rules)
        return probed.history


def _role(request: Request) -> str:
    return request.url.removeprefix(LOOKED_AT.url).partition("?")[0]
