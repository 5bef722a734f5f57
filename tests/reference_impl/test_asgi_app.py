"""The ASGI application, driven by hand: order of messages, disconnects, failures, lifespan, shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from stream_stories import run

from streamspec.reference_impl import session
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.outlet import Outlet
from streamspec.reference_impl.roles import ROLES, Role, Values
from streamspec.reference_impl.stream.errors import Code, StreamError

Turns = Callable[[], Awaitable[None]]
Produce = Callable[[Outlet], Awaitable[None]]
Message = dict[str, Any]


class Client:
    """The server's side of one request: `left` is the client's leaving, `sent` what the application sent."""

    def __init__(self, path: str, query: str = "", method: str = "GET") -> None:
        self.scope: Message = {"type": "http", "path": path, "query_string": query.encode(), "method": method}
        self.sent: list[Message] = []
        self.left = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.room.wait()
        self.sent.append(dict(message))

    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    def is_whole(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False


def _app(produce: Produce) -> App:
    async def with_values(outlet: Outlet, values: Values) -> None:
        await produce(outlet)

    return App([Role("/probe", (), with_values)])


def _ask(app: App, client: Client) -> asyncio.Task[None]:
    async def run() -> None:
        await app(client.scope, client.receive, client.send)

    return asyncio.create_task(run())


def test_headers_go_out_before_the_first_item_exists(turns: Turns) -> None:
    async def story() -> None:
        gate = asyncio.Event()

        async def produce(outlet: Outlet) -> None:
            await gate.wait()
            await outlet.send(Item(1, "late"))
            outlet.complete()

        client = Client("/probe")
        asking = _ask(_app(produce), client)
        await turns()
        start, first = client.sent
        assert (start["type"], start["status"]) == ("http.response.start", 200)
        assert dict(start["headers"]) == {b"content-type": b"text/event-stream", b"cache-control": b"no-store"}
        assert first == {"type": "http.response.body", "body": b"", "more_body": True}
        gate.set()
        await asking
        assert client.body() == b'id: 1\ndata: {"n":1,"text":"late"}\n\nevent: end\ndata: {}\n\n'
        assert client.is_whole()

    run(story())


def test_each_item_is_sent_before_the_next_exists(turns: Turns) -> None:
    async def story() -> None:
        gates = [asyncio.Event() for _ in range(3)]

        async def produce(outlet: Outlet) -> None:
            for n, gate in enumerate(gates, 1):
                await gate.wait()
                await outlet.send(Item(n, ""))
            outlet.complete()

        client = Client("/probe")
        asking = _ask(_app(produce), client)
        for n, gate in enumerate(gates, 1):
            gate.set()
            await turns()
            assert client.body().count(b"id: ") == n
        await asking

    run(story())


@pytest.mark.parametrize("doing", ["sleeping", "parked"])
def test_a_disconnect_reaches_the_producer_and_cleans_up_once(turns: Turns, doing: str) -> None:
    async def story() -> None:
        heard: list[Code] = []
        cleanups: list[int] = []

        async def produce(outlet: Outlet) -> None:
            outlet.on_end(lambda: cleanups.append(1))
            try:
                for n in range(1, 1000):
                    await outlet.send(Item(n, ""))
                    if doing == "sleeping":
                        await outlet.sleep(3600)
            except StreamError as error:
                heard.append(error.code)
                raise

        client = Client("/probe")
        asking = _ask(_app(produce), client)
        await turns()
        if doing == "parked":
            client.room.clear()
        await turns()
        client.left.set()
        await turns()
        client.room.set()
        await asking
        assert (heard, cleanups) == ([Code.CANCELLED], [1])
        assert not client.is_whole()
        assert b"event: " not in client.body()

    run(story())


def test_a_client_that_does_not_read_stops_the_producer(turns: Turns) -> None:
    async def story() -> None:
        produced: list[int] = []
        begun = asyncio.Event()

        async def produce(outlet: Outlet) -> None:
            for n in range(1, 1000):
                await outlet.send(Item(n, ""))
                produced.append(n)
                begun.set()

        client = Client("/probe")
        client.room.clear()
        asking = _ask(_app(produce), client)
        await turns()
        assert produced == []  # not even asked for: the head is not through yet
        client.room.set()
        await begun.wait()
        client.room.clear()
        await turns()
        taken = client.body().count(b"id: ")
        assert len(produced) <= taken + 1 + 16  # in the server's hands, and the buffer
        client.left.set()
        await turns()
        client.room.set()
        await asking

    run(story())


def test_a_send_that_raises_is_a_disconnect() -> None:
    async def story() -> None:
        heard: list[Code] = []

        async def produce(outlet: Outlet) -> None:
            try:
                while True:
                    await outlet.send(Item(1, ""))
            except StreamError as error:
                heard.append(error.code)
                raise

        client = Client("/probe")

        async def send(message: Any) -> None:
            if message.get("body"):
                raise OSError("gone")
            await client.send(message)

        await _app(produce)(client.scope, client.receive, send)
        assert heard == [Code.CANCELLED]
        assert not client.is_whole()

    run(story())


def test_a_producer_deaf_to_cancel_is_cancelled_as_a_task(monkeypatch: pytest.MonkeyPatch, turns: Turns) -> None:
    monkeypatch.setattr(session, "GRACE_S", 0.01)

    async def story() -> None:
        ended: list[str] = []

        async def produce(outlet: Outlet) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

        client = Client("/probe")
        asking = _ask(_app(produce), client)
        await turns()
        client.left.set()
        await asking
        await turns()
        assert ended == ["cancelled"]

    run(story())


def test_an_exception_becomes_the_streams_error_and_tells_nothing() -> None:
    client = run(_answered(App(ROLES), "/failing", "after=2"))
    items, _, error = client.body().partition(b"event: error\n")
    assert items.count(b"id: ") == 2
    assert error == b'data: {"code":"INTERNAL","message":"the handler failed"}\n\n'
    assert client.is_whole()


def test_a_stream_error_of_the_handlers_is_relayed_as_it_is() -> None:
    async def produce(outlet: Outlet) -> None:
        raise StreamError(Code.NOT_FOUND, "no such feed")

    client = run(_answered(_app(produce), "/probe"))
    assert client.body() == b'event: error\ndata: {"code":"NOT_FOUND","message":"no such feed"}\n\n'


def test_a_handler_that_forgets_to_end_its_stream_is_reported() -> None:
    async def produce(outlet: Outlet) -> None:
        await outlet.send(Item(1, ""))

    client = run(_answered(_app(produce), "/probe"))
    assert b'event: error\ndata: {"code":"INTERNAL"' in client.body()


async def _answered(app: App, path: str, query: str = "", method: str = "GET") -> Client:
    client = Client(path, query, method)
    await app(client.scope, client.receive, client.send)
    return client


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("GET", "/nope", "", 404),
        ("GET", "/broken/no-such-variant/", "", 404),
        ("POST", "/finite", "", 405),
        ("GET", "/finite", "n=-1", 400),
    ],
)
def test_a_refusal_is_one_line_of_text(method: str, path: str, query: str, status: int) -> None:
    client = run(_answered(App(ROLES), path, query, method))
    assert client.sent[0]["status"] == status
    assert client.body().count(b"\n") == 1
    assert client.body().endswith(b"\n")
    assert client.is_whole()


def test_an_empty_stream_completes() -> None:
    client = run(_answered(App(ROLES), "/finite", "n=0"))
    assert client.body() == b"event: end\ndata: {}\n\n"


def test_close_ends_open_streams_with_unavailable(turns: Turns) -> None:
    async def story() -> None:
        app, client = App(ROLES), Client("/endless", "period_ms=60000")
        asking = _ask(app, client)
        await turns()
        app.close()
        await asking
        assert client.body().count(b"id: ") == 1
        assert client.body().endswith(b'{"code":"UNAVAILABLE","message":"the server is shutting down"}\n\n')
        assert client.is_whole()

    run(story())


def test_the_lifespan_is_answered() -> None:
    async def story() -> list[str]:
        told = iter(["lifespan.startup", "lifespan.shutdown"])
        sent: list[str] = []

        async def receive() -> Message:
            return {"type": next(told)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await App(ROLES)({"type": "lifespan"}, receive, send)
        return sent

    assert run(story()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("extensions", [{}, None, {"websocket.http.response": {}}])
def test_a_websocket_is_refused_as_its_server_lets_us(extensions: Message | None) -> None:
    client = Client("/no/such/socket")
    client.scope |= {"type": "websocket", "headers": [(b"host", b"here")], "extensions": extensions}
    run(App(ROLES)(client.scope, client.receive, client.send))
    if extensions:
        assert [client.sent[0]["status"], client.body()] == [404, b"there is no such WebSocket\n"]
    else:
        assert client.sent == [{"type": "websocket.close"}]


def test_a_websocket_needs_nothing_that_only_our_own_server_tells() -> None:
    async def story() -> None:
        said: asyncio.Queue[Message] = asyncio.Queue()
        sent: list[Message] = []

        async def send(message: Any) -> None:
            sent.append(dict(message))
            if "stream:end" in message.get("text", ""):
                said.put_nowait({"type": "websocket.disconnect", "code": 1000})

        start = '{"id":"a","procedure":"server","type":"stream:start","payload":{"run":"a","script":{"steps":[]}}}'
        for message in ({"type": "websocket.connect"}, {"type": "websocket.receive", "text": start}):
            said.put_nowait(message)
        await App(ROLES)({"type": "websocket", "path": "/script/ws", "headers": []}, said.get, send)
        assert sent == [
            {"type": "websocket.accept"},
            {"type": "websocket.send", "text": '{"id":"a","type":"stream:start"}'},
            {"type": "websocket.send", "text": '{"id":"a","type":"stream:end"}'},
        ]

    asyncio.run(story())


def test_another_protocol_is_refused() -> None:
    client = Client("/")
    client.scope["type"] = "webtransport"
    with pytest.raises(ValueError, match="webtransport"):
        run(App(ROLES)(client.scope, client.receive, client.send))


def test_an_ended_stream_is_forgotten(turns: Turns) -> None:
    async def story() -> None:
        app, client = App(ROLES), Client("/endless", "period_ms=60000")
        asking = _ask(app, client)
        await turns()
        assert len(app.mounts[""].open) == 1
        client.left.set()
        await asking
        assert len(app.mounts[""].open) == 0

    run(story())


def test_the_variants_are_listed_with_what_is_wrong_with_each() -> None:
    client = Client("/broken/")
    run(App(ROLES, variants())(client.scope, client.receive, client.send))
    lines = client.body().decode().splitlines()
    assert len(lines) == len(variants())
    assert "/broken/hides-failure/  LC-07  A handler's exception ends the stream as a normal completion." in lines
    assert client.is_whole()
