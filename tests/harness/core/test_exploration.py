"""What a search has explored, counted out of histories, and what is said when it was nothing."""

from __future__ import annotations

from streamspec.harness.core.event import (
    Called,
    Closed,
    Completed,
    Did,
    Ended,
    Event,
    Failed,
    Item,
    Opened,
    Record,
    Refused,
    Returned,
)
from streamspec.harness.core.exploration import Example, Exploration, ending, section
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.run import Figure
from streamspec.harness.core.script import BEFORE, LOOK, OBJECT, Ask, Call, Read, Script, Session
from streamspec.harness.core.steps import Complete, Generate

HEAD = Opened(200, "OK", "HTTP/1.1", ())
ITEM = Item(0, 1, "", "x", 0)


def history(*events: Event, role: str = "finite") -> History:
    acts = (Call("send", "ann"), Call("send", "ann")) if role == OBJECT else (Ask(), Read(0, "finite_ms"))
    session = Session("one", role, acts, steps=(Generate(2), Complete()))
    look = Session(f"{BEFORE}1", LOOK, (Ask(),))
    records = (
        Record(0, 0, look.id, "driver", ITEM),
        *(Record(n, n, "one", "driver", e) for n, e in enumerate(events, 1)),
    )
    return History(Header("case", "properties/x", "sse", "plain", Script((look, session))), records)


def example(*verdicts: Verdict, events: tuple[Event, ...] = (HEAD, ITEM, Completed())) -> Example:
    return Example(history(*events), verdicts)


def test_an_ending_is_one_word() -> None:
    assert ending(history(HEAD, Completed(), Ended("chunked", 1)), "one") == "completed"
    assert ending(history(HEAD, Failed("INTERNAL")), "one") == "failed"
    assert ending(history(HEAD, Did("cancel:rst"), Closed("ours")), "one") == "cancelled"
    assert ending(history(HEAD, Ended("chunked", 1), Did("close"), Closed("ours")), "one") == "whole"
    assert ending(history(HEAD, Closed("reset")), "one") == "cut"
    assert ending(history(HEAD, Did("close"), Closed("ours")), "one") == "left"
    assert ending(history(Refused("refused")), "one") == "refused"


def test_an_object_is_cancelled_when_a_cancel_came_back() -> None:
    assert ending(history(Called(0, "cancel", "end"), Returned(0), role=OBJECT), "one") == "cancelled"
    assert ending(history(Called(0, "cancel", "end"), role=OBJECT), "one") == "left"


def test_the_looks_around_a_script_are_not_counted() -> None:
    explored = Exploration()
    explored.add(example(), again=False)
    assert (explored.scripts, explored.sessions, explored.items) == (1, 1, 1)
    assert explored.acts == {"ask": 1, "read": 1}
    assert explored.steps == {"generate": 1, "complete": 1}
    assert explored.endings == {"completed": 1}


def test_the_evidence_of_a_rule_is_its_first_example_and_a_clean_one_if_there_is_any() -> None:
    broken = example(Verdict("A-01", Outcome.PASS), Verdict("B-01", Outcome.FAIL))
    clean, later = example(Verdict("A-01", Outcome.PASS)), example(Verdict("A-01", Outcome.PASS))
    explored = Exploration()
    for one in (broken, clean, later):
        explored.add(one, again=False)
    assert explored.evidence == {"A-01": clean}
    assert explored.held == {"A-01": 3}


def test_a_search_without_a_script_an_item_or_a_rule_that_held_explored_nothing() -> None:
    explored = Exploration()
    assert explored.nothing == "no script was played"
    explored.add(example(Verdict("A-01", Outcome.PASS), events=(HEAD, Completed())), again=False)
    assert explored.nothing == "of 1 scripts none received an item: nothing was explored"
    explored = Exploration()
    explored.add(example(), again=False)
    assert explored.nothing == "of 1 scripts none showed that a rule holds: nothing was explored"
    explored.add(example(Verdict("A-01", Outcome.PASS)), again=False)
    assert explored.nothing == ""


def test_a_section_says_what_was_played_and_leaves_out_what_was_not() -> None:
    explored = Exploration()
    explored.add(example(), again=True)
    told = {figure.what: figure for figure in section("explored", explored, (), 1.25).figures}
    assert told["scripts played"] == Figure("scripts played", 1)
    assert told["of them to make a failure smaller, or to confirm it"].value == 1
    assert told["time"] == Figure("time", 1.2, "s")
    assert told["endings"].value == "1 completed"
    assert "scripts that were cut off, since the time was up" not in told
