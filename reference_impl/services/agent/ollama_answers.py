"""Answers in Ollama's JSON: a line for each part, and a last one that is `done` and counts.

A stream that fails ends with a line that is an `error`, and with none that is done. Never here: a request, a status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.services.agent import ollama_api
from streamspec.reference_impl.services.agent.endpoints_records import around
from streamspec.reference_impl.services.agent.tool_calls import ToolCall
from streamspec.reference_impl.stream.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.services.agent.endpoints_answers import Finish
    from streamspec.reference_impl.services.agent.tool_calls import Part

HEADERS: Final = headers("application/x-ndjson")
# JSON leaves these as they are, and Ollama's Python client (httpx) ends a line at each of them.
_LINE_ENDS: Final = str.maketrans({end: f"\\u{ord(end):04x}" for end in "\u0085\u2028\u2029"})


@dataclass(slots=True)
class Answer:
    """One answer. `shows` is what a record has of it: a message or a response. `now_s` is the time of day, `clock_s`
    only goes on."""

    model: str
    shows: Callable[[str, tuple[ToolCall, ...]], dict[str, object]]
    now_s: Callable[[], float]
    clock_s: Callable[[], float]
    _began_s: float = field(init=False)
    _last: object = field(default=None, init=False)
    _around: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._began_s = self.clock_s()
        (member,) = self.shows("", ())
        shown = "content" if member == "message" else member
        head = {"model": self.model, "created_at": ""}
        self._around = around({**head, **self.shows("", ()), "done": False}, "created_at", shown)

    @property
    def headers(self) -> Headers:
        return HEADERS

    def encode(self, frame: Frame) -> bytes:
        match frame:
            case Begun() | Heartbeat():
                return b""  # there is no line that its clients would pass over
            case Item() | RecordFailed():
                return _line(payload.of(frame))
            case Completed():
                return _line(payload.to_json(self._last))
            case Failed(code=code, message=message):
                return _line(payload.to_json(ollama_api.error(StreamError(code, message))))

    def begin(self) -> list[object]:
        return []

    def part(self, part: Part) -> list[object]:
        shown = self.shows(part, ()) if isinstance(part, str) else self.shows("", (part,))
        return [{**self._head(), **shown, "done": False}]

    def text(self, text: str) -> str:
        before, between, behind = self._around
        return f'{before}"{_time(self.now_s())}"{between}{payload.to_json(text)}{behind}'

    def finish(self, finish: Finish) -> list[object]:
        """Nothing yet: the last record is the terminal."""
        self._last = self._done(self.shows("", ()), finish)
        return []

    def whole(self, parts: Iterable[Part], finish: Finish) -> object:
        found = tuple(parts)
        text = "".join(part for part in found if isinstance(part, str))
        return self._done(self.shows(text, tuple(part for part in found if isinstance(part, ToolCall))), finish)

    def _done(self, shown: dict[str, object], finish: Finish) -> object:
        now_s = self.clock_s()
        first_s = now_s if finish.first_s is None else finish.first_s
        return {
            **self._head(),
            **shown,
            "done": True,
            "done_reason": finish.reason,
            "total_duration": _ns(now_s - self._began_s),
            "load_duration": 0,
            "prompt_eval_count": finish.prompt_tokens,
            "prompt_eval_duration": _ns(first_s - self._began_s),
            "eval_count": finish.completion_tokens,
            "eval_duration": _ns(now_s - first_s),
        }

    def _head(self) -> dict[str, object]:
        return _head(self.model, self.now_s())


def message(text: str, calls: tuple[ToolCall, ...]) -> dict[str, object]:
    """Of a chat."""
    shown: dict[str, object] = {"role": "assistant", "content": text}
    if calls:
        shown["tool_calls"] = [{"function": {"name": call.name, "arguments": call.arguments}} for call in calls]
    return {"message": shown}


def response(text: str, _calls: tuple[ToolCall, ...]) -> dict[str, object]:
    """Of a generation, in which no tools can be called."""
    return {"response": text}


def loaded(model: str, shown: dict[str, object], now_s: float) -> object:
    """To whoever asked nothing."""
    return {**_head(model, now_s), **shown, "done": True, "done_reason": "load"}


def _line(text: str) -> bytes:
    if not text.isascii():
        text = text.translate(_LINE_ENDS)  # outside of its texts JSON has none of them
    return ndjson.line(text)


def _head(model: str, now_s: float) -> dict[str, object]:
    return {"model": model, "created_at": _time(now_s)}


def _time(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, UTC).isoformat().replace("+00:00", "Z")


def _ns(seconds: float) -> int:
    return max(0, round(seconds * 1e9))
