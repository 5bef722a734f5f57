"""An application of Server-Sent Events for a server of HTTP/2 in a process of its own.

`/finite` has three, `/endless` as many as it can, `/idle` one and no more; `/told` says how many `/endless` has sent,
which clients came, and which paths they left.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

told: dict[str, Any] = {"sent": 0, "clients": [], "left": []}
_leaving: dict[str, asyncio.Event] = {"/endless": asyncio.Event(), "/idle": asyncio.Event()}


async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[..., Any]) -> None:
    if scope["type"] != "http":
        return
    path = scope["path"]
    if path != "/told":
        told["clients"].append([scope["http_version"], *scope["client"]])
    await receive()
    media = b"application/json" if path == "/told" else b"text/event-stream"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media)]})
    waiting = asyncio.ensure_future(_wait_for_end(path, receive))
    try:
        await _play(path, send)
    finally:
        waiting.cancel()


async def _wait_for_end(path: str, receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    told["left"].append(path)
    if path in _leaving:
        _leaving[path].set()


async def _play(path: str, send: Callable[..., Any]) -> None:
    async def say(octets: bytes, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": octets, "more_body": more})

    match path:
        case "/told":
            await say(json.dumps(told).encode(), more=False)
        case "/finite":
            for n in range(1, 4):
                await say(f'data: {{"n":{n}}}\n\n'.encode())
            await say(b"event: end\ndata: x\n\n", more=False)
        case "/endless":
            while not _leaving[path].is_set():
                await say(f"data: {json.dumps({'n': told['sent'], 'pad': 'x' * 10_000})}\n\n".encode())
                told["sent"] += 1
                await asyncio.sleep(0)  # a send to nobody returns at once, and nobody else would run
        case _:
            await say(b'data: {"n":1}\n\n')
            await _leaving[path].wait()
