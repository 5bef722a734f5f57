"""Both APIs as one service: whoever leaves cancels, who is let in, what is told, and what is refused without a body."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asked_agents import Exchange, FakeAgent, begun, finish, got, posted
from stream_stories import run, start

from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.endpoints_wanted import Limits
from streamspec.reference_impl.services.agent.ports import StreamChunk
from streamspec.reference_impl.stream.table import Phase

HELLO = [{"role": "user", "content": "Hello"}]
ASKED = {
    "openai": ("/v1/chat/completions", True),
    "ollama": ("/api/chat", True),
    "openai, whole": ("/v1/chat/completions", False),
    "ollama, whole": ("/api/chat", False),
}


def asking(name: str, **more: Any) -> Exchange:
    path, streams = ASKED[name]
    return posted(path, model="qwen-mini", messages=HELLO, stream=streams, **more)


@pytest.mark.parametrize("name", ASKED)
def test_a_client_that_leaves_cancels_its_request_though_nothing_is_said(name: str) -> None:
    async def story() -> tuple[Phase, dict[str, int], Exchange]:
        agent, exchange = FakeAgent(), asking(name)
        app = service(agent)
        serving = start(exchange.with_, app)
        source = await begun(agent)
        ended = asyncio.Event()
        source.on_end(ended.set)
        exchange.left.set()
        await ended.wait()
        await serving
        return source.state, app.mounts[""].told.figures(), exchange

    state, told, exchange = run(story())
    assert state is Phase.CANCELLED
    assert told["cancelled"] == told["ended"] == told["cleanups"] == 1
    assert told["open"] == told["sending"] == 0
    assert not exchange.is_whole


@pytest.mark.parametrize("name", ASKED)
def test_a_server_that_stops_ends_its_answers(name: str) -> None:
    async def story() -> Exchange:
        agent, exchange = FakeAgent(), asking(name)
        app = service(agent)
        serving = start(exchange.with_, app)
        source = await begun(agent)
        app.close()
        await serving
        assert source.state is Phase.CANCELLED
        return exchange

    exchange = run(story())
    assert exchange.is_whole
    assert b"the server is shutting down" in exchange.content
    assert exchange.status == (200 if ASKED[name][1] else 503)


def test_a_client_that_leaves_within_its_body_asks_nothing() -> None:
    agent = FakeAgent(("Hi",))
    exchange = Exchange("/api/chat", asked=True)
    exchange.left.set()
    run(exchange.with_(service(agent)))
    assert (agent.requests, exchange.sent) == ([], [])


def test_an_agent_whose_client_cannot_be_written_to_is_not_left_at_work() -> None:
    class Broken(Exchange):
        async def send(self, message: Any) -> None:
            raise RuntimeError("the connection is not what it was")

    agent = FakeAgent()
    path, _ = ASKED["ollama"]
    exchange = Broken(path, asking("ollama").body)
    with pytest.raises(RuntimeError):
        run(exchange.with_(service(agent)))
    assert agent.streams[0].state is Phase.CANCELLED


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/v1/models", b"", 401),
        ("/api/tags", b"Bearer wrong", 401),
        ("/told", b"Basic good", 401),
        ("/v1/models", b"Bearer good", 200),
        ("/api/tags", b"bearer other", 200),
    ],
)
def test_where_tokens_are_needed_only_a_good_one_lets_in(path: str, authorization: bytes, status: int) -> None:
    headers = ((b"authorization", authorization),) if authorization else ()
    app = service(FakeAgent(), Settings(tokens=("good", "other")))
    answer = run(got(path, headers=headers).with_(app))
    assert answer.status == status
    if status == 401:
        assert answer.header(b"www-authenticate").startswith(b"Bearer")
        assert "bearer token" in str(answer.json()["error"])


def test_a_body_that_is_too_long_is_not_read_on() -> None:
    agent = FakeAgent(("Hi",))
    app = service(agent, Settings(limits=Limits(most_body_bytes=100)))
    for path in ("/v1/chat/completions", "/api/chat"):
        answer = run(Exchange(path, b" " * 101).with_(app))
        assert answer.status == 413
        assert answer.header(b"connection") == b"close"
        assert "100 octets" in str(answer.json()["error"])
    assert agent.requests == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/chat/completions", 405, b"POST"),
        ("PUT", "/api/chat", 405, b"POST"),
        ("POST", "/api/tags", 405, b"GET, HEAD"),
        ("DELETE", "/v1/models/qwen-mini", 405, b"GET, HEAD"),
        ("GET", "/v1/embeddings", 404, b""),
        ("POST", "/api/embed", 404, b""),
        ("POST", "/nowhere", 404, b""),
    ],
)
def test_what_there_is_not_is_refused_in_the_api_that_was_meant(
    method: str, path: str, status: int, allow: bytes
) -> None:
    answer = run(Exchange(path, b"{}", method).with_(service(FakeAgent())))
    assert (answer.status, answer.header(b"allow")) == (status, allow)
    assert isinstance(answer.json()["error"], str if path.startswith("/api") else dict)


def test_what_its_streams_do_is_told() -> None:
    async def story() -> Any:
        agent, exchange = FakeAgent(), asking("ollama")
        app = service(agent)
        serving = start(exchange.with_, app)
        source = await begun(agent)
        source.send(StreamChunk("Hi"))
        await exchange.until(b"Hi")
        told = await got("/told").with_(app)
        finish(source)
        await serving
        after = await got("/told").with_(app)
        return told.json(), after.json()

    told, after = run(story())
    assert (told["produced"], told["open"], told["ended"]) == (1, 1, 0)
    assert (after["produced"], after["open"], after["ended"], after["cleanups"]) == (1, 0, 1, 1)
