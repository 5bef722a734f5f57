"""From an agent's chunks to the parts of an answer, and from these to frames in whatever an API says.

Never here: the JSON of an API, a status, or a rule of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from streamspec.reference_impl import payload
from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.services import crossing
from streamspec.reference_impl.services.agent.tool_calls import Extractor, ToolCall, Unfinished
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.services.agent.ports import FinishReason, StreamChunk
    from streamspec.reference_impl.services.agent.tool_calls import Format, Part
    from streamspec.reference_impl.stream.threads import Stream

# What both APIs call a reason: an answer that was cut short must not look like a whole one.
_REASONS: Final[dict[FinishReason, Literal["stop", "length"]]] = {
    "EndOfSequence": "stop",
    "StopToken": "stop",
    "MaxTokens": "length",
    "ContextWindowFull": "length",
}


@dataclass(frozen=True, slots=True)
class Finish:
    """How an answer is over. `called`: it has calls of tools. `first_s`: when the first of its tokens was there, None
    where there were none."""

    reason: Literal["stop", "length"]
    called: bool
    prompt_tokens: int
    completion_tokens: int
    first_s: float | None


class Writer(Protocol):
    """One answer in the JSON of an API. It remembers what it has written."""

    @property
    def headers(self) -> Headers:
        """Of a stream."""

    def begin(self) -> list[object]:
        """What a stream says before anything has been generated."""

    def part(self, part: Part) -> list[object]: ...

    def text(self, text: str) -> str:
        """The JSON of the one record that `part` makes of a text."""

    def finish(self, finish: Finish) -> list[object]:
        """What a stream says of its end, before its terminal."""

    def encode(self, frame: Frame) -> bytes:
        """A frame on the wire. The JSON of an item is its text."""

    def whole(self, parts: Iterable[Part], finish: Finish) -> object:
        """The answer, if it is no stream."""


@dataclass(slots=True)
class Parts:
    """The parts of one answer as its chunks come. `clock_s` only goes on.

    An unfinished call in an answer that was cut short is dropped: it can neither be carried out nor be read, and the
    reason says why. In an answer that is whole it never was a call, and is text.
    """

    calls: Format | None
    prompt_tokens: int
    clock_s: Callable[[], float]
    called: bool = False
    completion_tokens: int = 0
    reason: FinishReason | None = None
    first_s: float | None = None
    _extractor: Extractor | None = field(init=False)

    def __post_init__(self) -> None:
        self._extractor = None if self.calls is None else Extractor(self.calls)

    def take(self, chunk: StreamChunk) -> list[Part]:
        self.completion_tokens += chunk.token_count
        if self.first_s is None and self.completion_tokens:
            self.first_s = self.clock_s()
        if chunk.is_complete:
            self.reason = chunk.finish_reason
        if self._extractor is None:
            return [chunk.text] if chunk.text else []
        parts = [*self._extractor.feed(chunk.text)] if chunk.text else []
        if chunk.is_complete:
            parts += self._left()
        self.called = self.called or any(isinstance(part, ToolCall) for part in parts)
        return parts

    def _left(self) -> Iterator[Part]:
        """What was held back for what might have followed."""
        is_whole = self.reason is not None and _REASONS[self.reason] == "stop"
        for part in () if self._extractor is None else self._extractor.end():
            if not isinstance(part, Unfinished):
                yield part
            elif is_whole:
                yield part.text

    def finish(self) -> Finish:
        """Raises INTERNAL where the chunks were over without a last one: that answer may have been cut anywhere."""
        if self.reason is None:
            raise StreamError(Code.INTERNAL, "the answer broke off")
        return Finish(_REASONS[self.reason], self.called, self.prompt_tokens, self.completion_tokens, self.first_s)


async def stream(source: Stream[StreamChunk], outlet: Outlet, parts: Parts, writer: Writer) -> None:
    """Send an answer on as it comes."""
    n = 0
    async with crossing.carried(source, outlet) as chunks:
        for said in writer.begin():
            n += 1
            await outlet.send(_item(n, said))
        async for chunk in chunks:
            for part in parts.take(chunk):
                if isinstance(part, str):
                    n += 1
                    await outlet.send(Item(n, writer.text(part), json=True))
                    continue
                for said in writer.part(part):
                    n += 1
                    await outlet.send(_item(n, said))
    for said in writer.finish(parts.finish()):
        n += 1
        await outlet.send(_item(n, said))
    outlet.complete()


async def collect(source: Stream[StreamChunk], outlet: Outlet, parts: Parts, found: list[Part]) -> None:
    """Keep an answer until it is whole; it is bounded by the tokens that were asked for."""
    async with crossing.carried(source, outlet) as chunks:
        async for chunk in chunks:
            found += parts.take(chunk)
    parts.finish()
    outlet.complete()


def _item(n: int, said: object) -> Item:
    return Item(n, payload.to_json(said), json=True)
