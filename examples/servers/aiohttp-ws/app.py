"""Meters over WebSocket on aiohttp: a task sends, the handler reads until its client closes.

Below `/sendonly` the handler only sends, as in many first versions: nobody reads what the client says.
"""

# ruff: noqa: ARG001 -- the framework hands each handler its request

import asyncio
import contextlib
import secrets
import sys

from aiohttp import WSMsgType, web

LABELS = ["cold water", "hot\nwater", "gas\r\nand heat\r\n", 'the "old" meter', "Küche 😀", "\u2028"]

stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_readings = asyncio.Queue()


async def send_all(socket, readings):
    stats["open"] += 1
    try:
        async for reading in readings:
            stats["produced"] += 1
            await socket.send_json(reading)
    except (ConnectionError, asyncio.CancelledError):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1


def careful(source):
    """The sender in a task of its own; whoever reads hears of a close, and ends it."""

    async def handler(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sender = asyncio.create_task(send_all(socket, source(request)))
        sender.add_done_callback(lambda task: None if task.cancelled() else close_soon(socket, task.exception()))
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError, ValueError):
            await sender
        return socket

    return handler


closing = set()


def close_soon(socket, error):
    task = asyncio.create_task(socket.close(code=1011 if error else 1000))
    closing.add(task)
    task.add_done_callback(closing.discard)


def send_only(source):
    async def handler(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await send_all(socket, source(request))
        await socket.close()
        return socket

    return handler


async def stored(count):
    for n in range(1, count + 1):
        yield {"n": n, "reading": 1000 + n}


async def day(request):
    async for reading in stored(100):
        yield reading


async def none(request):
    async for reading in stored(0):
        yield reading


async def faulty(request):
    async for reading in stored(3):
        yield reading
    raise ValueError("the meter answers with a bad checksum")


async def scans(request):
    for n in range(1, int(request.query.get("n", "1000")) + 1):
        yield {"n": n, "scan": secrets.token_urlsafe(720)}


async def live(request):
    yield {"n": 1, "reading": 1000}
    while True:
        yield await new_readings.get()


async def calibrate(request):
    yield {"n": 1, "state": "started"}
    await asyncio.sleep(0.3)
    yield {"n": 2, "state": "done"}


async def pulse(request):
    n = 0
    while True:
        n += 1
        yield {"n": n}
        await asyncio.sleep(0.02)


async def labels(request):
    for n, text in enumerate(LABELS, 1):
        yield {"n": n, "text": text}


async def read_stats(request):
    return web.json_response(stats)


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/stats", read_stats)
    for readings in (day, none, faulty, scans, live, calibrate, pulse, labels):
        app.router.add_get(f"/{readings.__name__}", careful(readings))
        app.router.add_get(f"/sendonly/{readings.__name__}", send_only(readings))
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
