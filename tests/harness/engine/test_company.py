"""Company: what comes out well is kept, and everything else is tried once more, alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from virtual_bench import DEAD, LIVE, bench, case, outcomes
from virtual_target import Answers, Scripted, in_virtual_time, item, sse_head

from streamspec.harness.core.case import Case, Role
from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.core.event import Closed, Ended
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.plan import Plan
from streamspec.harness.core.ports import Request
from streamspec.harness.engine.company import TOGETHER, run_in_company
from streamspec.harness.engine.runner import execute
from streamspec.harness.rules.lifecycle_empty import LC_08
from streamspec.harness.rules.sse import SSE_01
from streamspec.scenarios.conformance.roles import EMPTY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.ports import Body
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Result
    from streamspec.harness.engine.company import Another
    from streamspec.harness.engine.runner import Bench

NOTHING = Role("empty", Request("http://127.0.0.1/nothing"))
SPOILT: list[tuple[float, tuple[Event | Body, ...]]] = [(1.0, (sse_head(kind="text/html"), item(1)))]


class Run:
    """Cases in company, then what is left of them alone; and how often the target was started anew meanwhile."""

    def __init__(
        self, cases: Sequence[Case], answers: Answers, others: Sequence[Another] = (), rule: Rule = SSE_01
    ) -> None:
        self.renewals = 0
        self.results: list[Result] = []
        self.done: frozenset[str] = frozenset()
        target = Scripted(answers)
        table = replace(bench(target), renew=self._renew, rules=(rule,))
        table = replace(table, target=replace(table.target, roles=MappingProxyType({"empty": NOTHING})))

        async def main() -> None:
            plan = Plan(tuple(cases), (rule,), ())
            self.done, lost = await run_in_company(plan, table, others, TOGETHER, self.results, lambda *_: None)
            await execute(plan, table, self.results, lambda *_: None, lost, self.done)

        in_virtual_time(main())

    async def _renew(self) -> None:
        self.renewals += 1


def sociable(*names: str) -> list[Case]:
    return [replace(case(name), alone=False) for name in names]


def test_sociable_cases_run_at_once_and_are_told_in_the_order_of_the_plan() -> None:
    asked: list[int] = []

    def answers(_request: Request, n: int) -> list[tuple[float, tuple[Event | Body, ...]]]:
        asked.append(n)
        return [(30.0 if n == 1 else 1.0, LIVE[0][1])]

    run = Run(sociable("one", "two", "three"), answers)
    assert [result.case for result in run.results] == ["one@sse", "two@sse", "three@sse"]
    assert outcomes(run.results) == [Outcome.PASS] * 3
    assert len(asked) == 9  # three sessions each, and nobody twice
    assert run.renewals == 0


def test_what_goes_wrong_in_company_is_tried_again_alone_and_only_that_counts() -> None:
    run = Run(sociable("one", "two"), lambda _request, n: SPOILT if n == 4 else LIVE)
    assert len(run.done) == 1
    assert outcomes(run.results) == [Outcome.PASS, Outcome.PASS]


def test_what_could_not_tell_in_company_gets_a_second_turn_there_and_no_third() -> None:
    slow = [(10.0, (sse_head(), item(1))), (60_000.0, (Closed("eof"),))]
    asked: list[int] = []

    def told(late: int) -> Run:
        """The empty stream stays open too briefly to be accused of it, so often."""
        opened = 0

        def answers(request: Request, _n: int) -> Sequence[tuple[float, tuple[Event | Body, ...]]]:
            nonlocal opened
            if request != NOTHING.request:
                return LIVE
            opened += 1
            return slow if opened <= late else OVER

        run = Run([HANGS], answers, rule=LC_08)
        asked.append(opened)
        return run

    each = len(EMPTY.script.sessions)
    assert told(each).done == {"empty@sse"}
    assert told(2 * each).done == frozenset()


def test_what_goes_wrong_again_is_told() -> None:
    run = Run(sociable("one", "two"), lambda _request, _n: SPOILT)
    assert run.done == frozenset()
    assert Outcome.FAIL in outcomes(run.results)


def test_a_target_that_does_not_survive_the_company_is_started_anew_and_everybody_runs_alone() -> None:
    run = Run(sociable("one", "two"), lambda _request, n: DEAD if 3 <= n <= 10 else LIVE)
    assert run.renewals == 1
    assert outcomes(run.results) == [Outcome.PASS, Outcome.PASS]


def test_a_case_that_has_to_be_alone_waits_for_its_turn_where_there_is_one_target() -> None:
    run = Run([case("one"), *sociable("two")], lambda *_: LIVE)
    assert run.done == {"two@sse"}
    assert [result.case for result in run.results] == ["one@sse", "two@sse"]


def another(answers: Answers, served: list[str], refuses: str = "") -> Another:
    """A second target of this kind, which notes that it was asked, or cannot be had."""

    @asynccontextmanager
    async def made() -> AsyncIterator[Bench]:
        if refuses:
            raise NoVerdict(refuses)

        def noted(request: Request, n: int) -> Sequence[tuple[float, tuple[Event | Body, ...]]]:
            served.append(request.url)
            return answers(request, n)

        yield bench(Scripted(noted))
        served.append("ended")

    return made


LONELY = ("one", "two", "three", "four")


def test_cases_that_have_to_be_alone_are_spread_over_more_targets_that_are_ended_before_anything_counts() -> None:
    served: list[str] = []
    run = Run([case(name) for name in LONELY], lambda *_: LIVE, [another(lambda *_: LIVE, served)])
    assert outcomes(run.results) == [Outcome.PASS] * 4
    assert len(run.done) == 4
    assert len(served) > 1
    assert served[-1] == "ended"


def test_a_second_target_that_answers_badly_accuses_nobody() -> None:
    run = Run([case(name) for name in LONELY], lambda *_: LIVE, [another(lambda *_: SPOILT, [])])
    assert len(run.done) < 4
    assert outcomes(run.results) == [Outcome.PASS] * 4


def test_a_target_that_cannot_be_started_twice_is_judged_by_one() -> None:
    run = Run([case(name) for name in LONELY], lambda *_: LIVE, [another(lambda *_: LIVE, [], "the port is taken")])
    assert outcomes(run.results) == [Outcome.PASS] * 4


def test_a_case_that_wants_a_new_target_gets_one_that_has_just_been_started() -> None:
    wanting = case("wanting")
    wanting = replace(wanting, scenario=replace(wanting.scenario, fresh=True))
    renewed: list[str] = []

    async def renew() -> None:
        renewed.append("renewed")

    @asynccontextmanager
    async def made() -> AsyncIterator[Bench]:
        yield replace(bench(Scripted(lambda *_: LIVE)), renew=renew, rules=(SSE_01,))

    run = Run([case("one"), wanting, case("two")], lambda *_: [(2_000.0, LIVE[0][1])], [made])
    assert outcomes(run.results) == [Outcome.PASS] * 3
    assert run.renewals + len(renewed) == 0
    assert Run([wanting], lambda *_: LIVE).renewals == 1


def test_a_target_that_has_nothing_left_to_do_alone_helps_with_what_bears_company() -> None:
    slow = [(2_000.0, LIVE[0][1])]
    served: list[str] = []
    cases = [*sociable(*"abcdefgh"), *(case(name) for name in LONELY)]
    run = Run(cases, lambda *_: slow, [another(lambda *_: LIVE, served)])
    assert outcomes(run.results) == [Outcome.PASS] * 12
    assert len(run.done) == 12
    asked_each = 3  # sessions
    assert len([url for url in served if url != "ended"]) > len(LONELY) * asked_each


OPEN: list[tuple[float, tuple[Event | Body, ...]]] = [(1.0, (sse_head(),))]
OVER: list[tuple[float, tuple[Event | Body, ...]]] = [*OPEN, (1.0, (Ended("chunked", 0), Closed("eof")))]
HANGS = Case("empty@sse", EMPTY, "sse", ("LC-08",), 0, alone=False)


def test_an_empty_stream_that_hung_in_company_is_opened_once_more_alone_and_not_waited_for_as_long() -> None:
    run = Run([HANGS], lambda request, _n: OPEN if request == NOTHING.request else LIVE, rule=LC_08)
    assert outcomes(run.results) == [Outcome.FAIL]
    (alone,) = run.results
    assert alone.history
    assert alone.history.records[-1].t_ns / 1e9 == pytest.approx(5.0, abs=0.2)


def test_an_empty_stream_that_hung_in_company_only_is_not_accused() -> None:
    opened: list[str] = []

    def answers(request: Request, _n: int) -> Sequence[tuple[float, tuple[Event | Body, ...]]]:
        if request != NOTHING.request:
            return LIVE
        opened.append(request.url)
        return OPEN if len(opened) <= len(EMPTY.script.sessions) else OVER

    run = Run([HANGS], answers, rule=LC_08)
    assert run.done == frozenset()
    assert outcomes(run.results) == [Outcome.PASS]
