"""Silence: a role that sends nothing is waited for once, then asked no more, or for less time; one item forgives."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from virtual_bench import bench, outcomes
from virtual_target import Scripted, in_virtual_time, item, sse_head

from streamspec.harness.core.case import Case, Role, Scenario
from streamspec.harness.core.event import Opened
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.plan import Plan
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Ask, Read, Script, Session
from streamspec.harness.discovery import all_scenarios
from streamspec.harness.engine.runner import execute
from streamspec.harness.engine.silence import Silence
from streamspec.harness.rules.sse import SSE_01
from streamspec.scenarios.conformance.looks import LOOK_BESIDE
from streamspec.scenarios.conformance.roles import EMPTY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtual_target import Batch

    from streamspec.harness.core.run import Result

QUIET: list[Batch] = [(1.0, (sse_head(),))]
LIVE: list[Batch] = [(1.0, (sse_head(), item(1)))]
ASKED = (Ask(), Read(items=1, budget="item_ms"))


def run(answer: Callable[[Request], Sequence[Batch]], *sessions: int, act: Ask = ASKED[0]) -> list[Result]:
    """Cases of so many sessions each, which ask for the role `endless` of a target whose look is alive."""
    target = bench(Scripted(lambda request, _n: answer(request) if request.url.endswith("/e") else LIVE))
    roles = {"endless": Role("endless", Request("http://127.0.0.1/e"))}
    target = replace(target, target=replace(target.target, roles=MappingProxyType(roles)))
    cases = []
    for n, many in enumerate(sessions):
        script = Script(tuple(Session(f"endless-{k}", "endless", (act, ASKED[1])) for k in range(many)))
        cases.append(Case(f"case-{n}", Scenario(f"case-{n}", "", script, ("SSE-01",)), "sse", ("SSE-01",), 0))
    results: list[Result] = []
    in_virtual_time(execute(Plan(tuple(cases), (SSE_01,), ()), target, results, lambda *_: None))
    return results


def opened(result: Result) -> int:
    assert result.history
    return sum(bool(result.history.of(Opened, session)) for session in result.history.sessions("endless"))


def test_a_silent_role_is_waited_for_as_long_as_patience_lasts_and_asked_no_more() -> None:
    first, second = run(lambda _: QUIET, 5, 1)
    assert opened(first) == 3  # three times five seconds
    assert second.history is None
    assert second.note == "endless sent no item in 15 s and more: it was asked no more"
    assert outcomes([second]) == [Outcome.INCONCLUSIVE]


def test_one_item_is_enough_to_be_forgiven() -> None:
    answers = iter([QUIET, QUIET, LIVE, QUIET, QUIET, LIVE])
    (result,) = run(lambda _: next(answers), 6)
    assert opened(result) == 6


def test_who_asks_to_go_on_is_owed_nothing() -> None:
    first, second = run(lambda _: QUIET, 4, 1, act=Ask(behind="7"))
    assert (opened(first), opened(second)) == (4, 1)


@pytest.mark.parametrize("role", ["look", "script", "empty"])
def test_some_are_never_waited_for_too_long(role: str) -> None:
    silence = Silence()
    silence.waited(role, 1e9, 1e9)
    assert not silence.lasts(role, 1.0)


def test_time_in_which_several_streams_were_waited_for_counts_once() -> None:
    silence = Silence()
    for now_ms in (5_000, 5_010, 5_020):  # beside each other
        silence.waited("finite", 5_000, now_ms)
    assert silence.waited_ms["finite"] == 5_020
    for now_ms in (20_000, 30_000):  # and one after the other
        silence.waited("finite", 5_000, now_ms)
    assert silence.waited_ms["finite"] == 15_020
    silence.heard("finite")
    silence.waited("finite", 5_000, 40_000)
    assert not silence.lasts("finite", 15_000)


def budgets_of(script: Script) -> list[str]:
    return [act.budget for session in script.sessions for act in session.acts if isinstance(act, Read)]


def test_empty_streams_that_stayed_open_are_opened_once_more_all_at_once_and_for_less_time() -> None:
    silence = Silence()
    script = EMPTY.script
    assert silence.shortened(script, 15_000) == script
    silence.waited("empty", 15_000, 15_000)
    shorter = silence.shortened(script, 15_000)
    assert [session.beside for session in shorter.sessions] == ["", "empty-1", "empty-2"]
    assert budgets_of(shorter) == ["once_more_ms"] * 3
    assert [s.acts[0] for s in shorter.sessions] == [s.acts[0] for s in script.sessions]


def test_an_empty_stream_that_ends_is_forgiven_and_no_end_forgives_another_role() -> None:
    silence = Silence()
    for role in ("empty", "finite"):
        silence.waited(role, 15_000, 15_000)
        silence.ended(role)
    assert silence.shortened(EMPTY.script, 15_000) == EMPTY.script
    assert silence.lasts("finite", 15_000)


def test_a_hushed_target_is_looked_at_for_a_moment_until_an_item_comes() -> None:
    script = LOOK_BESIDE.script
    silence = Silence(hushed=True)
    assert set(budgets_of(silence.shortened(script, 15_000))) == {"lasting_ms"}
    silence.heard("finite")
    assert silence.hushed
    silence.heard("look")
    assert silence.shortened(script, 15_000) == script


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda scenario: scenario.id)
def test_no_request_is_given_less_time(scenario: Scenario) -> None:
    """Only reads are cut short: who is not answered in time may be accused of that."""
    silence = Silence(waited_ms={"empty": 15_000}, hushed=True)
    shorter = silence.shortened(scenario.script, 15_000)
    assert [s.id for s in shorter.sessions] == [s.id for s in scenario.script.sessions]
    for before, after in zip(scenario.script.sessions, shorter.sessions, strict=True):
        assert [a for a in after.acts if not isinstance(a, Read)] == [a for a in before.acts if not isinstance(a, Read)]
        assert before.role in {"look", "empty"} or after == before
