"""Ollama's own client, over the wire: whatever it asks for it understands the answer, and its leaving is heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import ollama
import pytest
from asked_agents import FakeAgent, begun
from stream_stories import run

from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.ports import StreamChunk
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

Serving = Callable[[Any], AbstractAsyncContextManager[int]]
HELLO: Any = [{"role": "user", "content": "Hello"}]
TOOLS: Any = [{"type": "function", "function": {"name": "list", "parameters": {"type": "object", "properties": {}}}}]
CALLED = '<tool_call>{"name": "list", "arguments": {"path": "№"}}</tool_call>'


@contextlib.asynccontextmanager
async def client_of(serving: Serving, agent: FakeAgent, **settings: Any) -> AsyncIterator[Any]:
    async with serving(service(agent, Settings(**settings))) as port:
        client: Any = ollama.AsyncClient(host=f"http://127.0.0.1:{port}", timeout=10)
        try:
            yield client
        finally:
            await client.close()


def test_it_streams_and_counts(serving: Serving) -> None:
    async def story() -> list[Any]:
        async with client_of(serving, FakeAgent(("Hi", " №", "\n", "🌊"), "MaxTokens")) as client:
            return [part async for part in await client.chat(model="qwen-mini", messages=HELLO, stream=True)]

    *parts, last = run(story())
    assert [part.message.content for part in parts] == ["Hi", " №", "\n", "🌊"]
    assert (last.done, last.done_reason, last.eval_count) == (True, "length", 4)


def test_it_reads_texts_that_its_own_splitting_of_lines_would_break(serving: Serving) -> None:
    said = ("one\u2028two", "\u2029", "three\u0085\r\nfour", "\x0b\x1c")

    async def story() -> list[Any]:
        async with client_of(serving, FakeAgent(said)) as client:
            return [part async for part in await client.chat(model="qwen-mini", messages=HELLO, stream=True)]

    *parts, last = run(story())
    assert [part.message.content for part in parts] == [*said]
    assert last.done


def test_it_gets_calls_whole_answers_generations_and_models(serving: Serving) -> None:
    async def story() -> tuple[Any, ...]:
        async with client_of(serving, FakeAgent((CALLED,))) as client:
            called = await client.chat(model="qwen-mini", messages=HELLO, tools=TOOLS)
            generated = await client.generate(model="qwen-mini", prompt="Say")
            return called, generated, await client.list(), await client.show("phi-mini"), await client.ps()

    called, generated, listed, shown, running = run(story())
    (call,) = called.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("list", {"path": "№"})
    assert generated.response == CALLED
    assert [model.model for model in listed.models] == ["qwen-mini:latest", "phi-mini:latest", "llama-mini:latest"]
    assert shown.details.family == "phi3"
    assert len(running.models) == 3


def test_its_leaving_in_the_middle_of_a_stream_cancels_the_request(serving: Serving) -> None:
    async def story() -> Phase:
        agent = FakeAgent()
        async with client_of(serving, agent) as client:
            parts: Any = await client.generate(model="qwen-mini", prompt="Say", stream=True)
            first = asyncio.ensure_future(anext(parts))
            source, ended = await begun(agent), asyncio.Event()
            source.on_end(ended.set)
            source.send(StreamChunk("Hi"))
            assert (await first).response == "Hi"
            await parts.aclose()
            await ended.wait()
            return source.state

    assert run(story()) is Phase.CANCELLED


def test_a_failure_within_a_stream_is_an_exception(serving: Serving) -> None:
    async def story() -> list[str]:
        failure = StreamError(Code.UNAVAILABLE, "the model went away")
        async with client_of(serving, FakeAgent(("Hi",), failure=failure)) as client:
            parts: Any = await client.chat(model="qwen-mini", messages=HELLO, stream=True)
            seen = [(await anext(parts)).message.content]
            with pytest.raises(ollama.ResponseError, match="the model went away"):
                await anext(parts)
        return seen

    assert run(story()) == ["Hi"]


async def first_of(client: Any, model: str, *, streams: bool) -> Any:
    answer: Any = await client.chat(model=model, messages=HELLO, stream=streams)
    return await anext(answer) if streams else answer


@pytest.mark.parametrize(
    ("agent", "model", "status"),
    [
        (FakeAgent(("Hi",)), "mistral", 404),
        (FakeAgent(refusal=StreamError(Code.RESOURCE_EXHAUSTED, "the queue is full")), "qwen-mini", 503),
    ],
    ids=["model", "full"],
)
@pytest.mark.parametrize("streams", [True, False])
def test_a_refusal_is_an_exception_with_its_status(
    serving: Serving, agent: FakeAgent, model: str, status: int, *, streams: bool
) -> None:
    async def story() -> int:
        async with client_of(serving, agent) as client:
            with pytest.raises(ollama.ResponseError) as caught:
                await first_of(client, model, streams=streams)
            return caught.value.status_code

    assert run(story()) == status
