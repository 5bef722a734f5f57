"""A streams framework with one stream of each direction, and clients of each of its protocols that say what a stream
came to in the same words. Never here: a test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
import msgspec
from envelope_clients import connected

from streamspec.reference_impl import grpc_text
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.server import Server
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.services.framework.served import stream_server
from streamspec.reference_impl.services.framework.served_options import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from streamspec.reference_impl.services.hosting import Service

LONGEST_S: Final = 20.0
ENDED: Final = "end"


class Count(msgspec.Struct):
    n: int = 3
    word: str = "item"


@dataclass
class Desk:
    """`called` are the streams whose handlers began, `seen` is what handlers say of their ends, in order."""

    router: Router = field(default_factory=Router)
    called: list[str] = field(default_factory=list)
    summing: asyncio.Event = field(default_factory=asyncio.Event)
    seen: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    contexts: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        router = self.router

        @router.stream("desk.count").input(Count).handler
        async def count(wanted: Count, ctx: Any) -> Any:
            self.called.append("desk.count")
            self.contexts.append(ctx)
            for n in range(1, wanted.n + 1):
                yield {"n": n}

        @router.stream("desk.sum").direction("client").input(int).handler
        async def total(numbers: Any) -> Any:
            self.called.append("desk.sum")
            self.summing.set()
            try:
                answer = {"sum": sum([number async for number in numbers])}
            except BaseException:
                self.seen.put_nowait("broken off")
                raise
            self.seen.put_nowait("summed")
            return answer

        @router.stream("desk.echo").direction("bidi").handler
        async def echo(items: Any) -> Any:
            async for item in items:
                yield item

        @router.stream("desk.wait").handler
        async def wait(_input: Any, ctx: Any) -> Any:
            try:
                yield {"n": 1}
                await ctx.signal.wait()
                self.seen.put_nowait(ctx.signal.reason)
            finally:
                self.seen.put_nowait("closed")

        @router.stream("desk.deaf").handler
        async def deaf() -> Any:
            try:
                yield {"n": 1}
                await asyncio.Event().wait()
            finally:
                self.seen.put_nowait("closed")

        @router.stream("desk.fails").handler
        async def fails() -> Any:
            yield {"n": 1}
            raise OSError("/etc/secret: denied")

    def service(self, options: Options | None = None) -> Service:
        return stream_server(self.router, options or Options())

    async def next(self) -> str | None:
        async with asyncio.timeout(LONGEST_S):
            return await self.seen.get()


@dataclass(frozen=True)
class Ports:
    http: int
    grpc: int = 0


@contextlib.asynccontextmanager
async def served(service: Service, *, over_grpc: bool = False) -> AsyncIterator[Ports]:
    """The service on real sockets. When this is left no stream is open."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Server(service, url.set_result)
    async with contextlib.AsyncExitStack() as beside:
        port = await beside.enter_async_context(grpc_server.serving(service, "127.0.0.1")) if over_grpc else 0
        listener = beside.enter_context(socket.create_server(("127.0.0.1", 0)))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield Ports(int((await url).rpartition(":")[2]), port)
            async with asyncio.timeout(LONGEST_S):
                while service.mounts[""].open:  # noqa: ASYNC110 -- figures tell nobody that they change
                    await asyncio.sleep(0.001)
        finally:
            server.stop()
            async with asyncio.timeout(LONGEST_S):
                await serving


def told(desk: Desk, tell: Callable[[Ports], Awaitable[None]]) -> None:
    """What is told of a desk that is served over everything while that lasts."""

    async def story() -> None:
        async with asyncio.timeout(LONGEST_S), served(desk.service(), over_grpc=True) as ports:
            await tell(ports)

    asyncio.run(story())


async def get(port: int, target: str, *, method: str = "GET", body: bytes = b"", **fields: str) -> tuple[int, str, str]:
    """The status, the head and the body of an answer, which has to be whole."""
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    length = f"content-length: {len(body)}\r\n" if body else ""
    request = f"{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{length}{head}\r\n"
    async with asyncio.timeout(LONGEST_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.encode("latin-1") + body)
        answer = await reader.read()
        writer.close()
    top, _, rest = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in top.lower():
        assert rest.endswith(b"0\r\n\r\n"), "the body is not whole"
        rest = _unchunked(rest)
    return int(top.split()[1]), top.decode("latin-1").lower(), rest.decode()


def _unchunked(rest: bytes) -> bytes:
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            return body
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]


Outcome = tuple[list[Any], str]


async def over_sse(ports: Ports, name: str, payload: object, _items: Sequence[object] = ()) -> Outcome:
    """What the server's stream came to. A client has no way to send items."""
    query = "&".join(f"{key}={value}" for key, value in payload.items()) if isinstance(payload, dict) else ""
    status, _, body = await get(ports.http, f"/streams/{name}?{query}", accept="text/event-stream")
    if status != 200:
        return [], f"{status} {json.loads(body)['error']['code']}"
    items, end = [], ""
    for block in body.removesuffix("\n\n").split("\n\n"):
        event, _, data = block.rpartition("data: ")
        assert not end, "something follows the end"
        if not event:
            items.append(json.loads(data))
        else:
            end = _end(event.removeprefix("event: ").rstrip("\n"), json.loads(data))
    return items, end


def _end(word: str, payload: Any) -> str:
    return ENDED if word == "end" else f"{word} {payload['code']}"


async def over_ws(ports: Ports, name: str, payload: object, items: Sequence[object] = ()) -> Outcome:
    return await _over_envelopes("ws", ports, name, payload, items)


async def over_tcp(ports: Ports, name: str, payload: object, items: Sequence[object] = ()) -> Outcome:
    return await _over_envelopes("tcp", ports, name, payload, items)


async def _over_envelopes(over: str, ports: Ports, name: str, payload: object, items: Sequence[object]) -> Outcome:
    async with connected(over, ports.http, "/") as talk:
        await talk.say("stream_1", "start", procedure=name, payload=payload)
        for item in items:
            await talk.say("stream_1", "data", payload=item)
        if items:
            await talk.say("stream_1", "end")
        came = []
        while (envelope := await talk.hear())["type"] == "stream:data":
            assert envelope["id"] == "stream_1"
            came.append(envelope["payload"])
        return came, _end(envelope["type"].removeprefix("stream:"), envelope.get("payload"))


@dataclass(frozen=True)
class Open:
    """A stream whose client says an item and hears what comes, in turns."""

    say: Callable[[object], Awaitable[None]]
    _next: Callable[[], Awaitable[tuple[Any, str]]]

    async def hear(self, most: int = 1_000) -> Outcome:
        """Up to its end or to so many items, of which no end is known."""
        came: list[Any] = []
        while len(came) < most:
            item, end = await self._next()
            if end:
                return came, end
            came.append(item)
        return came, ""


@contextlib.asynccontextmanager
async def opened(over: str, ports: Ports, name: str) -> AsyncIterator[Open]:
    """A stream of items over `ws`, `tcp` or `grpc`. Leaving leaves it."""
    if over == "grpc":
        service, _, method = name.rpartition(".")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel:
            call: Any = channel.stream_stream(f"/{service}/{method}")()

            async def write(item: object) -> None:
                await call.write(grpc_text.encoded(json.dumps(item)))

            async def read() -> tuple[Any, str]:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    if (message := await call.read()) is not grpc.aio.EOF:
                        return json.loads(grpc_text.decoded(message)), ""
                status = (await call.code()).name
                return None, ENDED if status == "OK" else f"error {status}"

            yield Open(write, read)
        return
    async with connected(over, ports.http, "/") as talk:
        await talk.say("stream_1", "start", procedure=name)

        async def say(item: object) -> None:
            await talk.say("stream_1", "data", payload=item)

        async def hear() -> tuple[Any, str]:
            envelope = await talk.hear("stream_1")
            payload, kind = envelope.get("payload"), envelope["type"].removeprefix("stream:")
            return (payload, "") if kind == "data" else (None, _end(kind, payload))

        yield Open(say, hear)


async def over_grpc(ports: Ports, name: str, payload: object, items: Sequence[object] = ()) -> Outcome:
    service, _, method = name.rpartition(".")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel:
        path, said = f"/{service}/{method}", [grpc_text.encoded(json.dumps(item)) for item in items or (payload,)]
        if len(said) == 1:
            # In one with its head: a write that finds the call over puts an INTERNAL in the place of the status.
            opens: Any = channel.unary_stream(path)
            call = opens(said[0])
        else:
            opens = channel.stream_stream(path)
            call = opens()
            for text in said:
                await call.write(text)
            await call.done_writing()
        came: list[Any] = []
        with contextlib.suppress(grpc.aio.AioRpcError):
            while (message := await call.read()) is not grpc.aio.EOF:
                came.append(json.loads(grpc_text.decoded(message)))
        status = (await call.code()).name
    return came, ENDED if status == "OK" else f"error {status}"


async def over_jsonrpc(ports: Ports, name: str, payload: object, _items: Sequence[object] = ()) -> Outcome:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": payload or {}}).encode()
    _, _, answer = await get(ports.http, "/rpc", method="POST", body=body)
    return [], f"error {json.loads(answer)['error']['code']}"
