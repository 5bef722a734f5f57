"""A WebSocket exchange of ours over memory, every key of it known, so that what goes out can be compared."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from websocket_octets import CLOSE, frame, text

from streamspec.harness.core.event import Event, Opened
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body, Exchange, Request
from streamspec.harness.transports.memory import MemoryConnection, pair
from streamspec.harness.transports.websocket import WebSocketExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

NONCE, KEY = b"the sample nonce", b"\x0a\x0b\x0c\x0d"  # every key of ours here, so that what goes out can be compared
HEADERS = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)
OPENED = Opened(101, "Switching Protocols", "HTTP/1.1", HEADERS)
HEAD = b"HTTP/1.1 101 Switching Protocols\r\n%s\r\n\r\n" % b"\r\n".join(f"{k}: {v}".encode() for k, v in HEADERS)
ASKED = Request("ws://host/chat", body=b'{"open":1}', push='{"push":2}')
BARE = Request("ws://host/")
GOODBYE = frame(CLOSE, b"\x03\xe8", key=KEY)


def chosen(size: int) -> bytes:
    return NONCE if size == len(NONCE) else KEY


def ours(message: str) -> bytes:
    return text(message, key=KEY)  # type: ignore[arg-type]


OPENING = ours('{"open":1}') + ours('{"push":2}')


def run(case: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await case()

    asyncio.run(bounded())


async def everything(exchange: Exchange) -> list[Event | Body]:
    """All that is received until there is nothing more."""
    out: list[Event | Body] = []
    while events := await exchange.receive():
        out += events
    assert await exchange.receive() == ()
    return out


async def head_of(theirs: MemoryConnection) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await theirs.receive(1)
    return head


async def taken(theirs: MemoryConnection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await theirs.receive(size - len(data))
    return data


async def made(request: Request = ASKED, capacity: int = 65_536) -> tuple[WebSocketExchange, MemoryConnection]:
    near, far = pair(capacity)
    return WebSocketExchange(near, request, LIMITS, chosen), far


async def upgraded(request: Request = BARE) -> tuple[WebSocketExchange, MemoryConnection]:
    exchange, theirs = await made(request)
    await head_of(theirs)
    await theirs.send(HEAD)
    assert [*await exchange.receive()] == [OPENED]
    return exchange, theirs
