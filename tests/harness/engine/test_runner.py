"""Cases around a target made of data: health before and after, what is lost, what is ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from virtual_bench import DEAD, LIVE, bench, case, outcomes
from virtual_target import Answers, Scripted, in_virtual_time, sse_head

from streamspec.harness.core.event import Closed, Did, Event, Failed, Opened
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.plan import Plan
from streamspec.harness.core.rule import Finding, Level, Rule, held, unknown
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine import runner, store
from streamspec.harness.engine.runner import execute
from streamspec.harness.rules.sse import SSE_01

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from virtual_target import Batch

    from streamspec.harness.core.history import History
    from streamspec.harness.core.ports import Decoder, Driver, Request
    from streamspec.harness.core.run import Result


def executed(answers: Answers, *names: str, place: Path | None = None, driver: Driver = SSE) -> list[Result]:
    results: list[Result] = []
    table = replace(bench(Scripted(answers), place), choose=lambda _: driver)
    plan = Plan(tuple(case(name) for name in names), (SSE_01,), ())
    in_virtual_time(execute(plan, table, results, lambda *_: None))
    return results


def test_a_case_is_looked_at_before_and_after() -> None:
    (result,) = executed(lambda *_: LIVE, "one")
    assert result.history
    assert result.history.sessions() == ("look-before-1", "look-1", "look-again-1")
    assert outcomes([result]) == [Outcome.PASS]


def test_a_target_that_is_gone_makes_the_rest_inconclusive_and_says_after_what() -> None:
    results = executed(lambda _request, n: LIVE if n <= 2 else DEAD, "one", "two", "three")
    assert outcomes(results) == [Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE]
    assert results[1].note == "the target was not back after one@sse: look was not answered (refused)"
    assert results[1].history is None


def test_a_target_that_comes_back_at_the_third_look_is_back() -> None:
    results = executed(lambda _request, n: DEAD if n in {3, 4} else LIVE, "one", "two")
    assert outcomes(results) == [Outcome.PASS, Outcome.PASS]


@pytest.mark.parametrize(
    ("no", "budget"),
    [
        ((sse_head(503),), "slots_ms"),
        ((sse_head(500),), "recover_ms"),
        ((Opened(0, "", "TCP", ()), Failed("UNAVAILABLE")), "slots_ms"),
        ((Opened(0, "", "TCP", ()), Failed("INTERNAL")), "recover_ms"),
    ],
)
def test_a_target_that_says_that_it_is_full_is_given_longer(no: tuple[Event, ...], budget: str) -> None:
    (result,) = executed(lambda _request, n: [(1.0, (*no, Closed("eof")))] if n in {3, 4} else LIVE, "one")
    assert result.history
    asked = [r.t_ns for r in result.history.records if r.session.startswith("look-again") and r.event == Did("ask")]
    assert len(asked) == 3
    assert (asked[2] - asked[1]) / 1e6 == pytest.approx(BUDGETS_MS[budget] / 2, abs=50)


def test_a_crash_of_ours_is_an_error_and_the_next_case_runs() -> None:
    def explode(*_: object) -> Decoder:
        raise ZeroDivisionError

    results = executed(lambda *_: LIVE, "one", "two", driver=replace(SSE, decoder=explode))
    assert outcomes(results) == [Outcome.ERROR, Outcome.ERROR]
    assert "ZeroDivisionError" in results[0].verdicts[0].reason


def test_a_history_is_stored_before_it_is_judged_and_holds_no_secret(tmp_path: Path) -> None:
    (result,) = executed(lambda *_: LIVE, "one", place=tmp_path)
    stored = tmp_path / "one@sse.ndjson"
    assert result.place == str(stored)
    assert store.load_history(stored) == result.history
    assert "canary" not in stored.read_text()


def test_progress_counts_cases() -> None:
    told: list[tuple[str, int, int]] = []
    plan = Plan((case("one"), case("two")), (SSE_01,), ())
    in_virtual_time(execute(plan, bench(Scripted(lambda *_: LIVE)), [], lambda *told_now: told.append(told_now)))
    assert told == [("one@sse", 0, 2), ("two@sse", 1, 2), ("done", 2, 2)]


def _first_look(h: History) -> Iterator[Finding]:
    heads = h.of(Opened, "look-1")
    yield held(heads) if heads else unknown("it was not answered")


OPENED = Rule("XX-01", Level.MUST, "The first look is answered.", "nobody", "it counts", _first_look, (), ())


def tried(answers: Answers, rule: Rule = OPENED, **budgets_ms: float) -> list[Result]:
    """One case that can tell only when its own look is answered: the second of the target's requests."""
    results: list[Result] = []
    one = replace(case("one"), promises=("XX-01",))
    table = replace(bench(Scripted(answers)), rules=(rule,))
    table = replace(table, budgets={**table.budgets, **budgets_ms})
    in_virtual_time(execute(Plan((one,), (rule,), ()), table, results, lambda *_: None))
    return results


def test_a_case_that_could_not_tell_is_tried_again_and_tells() -> None:
    first, second = tried(lambda _request, n: DEAD if n == 2 else LIVE)
    assert (first.case, first.promises, first.verdicts) == ("one@sse", (), ())
    assert (second.case, second.promises, outcomes([second])) == ("one@sse~2", ("XX-01",), [Outcome.PASS])


def test_what_twice_the_same_could_not_be_told_is_not_tried_a_third_time() -> None:
    asked: list[int] = []

    def answers(_request: Request, n: int) -> Sequence[Batch]:
        asked.append(n)
        return DEAD if n in {2, 5} else LIVE

    assert outcomes(tried(answers)) == [Outcome.INCONCLUSIVE]
    assert asked == [1, 2, 3, 4, 5, 6]  # two tries, each with a look before it and one after it


@pytest.mark.parametrize(("stands_still", "told"), [(True, ["one@sse~5"]), (False, [])])
def test_while_our_own_machine_stands_still_it_is_tried_on(
    monkeypatch: pytest.MonkeyPatch, told: list[str], *, stands_still: bool
) -> None:

    def until_it_goes_on(h: History) -> Iterator[Finding]:
        fifth = h.header.case.endswith("~5")
        yield held(h.of(Opened, "look-1")) if fifth else unknown("this machine stood still")

    monkeypatch.setattr(runner, "stood_still", lambda _: stands_still)
    results = tried(lambda *_: LIVE, replace(OPENED, check=until_it_goes_on))
    assert [r.case for r in results if outcomes([r]) == [Outcome.PASS]] == told


def test_no_further_try_is_made_when_its_time_is_over() -> None:
    assert outcomes(tried(lambda _request, n: DEAD if n == 2 else LIVE, again_ms=0.0)) == [Outcome.INCONCLUSIVE]
