"""One WebSocket connection both ways, and its ends: what goes out when, and what comes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from websocket_exchange import (
    ASKED,
    BARE,
    GOODBYE,
    HEAD,
    KEY,
    OPENING,
    everything,
    head_of,
    made,
    ours,
    run,
    taken,
    upgraded,
)
from websocket_octets import PING, TEXT, close, frame, text

from streamspec.harness.core.event import Closed, Deviation, Ended, Farewell, Pong
from streamspec.harness.core.ports import Body, Duplex, NoSuchWord
from streamspec.harness.transports import websocket


def test_messages_of_one_say_go_out_together_and_masked() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        assert isinstance(exchange, Duplex)
        await exchange.say(b"one", "zwei — zwölf".encode())
        assert await theirs.receive(1_000) == ours("one") + ours("zwei — zwölf")
        exchange.abort()

    run(case)


def test_what_is_said_at_once_goes_out_frame_behind_frame() -> None:
    async def case() -> None:
        exchange, theirs = await made(BARE, capacity=16)
        await head_of(theirs)
        sending = asyncio.create_task(theirs.send(HEAD))
        await exchange.receive()
        await sending
        saying = [asyncio.create_task(exchange.say(word * 50)) for word in (b"a", b"b")]
        assert await taken(theirs, 112) == ours("a" * 50) + ours("b" * 50)
        await asyncio.gather(*saying)
        exchange.abort()

    run(case)


def test_each_ping_carries_its_number_and_a_pong_is_told() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await exchange.ping()
        await exchange.ping()
        assert await theirs.receive(1_000) == frame(PING, b"1", key=KEY) + frame(PING, b"2", key=KEY)
        await theirs.send(frame(10, b"2"))
        assert [*await exchange.receive()] == [Pong("2", 0)]
        exchange.abort()

    run(case)


def test_octets_are_written_as_they_are() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await exchange.write(b"\x00\xffanything")
        assert await theirs.receive(1_000) == b"\x00\xffanything"
        exchange.abort()

    run(case)


def test_there_is_no_word_for_a_half_close_nor_for_a_cancel() -> None:
    async def case() -> None:
        exchange, _ = await upgraded()
        with pytest.raises(NoSuchWord):
            await exchange.finish()
        with pytest.raises(NoSuchWord):
            await exchange.reset()
        exchange.abort()

    run(case)


def test_a_ping_is_answered_while_we_read_and_only_then() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await theirs.send(frame(PING, b"now"))
        for _ in range(5):
            await asyncio.sleep(0)
        reading = asyncio.create_task(theirs.receive(1_000))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not reading.done()
        waiting = asyncio.create_task(exchange.receive())
        assert await reading == frame(10, b"now", key=KEY)
        assert not waiting.done()  # it is no event
        exchange.abort()
        assert await waiting == ()

    run(case)


def test_of_many_pings_at_once_the_last_is_answered_and_nothing_piles_up() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await theirs.send(b"".join(frame(PING, b"%d" % n) for n in range(500)) + text("x"))
        assert [*await exchange.receive()] == [Body(b"x")]
        assert await theirs.receive(100_000) == frame(10, b"499", key=KEY)
        exchange.abort()

    run(case)


def test_a_server_that_takes_nothing_is_read_from_all_the_same() -> None:
    async def case() -> None:
        exchange, theirs = await made(BARE, capacity=16)
        await head_of(theirs)
        sending = asyncio.create_task(theirs.send(HEAD))
        await exchange.receive()
        await sending
        blocked = asyncio.create_task(exchange.say(b"x" * 1_000))
        for n in range(3):
            sending = asyncio.create_task(theirs.send(frame(PING) + text(str(n))))
            assert [*await exchange.receive()] == [Body(str(n).encode())]
            await sending
        assert not blocked.done()
        assert await taken(theirs, 1_008) == ours("x" * 1_000)
        await blocked
        assert await taken(theirs, 6) == frame(10, b"", key=KEY)
        exchange.abort()

    run(case)


def test_what_was_received_before_a_cancel_is_not_lost() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        octets = frame(TEXT, b"hel", fin=False) + frame(0, b"lo")
        for n in range(len(octets)):
            await theirs.send(octets[n : n + 1])
            waiting = asyncio.create_task(exchange.receive())
            for _ in range(3):
                await asyncio.sleep(0)
            if n < len(octets) - 1:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            else:
                assert [*await waiting] == [Body(b"hello")]
        exchange.abort()

    run(case)


# -- ends ------------------------------------------------------------------------------------------------------------


def test_a_fin_between_messages_ends_what_was_whole_and_one_inside_does_not() -> None:
    async def ended(*sent: bytes) -> list[object]:
        exchange, theirs = await upgraded()
        await theirs.send(b"".join(sent))
        await theirs.close()
        seen = await everything(exchange)
        await exchange.close()
        return [*seen]

    async def case() -> None:
        assert await ended(text("last")) == [Body(b"last"), Ended("close", 4), Closed("eof")]
        cut = await ended(text("last"), text("more")[:-1])
        assert cut[0] == Body(b"last")
        assert not any(isinstance(event, Ended) for event in cut)

    run(case)


def test_a_close_is_answered_once_and_the_fin_is_waited_for() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await theirs.send(text("last") + close(1011, b"no"))
        assert [*await exchange.receive()] == [Body(b"last"), Farewell(1011, "no", 6)]
        assert await theirs.receive(1_000) == GOODBYE
        await theirs.close()
        assert await everything(exchange) == [Closed("eof")]
        with pytest.raises(ConnectionError):
            await exchange.say(b"x")
        await exchange.close()

    run(case)


def test_what_comes_behind_a_close_is_told_and_answered_by_nothing() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await theirs.send(close() + frame(PING) + close())
        assert [*await exchange.receive()] == [
            Farewell(1000, "", 0),
            Ended("close-frame", 0),
            Deviation("ws.after-close", 4, "begins with '\\x89'"),
        ]
        assert await theirs.receive(1_000) == GOODBYE
        await exchange.close()
        assert await theirs.receive(1_000) == b""

    run(case)


def test_a_close_of_our_own_making_is_not_followed_by_another() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await exchange.write(GOODBYE)
        await theirs.send(close())
        assert [*await exchange.receive()] == [Farewell(1000, "", 0), Ended("close-frame", 0)]
        with pytest.raises(ConnectionError):
            await exchange.say(b"x")
        await exchange.close()
        assert await theirs.receive(1_000) == GOODBYE
        assert await theirs.receive(1_000) == b""

    run(case)


def test_closing_says_goodbye_and_ends_the_connection() -> None:
    async def case() -> None:
        exchange, theirs = await upgraded()
        await exchange.close()
        await exchange.close()
        assert await theirs.receive(1_000) == GOODBYE
        assert await theirs.receive(1_000) == b""
        assert await exchange.receive() == ()

    run(case)


def test_closing_says_no_goodbye_before_the_101_nor_in_the_middle_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_GOODBYE_S", 3_600)  # it waits for nobody

    async def case() -> None:
        exchange, theirs = await made()
        await head_of(theirs)
        await exchange.close()
        assert await theirs.receive(1_000) == b""
        exchange, theirs = await made(BARE, capacity=512)
        await head_of(theirs)
        await theirs.send(HEAD)
        await exchange.receive()
        blocked = asyncio.create_task(exchange.say(b"x" * 1_000))
        await asyncio.sleep(0)
        await exchange.close()
        assert await theirs.receive(2_000) == ours("x" * 1_000)[:512]
        assert await theirs.receive(1_000) == b""
        with pytest.raises(ConnectionError):
            await blocked

    run(case)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_our_own_end_wakes_whoever_waits_and_nothing_is_said_any_more(how: str) -> None:
    async def case() -> None:
        exchange, theirs = await made()
        waiting = asyncio.create_task(exchange.receive())
        saying = asyncio.create_task(exchange.say(b"never"))
        await head_of(theirs)
        if how == "close":
            await exchange.close()
        else:
            exchange.abort()
        assert await waiting == ()
        with pytest.raises(ConnectionError):
            await saying
        exchange.abort()
        await exchange.close()

    run(case)


def test_closing_right_behind_a_head_goes_out_behind_what_opens_the_stream() -> None:
    async def case() -> None:
        exchange, theirs = await made()
        await head_of(theirs)
        await theirs.send(HEAD)
        await exchange.receive()
        await exchange.close()
        assert await theirs.receive(1_000) == OPENING + GOODBYE
        assert await theirs.receive(1_000) == b""

    run(case)


def test_a_server_that_never_takes_the_opening_does_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_GOODBYE_S", 0.01)

    async def case() -> None:
        exchange, theirs = await made(replace(ASKED, body=b"x" * 1_000), capacity=256)
        await head_of(theirs)
        await theirs.send(HEAD)
        await exchange.receive()
        await exchange.close()
        assert await theirs.receive(1_000) == ours("x" * 1_000)[:256]
        assert await theirs.receive(1_000) == b""

    run(case)


def test_closing_that_is_cancelled_leaves_no_connection_behind() -> None:
    async def case() -> None:
        exchange, theirs = await made(BARE, capacity=4)
        await head_of(theirs)
        sending = asyncio.create_task(theirs.send(HEAD))
        await exchange.receive()
        await sending
        closing = asyncio.create_task(exchange.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ConnectionResetError):
            await theirs.receive(1_000)

    run(case)
