"""Plain HTTP/2 by prior knowledge: hypercorn serves an application, and sessions read it as over HTTP/1."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import http2_application
import pytest

from streamspec.harness.core.event import Deviation, Did, Ended, Event, Item, Opened
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Multiplexed, Request
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.core.script import LOOK, Act, Ask, Await, Cancel, Ping, Read, Script, Session
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.harness.transports.http2 import HTTP2

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILE = Profile("ends", "", clauses=(Clause((("event", "end"),), "completed"),))


@pytest.fixture
def base() -> Iterator[str]:
    """The URL of an application that nobody has asked yet, on hypercorn. Its socket listens before it is served."""
    listening = socket.create_server(("127.0.0.1", 0))
    bound = f"fd://{listening.fileno()}"
    words = [
        sys.executable,
        "-m",
        "hypercorn",
        "http2_application:app",
        "--bind",
        bound,
        "--workers",
        "0",  # in this process: a worker would outlive it
        "--error-logfile",
        "/dev/null",
    ]
    tests = str(Path(http2_application.__file__).parent)
    with listening, subprocess.Popen(words, pass_fds=[listening.fileno()], cwd=tests) as process:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        process.kill()


async def told(beside: Multiplexed, base: str) -> dict[str, Any]:
    """What the application tells, over a stream of its own on this connection."""
    stream = await beside.beside(Request(f"{base}/told", version="2"))
    body, ended = b"", False
    while not ended:
        for entry in await stream.receive():
            body += entry.data if isinstance(entry, Body) else b""
            ended = ended or isinstance(entry, Ended)
    await stream.leave()
    found: dict[str, Any] = json.loads(body)
    return found


async def opened(base: str, path: str) -> Multiplexed:
    stream = await HTTP2.open(Request(f"{base}/{path}", version="2"), LIMITS, 5_000)
    assert isinstance(stream, Multiplexed)
    return stream


async def until_left(base: str, path: str) -> None:
    stream = await opened(base, "finite")
    while path not in (await told(stream, base))["left"]:
        pass
    await stream.leave()


async def sealed(base: str, *sessions: Session) -> History:
    recorder = Recorder(LIMITS)
    roles = {LOOK: "finite", "endless": "endless", "idle": "idle"}
    stage = Stage(
        HTTP2,
        lambda _opened, _role: SSE.decoder(PROFILE, "$.n", LIMITS),
        {role: Request(f"{base}/{path}", version="2") for role, path in roles.items()},
        {**BUDGETS_MS, "look_ms": 3_000},
        LIMITS,
        recorder,
    )
    script = Script(sessions)
    await play(script, stage)
    return recorder.seal(Header("case", "scenario", "sse", "ends", script))


def names(history: History, session: str) -> list[str]:
    events: list[Event] = [record.event for record in history.records if record.session == session]
    return [e.act if isinstance(e, Did) else e.code if isinstance(e, Deviation) else type(e).__name__ for e in events]


def session(name: str, role: str, *acts: Act, beside: str = "") -> Session:
    return Session(name, role, acts, beside)


def test_a_stream_over_http_2_is_read_as_over_any_other(base: str) -> None:
    history = asyncio.run(sealed(base, session("one", LOOK, Ask(), Read(0, "look_ms"))))
    assert names(history, "one")[:-2] == ["ask", "Opened", "Item", "Item", "Item", "Completed", "Ended"]
    assert [r.event.seq for r in history.of(Item) if isinstance(r.event, Item)] == [1, 2, 3]
    (opened_,) = (r.event for r in history.of(Opened))
    assert isinstance(opened_, Opened)
    assert (opened_.version, opened_.status) == ("HTTP/2", 200)


def test_our_cancel_of_one_stream_reaches_its_handler_and_leaves_its_sibling_alone(base: str) -> None:
    async def main() -> None:
        first = (Ask(), Read(1, "look_ms"), Await("two", 2), Cancel("word"), Ping(), Read(1, "linger_ms"))
        second = (Await("one", 2), Ask(on="one"), Await("one", 5), Read(0, "look_ms"))
        history = await sealed(base, session("one", "idle", *first), session("two", LOOK, *second, beside="one"))
        assert "Pong" in names(history, "one")
        assert "Completed" in names(history, "two")
        async with asyncio.timeout(10):
            await until_left(base, "/idle")
            watching = await opened(base, "finite")
            clients = (await told(watching, base))["clients"]
            await watching.leave()
        assert clients[0] == clients[1]  # one connection for both
        assert clients[0][0] == "2"

    asyncio.run(main())


def test_a_stream_that_nobody_reads_holds_its_window_and_no_more_while_siblings_are_served(base: str) -> None:
    async def main() -> None:
        stream = await opened(base, "endless")
        # hypercorn 0.18 goes on producing: its buffer calls itself drained when nothing could be taken from it.
        while (await told(stream, base))["sent"] * 10_000 < 2 * LIMITS.window_bytes:
            pass
        (head, body) = await stream.receive()
        assert isinstance(head, Opened)
        assert isinstance(body, Body)
        assert len(body.data) == LIMITS.window_bytes
        while body.data.count(b"\n\n") < 100:
            body = Body(body.data + b"".join(e.data for e in await stream.receive() if isinstance(e, Body)))
        found = [json.loads(line.removeprefix(b"data: "))["n"] for line in body.data.split(b"\n\n")[:100]]
        assert found == list(range(100))
        await stream.leave()
        await until_left(base, "/endless")

    asyncio.run(asyncio.wait_for(main(), 20))
