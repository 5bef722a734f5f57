"""Length-framed TCP over real sockets: what opens it, what is said on it, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Deviation, Ended, Event, Opened, Refused
from streamspec.harness.core.frame import FRAME, Frame
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Duplex, Exchange, Multiplexed, NoSuchWord, Request
from streamspec.harness.transports import tcp
from streamspec.harness.transports.framed import FRAMED, FramedExchange, place_of, transport

Serve = Callable[..., contextlib.AbstractAsyncContextManager[int]]
Reset = Callable[[asyncio.StreamWriter], None]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
STANDS = Opened(0, "", "TCP", ())


async def opened(port: int, **changes: Any) -> FramedExchange:
    request = replace(Request(f"tcp://127.0.0.1:{port}"), **changes)
    exchange = await FRAMED.open(request, LIMITS, 5_000)
    assert isinstance(exchange, FramedExchange)
    return exchange


async def received(exchange: Exchange) -> list[Event | Body]:
    """All until the end."""
    out: list[Event | Body] = []
    while batch := await exchange.receive():
        out += batch
    return out


async def framed(reader: asyncio.StreamReader) -> bytes:
    """One message, as the library reads it."""
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    return await reader.readexactly(length)


def run(serve: Serve, handler: Handler, case: Callable[[int], Awaitable[None]]) -> None:
    async def main() -> None:
        async with serve(handler) as port, asyncio.timeout(10):
            await case(port)

    asyncio.run(main())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends every message back, and after the client's half-close one of its own."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            writer.write(FRAME.around(await framed(reader)))
    writer.write(FRAME.around(b"end"))
    await writer.drain()


def test_what_opens_a_stream_and_what_follows_it_come_in_one_write(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(FRAME.around(await reader.read(65_536)))
        await writer.drain()

    async def case(port: int) -> None:
        exchange = await opened(port, body=b"open", push="cancel")
        sent = FRAME.around(b"open") + FRAME.around(b"cancel")
        assert await received(exchange) == [STANDS, Body(sent), Ended("close", len(sent)), Closed("eof")]
        assert await exchange.receive() == ()
        await exchange.close()

    run(serve, handler, case)


def test_where_connecting_opens_the_stream_nothing_is_sent(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(FRAME.around(b"first"))
        assert await reader.read() == b""

    async def case(port: int) -> None:
        exchange = await opened(port)
        assert isinstance(exchange, Duplex)
        assert not isinstance(exchange, Multiplexed)
        assert await exchange.receive() == (STANDS,)
        assert await exchange.receive() == [Body(b"first")]
        await exchange.close()
        assert await exchange.receive() == ()

    run(serve, handler, case)


def test_we_may_speak_after_a_half_close_no_more_and_are_still_told(serve: Serve) -> None:
    async def case(port: int) -> None:
        exchange = await opened(port, body=b"open")
        await exchange.say(b"a", b"", b"bc")
        await exchange.finish()
        with pytest.raises(ConnectionAbortedError):
            await exchange.say(b"more")
        messages = [event.data for event in await received(exchange) if isinstance(event, Body)]
        assert messages == [b"open", b"a", b"bc", b"end"]
        await exchange.close()

    run(serve, echo, case)


def test_a_half_close_stands_behind_what_the_system_has_not_taken_yet(serve: Serve) -> None:
    async def case(port: int) -> None:
        exchange = await opened(port)
        message = b"x" * 4_000_000
        saying = asyncio.create_task(exchange.say(message))
        await asyncio.sleep(0)
        await exchange.finish()
        messages = [event.data for event in await received(exchange) if isinstance(event, Body)]
        assert messages == [message, b"end"]
        await saying
        await exchange.close()

    run(serve, echo, case)


def test_a_frame_is_as_the_request_says(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(6) == b"\x04\x00open"
        writer.write(b"\x02\x00ab")
        assert await reader.readexactly(5) == b"\x03\x00abc"
        writer.write(b"\x01\x00c")
        await writer.drain()

    async def case(port: int) -> None:
        exchange = await opened(port, body=b"open", frame=Frame(2, "little"))
        await exchange.say(b"abc")
        messages = [event.data for event in await received(exchange) if isinstance(event, Body)]
        assert messages == [b"ab", b"c"]
        await exchange.close()

    run(serve, handler, case)


def test_a_message_that_is_cut_into_pieces_arrives_whole_and_ahead_of_what_is_said(serve: Serve) -> None:
    async def case(port: int) -> None:
        exchange = await opened(port, body=b"opening", pieces=3)
        await exchange.say(b"item")
        await exchange.finish()
        messages = [event.data for event in await received(exchange) if isinstance(event, Body)]
        assert messages == [b"opening", b"item", b"end"]
        await exchange.close()

    run(serve, echo, case)


def test_octets_are_written_as_they_are(serve: Serve) -> None:
    async def case(port: int) -> None:
        exchange = await opened(port)
        await exchange.write(b"\0\0\0\x03a")
        await exchange.write(b"bc")
        await exchange.finish()
        messages = [event.data for event in await received(exchange) if isinstance(event, Body)]
        assert messages == [b"abc", b"end"]
        await exchange.close()

    run(serve, echo, case)


@pytest.mark.parametrize("tail", [b"\0", b"\0\0\0\x05ab"])
def test_an_end_inside_a_frame_is_no_orderly_one(serve: Serve, tail: bytes) -> None:
    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(FRAME.around(b"{}") + tail)
        await writer.drain()

    async def case(port: int) -> None:
        exchange = await opened(port)
        events = await received(exchange)
        assert events[:2] == [STANDS, Body(b"{}")]
        assert [type(event) for event in events[2:]] == [Deviation, Closed]
        assert events[3] == Closed("eof")
        await exchange.close()

    run(serve, handler, case)


def test_a_reset_comes_after_what_came_before_it(serve: Serve, reset: Reset) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(FRAME.around(b"{}"))
        await writer.drain()
        await reader.readexactly(6)
        reset(writer)

    async def case(port: int) -> None:
        exchange = await opened(port)
        assert [*await exchange.receive(), *await exchange.receive()] == [STANDS, Body(b"{}")]
        await exchange.say(b"go")
        (end,) = await exchange.receive()
        assert isinstance(end, Closed)
        assert end.how == "reset"
        with pytest.raises(ConnectionError):
            await exchange.say(b"more")
        with pytest.raises(ConnectionError):
            await exchange.finish()
        assert await exchange.receive() == ()
        await exchange.close()

    run(serve, handler, case)


def test_a_receive_that_is_stopped_loses_nothing(serve: Serve) -> None:
    gate = asyncio.Event()

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\x02{")
        await gate.wait()
        writer.write(b"}")
        await writer.drain()

    async def case(port: int) -> None:
        exchange = await opened(port)
        await exchange.receive()
        waiting = asyncio.create_task(exchange.receive())
        for _ in range(100_000):
            if exchange.buffered_bytes:
                break
            await asyncio.sleep(0)
        assert exchange.buffered_bytes == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        gate.set()
        assert await received(exchange) == [Body(b"{}"), Ended("close", 2), Closed("eof")]
        await exchange.close()

    run(serve, handler, case)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_after_our_own_end_nothing_is_received_and_nothing_said(serve: Serve, end: str) -> None:
    async def case(port: int) -> None:
        exchange = await opened(port, body=b"{}")
        await exchange.receive()
        waiting = asyncio.create_task(received(exchange))
        await asyncio.sleep(0)
        if end == "abort":
            exchange.abort()
        await exchange.close()
        assert all(isinstance(event, Body) for event in await waiting)  # an echo may have come first
        with pytest.raises(ConnectionError):
            await exchange.say(b"more")

    run(serve, echo, case)


def test_a_carrier_of_frames_has_no_word_for_a_cancel_and_no_ping(serve: Serve) -> None:
    async def case(port: int) -> None:
        exchange = await opened(port)
        for act in (exchange.reset, exchange.ping):
            with pytest.raises(NoSuchWord):
                await act()
        await exchange.close()

    run(serve, echo, case)


def test_a_target_that_takes_nothing_makes_us_wait(serve: Serve) -> None:
    gate = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await echo(reader, writer)

    async def case(port: int) -> None:
        exchange = await opened(port)
        said = 0
        message = b"x" * 1_000_000
        with contextlib.suppress(TimeoutError):
            while said < 100:  # no kernel takes so much
                async with asyncio.timeout(0.2):
                    await exchange.say(message)
                said += 1
        assert said < 100
        gate.set()
        await exchange.finish()
        messages = [event.data for event in await received(exchange) if isinstance(event, Body)]
        assert messages == [*[message] * (said + 1), b"end"]  # what was cut short is with the system, and whole
        await exchange.close()

    run(serve, handler, case)


def test_a_closed_port_is_an_event() -> None:
    async def main() -> list[Event | Body]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        exchange = await FRAMED.open(Request(f"tcp://127.0.0.1:{port}"), LIMITS, 5_000)
        assert not isinstance(exchange, Duplex)
        return await received(exchange)

    (event,) = asyncio.run(main())
    assert isinstance(event, Refused)
    assert event.why == "refused"


def test_a_way_leads_elsewhere_unless_the_request_goes_past_it(serve: Serve) -> None:
    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(FRAME.around(b"{}"))
        await writer.drain()

    async def case(port: int) -> None:
        led = transport(lambda _host, _port: ("127.0.0.1", port))
        exchange = await led.open(Request("tcp://127.0.0.1:1"), LIMITS, 5_000)
        assert Body(b"{}") in await received(exchange)
        await exchange.close()
        direct = await led.open(Request("tcp://127.0.0.1:1", direct=True), LIMITS, 5_000)
        assert [type(event) for event in await received(direct)] == [Refused]
        assert FRAMED.through is not None
        assert FRAMED.through(lambda host, port: (host, port)).schemes == FRAMED.schemes == ("tcp",)

    run(serve, handler, case)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("tcp://127.0.0.1", "needs a port"),
        ("tcp://:80", "no usable host"),
        ("http://127.0.0.1:80", "the scheme tcp"),
        ("tcp://127.0.0.1:80/path", "ends with its port"),
        ("tcp://127.0.0.1:80?a=b", "ends with its port"),
        ("tcp://127.0.0.1:eighty", "cannot be read"),
    ],
)
def test_an_address_is_read_strictly(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        place_of(url)


def test_an_address_never_repeats_credentials() -> None:
    with pytest.raises(UsageError) as caught:
        place_of("tcp://user:secret@127.0.0.1:80")
    assert "secret" not in str(caught.value)


def test_an_address_may_end_with_a_slash() -> None:
    assert place_of("tcp://127.0.0.1:80/") == ("127.0.0.1", 80)
    assert place_of("tcp://[::1]:80") == ("::1", 80)


def test_a_connection_half_closes_in_plain_and_says_when_the_peer_is_gone() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            ours = await tcp.connect("127.0.0.1", listener.getsockname()[1], connect_ms=5_000)
            peer, _ = await asyncio.get_running_loop().sock_accept(listener)
            with peer:
                await ours.send(b"last")
                await ours.finish()
                await ours.finish()  # twice is once
                data = b""
                while piece := await asyncio.get_running_loop().sock_recv(peer, 99):
                    data += piece
                assert data == b"last"
                await asyncio.get_running_loop().sock_sendall(peer, b"answer")
                assert await ours.receive(99) == b"answer"
            await ours.close()
            with pytest.raises(ConnectionAbortedError):
                await ours.finish()

    asyncio.run(main())
