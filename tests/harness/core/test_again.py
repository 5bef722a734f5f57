"""What two tries of a case say together: the second tells what the first left open, and takes nothing back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from virtual_bench import case

from streamspec.harness.core.again import in_two, stood_still, took_ms, untold
from streamspec.harness.core.event import Lagged
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.run import Result, crashed, unrun
from streamspec.harness.core.script import LOOK
from streamspec.harness.core.written import ASK, ENDED, EOF, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.history import History

OPEN = 0  # how many items a history has says how it is judged
HELD = 1
BROKEN = 2


def _found(h: History) -> Iterable[Finding]:
    items = sum(type(r.event).__name__ == "Item" for r in h.records)
    match items:
        case 0:
            yield unknown("nothing came")
        case 1:
            yield held(h.records[-1])
        case _:
            yield broken(h.records[-1], expected="one item", got=str(items))


def _came(h: History) -> Iterable[Finding]:
    yield held(h.records[0]) if h.records else unknown("nothing at all")


ONE = Rule("XX-01", Level.MUST, "One item comes.", "nobody", "it counts", _found, (), ())
SOME = Rule("XX-02", Level.MUST, "Something comes.", "nobody", "it counts", _came, (), ())
RULES = (ONE, SOME)
BOTH = ("XX-01", "XX-02")


def tried(items: int, case: str = "a") -> Result:
    history = written(*told(f"{LOOK}-1", ASK, head(), *(item(n) for n in range(items)), ENDED, EOF))
    return Result(case, BOTH, judge(history, RULES, BOTH), history)


def said(results: Iterable[Result]) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    return [(r.case, r.promises, {v.rule: v.outcome.value for v in r.verdicts}) for r in results]


def test_only_promises_that_were_not_told_are_open() -> None:
    assert untold(tried(OPEN)) == {"XX-01"}
    assert untold(tried(HELD)) == untold(tried(BROKEN)) == frozenset()


@pytest.mark.parametrize(("items", "outcome"), [(HELD, "PASS"), (BROKEN, "FAIL")])
def test_the_second_tells_what_the_first_left_open_and_promises_it(items: int, outcome: str) -> None:
    both = in_two(tried(OPEN), tried(items, "a~2"), RULES)
    assert said(both) == [
        ("a", ("XX-02",), {"XX-02": "PASS"}),
        ("a~2", ("XX-01",), {"XX-01": outcome, "XX-02": "PASS"}),
    ]


def test_what_the_first_found_broken_stays_broken() -> None:
    first = in_two(tried(BROKEN), tried(HELD, "a~2"), RULES)[0]
    assert said([first]) == [("a", BOTH, {"XX-01": "FAIL", "XX-02": "PASS"})]


def test_a_second_that_tells_nothing_new_is_left_out() -> None:
    first = tried(OPEN)
    assert in_two(first, tried(OPEN, "a~2"), RULES) == (first,)


def test_what_is_judged_of_both_is_what_their_promises_say_when_they_are_judged_again() -> None:
    for result in in_two(tried(OPEN), tried(HELD, "a~2"), RULES):
        assert result.history
        assert result.verdicts == judge(result.history, RULES, result.promises)


def test_a_second_that_could_not_be_played_says_nothing_and_one_that_broke_is_an_error() -> None:
    first = tried(OPEN)
    assert in_two(first, unrun(case("a"), "it was not back"), RULES) == (first,)
    error = crashed(case("a"), "Traceback")
    assert in_two(first, error, RULES) == (first, error)


def test_a_case_took_from_its_first_record_to_its_last() -> None:
    result = tried(HELD)
    assert result.history
    records = result.history.records
    assert took_ms(result) == (records[-1].t_ns - records[0].t_ns) / 1e6
    assert took_ms(Result("a", BOTH, ())) == math.inf


def test_outcomes_are_as_the_tests_think() -> None:
    assert [v.outcome for v in tried(OPEN).verdicts] == [Outcome.INCONCLUSIVE, Outcome.PASS]


def test_our_own_machine_stood_still_where_that_was_written_down() -> None:
    lagged = Result("a", BOTH, (), written(*told(f"{LOOK}-1", ASK, Lagged(80.0), head(), ENDED, EOF)))
    assert stood_still(lagged)
    assert not stood_still(tried(HELD))
    assert not stood_still(unrun(case("a"), "the target was not back"))
