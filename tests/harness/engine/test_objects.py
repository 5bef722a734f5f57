"""Cases on objects: each in a thread of its own and within its time, whatever the object does."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from honest_objects import Awaited, Blocking

from streamspec.harness.core.case import Case, Scenario
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.plan import Plan
from streamspec.harness.core.rule import Level, Rule, held
from streamspec.harness.core.script import OBJECT, Call, Script, Session, Settle
from streamspec.harness.drivers.inprocess import INPROCESS
from streamspec.harness.engine.objects import ObjectBench, execute_objects

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.harness.core.run import Result

RULE = Rule("XX-01", Level.MUST, "A.", "b", "c", lambda h: [held(h.records[0])] if h.records else [], (), ())
SCRIPT = Script((Session("one", OBJECT, (Call("send", "producer"), Settle(until=("producer",)))),))
CASES = tuple(
    Case(f"x/{name}@inprocess", Scenario(f"x/{name}", "", SCRIPT, ("XX-01",)), "inprocess", ("XX-01",), 1)
    for name in "ab"
)


def executed(factory: Any, place: Path | None = None, case_ms: float = 60_000) -> list[Result]:
    target = INPROCESS.look("x:y", Awaited if factory is not Blocking else Blocking, (), frozenset())
    limits = {**budgets(1.0), "settle_ms": 20.0, "case_ms": case_ms}
    bench = ObjectBench(target, INPROCESS, factory, (), limits, LIMITS, (RULE,), "", "", place)
    results: list[Result] = []
    asyncio.run(execute_objects(Plan(CASES, (RULE,), ()), bench, results, lambda *_: None))
    return results


def outcomes(results: list[Result]) -> list[tuple[Outcome, str]]:
    return [(verdict.outcome, verdict.reason) for result in results for verdict in result.verdicts]


@pytest.mark.parametrize("factory", [Awaited, Blocking])
def test_every_case_is_played_judged_and_stored(factory: Any, tmp_path: Path) -> None:
    results = executed(factory, tmp_path)
    assert outcomes(results) == [(Outcome.PASS, "")] * 2
    assert [result.case for result in results] == ["x/a@inprocess", "x/b@inprocess"]
    assert len(list(tmp_path.glob("*.ndjson"))) == 2


def test_an_object_that_never_gives_back_control_ends_its_case_and_the_rest_is_not_tried() -> None:
    gate = threading.Event()

    class Keeps(Awaited):
        async def send(self, item: Any) -> None:
            gate.wait(30)

    first, second = outcomes(executed(Keeps, case_ms=100))
    gate.set()
    assert first[0] is second[0] is Outcome.INCONCLUSIVE
    assert "did not give back control within 0.1 s in x/a@inprocess" in first[1]


def test_an_object_that_needs_real_time_is_inconclusive() -> None:
    class InThreads(Awaited):
        async def send(self, item: Any) -> None:
            await asyncio.to_thread(id, item)

    assert {outcome for outcome, _ in outcomes(executed(InThreads))} == {Outcome.INCONCLUSIVE}


def test_a_factory_that_fails_later_leaves_nothing_to_judge() -> None:
    def fails() -> Any:
        raise LookupError("not today")

    for outcome, reason in outcomes(executed(fails)):
        assert outcome is Outcome.INCONCLUSIVE
        assert reason == "the factory raised LookupError: not today"
