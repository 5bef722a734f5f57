"""Silence: a role that sends nothing is waited for once, and then asked no more; one item is enough to be forgiven."""

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
from streamspec.harness.engine.runner import execute
from streamspec.harness.engine.silence import Silence
from streamspec.harness.rules.sse import SSE_01

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
    silence.waited(role, 1e9)
    assert not silence.lasts(role, 1.0)
