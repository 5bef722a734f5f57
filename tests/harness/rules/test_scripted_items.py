"""OI, DR and SC of scripted servers: which items a script has, what is known of those that came, and what an honest
server or adapter may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import pytest

from streamspec.harness.core.event import Completed, Event, Item, Meta
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.script import Ask, Script
from streamspec.harness.core.steps import Complete, Fail, Gate, Generate, Send, Step
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, account, chunked, head, item, upgraded
from streamspec.harness.rules._scripted_ends import BADLY, THREE, WELL, scripted
from streamspec.harness.rules._scripted_items import asking, expected, same_value

RuleOn = Callable[[str, History], Verdict]
OF_THREE: Final = (Generate(3), Complete())
END: Final = (Completed(), ENDED, EOF)


def of(text: str) -> Item:
    return Item(0, len(text), text[:16], text, 0)


def with_options(h: History, **options: int) -> History:
    sessions = tuple(replace(s, options=MappingProxyType(dict(options))) for s in h.header.script.sessions)
    return History(replace(h.header, script=Script(sessions)), h.records)


# -- what a script has -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "items"),
    [
        ((), ()),
        ((Generate(2), Gate("a"), Generate(1)), (1, 2, 3)),
        ((Send(("9",)), Generate(2), Complete()), ("9", 2, 3)),
        ((Generate(1), Complete(), Generate(5)), (1,)),
    ],
)
def test_items_are_counted_over_all_of_a_script_up_to_its_end(
    steps: tuple[Step, ...], items: tuple[int | str, ...]
) -> None:
    assert expected(steps) == items


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [None]}, {"b": [None], "a": 1.0}, True),
        (True, 1, False),
        ([1, 2], [1], False),
        ("1", 1, False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
    ],
)
def test_values_are_compared_and_not_their_spelling(one: object, other: object, *, same: bool) -> None:
    assert same_value(one, other) is same


# -- what may be held against nobody -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["OI-02", "DR-01"])
@pytest.mark.parametrize(
    "history",
    [
        scripted(((Generate(9), Fail("INTERNAL")), BADLY)),
        scripted(((Generate(9), Gate("shut"), Complete()), THREE)),
        with_options(scripted(((Generate(9), Complete()), WELL)), deadline_ms=5),
        asking(scripted(((Generate(9), Complete()), WELL)), {"script-1": Ask(behind="6")}),
        scripted(((Generate(9), Complete()), WELL), declared={"declares.lossy": "skipped"}),
        scripted(((Generate(9),), WELL), declared={"declares.explicit_end": True}),
    ],
    ids=["it fails", "it is still open", "time may end it", "it was resumed", "it may leave out", "nobody ended it"],
)
def test_fewer_items_than_the_script_has_may_be_all(rule_on: RuleOn, rule: str, history: History) -> None:
    assert rule_on(rule, history).outcome is Outcome.INCONCLUSIVE


def test_a_heartbeat_takes_no_item_from_anybody(rule_on: RuleOn) -> None:
    history = with_options(scripted((OF_THREE, (*THREE[:-1], *END))), heartbeat_ms=500)
    assert rule_on("OI-02", history).outcome is Outcome.FAIL


def test_an_item_that_is_kept_in_part_is_no_other_one(rule_on: RuleOn) -> None:
    long = Item(0, 900, "l", '{"a":"' + "x" * 194, 0)
    history = scripted(((Send(('{"a":"' + "x" * 892 + '"}',)), Complete()), (ASK, chunked("sse"), long, *END)))
    assert rule_on("DR-01", history).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("text", ['{"b":2.0,"a":"\\u00e9"}', '{ "a" : "\u00e9", "b" : 2 }'])
def test_a_server_spells_json_as_it_likes(rule_on: RuleOn, text: str) -> None:
    sent = Send(('{"a":"\u00e9","b":2}',))
    came = replace(of(text), size=len(text))
    assert rule_on("DR-01", scripted(((sent, Complete()), (ASK, chunked("sse"), came, *END)))).outcome is Outcome.PASS


def test_digits_are_those_of_the_script(rule_on: RuleOn) -> None:
    def judged(number: str) -> Outcome:
        came: tuple[Event, ...] = (ASK, chunked("sse"), of(f'{{"number":{number}}}'), *END)
        return rule_on("OI-12", scripted(((Send(('{"number":1.10}',)), Complete()), came))).outcome

    assert [judged(n) for n in ("1.10", "1.1", "110e-2")] == [Outcome.PASS, Outcome.WARN, Outcome.WARN]


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 414, 429, 500, 503])
def test_other_refusals_are_not_those_of_a_script(rule_on: RuleOn, status: int) -> None:
    history = scripted((OF_THREE, (ASK, head(status=status), ENDED, EOF)))
    assert rule_on("SC-01", history).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("behind_the_handshake", "outcome"),
    [
        ((EOF,), Outcome.INCONCLUSIVE),
        ((RESET,), Outcome.INCONCLUSIVE),
        (CLOSE, Outcome.PASS),  # we did not wait for a stream
        ((Meta("start"), EOF), Outcome.PASS),
    ],
)
def test_a_connection_is_no_script_that_was_played(
    rule_on: RuleOn, behind_the_handshake: tuple[Event, ...], outcome: Outcome
) -> None:
    history = scripted((OF_THREE, (ASK, upgraded(), *behind_the_handshake)), binding="ws")
    assert rule_on("SC-01", history).outcome is outcome


def test_a_return_behind_an_explicit_end_may_count_as_an_end(rule_on: RuleOn) -> None:
    told = account(9, ended=1, sent=3, sending=0, terminals=2)
    per = {f"tells.{name}.per": "stream" for name in ("ended", "sent", "sending", "terminals")}
    marked: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": True, **per}
    implicit = scripted((OF_THREE, (*WELL, told)), declared=marked)
    explicit = scripted((OF_THREE, (*WELL, told)), declared=marked | {"declares.explicit_end": True})
    assert rule_on("SC-04", implicit).outcome is Outcome.FAIL
    assert rule_on("SC-04", explicit).outcome is Outcome.PASS


def test_a_figure_is_told_of_the_time_of_its_question(rule_on: RuleOn) -> None:
    """Asked for at 3 ms, answered when all three items had come."""
    per: dict[str, str | int | bool] = {"tells.produced.per": "stream"}
    history = scripted(((Generate(),), (*THREE, account(3, produced=1), item(3))), declared=per)
    assert rule_on("SC-03", history).outcome is Outcome.PASS
