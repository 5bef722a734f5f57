"""A shop that streams: FastAPI's StreamingResponse, Server-Sent Events written by hand."""

import asyncio
import json
import secrets

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

NOTES = ["one line", "two\nlines", "a paragraph\n\nand another", "from\r\nWindows", "ends with a newline\n", "№ 7 😀"]

app = FastAPI()
stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_orders = asyncio.Queue()


async def events(items):
    stats["open"] += 1
    try:
        async for item in items:
            stats["produced"] += 1
            yield f"data: {json.dumps(item)}\n\n"
    except (asyncio.CancelledError, GeneratorExit):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1


def event_stream(items):
    return StreamingResponse(events(items), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def orders(count):
    for n in range(1, count + 1):
        yield {"n": n, "item": f"order {n}"}


async def scanned_orders(count):
    for first in range(1, count + 1, 50):
        for n in await read_page(first, min(first + 50, count + 1)):
            yield {"n": n, "scan": secrets.token_urlsafe(720)}


async def read_page(first, end):
    await asyncio.sleep(0)  # here a database would be asked
    return range(first, end)


@app.get("/orders")
async def all_orders():
    return event_stream(orders(100))


@app.get("/orders/archived")
async def archived_orders():
    return event_stream(orders(0))


@app.get("/orders/dump")
async def dump(n: int = 1000):
    return event_stream(scanned_orders(n))


@app.get("/orders/export")
async def export(n: int = 1000):
    async def generated():
        for number in range(1, n + 1):
            yield {"n": number, "scan": secrets.token_urlsafe(720)}

    return event_stream(generated())


@app.get("/orders/import")
async def import_orders():
    async def imported():
        async for order in orders(3):
            yield order
        raise RuntimeError("the supplier's file ends in the middle of a row")

    return event_stream(imported())


@app.get("/orders/live")
async def live_orders():
    async def live():
        yield {"n": 1, "item": "the last order so far"}
        while True:
            yield await new_orders.get()

    return event_stream(live())


@app.get("/payment")
async def payment():
    async def steps():
        yield {"n": 1, "state": "sent to the bank"}
        await asyncio.sleep(0.3)
        yield {"n": 2, "state": "paid"}

    return event_stream(steps())


@app.get("/ticks")
async def ticks():
    async def clock():
        await asyncio.sleep(0.1)
        n = 0
        while True:
            n += 1
            yield {"n": n}
            await asyncio.sleep(0.02)

    return event_stream(clock())


@app.get("/notes")
async def notes():
    async def written():
        for text in NOTES:
            yield {"text": text}

    return event_stream(written())


@app.get("/stats")
async def read_stats():
    return stats
