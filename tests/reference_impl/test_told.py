"""What the reference tells of its producers: each figure at the moment when it becomes true, a mount for itself."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest
from stream_stories import run

from streamspec.reference_impl import session
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.mount import Mount, mounted
from streamspec.reference_impl.roles import ROLES, Role, Values
from streamspec.reference_impl.routing import Asked, Refused
from streamspec.reference_impl.seams import Seams

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import Outlet

Turns = Callable[[], Awaitable[None]]
Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]

NOTHING = {"offered": 0, "produced": 0, "sending": 0, "open": 0, "ended": 0, "cancelled": 0, "cleanups": 0}


def _asked(path: str, query: str = "") -> tuple[Asked, Mount]:
    mount = mounted(Seams(), ROLES)
    answer = mount.answer("GET", path, query, ())
    assert not isinstance(answer, Refused)
    return answer.asked, mount


def test_a_stream_that_nobody_reads_stands_inside_a_send(turns: Turns) -> None:
    async def story() -> None:
        asked, mount = _asked("/large", "n=100")
        async with session.producing(asked, mount):
            await turns()
            full = {
                **NOTHING,
                "offered": 100,
                "produced": 17,
                "sending": 1,
                "open": 1,
            }  # 16 fit, one more is handed over
            assert mount.told.figures() == full
            await turns()
            assert mount.told.figures() == full
        over = {**NOTHING, "offered": 100, "produced": 17, "ended": 1, "cancelled": 1, "cleanups": 1}
        assert mount.told.figures() == over

    run(story())


def test_a_stream_that_ran_to_its_end_was_not_cancelled(turns: Turns) -> None:
    async def story() -> None:
        asked, mount = _asked("/finite", "n=3")
        async with session.producing(asked, mount) as stream:
            while await session._next_frame(stream, 0) is not None and mount.told.cleanups == 0:
                pass
        assert mount.told.figures() == {**NOTHING, "offered": 3, "produced": 3, "ended": 1, "cleanups": 1}

    run(story())


def test_a_producer_that_sleeps_learns_of_a_cancel_once(turns: Turns) -> None:
    async def story() -> None:
        asked, mount = _asked("/endless", "period_ms=60000")
        async with session.producing(asked, mount) as stream:
            await turns()
            stream.cancel()
            await turns()
            assert mount.told.figures() == {**NOTHING, "produced": 1, "cancelled": 1, "cleanups": 1}
        assert mount.told.cancelled == 1

    run(story())


def test_a_producer_deaf_to_the_stream_learns_by_its_task(monkeypatch: pytest.MonkeyPatch, turns: Turns) -> None:
    monkeypatch.setattr(session, "GRACE_S", 0.01)

    async def deaf(outlet: Outlet, values: Values) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        mount = mounted(Seams(), [Role("/deaf", (), deaf)])
        answer = mount.answer("GET", "/deaf", "", ())
        assert not isinstance(answer, Refused)
        async with session.producing(answer.asked, mount):
            await turns()
        assert mount.told.cancelled == 1

    run(story())


def test_a_failure_ends_and_cleans_up() -> None:
    async def story() -> None:
        asked, mount = _asked("/failing", "after=1")
        async with session.producing(asked, mount) as stream:
            await session._next_frame(stream, 0)
            await session._next_frame(stream, 0)
        assert mount.told.figures() == {**NOTHING, "produced": 1, "ended": 1, "cleanups": 1}

    run(story())


async def _told(exchange: Exchange, port: int, prefix: str = "") -> dict[str, int]:
    head, _, body = (await exchange(port, f"{prefix}/told")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\ncontent-type: application/json\r\n" in head
    assert b"\r\ncache-control: no-store\r\n" in head
    figures = json.loads(body)
    assert isinstance(figures, dict)
    return figures


async def _until(exchange: Exchange, port: int, figure: str) -> dict[str, int]:
    while not (figures := await _told(exchange, port))[figure]:  # noqa: ASYNC110 -- asked over a socket
        await asyncio.sleep(0)
    return figures


@pytest.mark.parametrize("binding", ["/sse", "/ndjson", "/json_array", "/guide"])
def test_on_a_socket_that_nobody_reads_production_stands_still(
    serving: Serving, exchange: Exchange, binding: str
) -> None:
    async def story() -> None:
        async with asyncio.timeout(20), serving(App(ROLES)) as port:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(f"GET {binding}/large?n=4000&item_bytes=32768 HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                figures, before = await _told(exchange, port, binding), NOTHING
                # Full are, one after another: the kernels' buffers, the server's, the stream's.
                while not figures["sending"] or figures["produced"] != before["produced"]:
                    await asyncio.sleep(0)
                    before, figures = figures, await _told(exchange, port, binding)
                assert figures["offered"] == 4000
                assert 17 < figures["produced"] < 2000
                assert await _told(exchange, port, binding) == figures
                read = 0
                client.setblocking(False)  # noqa: FBT003 -- the socket module's own signature
                loop = asyncio.get_running_loop()
                while figures["produced"] < 4000:
                    read += len(await loop.sock_recv(client, 1 << 20))
                    figures = await _told(exchange, port, binding)
                assert read > 1 << 24
            await _until(exchange, port, "ended")

    asyncio.run(story())


def test_each_mount_tells_of_itself_and_every_binding_of_the_same(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES, variants())) as port:
            await exchange(port, "/broken/ends-twice/ndjson/finite?n=3")
            await exchange(port, "/broken/bad-chunks/guide/finite?n=2")
            assert await _told(exchange, port) == NOTHING
            for prefix in ("", "/sse", "/ndjson", "/json_array", "/guide"):
                assert (await _told(exchange, port, f"/broken/ends-twice{prefix}"))["produced"] == 3
                assert (await _told(exchange, port, f"/broken/bad-chunks{prefix}"))["produced"] == 2

    asyncio.run(story())


def test_a_cancelled_stream_is_told_as_such(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES)) as port:
            await exchange(port, "/ndjson/idle", until=b"\n{")  # the body's first line
            figures = await _until(exchange, port, "ended")
            assert figures == {**NOTHING, "offered": 1, "produced": 1, "ended": 1, "cancelled": 1, "cleanups": 1}

    asyncio.run(story())
