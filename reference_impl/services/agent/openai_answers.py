"""Answers in OpenAI's JSON, as Server-Sent Events: `data: {chunk}` and so on, and `data: [DONE]` where they end well.

A stream that fails ends with a record `error`, and without [DONE]. Never here: a request, a status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.services.agent import openai_api
from streamspec.reference_impl.services.agent.endpoints_records import around
from streamspec.reference_impl.services.agent.tool_calls import ToolCall
from streamspec.reference_impl.stream.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.services.agent.endpoints_answers import Finish
    from streamspec.reference_impl.services.agent.tool_calls import Part

HEADERS: Final = headers("text/event-stream; charset=utf-8")
DONE: Final = "[DONE]"


def encode(frame: Frame) -> bytes:
    match frame:
        case Begun():
            return b""
        case Item() | RecordFailed():
            return sse.event(payload.of(frame))
        case Heartbeat():
            return sse.comment("still at work")
        case Completed():
            return sse.event(DONE)
        case Failed(code=code, message=message):
            return sse.event(payload.to_json(openai_api.error(StreamError(code, message))))


@dataclass(slots=True)
class Chat:
    """One chat completion. `id` is also what the ids of its calls are made of."""

    id: str
    created_s: int
    model: str
    usage: bool = False
    _around: tuple[str, ...] = field(init=False)
    _calls: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._around = around(self._chunk({"content": ""}), "content")

    @property
    def headers(self) -> Headers:
        return HEADERS

    def encode(self, frame: Frame) -> bytes:
        return encode(frame)

    def begin(self) -> list[object]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def part(self, part: Part) -> list[object]:
        """A text is one delta; a call two: its name, and its arguments."""
        if isinstance(part, str):
            return [self._chunk({"content": part})]
        index, named = self._calls, self._call()
        arguments = {"index": index, "function": {"arguments": payload.to_json(part.arguments)}}
        head = {"index": index, **named, "function": {"name": part.name, "arguments": ""}}
        return [self._chunk({"tool_calls": [head]}), self._chunk({"tool_calls": [arguments]})]

    def text(self, text: str) -> str:
        before, behind = self._around
        return f"{before}{payload.to_json(text)}{behind}"

    def finish(self, finish: Finish) -> list[object]:
        last = self._chunk({}, reason(finish))
        return [last, self._made([], usage=used(finish))] if self.usage else [last]

    def whole(self, parts: Iterable[Part], finish: Finish) -> object:
        texts, calls = [], []
        for part in parts:
            if isinstance(part, ToolCall):
                function = {"name": part.name, "arguments": payload.to_json(part.arguments)}
                calls.append({**self._call(), "function": function})
            else:
                texts.append(part)
        message: dict[str, object] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason(finish)}
        return {**self._head("chat.completion"), "choices": [choice], "usage": used(finish)}

    def _call(self) -> dict[str, object]:
        self._calls += 1
        return {"id": f"call_{self.id}_{self._calls}", "type": "function"}

    def _chunk(self, delta: object, finish_reason: str | None = None) -> object:
        return self._made([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}])

    def _made(self, choices: list[object], usage: object = None) -> object:
        chunk = {**self._head("chat.completion.chunk"), "choices": choices}
        return {**chunk, "usage": usage} if self.usage else chunk

    def _head(self, kind: str) -> dict[str, object]:
        return {"id": f"chatcmpl-{self.id}", "object": kind, "created": self.created_s, "model": self.model}


@dataclass(slots=True)
class Completion:
    """One (legacy) completion: texts, and no calls."""

    id: str
    created_s: int
    model: str
    usage: bool = False
    _around: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._around = around(self._made([_choice("")]), "text")

    @property
    def headers(self) -> Headers:
        return HEADERS

    def encode(self, frame: Frame) -> bytes:
        return encode(frame)

    def begin(self) -> list[object]:
        return []

    def part(self, part: Part) -> list[object]:
        return [self._made([_choice(_text(part))])]

    def text(self, text: str) -> str:
        before, behind = self._around
        return f"{before}{payload.to_json(text)}{behind}"

    def finish(self, finish: Finish) -> list[object]:
        last = self._made([_choice("", reason(finish))])
        return [last, self._made([], usage=used(finish))] if self.usage else [last]

    def whole(self, parts: Iterable[Part], finish: Finish) -> object:
        text = "".join(map(_text, parts))
        return {**self._head(), "choices": [_choice(text, reason(finish))], "usage": used(finish)}

    def _made(self, choices: list[object], usage: object = None) -> object:
        chunk = {**self._head(), "choices": choices}
        return {**chunk, "usage": usage} if self.usage else chunk

    def _head(self) -> dict[str, object]:
        return {"id": f"cmpl-{self.id}", "object": "text_completion", "created": self.created_s, "model": self.model}


def reason(finish: Finish) -> str:
    """`length` says more than that tools were called: the last call may be missing."""
    return "tool_calls" if finish.called and finish.reason == "stop" else finish.reason


def used(finish: Finish) -> object:
    return {
        "prompt_tokens": finish.prompt_tokens,
        "completion_tokens": finish.completion_tokens,
        "total_tokens": finish.prompt_tokens + finish.completion_tokens,
    }


def _choice(text: str, finish_reason: str | None = None) -> object:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}


def _text(part: Part) -> str:
    assert isinstance(part, str), "no format of calls was given"
    return part
