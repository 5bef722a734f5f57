"""What a session says, in virtual time, on a carrier made of data: how much, how long, and in which words."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from message_carrier import Carrier
from virtual_target import VirtualLoop, in_virtual_time

from streamspec.harness.core.errors import InternalError
from streamspec.harness.core.event import Did, Event, Expired, Refused, Said
from streamspec.harness.core.history import Header
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS, Limits
from streamspec.harness.core.ports import Exchange, Request, Talker, Transport
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.raw import raw_octets
from streamspec.harness.core.script import Cancel, Finish, Ping, Say, Script, Write
from streamspec.harness.drivers.tcp_frames import TCP_FRAMES
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.sharing import Link, Member
from streamspec.harness.engine.speaking import Speaker, opened, push_of
from streamspec.harness.engine.stage import Stage
from streamspec.harness.profile_file import profile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


PLAIN = Profile("plain", "")
STREAMSPEC = profile("streamspec")
HERE = ("s", "s-1")


def talker(mapped: Profile = STREAMSPEC, stream: str = "s") -> Talker:
    assert TCP_FRAMES.talker is not None
    return TCP_FRAMES.talker(mapped, stream)


async def nowhere(_request: Request, _limits: Limits, _connect_ms: float) -> Exchange:
    raise AssertionError("nobody was to be asked")


class Bench:
    """A speaker, the carrier it speaks on, and what was written down."""

    def __init__(self, mapped: Profile = STREAMSPEC, *, words: bool = False, shared: bool = False) -> None:
        self.recorder = Recorder(LIMITS)
        self.stage = Stage(
            Transport("none", (), nowhere), lambda _opened, _role: None, {}, BUDGETS_MS, LIMITS, self.recorder
        )
        self.carrier = Carrier(words=words)
        self.link = Link(self.carrier, lambda _: "", LIMITS)
        exchange = self.link.member("s") if shared else self.carrier
        self.speaker = Speaker("s", self.stage, exchange, talker(mapped))

    @property
    def events(self) -> list[Event]:
        sealed = self.recorder.seal(Header("c", "c", "tcp", "p", Script(())))
        return [record.event for record in sealed.records]

    @property
    def at_ms(self) -> float:
        return self.recorder.now_ns() / 1e6

    @property
    def payloads(self) -> list[Any]:
        return [json.loads(message).get("payload") for message in self.carrier.said]


def run(case: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await case()

    in_virtual_time(main())


def test_items_are_counted_over_all_that_is_said() -> None:
    async def case() -> None:
        bench = Bench()
        await bench.speaker.do(Say(2))
        await bench.speaker.do(Say(1, bytes=30))
        await bench.speaker.do(Say(items=('"ü"', "null")))
        assert [p["n"] for p in bench.payloads[:3]] == [1, 2, 3]
        assert bench.payloads[3:] == ["ü", None]
        assert len(json.dumps(bench.payloads[2], separators=(",", ":"))) == 30
        assert bench.events == [
            *(Did("say"), Said(2, 14)),
            *(Did("say"), Said(3, 44)),
            *(Did("say"), Said(5, 52)),
        ]

    run(case)


def test_a_target_that_takes_nothing_ends_an_items_budget() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Say(3))
        assert round(bench.at_ms) == BUDGETS_MS["say_ms"]
        assert bench.events == [Did("say"), Said(0, 0), Expired("say_ms", BUDGETS_MS["say_ms"])]

    run(case)


def test_an_item_that_was_cut_short_is_not_said_again() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Say(1))
        bench.carrier.taking.set()
        await bench.speaker.do(Say(1))
        assert bench.payloads == [{"n": 2}]

    run(case)


def test_a_still_target_is_waited_for_no_longer_than_it_must_stand_still() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Say(3, still=True))
        assert round(bench.at_ms) == BUDGETS_MS["steady_ms"]
        assert bench.events[-1] == Expired("steady_ms", BUDGETS_MS["steady_ms"])

    run(case)


def test_a_budget_counts_from_the_first_item() -> None:
    async def case() -> None:
        bench = Bench()
        pace_s = BUDGETS_MS["steady_ms"] / 1e3 * 0.8

        async def slowly() -> None:
            while True:
                bench.carrier.taking.clear()
                await asyncio.sleep(pace_s)
                bench.carrier.taking.set()
                await asyncio.sleep(0)

        bench.carrier.taking.clear()
        pacing = asyncio.create_task(slowly())
        await bench.speaker.do(Say(1_000, still=True))
        pacing.cancel()
        assert round(bench.at_ms) == BUDGETS_MS["say_ms"]
        said = bench.events[-2]
        assert isinstance(said, Said)
        assert 10 < said.n < 1_000
        assert bench.events[-1] == Expired("say_ms", BUDGETS_MS["say_ms"])
        noted = [event.n for event in bench.events if isinstance(event, Said)]
        assert len(noted) > 10
        assert noted == sorted(noted)

    run(case)


def test_a_budget_ends_where_each_item_is_taken_at_once_but_not_in_no_time() -> None:
    class Busy(Carrier):
        async def say(self, *messages: bytes) -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            loop.now_s += 1
            await super().say(*messages)

    async def case() -> None:
        bench = Bench()
        busy = Busy()
        await Speaker("s", bench.stage, busy, talker()).do(Say(1_000))
        assert len(busy.said) == BUDGETS_MS["say_ms"] / 1e3
        assert bench.events[-1] == Expired("say_ms", BUDGETS_MS["say_ms"])

    run(case)


def test_while_much_is_said_others_have_their_turn() -> None:
    async def case() -> None:
        bench = Bench()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        watching = asyncio.create_task(other())
        await bench.speaker.do(Say(100))
        watching.cancel()
        assert turns >= 100

    run(case)


def test_what_is_said_meanwhile_lets_the_script_go_on_and_is_waited_for_by_what_comes_next() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Say(2, meanwhile=True))
        assert bench.at_ms == 0
        asyncio.get_running_loop().call_later(1, bench.carrier.taking.set)
        await bench.speaker.do(Finish())
        assert round(bench.at_ms) == 1_000
        assert bench.events[:4] == [Did("say"), Said(1, 7), Said(2, 14), Did("finish")]
        assert bench.payloads == [{"n": 1}, {"n": 2}, None]
        assert json.loads(bench.carrier.said[-1])["type"] == "stream:end"

    run(case)


def test_one_who_says_more_waits_for_what_is_said_meanwhile() -> None:
    async def case() -> None:
        bench = Bench()
        await bench.speaker.do(Say(2, meanwhile=True))
        await bench.speaker.do(Say(2))
        assert [p["n"] for p in bench.payloads] == [1, 2, 3, 4]
        await bench.speaker.do(Say(1, meanwhile=True))
        await bench.speaker.do(Write("tcp-array"))
        assert bench.carrier.said[-1] == raw_octets("tcp-array", "s")
        assert len(bench.carrier.said) == 6

    run(case)


def test_a_cancel_ends_what_is_said_meanwhile() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Say(9, meanwhile=True))
        await asyncio.sleep(0.01)
        cancelling = asyncio.create_task(bench.speaker.do(Cancel("word")))
        await asyncio.sleep(0.01)
        bench.carrier.taking.set()
        await cancelling
        assert [json.loads(message)["type"] for message in bench.carrier.said] == ["stream:cancel"]
        assert bench.events == [Did("say"), Said(0, 0), Did("cancel:word")]

    run(case)


def test_a_session_that_ends_says_no_more_and_how_much_it_was() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Say(9, meanwhile=True))
        await asyncio.sleep(0.01)
        await bench.speaker.close()
        await bench.speaker.close()
        bench.carrier.taking.set()
        await asyncio.sleep(0.01)
        assert bench.carrier.said == []
        assert bench.events == [Did("say"), Said(0, 0)]

    run(case)


def test_one_who_is_stopped_while_waiting_stops_what_is_said() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        saying = asyncio.create_task(bench.speaker.do(Say(9)))
        await asyncio.sleep(0.01)
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        await bench.speaker.close()
        assert bench.events == [Did("say"), Said(0, 0)]
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    run(case)


def test_a_connection_that_is_gone_is_seen_by_receiving() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.gone = True
        for act in (Say(2), Finish(), Cancel("word"), Write("tcp-empty")):
            await bench.speaker.do(act)
        dids = [event for event in bench.events if isinstance(event, Did)]
        assert [did.act for did in dids] == ["say", "finish", "cancel:word", "write:tcp-empty"]
        assert len(bench.events) == len(dids) + 1  # and that nothing was said

    run(case)


def test_where_the_carrier_has_words_of_its_own_they_are_used() -> None:
    async def case() -> None:
        bench = Bench(PLAIN, words=True)
        for act in (Ping(), Say(1), Finish(), Cancel("word")):
            await bench.speaker.do(act)
        assert bench.carrier.said == [b'{"n":1}']
        assert bench.carrier.acts == ["ping", "finish", "reset"]

    run(case)


@pytest.mark.parametrize("shared", [False, True])
def test_a_fin_is_the_connections_own_half_close(shared: bool) -> None:  # noqa: FBT001
    async def case() -> None:
        bench = Bench(words=True, shared=shared)
        for act in (Say(1), Finish(fin=True)):
            await bench.speaker.do(act)
        assert [json.loads(message)["type"] for message in bench.carrier.said] == ["stream:data"]
        assert bench.carrier.acts == ["finish"]
        assert bench.events[-1] == Did("finish:fin")

    run(case)


def test_a_word_of_ours_that_nobody_takes_ends_with_its_budget() -> None:
    async def case() -> None:
        bench = Bench()
        bench.carrier.taking.clear()
        await bench.speaker.do(Finish())
        assert round(bench.at_ms) == BUDGETS_MS["say_ms"]
        assert bench.events == [Did("finish"), Expired("say_ms", BUDGETS_MS["say_ms"])]

    run(case)


@pytest.mark.parametrize(
    ("mapped", "act", "said"),
    [
        ("raffel", Say(1), "s: say: this dialect has no message for a client's item"),
        ("raffel", Finish(), "s: finish: this dialect has no message for a client's end"),
        ("raffel-docs", Cancel("word"), "s: cancel:word: this dialect has no message for a client's cancel"),
        ("streamspec", Ping(), "s: ping: ping"),
    ],
)
def test_a_word_that_there_is_not_is_an_error_of_ours(
    mapped: str, act: Say | Finish | Cancel | Ping, said: str
) -> None:
    async def case() -> None:
        with pytest.raises(InternalError, match=said):
            await Bench(profile(mapped)).speaker.do(act)

    run(case)


def test_an_error_of_ours_in_what_is_said_meanwhile_comes_out() -> None:
    async def case() -> None:
        bench = Bench(profile("raffel"))
        await bench.speaker.do(Say(1, meanwhile=True))
        await asyncio.sleep(0.01)
        with pytest.raises(InternalError):
            await bench.speaker.close()

    run(case)


# -- leaving a connection that stays -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("beside", "said"), [(True, ["stream:cancel"]), (False, [])])
def test_who_leaves_others_on_a_connection_cancels_its_stream(*, beside: bool, said: list[str]) -> None:
    async def case() -> None:
        bench = Bench(shared=True)
        if beside:
            bench.link.member("other")
        await bench.speaker.part()
        assert [json.loads(message)["type"] for message in bench.carrier.said] == said

    run(case)


def test_who_has_cancelled_does_not_do_so_again() -> None:
    async def case() -> None:
        bench = Bench(shared=True)
        bench.link.member("other")
        await bench.speaker.do(Cancel("word"))
        await bench.speaker.part()
        assert len(bench.carrier.said) == 1

    run(case)


def test_who_shares_an_id_leaves_the_stream_of_that_id_alone() -> None:
    async def case() -> None:
        bench = Bench(shared=True)
        twin = Speaker("twin", bench.stage, bench.link.member("s"), talker())
        await twin.part()
        assert bench.carrier.said == []

    run(case)


def test_a_cancel_that_nobody_takes_holds_nobody_up_for_long() -> None:
    async def case() -> None:
        bench = Bench(shared=True)
        bench.link.member("other")
        bench.carrier.taking.clear()
        await bench.speaker.part()
        assert round(bench.at_ms) == BUDGETS_MS["say_ms"]
        assert bench.events == []

    run(case)


# -- opening -----------------------------------------------------------------------------------------------------------


def test_a_stream_beside_another_is_opened_on_its_connection() -> None:
    async def case() -> None:
        bench = Bench(shared=True)
        bench.stage.exchanges["a"] = bench.link.member("a")
        found = await opened(bench.stage, "b", Request("tcp://x:1", body=b"open", opens="b"), "a")
        assert isinstance(found, Member)
        assert found.stream == "b"
        assert bench.carrier.said == [b"open"]

    run(case)


@pytest.mark.parametrize(
    ("hinder", "refused"),
    [
        ("gone", Refused("closed", "gone")),
        ("full", Refused("unreachable", "the connection takes nothing more")),
        ("never", Refused("closed", "no connection came about for a")),
    ],
)
def test_a_stream_that_cannot_be_opened_on_a_connection_is_refused(hinder: str, refused: Refused) -> None:
    class Never:
        async def receive(self) -> tuple[Event, ...]:
            return ()

        async def close(self) -> None: ...

        def abort(self) -> None: ...

    async def case() -> None:
        bench = Bench(shared=True)
        bench.carrier.gone = hinder == "gone"
        if hinder == "full":
            bench.carrier.taking.clear()
        bench.stage.exchanges["a"] = Never() if hinder == "never" else bench.link.member("a")
        found = await opened(bench.stage, "b", Request("tcp://x:1", opens="b"), "a")
        assert await found.receive() == (refused,)
        assert await found.receive() == ()
        assert bench.at_ms <= BUDGETS_MS["connect_ms"]
        await found.close()

    run(case)


@pytest.mark.parametrize("there", [True, False])
def test_a_connection_that_carries_no_second_stream_is_an_error_of_ours(*, there: bool) -> None:
    async def case() -> None:
        bench = Bench()
        if there:
            bench.stage.exchanges["a"] = bench.carrier
        with pytest.raises(InternalError, match="there is no connection of a"):
            await opened(bench.stage, "b", Request("tcp://x:1"), "a")

    run(case)


def test_what_cancels_a_stream_at_once_is_the_dialects_or_the_carriers() -> None:
    assert push_of(talker()) == '{"id":"s","type":"stream:cancel"}'
    assert push_of(talker(PLAIN)) == push_of(None) == "reset"
    with pytest.raises(InternalError, match="cancelled at once"):
        push_of(talker(profile("raffel-docs")))
