"""The scenario of a shutdown, played in virtual time on targets made of data: who is asked, and what LC-15 says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from virtual_target import Batch, Scripted, in_virtual_time, item, sse_head

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.event import Closed, Did, Ended
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.judge import judge
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.scenarios.conformance.looks import LOOK_ONCE
from streamspec.scenarios.conformance.shutdown import SHUTDOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

PROFILE = Profile(
    "marked", "", "any", (Clause((("event", "end"),), "completed"), Clause((("event", "error"),), "failed"))
)
OPEN: tuple[Batch, ...] = ((1.0, (sse_head(),)), (10.0, (item(1),)))
DONE = (Ended("chunked", 90), Closed("eof"))
SUCCESS = (100.0, (Body(b"event: end\ndata: {}\n\n"), *DONE))
FAILURE = (100.0, (Body(b'event: error\ndata: {"code":"UNAVAILABLE"}\n\n'), *DONE))


def after(*batches: Batch) -> Sequence[Batch]:
    return (*OPEN, *batches)


def played(*streams: Sequence[Batch]) -> tuple[History, list[int]]:
    """The n-th stream that is opened receives the n-th of these; and how many were open when the target was stopped."""
    target = Scripted(lambda _request, n: streams[(n - 1) % len(streams)])
    open_then: list[int] = []

    async def stop() -> None:
        open_then.append(len(target.asked))

    async def main() -> History:
        recorder = Recorder(LIMITS)
        stage = Stage(
            target.transport,
            lambda _opened, _role: SSE.decoder(PROFILE, "", LIMITS),
            {"endless": Request("http://127.0.0.1/")},
            BUDGETS_MS,
            LIMITS,
            recorder,
            stop=stop,
        )
        await play(SHUTDOWN.script, stage)
        declared = {"profile.terminal": True}
        return recorder.seal(Header("case", "scenario", "sse", "marked", SHUTDOWN.script, declared=declared))

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history, open_then


def outcome(history: History) -> str:
    rule = next(rule for rule in all_rules() if rule.id == "LC-15")
    (verdict,) = judge(history, [rule], ["LC-15"])
    return verdict.outcome.value


def test_the_target_is_stopped_once_while_all_three_streams_are_open() -> None:
    history, open_then = played(after(FAILURE))
    assert open_then == [3]
    assert [r.session for r in history.of(Did) if r.event == Did("stop")] == ["endless-1"]


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ((after(FAILURE),), "PASS"),
        ((after((100.0, (Closed("eof"),))),), "PASS"),
        ((after((100.0, (Closed("reset"),))),), "PASS"),
        ((after(SUCCESS),), "WARN"),
        ((after(FAILURE), after(SUCCESS), after(FAILURE)), "WARN"),
        ((after(*((900.0, (item(n),)) for n in range(2, 9))),), "WARN"),
        ((after(), after(FAILURE), after()), "PASS"),
        (([(1.0, (sse_head(503),))],), "INCONCLUSIVE"),
        ((after(), [(1.0, (sse_head(503), *DONE))], after()), "INCONCLUSIVE"),
    ],
    ids=["fails", "cut", "reset", "completes", "one completes", "goes on", "one in time", "busy", "one busy"],
)
def test_what_is_said_of_a_shutdown(streams: tuple[Sequence[Batch], ...], said: str) -> None:
    assert outcome(played(*streams)[0]) == said


def test_whether_a_scenario_ends_its_target_is_read_from_its_script() -> None:
    assert SHUTDOWN.ends_target
    assert not LOOK_ONCE.ends_target
    assert replace(SHUTDOWN, script=LOOK_ONCE.script).ends_target is False
