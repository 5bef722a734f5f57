"""OpenAI's own client, over the wire: whatever it asks for it understands the answer, and its leaving is heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import openai
import pytest
from asked_agents import FakeAgent
from openai import AsyncOpenAI
from stream_stories import run

from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.ports import StreamChunk
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

Serving = Callable[[Any], AbstractAsyncContextManager[int]]
HELLO: Any = [{"role": "user", "content": "Hello"}]
TOOLS: Any = [{"type": "function", "function": {"name": "list", "parameters": {"type": "object"}}}]
CALLED = '<tool_call>{"name": "list", "arguments": {"path": "№"}}</tool_call>'


@contextlib.asynccontextmanager
async def client_of(serving: Serving, agent: FakeAgent, **settings: Any) -> AsyncIterator[AsyncOpenAI]:
    async with (
        serving(service(agent, Settings(**settings))) as port,
        AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="good", max_retries=0, timeout=10) as client,
    ):
        yield client


def test_it_streams_and_counts(serving: Serving) -> None:
    async def story() -> tuple[str, Any, list[Any]]:
        async with client_of(serving, FakeAgent(("Hi", " №", "\n", "🌊"), "MaxTokens")) as client:
            stream = await client.chat.completions.create(
                model="qwen-mini", messages=HELLO, stream=True, stream_options={"include_usage": True}
            )
            chunks = [chunk async for chunk in stream]
            choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
            text = "".join(choice.delta.content or "" for choice in choices)
            return text, chunks[-1].usage, [choice.finish_reason for choice in choices if choice.finish_reason]

    text, usage, reasons = run(story())
    assert text == "Hi №\n🌊"
    assert usage.completion_tokens == 4
    assert reasons == ["length"]


def test_it_puts_a_call_together(serving: Serving) -> None:
    async def story() -> Any:
        async with (
            client_of(serving, FakeAgent(("So. ", *CALLED))) as client,
            client.chat.completions.stream(model="qwen-mini", messages=HELLO, tools=TOOLS) as stream,
        ):
            return await stream.get_final_completion()

    choice = run(story()).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "So. "
    (call,) = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("list", '{"path":"№"}')


def test_it_gets_whole_answers_completions_and_models(serving: Serving) -> None:
    async def story() -> tuple[Any, Any, list[str]]:
        async with client_of(serving, FakeAgent(("Hi", "!"))) as client:
            chat = await client.chat.completions.create(model="phi-mini", messages=HELLO)
            legacy = await client.completions.create(model="phi-mini", prompt="Say")
            return chat, legacy, [model.id async for model in client.models.list()]

    chat, legacy, models = run(story())
    assert (chat.choices[0].message.content, chat.usage.completion_tokens) == ("Hi!", 2)
    assert legacy.choices[0].text == "Hi!"
    assert models == ["qwen-mini", "phi-mini", "llama-mini"]


def test_its_leaving_in_the_middle_of_a_stream_cancels_the_request(serving: Serving) -> None:
    async def story() -> Phase:
        agent = FakeAgent()
        async with client_of(serving, agent, heartbeat_ms=5) as client:
            stream = await client.chat.completions.create(model="qwen-mini", messages=HELLO, stream=True)
            source, ended = agent.streams[0], asyncio.Event()
            source.on_end(ended.set)
            source.send(StreamChunk("Hi"))
            async for chunk in stream:
                if chunk.choices[0].delta.content == "Hi":
                    break
            await stream.close()
            await ended.wait()
            return source.state

    assert run(story()) is Phase.CANCELLED


def test_a_failure_within_a_stream_is_an_exception(serving: Serving) -> None:
    async def story() -> list[str]:
        failure = StreamError(Code.UNAVAILABLE, "the model went away")
        async with client_of(serving, FakeAgent(("Hi",), failure=failure)) as client:
            stream = await client.chat.completions.create(model="qwen-mini", messages=HELLO, stream=True)
            seen = [(await anext(stream)).choices[0].delta.content or "" for _ in range(2)]
            with pytest.raises(openai.APIError, match="the model went away"):
                await anext(stream)
        return seen

    assert run(story()) == ["", "Hi"]


@pytest.mark.parametrize(
    ("agent", "asked", "kind"),
    [
        (FakeAgent(("Hi",)), {"model": "gpt-9"}, openai.NotFoundError),
        (FakeAgent(("Hi",)), {"model": "qwen-mini", "n": 2}, openai.BadRequestError),
        (
            FakeAgent(refusal=StreamError(Code.RESOURCE_EXHAUSTED, "the queue is full")),
            {"model": "qwen-mini"},
            openai.RateLimitError,
        ),
        (
            FakeAgent(refusal=StreamError(Code.UNAVAILABLE, "stopping")),
            {"model": "qwen-mini"},
            openai.InternalServerError,
        ),
    ],
    ids=["model", "field", "full", "stopping"],
)
@pytest.mark.parametrize("streams", [True, False])
def test_a_refusal_is_the_exception_that_it_has_for_it(
    serving: Serving, agent: FakeAgent, asked: Any, kind: type[Exception], *, streams: bool
) -> None:
    async def story() -> None:
        async with client_of(serving, agent) as client:
            with pytest.raises(kind):
                await client.chat.completions.create(messages=HELLO, stream=streams, **asked)

    run(story())


def test_a_key_that_is_not_known_is_not_let_in(serving: Serving) -> None:
    async def story() -> None:
        async with client_of(serving, FakeAgent(("Hi",)), tokens=("other",)) as client:
            with pytest.raises(openai.AuthenticationError):
                await client.chat.completions.create(model="qwen-mini", messages=HELLO)

    run(story())
