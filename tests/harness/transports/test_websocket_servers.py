"""A server that is not ours (`websockets`, in this process, on loopback), talked to over the transport."""

from __future__ import annotations

import asyncio
import contextlib
import http
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.typing import Subprotocol

from streamspec.harness.core.event import Closed, Deviation, Ended, Event, Farewell, Opened, Pong
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Exchange, Request
from streamspec.harness.core.raw import raw_octets
from streamspec.harness.transports import tcp
from streamspec.harness.transports.websocket import WEBSOCKET, WebSocketExchange

if TYPE_CHECKING:
    from websockets.http11 import Request as TheirRequest
    from websockets.http11 import Response

Handler = Callable[[ServerConnection], Awaitable[None]]
Play = Callable[[Request], Coroutine[Any, Any, None]]


def played(handler: Handler, play: Play, **options: Any) -> None:
    async def case() -> None:
        async with asyncio.timeout(20), serve(handler, "127.0.0.1", 0, **options) as server:
            await play(Request(f"ws://127.0.0.1:{_port(server)}/"))

    asyncio.run(case())


def _port(server: Server) -> int:
    [listener] = server.sockets
    port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


async def opened(request: Request) -> WebSocketExchange:
    exchange = await WEBSOCKET.open(request, LIMITS, 5_000)
    assert isinstance(exchange, WebSocketExchange)
    return exchange


async def rest_of(exchange: Exchange) -> list[Event | Body]:
    out: list[Event | Body] = []
    while events := await exchange.receive():
        out += events
    return out


async def until(exchange: Exchange, wanted: int) -> list[Event | Body]:
    """At least so many events and messages."""
    out: list[Event | Body] = []
    while len(out) < wanted:
        events = await exchange.receive()
        assert events, f"over after {out}"
        out += events
    return out


async def echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosedError):  # of a connection that it failed
        async for message in connection:
            await connection.send(message)


def test_what_we_say_comes_back_and_a_ping_is_answered() -> None:
    async def play(request: Request) -> None:
        exchange = await opened(replace(request, body=b"opens", push="follows"))
        [head, *told] = await until(exchange, 3)
        assert isinstance(head, Opened)
        assert head.status == 101
        assert told == [Body(b"opens"), Body(b"follows")]
        await exchange.ping()
        await exchange.say("ü".encode() * 40_000, b"")
        pong, long, empty = await until(exchange, 3)
        assert isinstance(pong, Pong)
        assert pong.data == "1"
        assert (long, empty) == (Body("ü".encode() * 40_000), Body(b""))
        await exchange.close()

    played(echo, play)


@pytest.mark.parametrize("no_takeover", [False, True])
def test_compression_is_agreed_on_where_we_offer_it_and_messages_are_the_same(*, no_takeover: bool) -> None:
    factory = ServerPerMessageDeflateFactory(server_no_context_takeover=no_takeover, server_max_window_bits=11)
    words = [b"the same words again and again " * 20] * 5

    async def play(request: Request) -> None:
        sizes: list[int] = []
        for offers in ("", "permessage-deflate"):
            exchange = await opened(replace(request, offers=offers))
            [head] = await until(exchange, 1)
            assert isinstance(head, Opened)
            assert (head.header("sec-websocket-extensions") is not None) == bool(offers)
            await exchange.say(*words, b"bye")
            told = await rest_of(exchange)
            assert [entry for entry in told if isinstance(entry, Body)] == [Body(word) for word in words]
            assert Ended("close-frame", sum(map(len, words))) in told
            [farewell] = [entry for entry in told if isinstance(entry, Farewell)]
            sizes.append(farewell.offset)
            await exchange.close()
        assert sizes[1] < sizes[0] / 4  # on the wire

    async def echo_until_bye(connection: ServerConnection) -> None:
        async for message in connection:
            if message == "bye":
                return
            await connection.send(message)

    played(echo_until_bye, play, compression=None, extensions=[factory])


def test_fragments_of_a_server_are_one_message() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send(["one ", "mess", "", "age"])
        await connection.send([b"\x00", b"\xff"])

    async def play(request: Request) -> None:
        exchange = await opened(request)
        _, *told = await rest_of(exchange)
        assert told[:2] == [Body(b"one message"), Body(b"\x00\xff", text=False)]
        assert told[-2:] == [Ended("close-frame", 13), Closed("eof")]
        await exchange.close()

    played(handler, play)


def test_a_server_that_pings_is_answered_and_goes_on() -> None:
    async def handler(connection: ServerConnection) -> None:
        latency = await (await connection.ping("are you there"))
        await connection.send("yes" if latency >= 0 else "no")

    async def play(request: Request) -> None:
        exchange = await opened(request)
        _, *told = await rest_of(exchange)
        assert told[0] == Body(b"yes")
        await exchange.close()

    played(handler, play)


def test_a_close_of_the_server_is_answered_so_that_it_ends_in_order() -> None:
    answers: list[int] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.close(1011, "so it goes")
        assert connection.protocol.close_rcvd is not None
        answers.append(connection.protocol.close_rcvd.code)

    async def play(request: Request) -> None:
        exchange = await opened(request)
        _, *told = await rest_of(exchange)
        assert told == [Farewell(1011, "so it goes", 0), Closed("eof")]
        await exchange.close()

    played(handler, play)
    assert answers == [1000]


@pytest.mark.parametrize(("how", "kind"), [("close", ConnectionClosedOK), ("abort", ConnectionClosedError)])
def test_the_server_learns_of_our_end_in_order_or_abruptly(how: str, kind: type[ConnectionClosed]) -> None:
    learnt: asyncio.Queue[ConnectionClosed] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        try:
            await connection.recv()
        except ConnectionClosed as error:
            await learnt.put(error)

    async def play(request: Request) -> None:
        exchange = await opened(request)
        await until(exchange, 1)
        if how == "close":
            await exchange.close()
        else:
            exchange.abort()
        assert isinstance(await learnt.get(), kind)

    played(handler, play)


def test_a_reader_that_does_not_read_makes_the_server_wait() -> None:
    total, message = 512, "x" * 65_536  # 32 MiB
    sent: list[int] = []

    async def handler(connection: ServerConnection) -> None:
        for n in range(total):
            await connection.send(message)
            sent.append(n)

    async def play(request: Request) -> None:
        exchange = await opened(replace(request, receive_buffer_bytes=32_768))
        await until(exchange, 1)
        still, before = 0, -1
        while still < 500:  # turns of the loop in which nothing moved
            await asyncio.sleep(0)
            still = still + 1 if len(sent) == before else 0
            before = len(sent)
        connection = exchange._connection
        assert isinstance(connection, tcp.TcpConnection)
        assert connection._transport is not None
        buffer = connection._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert buffer <= 2 * 32_768  # Linux doubles what it is given
        assert connection.buffered_bytes <= 2 * tcp.READ_BUFFER_BYTES
        assert exchange.buffered_bytes <= len(message)
        assert before < total / 2
        told = await rest_of(exchange)
        assert len([entry for entry in told if isinstance(entry, Body)]) >= total - 2
        assert Ended("close-frame", total * len(message)) in told
        await exchange.close()

    played(handler, play, compression=None, ping_interval=None)


def test_an_answer_that_is_no_101_says_its_status_and_no_message() -> None:
    def refusing(connection: ServerConnection, request: TheirRequest) -> Response:
        return connection.respond(http.HTTPStatus.NOT_FOUND, "nobody here\n")

    async def play(request: Request) -> None:
        exchange = await opened(request)
        head, *told = await rest_of(exchange)
        assert isinstance(head, Opened)
        assert not head.accepted
        assert head.status == 404
        assert told == [Ended("length", 12), Closed("eof")]
        await exchange.close()

    played(echo, play, process_request=refusing)


def test_a_subprotocol_that_we_offered_is_no_deviation() -> None:
    async def play(request: Request) -> None:
        exchange = await opened(replace(request, headers=(("Sec-WebSocket-Protocol", "a, b"),)))
        [head] = await until(exchange, 1)
        assert isinstance(head, Opened)
        assert head.header("sec-websocket-protocol") == "b"
        await exchange.close()

    played(echo, play, subprotocols=[Subprotocol("b")])


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("ws-bad-utf8", 1007),
        ("ws-unmasked", 1002),
        ("ws-reserved-bits", 1002),
        ("ws-reserved-opcode", 1002),
        ("ws-long-ping", 1002),
        ("ws-fragmented-ping", 1002),
        ("ws-continuation", 1002),
        ("ws-huge", 1009),
        ("ws-close", 1000),
    ],
)
def test_a_server_says_goodbye_to_octets_outside_the_grammar(what: str, code: int) -> None:
    async def play(request: Request) -> None:
        exchange = await opened(request)
        await until(exchange, 1)
        await exchange.write(raw_octets(what, "s1"))
        told = await rest_of(exchange)
        [farewell] = [entry for entry in told if isinstance(entry, Farewell)]
        assert farewell.code == code
        assert not [entry for entry in told if isinstance(entry, Deviation)]
        await exchange.close()

    played(echo, play)


@pytest.mark.parametrize("what", ["ws-fragments", "ws-not-json", "ws-binary", "ws-nested"])
def test_legal_messages_among_them_come_back(what: str) -> None:
    async def play(request: Request) -> None:
        exchange = await opened(request)
        await until(exchange, 1)
        await exchange.write(raw_octets(what, "s1"))
        await exchange.say(b"and on")
        told = await until(exchange, 2)
        assert told[-1] == Body(b"and on")
        await exchange.close()

    played(echo, play)
