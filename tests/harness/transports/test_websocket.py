"""The handshake of one WebSocket connection, and what an answer to it becomes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from websocket_exchange import (
    ASKED,
    HEAD,
    OPENED,
    OPENING,
    chosen,
    everything,
    head_of,
    made,
    ours,
    run,
    taken,
    upgraded,
)
from websocket_octets import text

from streamspec.harness.core.event import Closed, Deviation, Ended, Event, Opened, Refused
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.transports.memory import MemoryConnection, pair
from streamspec.harness.transports.websocket import WebSocketExchange


def test_nothing_but_the_handshake_goes_out_before_the_101_and_the_opening_right_behind_it() -> None:
    async def case() -> None:
        exchange, theirs = await made()
        assert (await head_of(theirs)).startswith(b"GET /chat HTTP/1.1\r\nHost: host\r\n")
        saying = asyncio.create_task(exchange.say(b"third"))
        reading = asyncio.create_task(exchange.receive())
        for piece in (HEAD[:-1], HEAD[-1:]):
            for _ in range(5):
                await asyncio.sleep(0)
            assert theirs.buffered_bytes == 0
            assert not saying.done()
            await theirs.send(piece)
        assert [*await reading] == [OPENED]
        await saying
        assert await theirs.receive(1_000) == OPENING + ours("third")
        exchange.abort()

    run(case)


async def begun(request: Request, sent: list[bytes]) -> None:
    """An exchange until its opening has gone out; `sent` takes each write."""
    near, theirs = pair(65_536)

    class Watched(MemoryConnection):
        async def send(self, data: bytes) -> None:
            sent.append(data)
            await super().send(data)

    exchange = WebSocketExchange(Watched(near._in, near._out), request, LIMITS, chosen)
    await head_of(theirs)
    await theirs.send(HEAD)
    await exchange.receive()
    await taken(theirs, len(OPENING))
    exchange.abort()


def test_the_opening_is_one_write() -> None:
    sent: list[bytes] = []

    run(lambda: begun(ASKED, sent))
    assert sent[1:] == [OPENING]


def test_a_handshake_in_pieces_arrives_whole_and_cut_as_it_was_asked() -> None:
    sent: list[bytes] = []
    run(lambda: begun(replace(ASKED, pieces=50), sent))
    assert all(len(piece) <= 50 for piece in sent)
    assert b"".join(sent).endswith(b"\r\n\r\n" + OPENING)


def test_frames_in_the_same_segment_as_the_101_are_read_behind_it() -> None:
    async def case() -> None:
        exchange, theirs = await made()
        await theirs.send(HEAD + text("hello") + text("there"))
        assert [*await exchange.receive()] == [OPENED, Body(b"hello"), Body(b"there")]
        exchange.abort()

    run(case)


def test_what_the_answer_should_not_say_comes_behind_it_the_head_first() -> None:
    async def case() -> None:
        exchange, theirs = await made()
        bad = HEAD.replace(b"s3pP", b"S3pP").replace(b"\r\n\r\n", b"\nSec-WebSocket-Protocol: x\r\n\r\n")
        await theirs.send(bad + text("a", rsv=4))
        opened, *rest = await exchange.receive()
        assert isinstance(opened, Opened)
        assert [event.code if isinstance(event, Deviation) else event for event in rest] == [
            "head.bare-lf",
            "ws.accept",
            "ws.subprotocol",
            "ws.reserved-bit",
            Body(b"a"),
        ]
        exchange.abort()

    run(case)


@pytest.mark.parametrize(
    ("answer", "events"),
    [
        (b"404 Not Found\r\nContent-Length: 4\r\n\r\nnone", [Ended("length", 4)]),
        (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", [Ended("chunked", 2)]),
        (b"200 OK\r\nContent-Length: 9\r\n\r\nhi", [Deviation("body.short", 40, "2 of 9 octets")]),
        (b"426 Upgrade Required\r\n\r\nlong words", [Ended("close", 10)]),
    ],
)
def test_any_other_answer_is_one_of_http_without_messages(answer: bytes, events: list[Event]) -> None:
    async def case() -> None:
        exchange, theirs = await made()
        await theirs.send(b"HTTP/1.1 " + answer)
        await theirs.close()
        opened, *rest = await everything(exchange)
        assert isinstance(opened, Opened)
        assert str(opened.status).encode() == answer[:3]
        assert rest == [*events, Closed("eof")]
        with pytest.raises(ConnectionError):
            await exchange.say(b"x")
        await exchange.close()

    run(case)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 1", "closed"),
        (b"SSH-2.0\r\n", "not-http"),
        (b"HTTP/1.1 101 " + b"x" * 70_000, "too-long"),
    ],
)
def test_what_is_no_answer_is_a_refusal(octets: bytes, why: str) -> None:
    async def case() -> None:
        exchange, theirs = await made(capacity=100_000)
        await theirs.send(octets)
        await theirs.close()
        [refused] = await everything(exchange)
        assert isinstance(refused, Refused)
        assert refused.why == why
        for speak in (exchange.say(b"x"), exchange.ping(), exchange.write(b"x")):
            with pytest.raises(ConnectionError):
                await speak
        await exchange.close()

    run(case)


def test_behind_a_refusal_nobody_waits_to_speak() -> None:
    async def case() -> None:
        exchange, theirs = await made()
        await head_of(theirs)
        saying = asyncio.create_task(exchange.say(b"x"))
        await theirs.send(b"SSH-2.0\r\n")
        [refused] = await everything(exchange)
        assert isinstance(refused, Refused)
        with pytest.raises(ConnectionError):
            await saying
        exchange.abort()

    run(case)


def test_a_reset_before_the_101_is_a_refusal_and_behind_it_a_close() -> None:
    async def case() -> None:
        exchange, theirs = await made()
        theirs.abort()
        [refused] = await everything(exchange)
        assert isinstance(refused, Refused)
        assert refused.why == "reset"
        exchange.abort()
        exchange, theirs = await upgraded()
        theirs.abort()
        [closed] = await everything(exchange)
        assert isinstance(closed, Closed)
        assert closed.how == "reset"
        exchange.abort()

    run(case)
