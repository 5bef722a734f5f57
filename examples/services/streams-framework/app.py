"""An operations desk that streams: the streams of Raffel's page, and some more of that kind, over every protocol."""

import asyncio
import secrets
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.server import serve
from streamspec.reference_impl.services.framework import Options, Router, register_files, stream_server

MOST_UPLOAD_BYTES = 16 * 1024 * 1024
BEGUN = datetime(2024, 1, 1, tzinfo=UTC)
LEVELS = ["info", "warn", "error"]
NOTES = ["one line", "two\nlines", "and\r\nfrom Windows\r\n", "a paragraph\n\nand another", "Grüße 😀", "\u2028"]
Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]

server = Router()
server.enable_usd(
    {
        "content_types": {
            "default": "application/json",
            "supported": ["application/json", "application/x-ndjson"],
        }
    }
)


class Tail(msgspec.Struct):
    level: str | None = None
    limit: Count = 100


class Log(msgspec.Struct):
    timestamp: datetime
    message: str
    level: str
    line: int


class Symbols(msgspec.Struct):
    symbols: list[str] = msgspec.field(default_factory=lambda: ["ACME"])
    interval: Count = 1000


class Export(msgspec.Struct):
    parts: Count = 1000


class Chunk(msgspec.Struct):
    data: bytes  # base64, as JSON has no octets


class Message(msgspec.Struct):
    content: str


@server.stream("logs.tail").input(Tail).output(Log).description("Stream log entries in real-time").handler
async def tail(wanted, ctx):
    level = wanted.level
    for line in range(1, wanted.limit + 1):
        if ctx.signal.aborted:
            break
        shown = level or LEVELS[line % len(LEVELS)]
        yield Log(BEGUN + timedelta(seconds=line), f"entry {line}", shown, line)


@server.stream("logs.replayed").description("A tail whose source breaks").handler
async def replayed():
    for line in range(1, 4):
        yield {"line": line}
    raise OSError("/var/log/desk/2024.log: no such file")


@server.stream("logs.archived").description("Nothing was kept").handler
async def archived():
    for line in ():
        yield line


@server.stream("logs.notes").handler
async def notes():
    for line, text in enumerate(NOTES, 1):
        yield {"line": line, "text": text}


@server.stream("prices.watch").input(Symbols).priority(5).handler
async def watch(wanted):
    tick = 0
    while True:
        tick += 1
        yield {"tick": tick, "prices": dict.fromkeys(wanted.symbols, 100 + tick % 7)}
        await asyncio.sleep(wanted.interval / 1000)


@server.stream("prices.halted").description("One price, and then a halt without an end").handler
async def halted(_input, ctx):
    yield {"tick": 1}
    await ctx.signal.wait()


@server.stream("prices.settled").handler
async def settled():
    yield {"tick": 1, "state": "pending"}
    await asyncio.sleep(0.3)
    yield {"tick": 2, "state": "settled"}


@server.stream("reports.export").input(Export).content_type("application/x-ndjson").handler
async def export(wanted):
    for part in range(1, wanted.parts + 1):
        yield {"part": part, "data": secrets.token_urlsafe(720)}


@server.stream("files.upload").direction("client").input(Chunk).handler
async def upload(chunks):
    size = 0
    async for chunk in chunks:
        size += len(chunk.data)
        if size > MOST_UPLOAD_BYTES:
            return {"size": size, "success": False}
    return {"size": size, "success": True}


@server.stream("chat.conversation").direction("bidi").input(Message).handler
async def conversation(messages):
    async for message in messages:
        yield {"echo": message.content, "processed": True}
        if message.content == "status":
            yield {"type": "status", "online": True}


@server.stream("long.running").handler
async def long_running(_input, ctx):
    await asyncio.sleep(0.1)  # it takes a while to begin
    step = 0
    while True:
        if ctx.signal.aborted:
            print("Stream cancelled:", ctx.signal.reason, file=sys.stderr)
            break
        step += 1
        yield {"step": step}
        await asyncio.sleep(0.02)


async def serve_grpc_alone(service, port):
    """As `serve` does beside HTTP, at a port of our choice."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with grpc_server.serving(service, "127.0.0.1", port) as taken:
        print(f"listening grpc://127.0.0.1:{taken}", flush=True)
        await stop.wait()
        service.close()


if __name__ == "__main__":
    register_files(server, Path(__file__).with_name("routes"))
    desk = stream_server(server, Options(heartbeat_ms=1000))
    given_port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    if "grpc" in sys.argv:
        asyncio.run(serve_grpc_alone(desk, given_port))
    else:
        serve(desk, "127.0.0.1", given_port)
