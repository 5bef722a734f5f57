"""`AgentServer`: one model behind a request queue, and the conversations that it is asked in.

Never here: a queue, a thread, a limit, an endpoint (`endpoints`), or what a template looks like.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.agent.limits import SessionConfig
from streamspec.reference_impl.services.agent.models import Markov
from streamspec.reference_impl.services.agent.ports import GenerationRequest
from streamspec.reference_impl.services.agent.request_queue import AT_ONCE_S, SHUTDOWN_S, RequestQueue
from streamspec.reference_impl.services.agent.sessions import Message, Sessions
from streamspec.reference_impl.services.agent.templates import Turn, rendered, template_for
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from streamspec.reference_impl.services.agent.cancelling import CancellationToken
    from streamspec.reference_impl.services.agent.limits import QueueConfig
    from streamspec.reference_impl.services.agent.ports import Generated, Generator, StreamChunk
    from streamspec.reference_impl.services.agent.request_queue import QueueStats
    from streamspec.reference_impl.services.agent.sessions import Session, Summary
    from streamspec.reference_impl.services.agent.templates import Role, Template
    from streamspec.reference_impl.stream.threads import Stream

ID_BYTES: Final = 16


class AgentServer:
    """An `Agent`. It has threads of its own until `shutdown`, or until the `with` that it is used in is left."""

    def __init__(
        self,
        generator: Generator | None = None,
        queue: QueueConfig | None = None,
        sessions: SessionConfig | None = None,
        *,
        template: Template | None = None,
        clock: Callable[[], float] = time.monotonic,
        make_id: Callable[[], str] = lambda: secrets.token_hex(ID_BYTES),
    ) -> None:
        self._generator: Generator = generator or Markov()
        self._template = template or template_for(self._generator.name)
        self._queue = RequestQueue(self._generator, queue, clock=clock)
        self._sessions = Sessions(sessions or SessionConfig(), self._queue.is_busy, clock, make_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.shutdown()

    @property
    def models(self) -> tuple[str, ...]:
        return (self._generator.name,)

    def count(self, text: str) -> int:
        return self._generator.count(text)

    # Answers.

    def generate_stream(
        self, request: GenerationRequest, *, wait_s: float | None = AT_ONCE_S, token: CancellationToken | None = None
    ) -> Stream[StreamChunk]:
        """The answer as it is made. A request with a session and no prompt asks what the session's messages are; the
        answer becomes one of them. Raises as the queue does, and NOT_FOUND."""
        if not request.session:
            return self._queue.submit_streaming_request(request, wait_s=wait_s, token=token)
        exchange = self._exchange(request, None)
        return self._queue.submit_streaming_request(exchange.request, wait_s=wait_s, token=token, context=exchange)

    def generate(
        self, request: GenerationRequest, *, wait_s: float | None = AT_ONCE_S, token: CancellationToken | None = None
    ) -> Generated:
        """The whole answer; blocks. Raises as above, and whatever the answer ended with."""
        if not request.session:
            return self._queue.submit_request(request, wait_s=wait_s, token=token)
        exchange = self._exchange(request, None)
        return self._queue.submit_request(exchange.request, wait_s=wait_s, token=token, context=exchange)

    def converse(
        self,
        session: str,
        content: str,
        *,
        max_tokens: int | None = None,
        wait_s: float | None = AT_ONCE_S,
        token: CancellationToken | None = None,
    ) -> Stream[StreamChunk]:
        """A whole turn: the user's message, and its answer as it is made. It begins when the turns before it are over,
        and its message is the session's when its answer is. Raises as `generate_stream`, and as `append_message`."""
        request = GenerationRequest("", session=session)
        if max_tokens is not None:
            request = replace(request, max_tokens=max_tokens)
        exchange = self._exchange(request, Message("user", content))
        return self._queue.submit_streaming_request(exchange.request, wait_s=wait_s, token=token, context=exchange)

    # Sessions.

    def create_session(self) -> str:
        """Raises RESOURCE_EXHAUSTED."""
        return self._sessions.create()

    def append_message(self, session: str, role: Role, content: str) -> None:
        """Raises NOT_FOUND, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, and UNAVAILABLE while a turn is not over."""
        self._sessions.append(self._sessions.find(session), Message(role, content))

    def messages(self, session: str) -> tuple[Message, ...]:
        """All that has been said until now, but for turns that are not over. Raises NOT_FOUND."""
        return self._sessions.find(session).messages

    def list_sessions(self) -> tuple[Summary, ...]:
        return self._sessions.summaries()

    def delete_session(self, session: str) -> bool:
        """Its turns are cancelled, and nothing more is kept of them. Whether there was one."""
        was_there = self._sessions.delete(session)
        self._queue.cancel_session(session, "the session was deleted")
        return was_there

    def cancel_session(self, session: str) -> bool:
        """Cancel the turns that the session has now, and none that comes later. Whether there was one."""
        return self._queue.cancel_session(session)

    # All of it.

    def stats(self) -> QueueStats:
        return self._queue.stats()

    @property
    def is_closed(self) -> bool:
        return self._queue.is_closed

    def shutdown(self, timeout_s: float = SHUTDOWN_S, *, drain_s: float = 0.0) -> QueueStats:
        """Take nothing more, give what is under way `drain_s`, then end it with UNAVAILABLE. Sessions can be read."""
        return self._queue.shutdown(timeout_s, drain_s=drain_s)

    def _exchange(self, request: GenerationRequest, asked: Message | None) -> _Exchange:
        session = self._sessions.find(request.session)
        if not request.prompt:
            request = replace(request, stop=(*request.stop, *self._template.stops))
        return _Exchange(self._sessions, session, self._template, request, asked)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One turn of a session, as its request's `Context`."""

    sessions: Sessions
    session: Session
    template: Template
    request: GenerationRequest
    asked: Message | None

    def prompt(self) -> str:
        """Of the session as it is now: other turns may change it before this one begins."""
        said = self.sessions.said(self.session, self.asked, more=1 if self.asked is None else 2)
        if self.request.prompt:
            return self.request.prompt
        messages = said if self.asked is None else (*said, self.asked)
        if not messages:
            raise StreamError(Code.INVALID_ARGUMENT, "nothing has been said in this session")
        return rendered(self.template, [Turn(message.role, message.content) for message in messages])

    def keep(self, text: str, ending: str) -> None:
        self.sessions.write_down(self.session, self.asked, text, ending)
