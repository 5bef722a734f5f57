"""Every limit of an agent, with its unit, its default and its bounds: plain data, and what a request may ask for.

Never here: whoever keeps to a limit. Bad limits are a `ValueError` when they are made, bad requests INVALID_ARGUMENT.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import GenerationRequest

MOST_WORKERS: Final = 16  # of each kind
MOST_TOKENS_ASKED: Final = 32_768  # of one answer
MOST_STOPS: Final = 20  # of one request
MOST_STOP_CHARS: Final = 100  # of one stop text


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Limits of a request queue. Times of None are no limit."""

    most_queued: int = 100  # requests of each kind, streams and batches, that wait for their beginning
    queue_timeout_s: float | None = 30.0  # for which one may wait
    stream_workers: int = 1  # threads for streams, and for nothing else
    batch_workers: int = 1  # threads for batches, and for nothing else
    most_streams: int = 16  # that have begun and are not over, however slow their consumers are
    most_chunks: int = 100  # that one stream holds for its consumer
    turn_chunks: int = 64  # after which a stream lets others have its worker
    idle_s: float | None = 300.0  # without any new chunk, counted from the submission
    deadline_s: float | None = 2700.0  # of one request, from its submission to its end
    metadata: bool = False  # whether chunks tell times and token ids

    def __post_init__(self) -> None:
        for name in ("most_queued", "most_streams", "most_chunks", "turn_chunks"):
            _at_least_one(name, getattr(self, name))
        for name in ("stream_workers", "batch_workers"):
            _at_least_one(name, getattr(self, name))
            if getattr(self, name) > MOST_WORKERS:
                raise ValueError(f"{name} is at most {MOST_WORKERS}, not {getattr(self, name)}")
        for name in ("queue_timeout_s", "idle_s", "deadline_s"):
            _some_time(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Limits of the sessions of one agent. Bytes are those of the messages' texts in UTF-8."""

    most_sessions: int = 1000
    idle_s: float | None = 3600.0  # after which a session with no turn under way may be forgotten
    most_messages: int = 1000  # of one session
    most_message_bytes: int = 102_400  # of one message that is appended
    most_bytes: int = 1_048_576  # of one session; the answer of its last turn may reach beyond

    def __post_init__(self) -> None:
        for name in ("most_sessions", "most_messages", "most_message_bytes", "most_bytes"):
            _at_least_one(name, getattr(self, name))
        _some_time("idle_s", self.idle_s)


def check(request: GenerationRequest) -> None:
    """Raises INVALID_ARGUMENT for what can be seen of a request alone."""
    if not 0 <= request.max_tokens <= MOST_TOKENS_ASKED:
        raise _invalid(f"max_tokens is 0 to {MOST_TOKENS_ASKED}")
    if request.prompt_tokens is not None and request.prompt_tokens < 0:
        raise _invalid("prompt_tokens is 0 or more")
    if len(request.stop) > MOST_STOPS:
        raise _invalid(f"there are more than {MOST_STOPS} stop texts")
    if not all(0 < len(stop) <= MOST_STOP_CHARS for stop in request.stop):
        raise _invalid(f"a stop text has 1 to {MOST_STOP_CHARS} characters")


def check_prompt(prompt_tokens: int, context_tokens: int) -> None:
    """Raises INVALID_ARGUMENT for a prompt that the model cannot take."""
    if prompt_tokens > context_tokens:
        raise _invalid(f"the prompt has {prompt_tokens} tokens, and the context {context_tokens}")


def _at_least_one(name: str, limit: int) -> None:
    if limit < 1:
        raise ValueError(f"{name} is at least 1, not {limit}")


def _some_time(name: str, limit_s: float | None) -> None:
    if limit_s is not None and not 0 < limit_s <= threading.TIMEOUT_MAX:  # no thread can wait longer
        raise ValueError(f"{name} is more than 0 and at most {threading.TIMEOUT_MAX:.0f}, not {limit_s:g}")


def _invalid(message: str) -> StreamError:
    return StreamError(Code.INVALID_ARGUMENT, message)
