"""WebSocket over real sockets: kernel, TLS, resets, and where a connection is led."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
import trustme
from websocket_exchange import HEAD, OPENED, chosen, everything, run
from websocket_octets import TEXT, close, frame, text

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Event, Farewell, Refused
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.transports.websocket import WEBSOCKET, WebSocketExchange, transport

Serve = Callable[..., AbstractAsyncContextManager[int]]
Reset = Callable[[asyncio.StreamWriter], None]
Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


def accepting(*pieces: bytes, end: Reset | None = None) -> Callable[[Reader, Writer], Coroutine[Any, Any, None]]:
    """Answers with a 101 for the sample nonce, sends the pieces, reads on to our end."""

    async def handler(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"".join(pieces))
        await writer.drain()
        if end:
            await reader.readexactly(1)
            end(writer)
        await reader.read()

    return handler


def test_over_a_socket_an_answer_is_read_and_left(serve: Serve) -> None:
    async def case() -> None:
        async with serve(accepting(text("hello"), close())) as port:
            via = transport(random_bytes=chosen)
            exchange = await via.open(Request(f"ws://127.0.0.1:{port}/"), LIMITS, 5_000)
            assert isinstance(exchange, WebSocketExchange)
            assert next(iter(await exchange.receive())) == OPENED
            await exchange.close()
            assert await exchange.receive() == ()

    run(case)


def test_a_reset_over_a_socket_is_told(serve: Serve, reset: Reset) -> None:
    async def case() -> None:
        async with serve(accepting(frame(TEXT, b"half", says=9), end=reset)) as port:
            exchange = await transport(random_bytes=chosen).open(
                Request(f"ws://127.0.0.1:{port}/", body=b"x"), LIMITS, 5_000
            )
            assert next(iter(await exchange.receive())) == OPENED
            [closed] = await everything(exchange)  # and no cut: an RST ends no frame
            assert isinstance(closed, Closed)
            assert closed.how == "reset"
            await exchange.close()

    run(case)


def test_wss_trusts_what_it_is_told_to(serve: Serve) -> None:
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(theirs)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def case() -> None:
        async with serve(accepting(text("hello"), close()), theirs) as port:
            request = Request(f"wss://localhost:{port}/")
            exchange = await transport(trusting, random_bytes=chosen).open(request, LIMITS, 5_000)
            told: list[Event | Body] = []
            while Farewell(1000, "", 7) not in told:
                told += await exchange.receive()
            assert told[:2] == [OPENED, Body(b"hello")]
            await exchange.close()
            exchange = await WEBSOCKET.open(request, LIMITS, 5_000)
            [refused] = await everything(exchange)
            assert isinstance(refused, Refused)
            assert refused.why == "tls"

    run(case)


def test_a_port_nobody_listens_on_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def case() -> None:
        exchange = await WEBSOCKET.open(Request(f"ws://127.0.0.1:{port}/"), LIMITS, 5_000)
        [refused] = await everything(exchange)
        assert isinstance(refused, Refused)
        assert refused.why == "refused"

    run(case)


def test_the_connection_goes_where_it_is_led_and_the_handshake_names_the_target(serve: Serve) -> None:
    heads: list[bytes] = []
    led: list[tuple[str, int]] = []

    async def handler(reader: Reader, writer: Writer) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async def case() -> None:
        async with serve(handler) as port:

            def where(host: str, asked: int) -> tuple[str, int]:
                led.append((host, asked))
                return "127.0.0.1", port

            assert WEBSOCKET.through
            request = Request("ws://streams.example:81/feed", pieces=7)
            exchange = await WEBSOCKET.through(where).open(request, LIMITS, 5_000)
            await everything(exchange)
            await exchange.close()
            direct = replace(request, url=f"ws://127.0.0.1:{port}/", direct=True)
            exchange = await WEBSOCKET.through(where).open(direct, LIMITS, 5_000)
            await everything(exchange)
            await exchange.close()

    run(case)
    assert led == [("streams.example", 81)]
    assert heads[0].startswith(b"GET /feed HTTP/1.1\r\nHost: streams.example:81\r\n")
    first, second = (head.partition(b"Sec-WebSocket-Key: ")[2][:24] for head in heads)
    assert first != second  # each is a nonce


def test_what_cannot_be_asked_for_is_a_usage_error_before_anything_is_connected() -> None:
    for request in (Request("http://host/"), Request("ws://host/", headers=(("a b", "c"),))):
        with pytest.raises(UsageError):
            asyncio.run(WEBSOCKET.open(request, LIMITS, 1))  # type: ignore[arg-type]
