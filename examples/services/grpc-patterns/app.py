"""A warehouse over gRPC: its items are listed, watched and uploaded, its people chat, and its sensors are streamed.

python app.py 50051
"""

import asyncio
import contextlib
import os
import sys

from streamspec.reference_impl.services.patterns import server
from streamspec.reference_impl.services.patterns.model import Item
from streamspec.reference_impl.services.patterns.service import StreamService
from streamspec.reference_impl.services.patterns.store import ItemStore


async def ticks(_request):
    """A sensor that never ends."""
    n = 0
    while True:
        n += 1
        yield Item(n, f"tick {n}")
        await asyncio.sleep(0.02)


async def delivery(_request):
    """One that is announced, and comes a moment later."""
    yield Item(1, "announced")
    await asyncio.sleep(0.3)
    yield Item(2, "delivered")


async def scans(request):
    """A scan of each of the sizes that were asked for, as fast as they are read."""
    for n, size in enumerate(request.sizes, 1):
        yield Item(n, f"scan {n}", os.urandom(size))
        if n % 64 == 0:
            await asyncio.sleep(0)


async def inventory(_request):
    """One that cannot be finished."""
    for n in (1, 2, 3):
        yield Item(n, f"shelf {n}")
    raise PermissionError("/srv/warehouse/shelf-4.csv")


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    sources = {"ticks": ticks, "delivery": delivery, "scans": scans, "inventory": inventory}
    with contextlib.closing(ItemStore()) as items:
        asyncio.run(items.bulk_create([Item(name=f"item {n}", data=bytes(n)) for n in range(1, 101)]))
        server.run(StreamService(items, sources=sources), port=port, tells="tells" in sys.argv[2:])


if __name__ == "__main__":
    main()
