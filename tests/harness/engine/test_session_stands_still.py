"""A client that stands still for a while: the stall is written down, and what came meanwhile is read later."""

from __future__ import annotations

from virtual_target import Answers, Scripted, endless, in_virtual_time

from streamspec.harness.core.event import Did, Item
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import LOOK, Act, Ask, Cancel, Pass, Read, Script, Session
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage


def played(answers: Answers, *acts: Act) -> History:
    script = Script((Session("look-1", LOOK, acts),))

    async def main() -> History:
        recorder = Recorder(LIMITS)
        requests = {LOOK: Request("http://127.0.0.1/")}
        profile = Profile("plain", "anything")
        stage = Stage(
            Scripted(answers).transport,
            lambda _opened, _role: SSE.decoder(profile, "$.n", LIMITS),
            requests,
            BUDGETS_MS,
            LIMITS,
            recorder,
        )
        await play(script, stage)
        return recorder.seal(Header("case", "scenario", "sse", "plain", script))

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history


def acts_of(history: History) -> list[tuple[str, int]]:
    return [(r.event.act, round(r.t_ns / 1e6)) for r in history.records if isinstance(r.event, Did)]


def test_a_stall_of_an_open_stream_is_written_down_and_nothing_is_read_meanwhile() -> None:
    one, more = Read(items=1, budget="look_ms"), Read(items=5, budget="look_ms")
    history = played(endless, Ask(), one, Pass(300), more)
    began = next(at for act, at in acts_of(history) if act == "stall")
    over = next(at for act, at in acts_of(history) if act == "resume")
    assert over - began == 300
    assert not [r for r in history.of(Item) if began < r.t_ns / 1e6 < over]
    assert len(history.of(Item)) == 6


def test_where_no_stream_is_open_only_the_time_passes() -> None:
    history = played(endless, Ask(), Read(items=1, budget="look_ms"), Cancel("rst"), Pass(300))
    assert [act for act, _ in acts_of(history)] == ["ask", "cancel:rst"]


def test_a_session_that_was_not_answered_does_not_stand_still() -> None:
    history = played(lambda *_: [], Ask(), Pass(300), Cancel("rst"))
    assert [act for act, _ in acts_of(history)] == ["ask", "close"]
