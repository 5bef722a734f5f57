"""What is asked of an agent, what it answers, and whatever may stand for one: data and shapes.

Never here: a queue, a thread, a model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.reference_impl.stream.threads import Stream

MOST_TOKENS: Final = 512  # of an answer, where a request does not say (research: the agent's default)
NOTHING_MORE: Final[Mapping[str, object]] = MappingProxyType({})

# Why an answer is over: by itself, by a stop text, by the request's limit, by the context's.
FinishReason = Literal["EndOfSequence", "StopToken", "MaxTokens", "ContextWindowFull"]


@dataclass(frozen=True, slots=True)
class StreamChunk:
    """A part of an answer. `token_count` are the tokens of this part: over all parts they add up to the total. The last
    one `is_complete`, has an empty text, and says why; no other does."""

    text: str
    is_complete: bool = False
    token_count: int = 1
    finish_reason: FinishReason | None = None
    metadata: Mapping[str, object] = field(default_factory=lambda: NOTHING_MORE)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """`prompt` is ready for the model: templates have been applied. `stop` are texts at which an answer ends, each of
    which is left out of it. `session`: the conversation that it belongs to; empty: none. Limits are in tokens.
    `prompt_tokens` are the prompt's, where whoever asks has had this model count them; None: they are counted."""

    prompt: str
    max_tokens: int = MOST_TOKENS
    stop: tuple[str, ...] = ()
    session: str = ""
    prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """A whole answer."""

    text: str
    token_count: int
    prompt_tokens: int
    finish_reason: FinishReason


class Generator(Protocol):
    """A model: any that fits. The same request gives the same answer."""

    @property
    def name(self) -> str: ...

    @property
    def context_tokens(self) -> int:
        """How long a prompt and its answer may be together."""

    def count(self, text: str) -> int:
        """The tokens of a text."""

    def tokens(self, prompt: str) -> Iterator[str]:
        """The answer, token by token. Its end is the end of the sequence. Closed when nobody wants more."""


class Agent(Protocol):
    """What endpoints need."""

    @property
    def models(self) -> tuple[str, ...]: ...

    def count(self, text: str) -> int:
        """The tokens of a text."""

    def generate_stream(self, request: GenerationRequest) -> Stream[StreamChunk]:
        """The answer as it is made, in a bounded stream: cancelling that cancels the request, wherever it is, and
        dropping it may. Raises `StreamError` where it is refused at once (RESOURCE_EXHAUSTED, UNAVAILABLE,
        INVALID_ARGUMENT)."""

    def generate(self, request: GenerationRequest) -> Generated:
        """The whole answer; blocks. Raises as above, and whatever the answer ended with."""
