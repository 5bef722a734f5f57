"""Resuming, played on targets that send all they have in one piece: what counts is where the reading stopped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from virtual_target import Batch, Scripted, in_virtual_time, sse_head

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.event import Closed, Ended, Item
from streamspec.harness.core.explain import explain
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.scenarios.conformance.resume import RESUME, RESUME_FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.harness.core.case import Scenario

ENDS = Profile("ends", "", clauses=(Clause((("event", "end"),), "completed"),))
URL = "http://127.0.0.1/feed"
OF_ALL = 20
RULES = {rule.id: rule for rule in all_rules()}


def behind(request: Request) -> int:
    """The number of the item behind which this request asks for more; 0 for the beginning."""
    return int(dict(request.headers).get("Last-Event-ID", "0"))


def in_one_piece(start: Callable[[Request], int]) -> Callable[[Request, int], Sequence[Batch]]:
    """A target that sends its items from behind `start`, and its end, in one segment."""

    def answer(request: Request, _n: int) -> Sequence[Batch]:
        items = "".join(f"id: {n}\ndata: {n}\n\n" for n in range(start(request) + 1, OF_ALL + 1))
        body = f"{items}event: end\ndata: {{}}\n\n".encode()
        return [(1.0, (sse_head(), Body(body), Ended("chunked", len(body)), Closed("eof")))]

    return answer


def played(scenario: Scenario, start: Callable[[Request], int]) -> tuple[History, list[Request]]:
    target = Scripted(in_one_piece(start))
    requests = {"resumable": Request(URL)}

    async def main() -> History:
        recorder = Recorder(LIMITS)
        stage = Stage(
            target.transport, lambda *_: SSE.decoder(ENDS, "", LIMITS), requests, BUDGETS_MS, LIMITS, recorder
        )
        await play(scenario.script, stage)
        header = Header(
            "case",
            scenario.id,
            "sse",
            "ends",
            scenario.script,
            declared={"resumable.guarantee": "exactly-once", "profile.terminal": True},
            requests=requests,
        )
        return recorder.seal(header)

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history, target.asked


def verdict(rule: str, history: History) -> Verdict:
    (found,) = judge(history, [RULES[rule]], [rule])
    return found


def test_a_resume_asks_behind_the_last_item_that_was_read() -> None:
    history, asked = played(RESUME, behind)
    assert len(history.of(Item, "resumable-2")) == OF_ALL
    assert [behind(request) for request in asked] == [0, 0, 3]


@pytest.mark.parametrize(
    ("outcome", "start"),
    [
        ("PASS", behind),
        ("FAIL", lambda _: 0),  # ignores the id
        ("FAIL", lambda request: max(0, behind(request) - 1)),
        ("FAIL", lambda request: behind(request) and behind(request) + 1),
        ("FAIL", lambda request: behind(request) and OF_ALL),  # nothing but the end
    ],
)
def test_a_target_that_sends_all_at_once_is_judged_by_where_it_goes_on(
    outcome: str, start: Callable[[Request], int]
) -> None:
    history, _ = played(RESUME, start)
    assert verdict("RC-02", history).outcome == outcome


def test_the_id_that_was_sent_is_the_one_that_is_judged_and_the_one_to_ask_with_by_hand() -> None:
    history, asked = played(RESUME, lambda _: 0)
    found = verdict("RC-02", history)
    told = explain(RULES["RC-02"], found, history, "case", "")
    (given,) = {behind(request) for request in asked} - {0}
    assert found.findings[0].expected == f"the item right behind id {given}"
    assert re.findall(r"Last-Event-ID: (\d+)", " ".join(told.reproduce)) == [f"{given}"]


def test_what_is_read_to_its_end_is_resumed_behind_its_last_item() -> None:
    history, asked = played(RESUME_FINISHED, behind)
    assert [behind(request) for request in asked] == [0, OF_ALL, OF_ALL, OF_ALL]
    assert verdict("RC-05", history).outcome == "PASS"


def test_a_resume_ahead_of_the_end_says_nothing_of_what_is_behind_it() -> None:
    history, _ = played(RESUME, behind)
    assert verdict("RC-05", history).outcome == "INCONCLUSIVE"
