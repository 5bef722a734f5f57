"""Sessions in virtual time, over a target made of data."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from virtual_target import Answers, Scripted, endless, in_virtual_time, item, sse_head

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import (
    Closed,
    Deviation,
    Did,
    Ended,
    Event,
    Expired,
    Item,
    Lagged,
    Opened,
    Refused,
)
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import LOOK, Act, Ask, Await, Cancel, Read, Script, Session, Stop
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

PLAIN = Profile("plain", "anything")
LOOK_ITEM = Read(items=1, budget="look_ms")


def played(
    answers: Answers, *sessions: Session, stop: Callable[[], Awaitable[None]] | None = None
) -> tuple[History, Scripted]:
    target = Scripted(answers)
    script = Script(sessions)

    async def main() -> History:
        recorder = Recorder(LIMITS)
        stage = Stage(
            target.transport,
            lambda _opened, _role: SSE.decoder(PLAIN, "$.n", LIMITS),
            {LOOK: Request("http://127.0.0.1/")},
            BUDGETS_MS,
            LIMITS,
            recorder,
            stop=stop,
        )
        await play(script, stage)
        return recorder.seal(Header("case", "scenario", "sse", "plain", script))

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history, target


def look(*acts: Act, name: str = "look-1", beside: str = "") -> Session:
    return Session(name, LOOK, acts, beside)


def events(history: History, session: str = "look-1") -> Sequence[Event]:
    return [record.event for record in history.records if record.session == session]


def names(history: History, session: str = "look-1") -> list[str]:
    return [e.act if isinstance(e, Did) else type(e).__name__ for e in events(history, session)]


def test_a_look_reads_as_many_items_as_it_asked_for_and_closes() -> None:
    history, target = played(endless, look(Ask(), Read(items=2, budget="look_ms")))
    assert names(history) == ["ask", "Opened", "Item", "Item", "close", "Closed"]
    assert events(history)[-1] == Closed("ours")
    assert target.acts == ["close"]


def test_items_that_came_with_the_head_count_as_read() -> None:
    history, _ = played(lambda *_: [(1.0, (sse_head(), item(1)))], look(Ask(), LOOK_ITEM))
    assert names(history) == ["ask", "Opened", "Item", "close", "Closed"]


def test_an_item_is_stamped_when_it_came() -> None:
    history, _ = played(endless, look(Ask(), Read(items=2, budget="look_ms")))
    assert [round(r.t_ns / 1e6) for r in history.of(Item)] == [11, 21]


def test_a_target_that_never_answers_expires_the_head_budget() -> None:
    history, _ = played(lambda *_: [], look(Ask(), LOOK_ITEM))
    assert names(history) == ["ask", "Expired", "close", "Closed"]
    assert events(history)[1] == Expired("head_ms", BUDGETS_MS["head_ms"])
    assert round(history.records[-1].t_ns / 1e6) == BUDGETS_MS["head_ms"]


def test_a_head_that_trickles_is_bounded_by_one_total_budget() -> None:
    def trickle(*_: object) -> list[tuple[float, tuple[Event | Body, ...]]]:
        return [(900.0, ()) for _ in range(1)] + [(900.0, (Deviation("head.no-colon", n),)) for n in range(100)]

    history, _ = played(lambda *_: trickle()[1:], look(Ask()))
    assert round(history.records[-1].t_ns / 1e6) == BUDGETS_MS["head_ms"]


def test_silence_after_the_head_expires_the_read() -> None:
    history, _ = played(lambda *_: [(1.0, (sse_head(),))], look(Ask(), LOOK_ITEM))
    assert names(history) == ["ask", "Opened", "Expired", "close", "Closed"]


def test_a_refusal_ends_the_session_without_an_act_of_ours() -> None:
    history, _ = played(lambda *_: [(1.0, (Refused("refused"),))], look(Ask(), LOOK_ITEM))
    assert names(history) == ["ask", "Refused"]


def test_reading_to_the_end_lingers_for_what_must_not_follow() -> None:
    late = Deviation("body.excess", 99)
    batches = [(1.0, (sse_head(), item(1), Ended("chunked", 15))), (20.0, (late,))]
    history, _ = played(lambda *_: batches, look(Ask(), Read(items=0, budget="finite_ms")))
    assert names(history) == ["ask", "Opened", "Item", "Ended", "Deviation", "close", "Closed"]
    assert round(history.records[-1].t_ns / 1e6) == 1 + BUDGETS_MS["linger_ms"]


def test_reading_to_the_end_gives_an_open_stream_a_bounded_time_after_its_terminal() -> None:
    def answers(*_: object) -> list[tuple[float, tuple[Event | Body, ...]]]:
        return [(1.0, (sse_head(), Body(b"event: end\ndata: {}\n\n")))]

    target = Scripted(answers)
    profile = Profile("p", "s", clauses=())
    assert profile.kind_of("end", "{}", None) == "item"
    history, _ = played(target.answers, look(Ask(), Read(items=0, budget="failing_ms")))
    assert events(history)[-3] == Expired("failing_ms", BUDGETS_MS["failing_ms"])


def test_a_block_that_the_end_cuts_is_reported_before_the_end() -> None:
    batches = [(1.0, (sse_head(), Body(b"data: x\n"), Ended("chunked", 8), Closed("eof")))]
    history, _ = played(lambda *_: batches, look(Ask(), Read(items=0, budget="finite_ms")))
    assert names(history) == ["ask", "Opened", "Deviation", "Ended", "Closed"]
    assert events(history)[2] == Deviation("sse.unterminated", 0)


def test_a_cut_of_ours_is_never_reported_as_a_cut_block() -> None:
    half = Body(b"data: x\n")
    history, _ = played(lambda *_: [(1.0, (sse_head(), item(1), half))], look(Ask(), LOOK_ITEM))
    assert history.of(Deviation) == ()


def test_a_cancel_is_abrupt_and_recorded_as_ours() -> None:
    history, target = played(endless, look(Ask(), LOOK_ITEM, Cancel("rst")))
    assert names(history) == ["ask", "Opened", "Item", "cancel:rst", "Closed"]
    assert target.acts == ["abort", "close"]


def test_a_byte_limit_ends_a_read() -> None:
    many = (sse_head(), *(item(n) for n in range(50)))
    history, _ = played(lambda *_: [(1.0, many)], look(Ask(), Read(items=100, budget="look_ms", bytes=100)))
    assert names(history)[-3:] == ["enough", "close", "Closed"]


def test_sessions_run_one_after_another_unless_they_are_beside() -> None:
    acts = (Ask(), LOOK_ITEM)
    history, _ = played(endless, look(*acts, name="look-1"), look(*acts, name="look-2"))
    ends = [r.index for r in history.of(Closed, "look-1")]
    assert ends[0] < history.of(Did, "look-2")[0].index


def test_a_session_waits_for_the_acts_of_its_partner() -> None:
    stays = look(Ask(), LOOK_ITEM, Await("look-2", 3), LOOK_ITEM, name="look-1")
    leaves = look(Await("look-1", 2), Ask(), LOOK_ITEM, name="look-2", beside="look-1")
    history, _ = played(endless, stays, leaves)
    first, second = history.of(Item, "look-1"), history.of(Item, "look-2")
    assert first[0].index < second[0].index < first[1].index


def test_a_partner_that_never_comes_does_not_hang_a_session() -> None:
    def refusing(_request: Request, n: int) -> list[tuple[float, tuple[Event | Body, ...]]]:
        return [(1.0, (Refused("refused"),))] if n == 1 else [(1.0, (sse_head(),))]

    first = look(Ask(), LOOK_ITEM, name="look-1")
    second = look(Await("look-1", 2), Ask(), name="look-2", beside="look-1")
    history, target = played(refusing, first, second)
    assert names(history, "look-2") == []
    assert len(target.asked) == 1


def test_a_malformed_request_is_asked_and_named_so() -> None:
    history, target = played(endless, look(Ask(malformed=True)))
    assert names(history)[0] == "ask:malformed"
    assert target.asked[0].malformed


def test_another_method_and_another_version_are_asked_with_and_named_so() -> None:
    acts = (look(Ask(method="STREAMSPEC")), look(Ask(version="1.0"), name="look-2"))
    history, target = played(endless, *acts)
    assert [names(history, name)[0] for name in ("look-1", "look-2")] == ["ask:method", "ask:1.0"]
    assert [(r.method, r.version) for r in target.asked] == [("STREAMSPEC", "1.1"), ("GET", "1.0")]


def test_a_target_is_asked_to_end_and_its_stream_is_read_on() -> None:
    seen: list[int] = []

    async def stop() -> None:
        seen.append(1)

    acts = (Ask(), LOOK_ITEM, Stop(), Read(items=2, budget="grace_ms"))
    history, _ = played(endless, look(*acts), stop=stop)
    assert names(history) == ["ask", "Opened", "Item", "stop", "Item", "Item", "close", "Closed"]
    assert seen == [1]


def test_a_target_that_we_did_not_start_is_not_asked_to_end() -> None:
    history, _ = played(endless, look(Ask(), LOOK_ITEM, Stop(), LOOK_ITEM))
    assert names(history) == ["ask", "Opened", "Item", "close", "Closed"]


def test_a_stall_of_our_own_loop_is_recorded() -> None:
    """Real time: the loop is blocked on purpose, which is the very thing under test."""

    async def main() -> History:
        recorder = Recorder(LIMITS)

        async def opening(*_: object) -> object:
            time.sleep(0.1)  # noqa: ASYNC251 -- blocks the loop on purpose
            await asyncio.sleep(0.05)
            return await Scripted(lambda *_: [(1.0, (Refused("refused"),))]).open(Request(""), LIMITS, 1.0)

        transport = Scripted(lambda *_: []).transport
        object.__setattr__(transport, "open", opening)
        stage = Stage(transport, lambda *_: None, {LOOK: Request("")}, BUDGETS_MS, LIMITS, recorder)
        warm = look(Ask(), name="look-0")
        await play(Script((warm, look(Ask()))), stage)
        return recorder.seal(Header("case", "scenario", "sse", "plain", Script(())))

    history = asyncio.run(main())
    stalls = [r.event.ms for r in history.of(Lagged) if isinstance(r.event, Lagged)]
    assert stalls
    assert max(stalls) >= 50


def test_an_answer_that_nobody_can_read_has_no_items() -> None:
    target = Scripted(lambda *_: [(1.0, (sse_head(kind="text/html"), item(1)))])

    async def main() -> History:
        recorder = Recorder(LIMITS)
        stage = Stage(target.transport, lambda *_: None, {LOOK: Request("")}, BUDGETS_MS, LIMITS, recorder)
        await play(Script((look(Ask(), LOOK_ITEM),)), stage)
        return recorder.seal(Header("case", "scenario", "", "plain", Script(())))

    history = in_virtual_time(main())
    assert history.of(Item) == ()
    assert len(history.of(Opened)) == 1


def test_a_usage_error_inside_a_session_comes_out_as_itself() -> None:
    async def refusing(*_: object) -> object:
        raise UsageError("a path is ASCII")

    transport = replace(Scripted(endless).transport, open=refusing)  # type: ignore[arg-type]  # never makes an exchange

    async def main() -> None:
        stage = Stage(transport, lambda *_: None, {LOOK: Request("")}, BUDGETS_MS, LIMITS, Recorder(LIMITS))
        await play(Script((look(Ask()),)), stage)

    with pytest.raises(UsageError, match="a path is ASCII"):
        in_virtual_time(main())
