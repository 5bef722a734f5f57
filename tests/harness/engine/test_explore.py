"""The search: what it finds it makes smaller, and confirms; what does not fail each time is held against nobody."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from streamspec.harness.core.case import Case, Scenario
from streamspec.harness.core.event import Item, Record
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.property import Property
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held
from streamspec.harness.core.script import OBJECT, Call, Script, Session
from streamspec.harness.engine.explore import CONFIRMATIONS, Search, TimeIsUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLENTY_S = 1_000.0


def scenario(acts: list[Call]) -> Scenario:
    return Scenario("properties/x", "", Script((Session("object", OBJECT, tuple(acts)),)), promises=())


STRATEGY = st.lists(st.builds(Call, st.sampled_from(("send", "receive")), st.just("ann"), n=st.integers(1, 9))).map(
    scenario
)
PROPERTY = Property("properties/x", "", ("object",), lambda _: STRATEGY)


def history_of(case: Case) -> History:
    """One item for each act, numbered by how often it is repeated."""
    script = case.scenario.script
    header = Header(case.id, case.scenario.id, case.binding, "object", script, seed=case.seed)
    acts = [act for act in script.sessions[0].acts if isinstance(act, Call)]
    items = (Item(n, 1, "", act.op, 0, seq=act.n) for n, act in enumerate(acts))
    return History(header, tuple(Record(n, n, "object", "driver", item) for n, item in enumerate(items)))


def rule(name: str, wrong: Callable[[Item], bool], level: Level = Level.MUST) -> Rule:
    def check(h: History) -> Iterator[Finding]:
        for record in h.of(Item):
            assert isinstance(record.event, Item)
            yield broken(record, expected="few", got="many") if wrong(record.event) else held(record)

    return Rule(name, level, "", "", "", check, (), ())


MANY = rule("A-01", lambda item: (item.seq or 0) >= 5)
RECEIVES = rule("B-01", lambda item: item.prefix == "receive")
NEVER = rule("C-01", lambda _: False)


class Clock:
    """A clock on which every script takes a second."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def search(*rules: Rule, play: Any = None, scripts: int = 60, seed: int = 0, clock: Any = None, **more: Any) -> Search:
    def played(case: Case, _seconds: float) -> tuple[History, str]:
        return history_of(case), ""

    stopped = more.pop("stopped", lambda: False)
    return Search(play or played, rules, "inprocess", seed, clock or Clock(), stopped, scripts, **more)


def explored(made: Search, seconds: float = PLENTY_S) -> Search:
    made.explore(PROPERTY, STRATEGY, seconds)
    return made


def test_a_failure_is_found_made_as_small_as_it_gets_and_confirmed() -> None:
    made = explored(search(MANY, NEVER))
    (found,) = made.found
    assert (found.rule, found.failed, found.played) == ("A-01", CONFIRMATIONS + 1, CONFIRMATIONS + 1)
    assert found.confirmed
    assert found.history.header.script.sessions[0].acts == (Call("send", "ann", n=5),)
    assert found.history.header.case == "properties/x/A-01@inprocess"
    assert found.history.header.promises == ("A-01",)


def test_the_search_goes_on_for_other_rules() -> None:
    made = explored(search(MANY, RECEIVES))
    assert {found.rule: found.history.header.script.sessions[0].acts for found in made.found} == {
        "A-01": (Call("send", "ann", n=5),),
        "B-01": (Call("receive", "ann", n=1),),
    }


def test_what_does_not_fail_each_time_is_not_confirmed() -> None:
    turns = count()
    once = rule("A-01", lambda item: (item.seq or 0) >= 5 and next(turns) == 0)
    (found,) = explored(search(once)).found
    assert not found.confirmed
    assert (found.failed, found.played) == (1, CONFIRMATIONS + 1)
    assert found.told == "failed 1 of 4 times"


def test_where_the_smallest_does_not_fail_each_time_the_first_one_is_tried() -> None:
    turns = count()

    def check(h: History) -> Iterator[Finding]:
        alone = len(h.records) == 1
        if len(h.records) >= 3 or (alone and next(turns) == 0):
            yield broken(h.records[0], expected="few", got="many")

    (found,) = explored(search(Rule("A-01", Level.MUST, "", "", "", check, (), ()))).found
    assert found.confirmed
    assert len(found.history.records) >= 3


def test_a_search_that_finds_nothing_says_what_held() -> None:
    made = explored(search(NEVER))
    assert made.found == []
    assert made.explored.scripts == 60
    assert made.explored.held["C-01"] > 40
    assert made.explored.again == 0


def test_the_same_seed_draws_the_same_scripts_and_another_one_others() -> None:
    def drawn(seed: int) -> list[str]:
        seen: list[str] = []

        def play(case: Case, _seconds: float) -> tuple[History, str]:
            seen.append(repr(case.scenario.script))
            return history_of(case), ""

        explored(search(MANY, play=play, seed=seed))
        return seen

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_no_script_is_drawn_twice() -> None:
    seen: list[str] = []

    def play(case: Case, _seconds: float) -> tuple[History, str]:
        seen.append(repr(case.scenario.script))
        return history_of(case), ""

    explored(search(NEVER, play=play))
    assert len(seen) == len(set(seen)) == 60


def test_the_time_bounds_the_search_and_some_of_it_is_kept_for_the_shrinking() -> None:
    clock = Clock()

    def play(case: Case, seconds: float) -> tuple[History, str]:
        assert seconds > 0
        clock.now_s += 1
        return history_of(case), ""

    made = explored(search(NEVER, play=play, clock=clock, scripts=0), seconds=20)
    assert made.explored.scripts == 16
    assert clock.now_s == 16


def test_a_script_that_the_time_cuts_off_is_counted_and_not_judged() -> None:
    def play(_case: Case, _seconds: float) -> tuple[History, str]:
        raise TimeIsUp

    made = explored(search(MANY, play=play))
    assert (made.explored.scripts, made.explored.unplayed > 0, made.found) == (0, True, [])


def test_a_target_that_does_not_come_back_ends_the_search_and_accuses_nobody() -> None:
    def play(case: Case, _seconds: float) -> tuple[History, str]:
        history = history_of(case)
        return history, case.id if any(
            isinstance(r.event, Item) and (r.event.seq or 0) >= 5 for r in history.records
        ) else ""

    made = explored(search(MANY, play=play))
    (found,) = made.found
    assert (found.failed, found.played, found.confirmed) == (1, 1, False)
    assert found.lost == made.lost
    assert found.told == f"failed 1 of 1 times; it could not be played again: {made.lost}"


def test_what_playing_raises_ends_the_search_and_is_raised() -> None:
    calls = count()

    def play(_case: Case, _seconds: float) -> tuple[History, str]:
        next(calls)
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        explored(search(MANY, play=play))
    assert next(calls) == 1


def test_a_search_that_is_asked_to_end_ends() -> None:
    turns = count()
    made = explored(search(NEVER, stopped=lambda: next(turns) > 5))
    assert 0 < made.explored.scripts <= 6


def test_a_check_that_crashes_is_found_and_told() -> None:
    def check(h: History) -> Iterator[Finding]:
        if len(h.records) > 2:
            raise KeyError("ours")
        yield from ()

    made = explored(search(Rule("D-01", Level.MUST, "", "", "", check, (), ())))
    (found,) = made.found
    assert found.verdict.outcome == "ERROR"
    assert len(found.history.header.script.sessions[0].acts) == 3


def test_a_should_that_is_broken_is_found_too() -> None:
    (found,) = explored(search(rule("E-01", lambda _: True, Level.SHOULD))).found
    assert (found.verdict.outcome, found.confirmed) == ("WARN", True)


def test_a_search_ends_when_there_are_no_other_scripts() -> None:
    few = st.integers(1, 3).map(lambda n: scenario([Call("send", "ann", n=n)]))
    made = search(NEVER, scripts=0)
    made.explore(PROPERTY, few, PLENTY_S)
    assert made.explored.scripts == 3


def test_nothing_of_hypothesis_is_changed() -> None:
    before = settings.get_current_profile_name(), settings().max_examples, settings().deadline
    explored(search(MANY))
    assert (settings.get_current_profile_name(), settings().max_examples, settings().deadline) == before
