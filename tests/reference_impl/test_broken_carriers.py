"""Variants that are broken in what a connection of messages carries, whatever it is made of: their seams, and that
these are passed over WebSocket and over TCP. What their rules say of them is the kill matrix's."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from envelope_clients import Talk, connected, gate, generate, in_short, send

from streamspec.reference_impl import broken, envelopes
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import keeps_a_file_of_the_misread, keeps_a_thread_of_those_who_left
from streamspec.reference_impl.carried import Carried
from streamspec.reference_impl.envelopes import Envelope, Said
from streamspec.reference_impl.leaks import KeptAfter, Leak
from streamspec.reference_impl.mount import mounted
from streamspec.reference_impl.multiplex import Multiplex, Wanted
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.seams import Message, Receive, Send

    Turns = Callable[[], Awaitable[None]]
    Serving = Callable[[App], AbstractAsyncContextManager[int]]

SEAMS: Final = {variant.name: variant.seams for variant in broken.variants()}
OVER: Final = ("ws", "tcp")


def story_of(tell: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await tell()

    asyncio.run(main())


class Line:
    """A `multiplex.Carrier` whose client says what a test puts in: None, that it has left, or an error, that it tore
    the connection."""

    def __init__(self, seams: Seams) -> None:
        mount = mounted(seams, ROLES)
        self.said: asyncio.Queue[str | OSError | None] = asyncio.Queue()
        self.heard: list[str] = []
        self.writes = 0
        self.torn = False

        def find(procedure: str, metadata: Headers) -> Wanted:
            return Wanted(mount, procedure, metadata)

        self.mount = mount
        self.streams = Multiplex(find, seams)
        self.task = asyncio.create_task(self.streams.converse(self))

    async def read(self) -> str | None:
        said = await self.said.get()
        if isinstance(said, OSError):
            raise said
        return said

    async def write(self, message: str | bytes) -> None:
        self.writes += 1
        if self.torn:
            raise ConnectionResetError
        envelope = json.loads(message)
        self.heard.append(f"{envelope['id']} {in_short(envelope)}")

    def is_gone(self) -> bool:
        return self.torn

    async def close(self, code: Code) -> None:
        pass

    def start(self, stream: str, *steps: Any) -> None:
        wish = {"run": stream, "script": {"steps": steps}}
        self.said.put_nowait(json.dumps({"id": stream, "type": "stream:start", "procedure": "server", "payload": wish}))

    def produced(self, run: str) -> Any:
        found = self.mount.runs.begun(run)
        return found.figures()["sent"] if found else 0

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait((self.task,))


async def start(talk: Talk, over: str, name: str, stream: str, *steps: Any) -> None:
    """Ask a variant for a stream: over TCP a procedure says which one it is."""
    procedure = f"broken/{name}/server" if over == "tcp" else "server"
    payload = {"run": f"{over}-{name}-{stream}", "script": {"steps": steps}}
    await talk.say(stream, "start", procedure=procedure, payload=payload)


# -- the seams themselves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", OVER)
def test_a_connection_is_carried_once_and_from_its_first_stream_on(serving: Serving, over: str) -> None:
    written: list[list[str]] = []

    class Noting(Carried):
        def __init__(self, carrier: Any) -> None:
            super().__init__(carrier)
            written.append([])

        async def write(self, message: envelopes.Message) -> None:
            written[-1].append(in_short(json.loads(message)))
            await super().write(message)

    variant = Variant("off", "It is off.", "app", "WS-01", ("off",), Seams(carry=Noting), on=OVER)

    async def story() -> None:
        async with serving(App(ROLES, [variant])) as port:
            for _ in range(2):
                async with connected(over, port, "/broken/off/script/ws") as talk:
                    for stream in ("a", "b"):
                        await start(talk, over, "off", stream, send(1))
                        assert await talk.told(stream) == [1, "end"]

    story_of(story)
    assert written == [["start", "data", "end"] * 2] * 2


def test_what_a_start_asks_for_is_read_as_the_seam_says(turns: Turns) -> None:
    asked: list[tuple[Any, int]] = []

    def wish(text: str, arrivals: int) -> str:
        asked.append((json.loads(text), arrivals))
        return text.replace("7", "2")

    async def story() -> None:
        line = Line(Seams(wish=wish))
        line.streams.arrivals = 5
        line.start("a", generate(7))
        while "a end" not in line.heard:
            await turns()
        line.said.put_nowait(None)
        await line.task
        assert line.heard == ["a start", "a data", "a data", "a end"]

    story_of(story)
    assert asked == [({"run": "a", "script": {"steps": [generate(7)]}}, 5)]


# -- variants ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deaf", [False, True])
def test_deaf_at_its_end(turns: Turns, deaf: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async def story() -> None:
        line = Line(SEAMS["deaf-at-its-end"] if deaf else Seams())
        line.start("open", gate())
        line.start("a", send(1))
        while "a end" not in line.heard:
            await turns()
        line.start("b", send(1))
        for _ in range(5):
            await turns()
        assert "open start" in line.heard
        assert ("b end" in line.heard) is not deaf
        await line.stop()

    story_of(story)


@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("torn", [False, True])
def test_deaf_to_resets(turns: Turns, torn: bool, deaf: bool) -> None:  # noqa: FBT001 -- parameters of the test
    async def story() -> None:
        line = Line(SEAMS["deaf-to-resets"] if deaf else Seams())
        line.start("a", {"do": "generate"})
        while line.heard.count("a data") < 20:
            await turns()
        line.torn = torn
        line.said.put_nowait(ConnectionResetError() if torn else None)
        for _ in range(5):
            await turns()
        produced, writes = line.produced("a"), line.writes
        for _ in range(5):
            await turns()
        goes_on = torn and deaf
        assert (line.produced("a") > produced, line.task.done()) == (goes_on, not goes_on)
        assert line.writes == writes, "of a connection that was torn nothing is asked twice"
        await line.stop()

    story_of(story)


@pytest.mark.parametrize("torn", [False, True])
def test_deaf_to_resets_of_a_websocket(torn: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    over: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.disconnect"}

    async def send_to_nobody(_message: Message) -> None:
        raise ConnectionResetError

    async def application(_scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.send", "text": "a"})
        over.append(await receive())

    async def story() -> None:
        connection = SimpleNamespace(lost=ConnectionResetError() if torn else None)
        scope: Message = {"type": "websocket", "path": "/", "state": {"connection": connection}}
        told = asyncio.ensure_future(
            SEAMS["deaf-to-resets"].around_sockets(application)(scope, receive, send_to_nobody)
        )
        for _ in range(20):
            await asyncio.sleep(0)
        assert (told.done(), bool(over)) == (not torn, not torn)
        told.cancel()
        await asyncio.wait((told,))

    story_of(story)


@pytest.mark.parametrize(
    ("envelope", "items"),
    [
        (
            envelopes.failure("s", Code.INTERNAL, 'x\n{"injected":1}\n[2]\n{"type":"end"}'),
            ('{"injected":1}', '{"type":"end"}'),
        ),
        (envelopes.failure("s", Code.INTERNAL, 'x {"injected":1}'), ()),
        (envelopes.refusal(Said("s", "stream:start"), Code.NOT_FOUND, '{"injected":1}'), ()),
        (envelopes.complaint("s", Code.NOT_FOUND, '{"injected":1}'), ()),
        (Envelope("s", "stream:data", '{"n":1}'), ()),
    ],
)
def test_reads_a_failure_by_lines(envelope: Envelope, items: tuple[str, ...]) -> None:
    ahead = (piece for item in items for piece in envelopes.written(Envelope("s", "stream:data", item)))
    assert SEAMS["reads-a-failure-by-lines"].envelope(envelope) == (*ahead, *envelopes.written(envelope))


@pytest.mark.parametrize(
    ("name", "wish", "arrivals", "read"),
    [
        (
            "passes-over-steps",
            '{"script":{"steps":[{"do":"sing"},{"do":"echo"}]}}',
            1,
            '{"script":{"steps":[{"do":"echo"}]}}',
        ),
        ("passes-over-steps", '{"script":{"steps":[ {"do":"echo"}]}}', 1, '{"script":{"steps":[ {"do":"echo"}]}}'),
        ("passes-over-steps", "no JSON", 1, "no JSON"),
        ("reads-numbers-at-a-stretch", '{"n":25}', 3, '{"n":25}'),
        ("reads-numbers-at-a-stretch", '{"n":25}', 4, '{"n":2}'),
    ],
)
def test_what_a_start_asks_for_is_taken_for_something_else(name: str, wish: str, arrivals: int, read: str) -> None:
    assert SEAMS[name].wish(wish, arrivals) == read


# -- what is kept ------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept() -> Iterator[Callable[[Leak], int]]:
    """How much is kept; it is given back, since other tests live in this process too."""
    leaks: list[Leak] = []

    def counted(leak: Leak) -> int:
        leaks.append(leak)
        return len(leak._kept)

    yield counted
    for leak in leaks:
        while leak._kept:
            leak._kept.pop()()


@pytest.mark.parametrize("over", OVER)
def test_keeps_a_thread_of_those_who_left(serving: Serving, kept: Callable[[Leak], int], over: str) -> None:
    variant = keeps_a_thread_of_those_who_left.VARIANT
    arrange = variant.seams.arrange
    assert isinstance(arrange, KeptAfter)

    async def story() -> None:
        app = App(ROLES, [variant])
        mount = app.mounts[variant.name]
        async with serving(app) as port:
            for abruptly in (True, False):
                async with connected(over, port, f"/broken/{variant.name}/script/ws") as talk:
                    await start(talk, over, variant.name, "whole", send(1))
                    assert await talk.told("whole") == [1, "end"]
                    assert kept(arrange.leak) == (not abruptly)
                    await start(talk, over, variant.name, "left", gate())
                    assert (await talk.hear("left"))["type"] == "stream:start"
                    if abruptly:
                        talk.client.abort()
                while mount.open:  # noqa: ASYNC110 -- what is open wakes nobody
                    await asyncio.sleep(0.001)
            assert kept(arrange.leak) == 2

    story_of(story)


def test_keeps_a_file_of_the_misread(serving: Serving, exchange: Any, kept: Callable[[Leak], int]) -> None:
    variant, leak = keeps_a_file_of_the_misread.VARIANT, keeps_a_file_of_the_misread.LEAK

    async def story() -> None:
        async with serving(App(ROLES, [variant])) as port:
            path = f"/broken/{variant.name}/script/ws"
            assert (await exchange(port, f"/broken/{variant.name}/nope")).startswith(b"HTTP/1.1 404 ")
            assert kept(leak) == 0
            assert (await exchange(port, path, headers="no colon here\r\n")).startswith(b"HTTP/1.1 400 ")
            assert kept(leak) == 1
            assert (await exchange(port, "/script/ws", headers="no colon here\r\n")).startswith(b"HTTP/1.1 400 ")
            assert kept(leak) == 1

    story_of(story)
