"""Both APIs as one service: whoever leaves cancels, who is let in, what is told, and what is refused without a body."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from asked_agents import Exchange, FakeAgent, begun, finish, got, posted
from stream_stories import LONGEST_S, run, start, turns

from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.endpoints_wanted import Limits
from streamspec.reference_impl.services.agent.ports import StreamChunk
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import GenerationRequest
    from streamspec.reference_impl.stream.threads import Stream

HELLO = [{"role": "user", "content": "Hello"}]
ASKED = {
    "openai": ("/v1/chat/completions", True),
    "ollama": ("/api/chat", True),
    "openai, whole": ("/v1/chat/completions", False),
    "ollama, whole": ("/api/chat", False),
}


class Slow(FakeAgent):
    """Each call of it takes until the test says so."""

    def __init__(self, said: tuple[str, ...] | None = ("Hi",)) -> None:
        super().__init__(said)
        self.go_on = threading.Event()

    def count(self, text: str) -> int:
        assert self.go_on.wait(LONGEST_S), "whoever was to go on waits as well"
        return super().count(text)

    def generate_stream(self, request: GenerationRequest) -> Stream[StreamChunk]:
        assert self.go_on.wait(LONGEST_S), "whoever was to go on waits as well"
        return super().generate_stream(request)


class Confused(FakeAgent):
    """Fails at one of its calls, as no agent should."""

    def __init__(self, at: str, raised: BaseException) -> None:
        super().__init__(("Hi",))
        self.at = at
        self.raised = raised

    def count(self, text: str) -> int:
        if self.at == "count":
            raise self.raised
        return super().count(text)

    def generate_stream(self, request: GenerationRequest) -> Stream[StreamChunk]:
        if self.at == "generate_stream":
            raise self.raised
        return super().generate_stream(request)


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


@pytest.mark.parametrize("name", ASKED)
def test_a_model_that_takes_its_time_to_count_keeps_nobody_else_waiting(name: str) -> None:
    async def story() -> tuple[Exchange, Exchange]:
        agent, exchange = Slow(), asking(name)
        app = service(agent)
        serving = start(exchange.with_, app)
        await turns()
        told = await got("/told").with_(app)
        agent.go_on.set()
        return told, await serving

    told, answer = run(story())
    assert (told.status, answer.status) == (200, 200)
    assert b"Hi" in answer.content


def test_a_request_that_is_called_away_while_it_is_submitted_is_not_left_at_work() -> None:
    async def story() -> Phase:
        agent = Slow(None)
        serving = start(asking("ollama").with_, service(agent))
        await turns()
        serving.cancel()
        await asyncio.wait({serving})
        agent.go_on.set()
        while not agent.streams or agent.streams[0].state is Phase.OPEN:
            await turns()
        return agent.streams[0].state

    assert run(story()) is Phase.CANCELLED


@pytest.mark.parametrize("at", ["count", "generate_stream"])
@pytest.mark.parametrize("raised", [RuntimeError("secret"), SystemExit("secret"), StopIteration("secret")], ids=repr)
@pytest.mark.parametrize("name", ASKED)
def test_a_model_that_fails_before_its_answer_is_a_servers_fault_without_its_text(
    name: str, at: str, raised: BaseException
) -> None:
    answer = run(asking(name).with_(service(Confused(at, raised))))
    assert answer.status == 500
    shown: dict[str, Any] = {"error": "the handler failed", "code": "INTERNAL"}
    if ASKED[name][0].startswith("/v1"):
        shown = {"error": {"message": "the handler failed", "type": "server_error", "param": None, "code": None}}
    assert answer.json() == shown


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
