"""`metrics.live`: what this process uses, again and again."""

import asyncio
import resource
import time
from typing import Annotated

import msgspec

meta = {"description": "Stream live metrics", "direction": "server"}


class input_schema(msgspec.Struct):  # noqa: N801 -- the name by which it is found
    interval: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1000


class output_schema(msgspec.Struct):  # noqa: N801 -- the name by which it is found
    n: int
    cpu: float
    memory: int


async def handler(wanted, ctx):
    n = 0
    while not ctx.signal.aborted:
        n += 1
        yield {"n": n, "cpu": time.process_time(), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
        await asyncio.sleep(wanted.interval / 1000)
