"""An auction over WebSocket on Starlette, for any ASGI server: a handler sends, a task beside it reads.

Below `/sendonly` the handler only sends, as in many first versions: nobody reads what the client says.
"""

# ruff: noqa: ARG001 -- each source is given the connection that it is for

import asyncio
import contextlib
import secrets

import anyio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

TITLES = ["a chair", "two\nchairs", "oak\r\nand ash\r\n", 'the "red" one', "Gemälde 😀", "\u2028"]

stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_bids = asyncio.Queue()


async def send_all(websocket, messages):
    stats["open"] += 1
    try:
        async for message in messages:
            stats["produced"] += 1
            await websocket.send_json(message)
    except (WebSocketDisconnect, asyncio.CancelledError):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1
    await websocket.close()


async def until_gone(websocket, scope):
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()


def careful(source):
    """The handler sends; who reads beside it hears of a close, and ends it."""

    async def endpoint(websocket):
        await websocket.accept()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(until_gone, websocket, tasks.cancel_scope)
                await send_all(websocket, source(websocket))
                tasks.cancel_scope.cancel()
        except* WebSocketDisconnect:
            pass

    return endpoint


def send_only(source):
    async def endpoint(websocket):
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await send_all(websocket, source(websocket))

    return endpoint


async def numbered(count):
    for n in range(1, count + 1):
        yield {"n": n, "lot": f"lot {n}"}


async def catalogue(websocket):
    async for lot in numbered(100):
        yield lot


async def withdrawn(websocket):
    async for lot in numbered(0):
        yield lot


async def consigned(websocket):
    async for lot in numbered(3):
        yield lot
    raise ValueError("the fourth lot has no owner")


async def photos(websocket):
    for n in range(1, int(websocket.query_params.get("n", "1000")) + 1):
        yield {"n": n, "photo": await read_photo()}


async def read_photo():
    await asyncio.sleep(0)  # here a file would be read
    return secrets.token_urlsafe(7400)


async def bids(websocket):
    yield {"n": 1, "bid": 100}
    while True:
        yield await new_bids.get()


async def hammer(websocket):
    yield {"n": 1, "state": "going"}
    await asyncio.sleep(0.3)
    yield {"n": 2, "state": "gone"}


async def clock(websocket):
    n = 0
    while True:
        n += 1
        yield {"n": n}
        await asyncio.sleep(0.02)


async def titles(websocket):
    for n, text in enumerate(TITLES, 1):
        yield {"n": n, "text": text}


async def read_stats(request):
    return JSONResponse(stats)


sources = (catalogue, withdrawn, consigned, photos, bids, hammer, clock, titles)
app = Starlette(
    routes=[
        Route("/stats", read_stats),
        *(WebSocketRoute(f"/{source.__name__}", careful(source)) for source in sources),
        *(WebSocketRoute(f"/sendonly/{source.__name__}", send_only(source)) for source in sources),
    ]
)
