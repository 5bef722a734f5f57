"""The reference's ASGI application over HTTP/2 with prior knowledge, under two servers that are not ours.

What a server itself does wrong is a strict xfail with its reason. Heavy: processes of servers, with what they need.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest
from raw_h2 import Client, connected

from streamspec.harness.engine.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

LONGEST_S: Final = 30.0
ITEM_BYTES: Final = 4_000
OFFERED: Final = 20_000
# What may lie between a producer and a shut window: the stream's own queue, a server's buffer, a window.
MOST_AHEAD: Final = 16 + (65_535 + 262_144) // ITEM_BYTES
APP: Final = """
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.roles import ROLES

reference = App(ROLES)


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/raises":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        raise RuntimeError("on purpose")
    await reference(scope, receive, send)
"""
HYPERCORN: Final = "hypercorn"
GRANIAN: Final = "granian"


def _command(server: str, port: int) -> list[str]:
    if server == HYPERCORN:
        return [sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}", "served_over_h2:app"]
    options = ["--interface", "asgi", "--http", "2", "--no-ws", "--port", str(port)]
    return [sys.executable, "-m", "granian", *options, "served_over_h2:app"]


def _wait_for(port: int) -> None:
    until_s = time.monotonic() + LONGEST_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < until_s, "the server never listened"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module", params=[HYPERCORN, GRANIAN])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The name of a server, and the port on which it serves the reference."""
    name = request.param
    assert importlib.util.find_spec(name), f"{name} is not installed"
    place: Path = tmp_path_factory.mktemp(name)
    (place / "served_over_h2.py").write_text(APP)
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(place)}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(_command(name, port), stdout=log, stderr=log, env=environment)
        try:
            _wait_for(port)
            yield name, port
        finally:
            process.terminate()
            try:
                process.wait(LONGEST_S)
            finally:
                process.kill()


def _known(server: tuple[str, int], name: str, why: str, request: pytest.FixtureRequest) -> None:
    """Of this server it is known that the test fails, and why."""
    if server[0] == name:
        request.applymarker(pytest.mark.xfail(strict=True, reason=why))


def _run(port: int, story: Callable[[Client], Awaitable[None]], *, window: int = 65_535) -> None:
    async def connect() -> None:
        async with asyncio.timeout(LONGEST_S), connected(port, window=window) as client:
            await story(client)

    asyncio.run(connect())


async def _told(client: Client) -> dict[str, int]:
    stream = await client.whole(client.ask("/told"))
    figures: dict[str, int] = json.loads(stream.data)
    return figures


async def _told_when(client: Client, condition: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    while not condition(figures := await _told(client)):  # noqa: ASYNC110 -- asked over the same connection
        await asyncio.sleep(0.02)
    return figures


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        (
            "/finite?n=2",
            "text/event-stream",
            'id: 1\ndata: {"n":1,"text":"№ 1"}\n\nid: 2\ndata: {"n":2,"text":"№ 2"}\n\n',
        ),
        ("/ndjson/finite?n=1", "application/x-ndjson", '{"n":1,"text":"№ 1"}\n'),
        ("/json_array/finite?n=1", "application/json", '[\n{"n":1,"text":"№ 1"}\n]\n'),
        ("/empty", "text/event-stream", "event: end"),
        ("/ndjson/failing?after=0", "application/x-ndjson", '{"type":"error"'),
    ],
)
def test_each_binding_is_one_stream_that_ends(server: tuple[str, int], path: str, kind: str, body: str) -> None:
    async def story(client: Client) -> None:
        stream = await client.whole(client.ask(path))
        assert (stream.headers[":status"], stream.headers["content-type"]) == ("200", kind)
        assert bytes(stream.data).startswith(body.encode())
        assert stream.ended

    _run(server[1], story)


def test_no_field_of_a_connection_comes_along(server: tuple[str, int]) -> None:
    async def story(client: Client) -> None:
        for path in ("/finite?n=1", "/nothing", "/told"):
            stream = await client.whole(client.ask(path))
            # RFC 9113 8.2.2
            assert not {"connection", "keep-alive", "transfer-encoding", "upgrade"} & set(stream.headers)

    _run(server[1], story)


def test_a_reset_reaches_a_producer_at_work_and_its_siblings_go_on(server: tuple[str, int]) -> None:
    async def story(client: Client) -> None:
        before = await _told(client)
        left, sibling = client.ask("/endless"), client.ask("/endless")
        await client.got(left, 100)
        client.reset(left)
        after = await _told_when(client, lambda told: told["cancelled"] == before["cancelled"] + 1)
        assert after["open"] == before["open"] + 1
        so_far = len(client.streams[sibling].data)
        await client.read_until(lambda: len(client.streams[sibling].data) > so_far + 1_000, giving=(sibling,))
        client.reset(sibling)
        await _told_when(client, lambda told: told["open"] == before["open"])

    _run(server[1], story)


def test_a_reset_reaches_a_producer_that_is_silent(server: tuple[str, int]) -> None:
    async def story(client: Client) -> None:
        before = await _told(client)
        number = client.ask("/idle")
        await client.got(number, 10)
        client.reset(number)
        await _told_when(client, lambda told: told["cancelled"] == before["cancelled"] + 1)

    _run(server[1], story)


def test_a_lost_connection_reaches_all_its_producers(server: tuple[str, int]) -> None:
    async def story(client: Client) -> None:
        before = await _told(client)
        async with connected(server[1]) as other:
            for number in [other.ask("/idle") for _ in range(5)]:
                await other.got(number, 10)
        await _told_when(client, lambda told: told["cancelled"] == before["cancelled"] + 5)

    _run(server[1], story)


def test_a_shut_window_holds_its_producer_and_no_other(server: tuple[str, int], request: pytest.FixtureRequest) -> None:
    why = "0.18 buffers all of it: StreamBuffer.pop on a shut window takes nothing and wakes whoever waits in push"
    _known(server, HYPERCORN, why, request)

    async def story(client: Client) -> None:
        before = await _told(client)
        number = client.ask(f"/large?n={OFFERED}&item_bytes={ITEM_BYTES}")
        await client.got(number, 65_535)
        for _ in range(10):  # each goes round the server, which has all that time to produce more
            stream = await client.whole(client.ask("/finite?n=10"))
            assert stream.ended
        told = await _told(client)
        assert told["sending"] == before["sending"] + 1
        ahead = told["produced"] - before["produced"] - 100
        assert 16 <= ahead <= MOST_AHEAD
        client.give_back(number)
        await client.got(number, 2 * 65_535)
        told = await _told_when(client, lambda told: told["produced"] - before["produced"] - 100 > ahead)
        client.reset(number)
        await _told_when(client, lambda told: told["open"] == before["open"])

    _run(server[1], story)


def test_a_handler_that_raises_ends_its_stream_and_not_well(
    server: tuple[str, int], request: pytest.FixtureRequest
) -> None:
    why = "0.18 says nothing more on the stream: no END_STREAM, no RST_STREAM"
    _known(server, HYPERCORN, why, request)

    async def story(client: Client) -> None:
        stream = client.streams[client.ask("/raises")]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await client.read_until(lambda: stream.is_over)
        assert bytes(stream.data) == b"one"
        assert stream.reset is not None
        assert not stream.ended

    _run(server[1], story)
