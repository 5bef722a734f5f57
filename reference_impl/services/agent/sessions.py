"""`Sessions`: what was said in each conversation, bounded in number and in size.

A turn is written down in one step when it is over: what was asked, and as much of the answer as had been handed over,
with how it ended. So no session ever shows half a turn, and a turn of which nothing was handed over, unless it ended
well, has never been. Never here: a request, a template, or who goes first.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.agent.chunks import FINISH_REASONS
from streamspec.reference_impl.services.agent.templates import ROLES
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.services.agent.limits import SessionConfig
    from streamspec.reference_impl.services.agent.templates import Role


@dataclass(frozen=True, slots=True)
class Message:
    """`ending` is how an answer ended: a finish reason, or the code of the failure that cut it off."""

    role: Role
    content: str
    ending: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether an answer was broken off: by a cancel, a failure, a deadline."""
        return bool(self.ending) and self.ending not in FINISH_REASONS


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one session."""

    id: str
    messages: int
    content_bytes: int
    idle_s: float


class Session:
    """One conversation; only `Sessions` changes it."""

    __slots__ = ("content_bytes", "id", "messages", "touched_s")

    def __init__(self, name: str, now_s: float) -> None:
        self.id: Final = name
        self.messages: tuple[Message, ...] = ()
        self.content_bytes = 0
        self.touched_s = now_s


class Sessions:
    """Of one agent. `is_busy` says whether a session has a turn that is not over: such a one is not forgotten."""

    def __init__(
        self,
        config: SessionConfig,
        is_busy: Callable[[str], bool],
        clock: Callable[[], float],
        make_id: Callable[[], str],
    ) -> None:
        self._config = config
        self._is_busy = is_busy
        self._clock = clock
        self._make_id = make_id
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def create(self) -> str:
        """Raises RESOURCE_EXHAUSTED where no other session has been idle for long enough to be forgotten."""
        with self._lock:
            if len(self._sessions) >= self._config.most_sessions:
                for old in [session for session in self._sessions.values() if self._is_forgotten(session)]:
                    del self._sessions[old.id]
            if len(self._sessions) >= self._config.most_sessions:
                raise StreamError(Code.RESOURCE_EXHAUSTED, f"there are {self._config.most_sessions} sessions")
            session = Session(self._make_id(), self._clock())
            self._sessions[session.id] = session
            return session.id

    def find(self, name: str) -> Session:
        """Raises NOT_FOUND, also for one that has been forgotten."""
        with self._lock:
            session = self._sessions.get(name)
            if session is None or self._is_forgotten(session):
                self._sessions.pop(name, None)
                raise _not_found()
            session.touched_s = self._clock()
            return session

    def delete(self, name: str) -> bool:
        """Whether there was one. A turn that is under way is not written down any more."""
        with self._lock:
            return self._sessions.pop(name, None) is not None

    def summaries(self) -> tuple[Summary, ...]:
        with self._lock:
            now_s = self._clock()
            return tuple(
                Summary(each.id, len(each.messages), each.content_bytes, now_s - each.touched_s)
                for each in self._sessions.values()
                if not self._is_forgotten(each)
            )

    def check(self, session: Session, asked: Message | None, *, more: int) -> None:
        """Whether a message may be added, and `more` messages in all. Raises INVALID_ARGUMENT, RESOURCE_EXHAUSTED."""
        config, size = self._config, 0
        if asked is not None:
            if asked.role not in ROLES:
                raise StreamError(Code.INVALID_ARGUMENT, "a role is one of " + ", ".join(ROLES))
            size = _size(asked)
            if size > config.most_message_bytes:
                raise StreamError(Code.INVALID_ARGUMENT, f"a message has at most {config.most_message_bytes} bytes")
        if len(session.messages) + more > config.most_messages:
            raise StreamError(Code.RESOURCE_EXHAUSTED, f"a session has at most {config.most_messages} messages")
        if session.content_bytes + size > config.most_bytes:
            raise StreamError(Code.RESOURCE_EXHAUSTED, f"a session has at most {config.most_bytes} bytes")

    def said(self, session: Session, asked: Message | None, *, more: int) -> tuple[Message, ...]:
        """All that has been said, for a turn that may add `more` messages. Raises as `check`, and NOT_FOUND for a
        session that was deleted meanwhile."""
        with self._lock:
            if self._sessions.get(session.id) is not session:
                raise _not_found()
            self.check(session, asked, more=more)
            return session.messages

    def append(self, session: Session, message: Message) -> None:
        """One message from outside. Raises as `check`, and UNAVAILABLE while a turn is not over: one that is submitted
        while the lock is held finds the message said."""
        with self._lock:
            if self._is_busy(session.id):
                raise StreamError(Code.UNAVAILABLE, "a turn of this session is not over")
            self.check(session, message, more=1)
            self._add(session, (message,))

    def write_down(self, session: Session, asked: Message | None, text: str, ending: str) -> None:
        """A turn is over. In a session that was deleted meanwhile nobody will read it."""
        if not text and ending not in FINISH_REASONS:
            return
        said = Message("assistant", text, ending)
        with self._lock:
            self._add(session, (said,) if asked is None else (asked, said))

    def _add(self, session: Session, messages: tuple[Message, ...]) -> None:
        session.messages += messages
        session.content_bytes += sum(map(_size, messages))
        session.touched_s = self._clock()

    def _is_forgotten(self, session: Session) -> bool:
        idle_s = self._config.idle_s
        return idle_s is not None and self._clock() - session.touched_s >= idle_s and not self._is_busy(session.id)


def _not_found() -> StreamError:
    return StreamError(Code.NOT_FOUND, "there is no such session")


def _size(message: Message) -> int:
    return len(message.content.encode(errors="replace"))
