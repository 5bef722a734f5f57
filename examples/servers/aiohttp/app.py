"""Log records as NDJSON: aiohttp's StreamResponse."""

# ruff: noqa: ARG001 -- the framework hands each handler its request

import asyncio
import json
import secrets
import sys

from aiohttp import web

MESSAGES = [
    "started",
    "Traceback:\n  line 1\n  line 2",
    'tab\tand quote "',
    "C:\\logs\r\nC:\\tmp\r\n",
    "Zürich 😀",
    "\u2028",
]

routes = web.RouteTableDef()
stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_records = asyncio.Queue()


async def ndjson(request, records):
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    stats["open"] += 1
    try:
        async for record in records:
            stats["produced"] += 1
            await response.write(json.dumps(record).encode() + b"\n")
        await response.write_eof()
    except (ConnectionError, asyncio.CancelledError):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1
    return response


async def stored(count):
    for n in range(1, count + 1):
        yield {"seq": n, "level": "info", "message": f"request {n} served"}


@routes.get("/records")
async def records(request):
    return await ndjson(request, stored(100))


@routes.get("/records/errors")
async def errors(request):
    return await ndjson(request, stored(0))


@routes.get("/records/corrupt")
async def corrupt(request):
    async def read():
        async for record in stored(3):
            yield record
        raise ValueError("the fourth record has a bad checksum")

    return await ndjson(request, read())


@routes.get("/records/follow")
async def follow(request):
    async def tail():
        yield {"seq": 1, "level": "info", "message": "the last one so far"}
        while True:
            yield await new_records.get()

    return await ndjson(request, tail())


@routes.get("/records/archive")
async def archive(request):
    async def blobs():
        for n in range(1, int(request.query.get("n", "1000")) + 1):
            yield {"seq": n, "message": secrets.token_urlsafe(720)}

    return await ndjson(request, blobs())


@routes.get("/records/messages")
async def messages(request):
    async def texts():
        for n, text in enumerate(MESSAGES, 1):
            yield {"seq": n, "message": text}

    return await ndjson(request, texts())


@routes.get("/restart")
async def restart(request):
    async def steps():
        yield {"seq": 1, "message": "stopping"}
        await asyncio.sleep(0.3)
        yield {"seq": 2, "message": "started"}

    return await ndjson(request, steps())


@routes.get("/heartbeat")
async def heartbeat(request):
    async def beats():
        n = 0
        while True:
            n += 1
            yield {"seq": n}
            await asyncio.sleep(0.02)

    return await ndjson(request, beats())


@routes.get("/stats")
async def read_stats(request):
    return web.json_response(stats)


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
