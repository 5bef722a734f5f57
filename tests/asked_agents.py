"""What tests of the agent's endpoints share: an agent that says what a test makes it say, and a client of an ASGI
application. Never here: a model, a socket, a test."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stream_stories import turns

from streamspec.reference_impl.services.agent.ports import Generated, StreamChunk
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamspec.reference_impl.services.agent.ports import FinishReason, GenerationRequest
    from streamspec.reference_impl.stream.errors import StreamError

Message = Any


class Watched(Stream[StreamChunk]):
    """Tells whoever wants to know when an application waits for it."""

    def __init__(self, awaited: asyncio.Event) -> None:
        super().__init__(1000)
        self._awaited = awaited

    def on_ready(self, wake: Callable[[], None]) -> None:
        super().on_ready(wake)
        self._awaited.set()  # here, where the loop is: agents are called in threads


class FakeAgent:
    """Says `said` at once to whoever asks; without it, what the test sends into `streams`."""

    def __init__(
        self,
        said: Iterable[str] | None = None,
        reason: FinishReason = "EndOfSequence",
        *,
        failure: Exception | None = None,
        refusal: StreamError | None = None,
        models: tuple[str, ...] = ("qwen-mini", "phi-mini", "llama-mini"),
    ) -> None:
        self.said = None if said is None else tuple(said)
        self.reason: FinishReason = reason
        self.failure = failure
        self.refusal = refusal
        self.models = models
        self.requests: list[GenerationRequest] = []
        self.streams: list[Stream[StreamChunk]] = []
        self.awaited = asyncio.Event()  # by somebody

    def count(self, text: str) -> int:
        return len(text.split())

    def generate_stream(self, request: GenerationRequest) -> Stream[StreamChunk]:
        if self.refusal is not None:
            raise self.refusal
        stream = Watched(self.awaited)
        self.requests.append(request)
        self.streams.append(stream)
        if self.said is not None:
            stream.send_batch([StreamChunk(text) for text in self.said])
            if self.failure is None:
                finish(stream, self.reason)
            else:
                stream.error(self.failure)
        return stream

    def generate(self, request: GenerationRequest) -> Generated:
        raise AssertionError("no endpoint blocks")


def finish(stream: Stream[StreamChunk], reason: FinishReason = "EndOfSequence") -> None:
    stream.send(StreamChunk("", is_complete=True, token_count=0, finish_reason=reason))
    stream.complete()


async def begun(agent: FakeAgent) -> Stream[StreamChunk]:
    """The first stream that was asked for, when its application is at work on it."""
    await agent.awaited.wait()
    await turns()
    return agent.streams[0]


@dataclass
class Exchange:
    """One request to an application, and what came back. `left` is the client's going."""

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    sent: list[Message] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    asked: bool = False

    async def receive(self) -> Message:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))
        self.news.set()

    async def with_(self, app: Any) -> Exchange:
        scope = {
            "type": "http",
            "path": self.path,
            "method": self.method,
            "headers": list(self.headers),
            "query_string": b"",
        }
        await app(scope, self.receive, self.send)
        return self

    async def until(self, text: bytes) -> None:
        while text not in self.content:
            self.news.clear()
            await self.news.wait()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_whole(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False

    def header(self, name: bytes) -> bytes:
        return next((value for found, value in self.sent[0]["headers"] if found == name), b"")

    def json(self) -> Any:
        return json.loads(self.content)

    def events(self) -> list[Any]:
        """The data of Server-Sent Events of one line each, in order; `[DONE]` as it is."""
        blocks = self.content.decode().split("\n\n")
        data = [block.removeprefix("data: ") for block in blocks if block.startswith("data: ")]
        return [text if text == "[DONE]" else json.loads(text) for text in data]

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.content.decode().splitlines()]


def posted(path: str, **fields: Any) -> Exchange:
    return Exchange(path, json.dumps(fields).encode())


def got(path: str, **how: Any) -> Exchange:
    return Exchange(path, method="GET", **how)
