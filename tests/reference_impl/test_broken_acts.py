"""What each variant of pressure, cancel, cleanup and resources does, seen on raw sockets and in what it tells."""

from __future__ import annotations

import asyncio
import importlib
import socket
import struct
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl import broken, server
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.leaks import KeptAfter, Leak
from streamspec.reference_impl.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.told import Told

Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]
Story = Callable[[int, "Mount"], Awaitable[None]]

LONGEST_S = 10
BIG = "large?n=1000&item_bytes=32768"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SHUTDOWN_GRACE_S", 0.05)


@pytest.fixture
def played(serving: Serving) -> Callable[[str, Story], None]:
    """Play a story on a server of its own: it gets the port, and the mount of the variant."""

    def played(name: str, story: Story) -> None:
        async def run() -> None:
            app = App(ROLES, variants())
            async with asyncio.timeout(LONGEST_S), serving(app) as port:
                await story(port, app.mounts[name])

        asyncio.run(run())

    return played


def _asked(port: int, path: str) -> socket.socket:
    """A client that reads only when it is told to."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    client.setblocking(False)  # noqa: FBT003 -- the socket module's own signature
    return client


async def _read(client: socket.socket, until: bytes) -> bytes:
    read = bytearray()
    while read.find(until, max(0, len(read) - (1 << 20) - len(until))) < 0:
        piece = await asyncio.get_running_loop().sock_recv(client, 1 << 20)
        assert piece, read[-200:]
        read += piece
    return bytes(read)


def _tear(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def _when(told: Callable[[], object]) -> None:
    while not told():  # noqa: ASYNC110 -- what is counted wakes nobody
        await asyncio.sleep(0.001)


async def _still(told: Told) -> None:
    """Until nothing more is produced: several turns of the loop without a change."""
    before, quiet = -1, 0
    while quiet < 50:
        await asyncio.sleep(0.001)
        quiet = quiet + 1 if told.produced == before else 0
        before = told.produced


def test_holds_its_head(played: Callable[[str, Story], None], exchange: Exchange) -> None:
    async def story(port: int, mount: Mount) -> None:
        with (
            _asked(port, "/broken/holds-its-head/endless?first_item_ms=200") as late,
            _asked(port, "/endless?first_item_ms=60000") as good,
        ):
            await _read(good, b"\r\n\r\n")
            began_s = asyncio.get_running_loop().time()
            await _read(late, b"\r\n\r\n")
            assert asyncio.get_running_loop().time() - began_s > 0.1
        assert (await exchange(port, "/broken/holds-its-head/told")).startswith(b"HTTP/1.1 200 ")
        assert (await exchange(port, "/broken/holds-its-head/nope")).startswith(b"HTTP/1.1 404 ")

    played("holds-its-head", story)


@pytest.mark.parametrize(("name", "path"), [("waits-for-an-item", "empty"), ("resumes-for-ever", "resumable")])
def test_an_end_that_does_not_come(
    played: Callable[[str, Story], None], name: str, path: str, exchange: Exchange
) -> None:
    async def story(port: int, mount: Mount) -> None:
        client = socket.create_connection(("127.0.0.1", port))
        request = f"GET /broken/{name}/{path} HTTP/1.1\r\nhost: x\r\nlast-event-id: 20\r\n\r\n"
        client.sendall(request.encode())
        with client:
            await _when(lambda: mount.told.open)
            await exchange(port, "/finite")
            assert (mount.told.open, mount.told.produced) == (1, 0)

    played(name, story)


@pytest.mark.parametrize("name", ["runs-ahead", "holds-the-backlog"])
def test_a_producer_without_a_bound(played: Callable[[str, Story], None], name: str) -> None:
    async def story(port: int, mount: Mount) -> None:
        tracemalloc.start()
        with _asked(port, f"/broken/{name}/ndjson/{BIG}") as client:
            if name == "runs-ahead":
                await _when(lambda: mount.told.produced == 1000)
                assert mount.told.sending == 0
                assert tracemalloc.get_traced_memory()[0] < 1000 * 32768 / 4
            else:
                await _when(lambda: tracemalloc.get_traced_memory()[0] > 1000 * 32768 * 3 / 4)
                assert mount.told.produced < 500
                assert mount.told.sending == 1
            tracemalloc.stop()
            whole = await _read(client, b'{"type":"end"}\n')
            assert whole.count(b'{"n":') == 1000
            assert b'{"n":1000,' in whole

    played(name, story)


def test_drops_after_a_stall(played: Callable[[str, Story], None]) -> None:
    async def story(port: int, mount: Mount) -> None:
        with _asked(port, f"/broken/drops-after-a-stall/ndjson/{BIG}") as client:
            await _still(mount.told)
            await asyncio.sleep(0.6)  # the stall itself
            whole = await _read(client, b'{"type":"end"}\n')
            assert whole.count(b'{"n":') == 997
            assert mount.told.produced == 1000

    played("drops-after-a-stall", story)


def test_one_writes_at_a_time(played: Callable[[str, Story], None], exchange: Exchange) -> None:
    async def story(port: int, mount: Mount) -> None:
        with _asked(port, f"/broken/one-writes-at-a-time/{BIG}") as stalled:
            await _still(mount.told)
            with _asked(port, "/broken/one-writes-at-a-time/finite?n=3") as sibling:
                await exchange(port, "/finite")
                await exchange(port, "/broken/one-writes-at-a-time/told")
                with pytest.raises(BlockingIOError):
                    sibling.recv(1)
                stalled.close()
                await _read(sibling, b"event: end\n")

    played("one-writes-at-a-time", story)


def test_stays_blocked(played: Callable[[str, Story], None], exchange: Exchange) -> None:
    async def story(port: int, mount: Mount) -> None:
        with _asked(port, f"/broken/stays-blocked/{BIG}") as client:
            await _still(mount.told)
            _tear(client)
        await exchange(port, "/broken/stays-blocked/idle", until=b"id: 1\n")  # this one waits for nothing
        await _when(lambda: mount.told.cancelled == 1)
        assert (mount.told.open, mount.told.sending) == (1, 1)

    played("stays-blocked", story)


@pytest.mark.parametrize("leave", [socket.socket.close, _tear])
@pytest.mark.parametrize("role", ["endless", "idle"])
@pytest.mark.parametrize("name", ["deaf", "deaf-to-resets", "tells-only-senders", "produces-for-nobody"])
def test_a_leaving_that_is_not_heeded(
    played: Callable[[str, Story], None], exchange: Exchange, name: str, role: str, leave: Callable[[Any], None]
) -> None:
    deaf = {
        "deaf": True,
        "deaf-to-resets": leave is _tear,
        "tells-only-senders": role == "idle",
        "produces-for-nobody": False,
    }[name]

    async def story(port: int, mount: Mount) -> None:
        with _asked(port, f"/broken/{name}/{role}") as client:
            await _read(client, b"id: 1\n")
            leave(client)
        told = mount.told
        if deaf:
            for _ in range(3):
                await exchange(port, "/prompt?gap_ms=50")
            assert (told.cancelled, told.ended, told.cleanups, told.open) == (0, 0, 0, 1)
            produced = told.produced
            if role == "endless":
                await _when(lambda: told.produced > produced)
        else:
            await _when(lambda: told.ended)
            goes_on = (name, role) == ("produces-for-nobody", "endless")
            assert (told.cancelled, told.cleanups, told.open) == (1, 1, goes_on)
            produced = told.produced
            if goes_on:
                await _when(lambda: told.produced > produced)

    played(name, story)


@pytest.mark.parametrize(("name", "cleanups"), [("abandons-the-cancelled", 0), ("tidies-up-twice", 2)])
def test_cleanups_of_the_cancelled(
    played: Callable[[str, Story], None], exchange: Exchange, name: str, cleanups: int
) -> None:
    async def story(port: int, mount: Mount) -> None:
        await exchange(port, f"/broken/{name}/endless", until=b"id: 1\n")
        await _when(lambda: mount.told.ended)
        assert mount.told.cleanups == cleanups
        await exchange(port, f"/broken/{name}/finite")
        await exchange(port, f"/broken/{name}/failing")
        assert mount.told.cleanups == cleanups + 2

    played(name, story)


def _leak_of(name: str) -> Leak:
    module = importlib.import_module(f"{broken.__name__}.{name.replace('-', '_')}")
    arrange = module.VARIANT.seams.arrange
    leak: Leak = arrange.leak if isinstance(arrange, KeptAfter) else module.LEAK
    return leak


@pytest.fixture
def given_back() -> Iterator[None]:
    """Other tests live in this process too."""
    yield
    for name in LEAKING:
        leak = _leak_of(name)
        while leak._kept:
            leak._kept.pop()()


def _taken() -> int:
    """What this process holds of the system: descriptors and threads, but for those that all thread streams share."""
    threads = sum(not thread.name.startswith("stream-") for thread in threading.enumerate())
    return len(list(Path("/dev/fd").iterdir())) + threads


async def _taken_are(number: int) -> None:
    await _when(lambda: _taken() == number)


LEAKING = {
    "keeps-a-file-of-the-completed": (1, 0, 0, 0),
    "keeps-a-thread-of-the-failed": (0, 1, 0, 0),
    "keeps-a-file-of-the-cancelled": (0, 0, 1, 0),
    "keeps-the-socket": (0, 0, 1, 0),
    "keeps-a-file-of-the-refused": (0, 0, 0, 1),
}


@pytest.mark.usefixtures("given_back")
@pytest.mark.parametrize("name", LEAKING)
def test_what_is_not_given_back(played: Callable[[str, Story], None], exchange: Exchange, name: str) -> None:
    async def story(port: int, mount: Mount) -> None:
        before = _taken()
        paths = (("finite", b""), ("failing", b""), ("endless", b"id: 1\n"), ("nope", b""))
        for (path, until), kept in zip(paths, LEAKING[name], strict=True):
            for _ in range(3):
                await exchange(port, f"/broken/{name}/{path}", until=until)
                if path == "nope":
                    await exchange(port, f"/broken/{name}/finite", headers="no colon here\r\n")
            before += (6 if path == "nope" else 3) * kept
            await _taken_are(before)
        assert len(_leak_of(name)._kept) == (6 if name == "keeps-a-file-of-the-refused" else 3)

    played(name, story)
