"""Sensor readings as NDJSON: Tornado, one handler class for each stream."""

import asyncio
import json
import secrets
import sys

import tornado.web
from tornado.iostream import StreamClosedError

LABELS = ["cellar", "attic\nleft", "attic\r\nright", 'a "label"', "newline at the end\n", "Küche 😀"]

stats = {"produced": 0, "open": 0, "cancelled": 0, "ended": 0}
new_readings = asyncio.Queue()


class Readings(tornado.web.RequestHandler):
    waiting = None

    async def get(self):
        self.set_header("Content-Type", "application/x-ndjson")
        stats["open"] += 1
        try:
            async for reading in self.readings():
                stats["produced"] += 1
                self.write(json.dumps(reading) + "\n")
                await self.flush()
        except (StreamClosedError, asyncio.CancelledError):
            stats["cancelled"] += 1
        finally:
            stats["open"] -= 1
            stats["ended"] += 1

    def on_connection_close(self):
        if self.waiting:
            self.waiting.cancel()

    async def readings(self):
        for n in range(1, 101):
            yield {"n": n, "kelvin": 290 + n}


class Unplugged(Readings):
    async def readings(self):
        for n in range(1, 1):
            yield {"n": n}


class Loose(Readings):
    async def readings(self):
        for n in range(1, 4):
            yield {"n": n, "kelvin": 290}
        raise OSError("the cable is loose")


class Live(Readings):
    async def readings(self):
        yield {"n": 1, "kelvin": 291}
        while True:
            self.waiting = asyncio.ensure_future(new_readings.get())
            yield await self.waiting


class Traces(Readings):
    async def readings(self):
        for n in range(1, int(self.get_argument("n", "1000")) + 1):
            yield {"n": n, "trace": secrets.token_urlsafe(720)}


class Labels(Readings):
    async def readings(self):
        for n, text in enumerate(LABELS, 1):
            yield {"n": n, "label": text}


class Warmup(Readings):
    async def readings(self):
        yield {"n": 1, "state": "cold"}
        await asyncio.sleep(0.3)
        yield {"n": 2, "state": "warm"}


class Ticks(Readings):
    async def readings(self):
        n = 0
        while True:
            n += 1
            yield {"n": n}
            await asyncio.sleep(0.02)


class Stats(tornado.web.RequestHandler):
    def get(self):
        self.write(stats)


async def main():
    app = tornado.web.Application(
        [
            ("/readings", Readings),
            ("/readings/unplugged", Unplugged),
            ("/readings/loose", Loose),
            ("/readings/live", Live),
            ("/readings/traces", Traces),
            ("/labels", Labels),
            ("/warmup", Warmup),
            ("/ticks", Ticks),
            ("/stats", Stats),
        ]
    )
    app.listen(int(sys.argv[1]), address="127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
