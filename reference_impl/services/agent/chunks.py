"""What chunks amount to: the answer that a stream of them makes, and a chunk as JSON and back, for a network.

Never here: how a chunk is made, or the JSON of any foreign API.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.agent.ports import FinishReason, Generated, StreamChunk
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Iterable

FINISH_REASONS: Final = frozenset[str](get_args(FinishReason))
CUT_SHORT: Final = frozenset({"MaxTokens", "ContextWindowFull"})  # reasons with which an answer is not whole
_REASONS: Final = get_args(FinishReason)
_FIELDS: Final = frozenset({"text", "is_complete", "token_count", "finish_reason", "metadata"})


@dataclass(slots=True)
class Progress:
    """Of one answer, chunk by chunk: what a consumer may show while it comes."""

    tokens: int = 0
    chunks: int = 0
    finish_reason: FinishReason | None = None
    _parts: list[str] = field(default_factory=list)

    def add(self, chunk: StreamChunk) -> None:
        self.tokens += chunk.token_count
        self.chunks += 1
        self._parts.append(chunk.text)
        if chunk.is_complete:
            self.finish_reason = chunk.finish_reason

    @property
    def text(self) -> str:
        return "".join(self._parts)


def collected(chunks: Iterable[StreamChunk], prompt_tokens: int = 0) -> Generated:
    """The whole answer. Raises what the stream ends with; chunks without the completing one are a truncation, and that
    is UNAVAILABLE, never an answer."""
    progress = Progress()
    for chunk in chunks:
        progress.add(chunk)
    if progress.finish_reason is None:
        raise StreamError(Code.UNAVAILABLE, "the answer ended without its completing chunk")
    return Generated(progress.text, progress.tokens, prompt_tokens, progress.finish_reason)


def chunk_to_json(chunk: StreamChunk) -> str:
    """One line of JSON. What is absent is left out. Raises `ValueError` or `TypeError` for metadata that JSON has no
    words for."""
    shown: dict[str, object] = {
        "text": chunk.text,
        "is_complete": chunk.is_complete,
        "token_count": chunk.token_count,
    }
    if chunk.finish_reason is not None:
        shown["finish_reason"] = chunk.finish_reason
    if chunk.metadata:
        shown["metadata"] = dict(chunk.metadata)
    return payload.to_json(shown)


def chunk_from_json(text: str) -> StreamChunk:
    """Raises INVALID_ARGUMENT where it is no chunk."""
    try:
        shown = payload.from_json(text)
    except (ValueError, RecursionError):
        raise _no_chunk("it is no JSON") from None
    if not isinstance(shown, dict) or not shown.keys() <= _FIELDS:
        raise _no_chunk("it is no object of these fields: " + ", ".join(sorted(_FIELDS)))
    reason = shown.get("finish_reason")
    if reason is not None and reason not in _REASONS:
        raise _no_chunk("its finish reason is none of " + ", ".join(_REASONS))
    chunk = StreamChunk(
        _typed(shown, "text", str, None),
        _typed(shown, "is_complete", bool, None),
        _typed(shown, "token_count", int, None),
        reason,
        _typed(shown, "metadata", dict, {}),
    )
    if chunk.token_count < 0:
        raise _no_chunk("token_count is 0 or more")
    if chunk.is_complete is (reason is None) or (chunk.is_complete and chunk.text):
        raise _no_chunk("a completing chunk has a finish reason and no text, and no other has one")
    return chunk


def _typed(shown: dict[str, Any], name: str, kind: type, default: object) -> Any:
    value = shown.get(name, default)
    if type(value) is not kind:  # a bool is no int here
        raise _no_chunk(f"{name} is no {kind.__name__}")
    return value


def _no_chunk(why: str) -> StreamError:
    return StreamError(Code.INVALID_ARGUMENT, f"this is no chunk: {why}")
