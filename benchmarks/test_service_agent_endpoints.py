"""An answer of the agent's over HTTP, up to the server's `send`: what OpenAI's and Ollama's faces cost.

Against crossing the queue, which is an answer's way from its worker to a task that counts its chunks; against that and
a body written by hand, for each chunk one `json.dumps`; and against the same written as a server has to, one that hears
that its client has left while it writes. A chat has the stop texts of its template, and so has what it is compared
with. The subjects take turns in every round. Never gates.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.services import crossing
from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.endpoints import service
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.ports import GenerationRequest
from streamspec.reference_impl.services.agent.templates import template_for
from streamspec.reference_impl.session import WRITES_A_TURN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from streamspec.reference_impl.seams import Message, Receive, Send

    Story = Callable[[], Awaitable[int]]

ROUNDS = 11
CHUNKS = 10_000
TIMELESS = QueueConfig(idle_s=None, deadline_s=None, queue_timeout_s=None)
TEXT = GenerationRequest("", max_tokens=CHUNKS)
CHAT = GenerationRequest("", max_tokens=CHUNKS, stop=template_for("repeating").stops)
HELLO = [{"role": "user", "content": "Hello"}]

CROSSED = "crossing the queue"
HAND = "by hand"
HEARING = "by hand, hears who leaves"


class Repeating:
    """A model that costs nothing."""

    name = "repeating"
    context_tokens = 10**9

    def count(self, text: str) -> int:
        return len(text)

    def tokens(self, prompt: str) -> Iterator[str]:
        return itertools.repeat("word ")


class Client:
    """Its request has come, and it stays to the end. It counts what it is sent."""

    def __init__(self, body: object) -> None:
        self._came = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
        self._never = asyncio.Event()
        self.pieces = 0

    async def receive(self) -> Message:
        if not self._came:
            await self._never.wait()
        return self._came.pop()

    async def send(self, message: Message) -> None:
        self.pieces += bool(message.get("body"))


async def crossed(agent: AgentServer, request: GenerationRequest) -> int:
    chunks = 0
    async for _ in crossing.received(agent.generate_stream(request)):
        chunks += 1
    return chunks


async def by_hand(agent: AgentServer, request: GenerationRequest, send: Send) -> None:
    made = int(time.time())
    async for chunk in crossing.received(agent.generate_stream(request)):
        choice = {"index": 0, "delta": {"content": chunk.text}, "logprobs": None, "finish_reason": chunk.finish_reason}
        said = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": made,
            "model": "repeating",
            "choices": [choice],
        }
        body = f"data: {json.dumps(said)}\n\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def hearing(agent: AgentServer, request: GenerationRequest, receive: Receive, send: Send) -> None:
    async def leave() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        writer.cancel()

    writes = 0

    async def sent(message: Message) -> None:
        nonlocal writes
        await send(message)
        writes += 1
        if not writes % WRITES_A_TURN:
            await asyncio.sleep(0)  # else the watcher would never be asked

    writer = asyncio.create_task(by_hand(agent, request, sent))
    watcher = asyncio.create_task(leave())
    await writer
    watcher.cancel()


def measures(agent: AgentServer, request: GenerationRequest) -> dict[str, Story]:
    async def hand() -> int:
        client = Client(None)
        await by_hand(agent, request, client.send)
        return client.pieces

    async def hand_hearing() -> int:
        client = Client(None)
        await hearing(agent, request, client.receive, client.send)
        return client.pieces

    return {CROSSED: lambda: crossed(agent, request), HAND: hand, HEARING: hand_hearing}


def asking(agent: AgentServer, path: str, **more: object) -> Story:
    application: Any = service(agent)

    async def asked() -> int:
        client = Client({"model": "repeating", **more})
        scope = {"type": "http", "path": path, "method": "POST", "headers": [], "query_string": b""}
        await application(scope, client.receive, client.send)
        return client.pieces

    return asked


def stories(agent: AgentServer, *, chats: bool) -> dict[str, Story]:
    most: dict[str, object] = {"max_tokens": CHUNKS, "stream": True}
    options = {"num_predict": CHUNKS}
    if chats:
        return {
            **measures(agent, CHAT),
            "OpenAI, chat": asking(agent, "/v1/chat/completions", messages=HELLO, **most),
            "Ollama, chat": asking(agent, "/api/chat", messages=HELLO, options=options),
        }
    return {
        **measures(agent, TEXT),
        "OpenAI, completion": asking(agent, "/v1/completions", prompt="Hello", **most),
        "Ollama, raw generation": asking(agent, "/api/generate", prompt="Hello", raw=True, options=options),
    }


@pytest.fixture
def agent() -> Iterator[AgentServer]:
    with AgentServer(Repeating(), TIMELESS) as agent:
        yield agent


@pytest.mark.parametrize("chats", [True, False], ids=["chats", "texts"])
def test_chunks_of_an_answer_over_http(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], agent: AgentServer, *, chats: bool
) -> None:
    subjects = stories(agent, chats=chats)
    times_s: dict[str, list[float]] = {name: [] for name in subjects}

    async def timed(name: str) -> None:
        began_s = time.perf_counter()
        assert await subjects[name]() >= CHUNKS
        times_s[name].append((time.perf_counter() - began_s) / CHUNKS)

    def all_in_turn() -> None:
        for name in subjects:
            gc.collect()
            asyncio.run(timed(name))

    benchmark.pedantic(all_in_turn, rounds=ROUNDS, warmup_rounds=1)
    medians = {name: statistics.median(measured) for name, measured in times_s.items()}
    rows = [f"{'':<26} {'µs a chunk':>10} {'quartiles':^13} {'x crossed':>9} {'x hand':>7} {'x hearing':>9}"]
    for name, median in medians.items():
        low, _, high = (value * 1e6 for value in statistics.quantiles(times_s[name], n=4))
        ratios = {base: median / medians[base] for base in (CROSSED, HAND, HEARING)}
        benchmark.extra_info[name] = {"chunks_per_s": round(1 / median), **ratios}
        shown = f"{ratios[CROSSED]:>9.2f} {ratios[HAND]:>7.2f} {ratios[HEARING]:>9.2f}"
        rows.append(f"{name:<26} {median * 1e6:>10.2f} [{low:>5.1f}-{high:>5.1f}] {shown}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")
