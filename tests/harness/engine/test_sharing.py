"""Several streams on one connection: who gets which message, who reads, and how one leaves the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from message_carrier import Carrier

from streamspec.harness.core.event import (
    Closed,
    Deviation,
    Elided,
    Ended,
    Event,
    Farewell,
    Opened,
    Pong,
    Refused,
)
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Duplex, Multiplexed, NoSuchWord, Request
from streamspec.harness.engine.sharing import Link, Member

if TYPE_CHECKING:
    from collections.abc import Coroutine


STANDS = Opened(0, "", "TCP", ())
ENTRY = 256  # what a message weighs in an inbox beside its octets


def message(stream: str, n: int = 0) -> Body:
    return Body(f"{stream}={n}".encode())


def addressee(data: bytes) -> str:
    return data.decode().partition("=")[0]


def link(carrier: Carrier | None = None, inbox_bytes: int = LIMITS.inbox_bytes) -> tuple[Link, Carrier]:
    carrier = carrier or Carrier()
    return Link(carrier, addressee, replace(LIMITS, inbox_bytes=inbox_bytes)), carrier


def run(case: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            await case

    asyncio.run(main())


async def turn() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_member_is_what_the_engine_asks_for() -> None:
    async def case() -> None:
        member = link()[0].member("a")
        assert isinstance(member, Multiplexed)
        assert isinstance(member, Duplex)

    run(case())


def test_each_message_goes_to_the_stream_whose_id_it_carries() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        carrier.put(STANDS, message("b", 1), message("a", 1), message("b", 2))
        assert await a.receive() == [STANDS, message("a", 1)]
        assert await b.receive() == [STANDS, message("b", 1), message("b", 2)]
        assert carrier.reads == 1

    run(case())


def test_a_stream_that_comes_later_is_told_that_the_connection_stands() -> None:
    async def case() -> None:
        made, carrier = link()
        a = made.member("a")
        carrier.put(STANDS)
        assert await a.receive() == [STANDS]
        b = await a.beside(Request("tcp://x:1", body=b"open b", opens="b"))
        assert await b.receive() == [STANDS]
        assert carrier.said == [b"open b"]

    run(case())


def test_what_cancels_a_stream_at_once_goes_out_with_what_opens_it() -> None:
    async def case() -> None:
        made, carrier = link()
        await made.member("a").beside(Request("tcp://x:1", body=b"open", opens="b", push="cancel"))
        assert carrier.said == [b"open", b"cancel"]

    run(case())


def test_a_message_for_a_stream_that_nobody_opened_is_said() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        carrier.put(message("a"), message("x\x1b" + "y" * 200), message("b"))
        assert await a.receive() == [message("a"), Deviation("envelope.id", 3, "x\\x1b" + "y" * 75)]
        assert await b.receive() == [message("b")]

    run(case())


def test_a_message_that_names_no_stream_goes_to_the_oldest() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        carrier.put(message(""), Deviation("tcp.empty", 7))
        assert await a.receive() == [message(""), Deviation("tcp.empty", 7)]
        await a.leave()
        carrier.put(message("", 2))
        assert await b.receive() == [message("", 2)]

    run(case())


def test_a_stream_without_an_id_takes_what_no_other_does() -> None:
    async def case() -> None:
        made, carrier = link()
        only = made.member("")
        carrier.put(message("a"), message("b"), message(""))
        assert await only.receive() == [message("a"), message("b"), message("")]

    run(case())


def test_under_an_id_that_is_taken_nothing_is_taken_away() -> None:
    async def case() -> None:
        made, carrier = link()
        first, second = made.member("a"), made.member("a")
        carrier.put(message("a", 1))
        assert await first.receive() == [message("a", 1)]
        carrier.put(Farewell(1001), Closed("eof"))
        assert await second.receive() == [Farewell(1001), Closed("eof")]
        assert not second.stays

    run(case())


def test_what_happens_to_the_connection_happens_to_all_and_its_own_end_is_no_streams() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        carrier.put(STANDS, Farewell(1001), Ended("close-frame", 9), Closed("eof"))
        for member in (a, b):
            assert await member.receive() == [STANDS, Farewell(1001), Closed("eof")]
            assert await member.receive() == ()

    run(case())


def test_what_was_let_go_unread_may_have_been_anybodys() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        lost: tuple[Event, ...] = (Deviation("tcp.frame-too-long", 4), Elided("Item", 1, 99))
        carrier.put(*lost)
        assert await a.receive() == [*lost]
        assert await b.receive() == [*lost]

    run(case())


def test_a_pong_goes_to_whoever_has_pinged() -> None:
    async def case() -> None:
        made, carrier = link(Carrier(words=True))
        a, b = made.member("a"), made.member("b")
        await b.ping()
        await a.ping()
        carrier.put(Pong("1"), Pong("2"))
        assert await b.receive() == [Pong("1")]
        assert await a.receive() == [Pong("2")]
        carrier.put(Pong("3"))  # nobody's
        assert await a.receive() == [Pong("3")]

    run(case())


def test_a_pong_that_is_here_before_its_ping_is_over_is_the_pingers() -> None:
    async def case() -> None:
        made, carrier = link(Carrier(words=True))
        a, b = made.member("a"), made.member("b")
        carrier.taking.clear()
        pinging = asyncio.create_task(b.ping())
        await turn()
        carrier.put(Pong("1"), message("a"))
        assert await a.receive() == [message("a")]
        carrier.taking.set()
        await pinging
        assert await b.receive() == [Pong("1")]

    run(case())


def test_a_carrier_without_a_ping_owes_no_pong() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        with pytest.raises(NoSuchWord):
            await b.ping()
        carrier.put(Pong("1"))
        assert await a.receive() == [Pong("1")]
        for word in (b.finish, b.reset):
            with pytest.raises(NoSuchWord):
                await word()

    run(case())


# -- an inbox ----------------------------------------------------------------------------------------------------------


def test_beyond_its_limit_an_inbox_counts_what_it_drops_until_it_is_read() -> None:
    async def case() -> None:
        made, carrier = link(inbox_bytes=2 * (ENTRY + 3))
        a, b = made.member("a"), made.member("b")
        carrier.put(*(message("b", n) for n in range(5)), Deviation("tcp.empty", 1), message("a", 1))
        assert await a.receive() == [Deviation("tcp.empty", 1), message("a", 1)]
        carrier.put(Farewell(1001), Closed("eof"))
        assert await a.receive() == [Farewell(1001), Closed("eof")]
        assert await b.receive() == [
            *(message("b", 0), message("b", 1)),
            *(Elided("Item", 3, 9), Elided("Farewell", 1, 0)),
            Closed("eof"),
        ]
        assert await b.receive() == ()

    run(case())


def test_an_inbox_that_was_read_has_room_again() -> None:
    async def case() -> None:
        made, carrier = link(inbox_bytes=ENTRY + 3)
        a, b = made.member("a"), made.member("b")
        for n in range(3):
            carrier.put(message("b", n), message("b", 9), message("a"))
            await a.receive()
            assert await b.receive() == [message("b", n), Elided("Item", 1, 3)]

    run(case())


def test_a_message_larger_than_the_inbox_is_said_to_be_lost() -> None:
    async def case() -> None:
        made, carrier = link(inbox_bytes=ENTRY)
        a = made.member("a")
        carrier.put(message("a"))
        assert await a.receive() == [Elided("Item", 1, 3)]

    run(case())


def test_messages_for_nobody_do_not_fill_a_reader_that_stands_still() -> None:
    async def case() -> None:
        made, carrier = link(inbox_bytes=10 * ENTRY)
        still, b = made.member("a"), made.member("b")
        for n in range(100):
            carrier.put(message("nobody"), message("b", n))
            await b.receive()
        assert len(still.inbox) == 10
        assert (await still.receive())[-1] == Elided("Deviation", 90, 0)

    run(case())


# -- reading together --------------------------------------------------------------------------------------------------


def test_where_nobody_reads_nobody_reads_ahead() -> None:
    async def case() -> None:
        made, carrier = link()
        a, _ = made.member("a"), made.member("b")
        for n in range(9):
            carrier.put(message("a", n))
        await turn()
        assert carrier.reads == 0
        assert await a.receive() == [message("a", 0)]
        assert carrier.reads == 1

    run(case())


def test_whoever_reads_wakes_those_for_whom_something_came() -> None:
    async def case() -> None:
        made, carrier = link()
        members = [made.member(name) for name in "abc"]
        waiting = [asyncio.create_task(member.receive()) for member in members]
        await turn()
        carrier.put(message("c", 1))
        carrier.put(message("b", 2))
        carrier.put(message("a", 3))
        assert await asyncio.gather(*waiting) == [[message("a", 3)], [message("b", 2)], [message("c", 1)]]

    run(case())


@pytest.mark.parametrize("stopped", [0, 1, 2])
def test_a_reader_that_is_stopped_loses_nothing_for_anybody(stopped: int) -> None:
    async def case() -> None:
        made, carrier = link()
        members = [made.member(name) for name in "abc"]
        waiting = [asyncio.create_task(member.receive()) for member in members]
        await turn()
        waiting[stopped].cancel()
        await turn()
        carrier.put(*(message(name, 1) for name in "abc"))
        for n, task in enumerate(waiting):
            expected = [message("abc"[n], 1)]
            assert (await members[n].receive() if n == stopped else await task) == expected
        assert waiting[stopped].cancelled()

    run(case())


def test_a_reader_that_is_stopped_again_and_again_loses_nothing() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        got: list[Event | Body] = []
        other = asyncio.create_task(_until(b, 50))
        for n in range(50):
            reading = asyncio.create_task(a.receive())
            for _ in range(n % 5):
                await asyncio.sleep(0)
            carrier.put(message("b", n))
            carrier.put(message("a", n))
            for _ in range(n % 7):
                await asyncio.sleep(0)
            reading.cancel()
            (batch,) = await asyncio.gather(reading, return_exceptions=True)
            got += [] if isinstance(batch, BaseException) else batch
        assert 0 < len(got) < 50  # some were in time, and some were not
        got += await _until(a, 50 - len(got))
        assert got == [message("a", n) for n in range(50)]
        assert await other == [message("b", n) for n in range(50)]

    run(case())


async def _until(member: Member, count: int) -> list[Event | Body]:
    got: list[Event | Body] = []
    while len(got) < count:
        got += await member.receive()
    return got


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_with_the_last_stream_the_connection_ends() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        assert a.stays
        await a.leave()
        assert carrier.acts == []
        assert not b.stays
        carrier.put(message("b"))
        assert await b.receive() == [message("b")]
        await b.leave()
        assert carrier.acts == ["close"]

    run(case())


def test_what_was_on_its_way_to_a_stream_that_left_is_no_fault_of_the_target() -> None:
    async def case() -> None:
        made, carrier = link()
        a, b = made.member("a"), made.member("b")
        await b.leave()
        carrier.put(message("b"), message("a"))
        assert await a.receive() == [message("a")]
        again = await a.beside(Request("tcp://x:1", body=b"open", opens="b"))
        carrier.put(message("b", 2))
        assert await again.receive() == [message("b", 2)]

    run(case())


@pytest.mark.parametrize("how", ["close", "abort"])
def test_whoever_ends_the_connection_ends_all_its_streams_by_our_doing(how: str) -> None:
    async def case() -> None:
        made, carrier = link()
        a, b, c = (made.member(name) for name in "abc")
        waiting = [asyncio.create_task(member.receive()) for member in (b, c)]
        await turn()
        if how == "abort":
            a.abort()
        await a.close()
        assert await asyncio.gather(*waiting) == [[Closed("ours")], [Closed("ours")]]
        for member in (a, b, c):
            assert await member.receive() == ()
            await member.leave()
        assert carrier.acts[0] == how
        with pytest.raises(ConnectionError):
            await b.say(b"more")

    run(case())


def test_a_stream_that_finds_the_connection_gone_is_none_of_it() -> None:
    async def case() -> None:
        made, carrier = link()
        a = made.member("a")
        carrier.gone = True
        with pytest.raises(ConnectionError):
            await a.beside(Request("tcp://x:1", body=b"open", opens="b"))
        await a.leave()
        assert carrier.acts == ["close"]

    run(case())


def test_on_a_connection_that_never_was_nothing_is_said() -> None:
    class Nowhere:
        async def receive(self) -> tuple[Event, ...]:
            return (Refused("refused"),)

        async def close(self) -> None: ...

        def abort(self) -> None: ...

    async def case() -> None:
        member = Link(Nowhere(), addressee, LIMITS).member("a")
        assert await member.receive() == [Refused("refused")]
        assert await member.receive() == ()
        with pytest.raises(ConnectionError):
            await member.say(b"more")

    run(case())
