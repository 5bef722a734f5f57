"""A build server's log as Server-Sent Events: sse-starlette on Starlette. A reader that lost its connection goes on
behind the last line it saw."""

# ruff: noqa: ARG001 -- the framework hands each handler its request

import asyncio
import json
import secrets

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

LOG = {str(n): f"step {n} passed" for n in range(1, 101)}
BANNERS = ["Building.", "Tests:\n  212 passed", "Done.\r\nNothing to upload.", "First\n\nand third line", "№ 5 😀"]

stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_lines = asyncio.Queue()


def event_stream(events, **options):
    return EventSourceResponse(counted(events), **options)


async def counted(events):
    stats["open"] += 1
    try:
        async for event in events:
            stats["produced"] += 1
            yield event
    except (asyncio.CancelledError, GeneratorExit):
        stats["cancelled"] += 1
        raise
    finally:
        stats["open"] -= 1
        stats["ended"] += 1


async def lines(ids):
    for n in ids:
        yield {"id": n, "data": json.dumps({"line": int(n), "text": LOG[n]})}


async def log(request):
    ids, last = list(LOG), request.headers.get("last-event-id")
    if last is not None and last not in LOG:
        raise HTTPException(412, f"there is no line {last!r} in this log")
    return event_stream(lines(ids[ids.index(last) + 1 :] if last else ids))


async def skipped(request):
    return event_stream(lines([]))


async def flaky(request):
    async def run():
        async for line in lines(["1", "2", "3"]):
            yield line
        raise RuntimeError("the build machine is gone")

    return event_stream(run())


async def follow(request):
    async def tail():
        yield {"data": json.dumps({"line": 1, "text": LOG["1"]})}
        while True:
            yield {"data": await new_lines.get()}

    return event_stream(tail(), ping=1)


async def deploy(request):
    async def steps():
        yield {"data": json.dumps({"line": 1, "text": "deploying"})}
        await asyncio.sleep(0.3)
        yield {"data": json.dumps({"line": 2, "text": "deployed"})}

    return event_stream(steps())


async def progress(request):
    async def percent():
        await asyncio.sleep(0.1)
        n = 0
        while True:
            n += 1
            yield {"event": "progress", "data": json.dumps({"line": n})}
            await asyncio.sleep(0.03)

    return event_stream(percent())


async def artifact(request):
    count = int(request.query_params.get("parts", "1000"))

    async def parts():
        for n in range(1, count + 1):
            yield {"data": json.dumps({"line": n, "part": await read_part()})}

    return event_stream(parts())


async def read_part():
    await asyncio.sleep(0)  # here a file would be read
    return secrets.token_urlsafe(720)


async def banner(request):
    async def texts():
        for text in BANNERS:
            yield text

    return event_stream(texts())


async def read_stats(request):
    return JSONResponse(stats)


app = Starlette(
    routes=[
        Route("/log", log),
        Route("/log/skipped", skipped),
        Route("/log/flaky", flaky),
        Route("/log/follow", follow),
        Route("/deploy", deploy),
        Route("/progress", progress),
        Route("/artifact", artifact),
        Route("/banner", banner),
        Route("/stats", read_stats),
    ]
)
