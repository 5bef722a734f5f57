"""Cases around a target made of data: health before and after, what is lost, what is ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from virtual_bench import DEAD, LIVE, bench, case, outcomes
from virtual_target import Answers, Scripted, in_virtual_time

from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.plan import Plan
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine import store
from streamspec.harness.engine.runner import execute
from streamspec.harness.rules.sse import SSE_01

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.harness.core.ports import Decoder, Driver
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
