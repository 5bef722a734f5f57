"""`Hub`: what one member says, all the others hear, each in a bounded queue of its own.

A member that does not keep up holds back whoever says something, for so long and no longer; then it is ended, with
RESOURCE_EXHAUSTED behind all that its queue had taken. Nothing is dropped in silence. Until it has left it has its
queue, and counts. Never here: gRPC, a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

INBOX_ITEMS: Final = 100
PATIENCE_S: Final = 5.0  # of whoever says something, with a member whose queue is full
MOST_MEMBERS: Final = 1_000


class Member(Generic[T]):
    """What one subscriber has still to hear. `inbox` is completed when it leaves: what came before is heard."""

    __slots__ = ("inbox",)

    def __init__(self, inbox_items: int) -> None:
        self.inbox: Stream[T] = Stream(inbox_items)

    @property
    def is_open(self) -> bool:
        """Whether it still hears what is said: it has neither half-closed, nor left, nor been ended."""
        return self.inbox.state is Phase.OPEN

    def end(self, failure: StreamError | None = None) -> None:
        """It hears what has been said, and then this. One that has ended stays as it is."""
        with contextlib.suppress(StreamError):
            if failure is None:
                self.inbox.complete()
            else:
                self.inbox.error(failure)


class Hub(Generic[T]):
    """Of one loop. Each member hears what another says in the order in which that one said it; as long as nobody is
    waited for, all hear everything in one order."""

    def __init__(
        self, *, inbox_items: int = INBOX_ITEMS, patience_s: float = PATIENCE_S, most_members: int = MOST_MEMBERS
    ) -> None:
        if inbox_items < 1:
            raise ValueError("an inbox holds at least one item")
        self._inbox_items = inbox_items
        self._patience_s = patience_s
        self._most_members = most_members
        self._members: dict[Member[T], None] = {}
        self._subscribed = 0  # those as well that hear nothing more and still hold a queue

    @property
    def members(self) -> int:
        """How many hear what is said now."""
        return len(self._members)

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[Member[T]]:
        """A member from here on, and no longer. Raises RESOURCE_EXHAUSTED where there are too many."""
        if self._subscribed >= self._most_members:
            raise StreamError(Code.RESOURCE_EXHAUSTED, f"there are at most {self._most_members} subscribers")
        member: Member[T] = Member(self._inbox_items)
        self._members[member] = None
        self._subscribed += 1
        try:
            yield member
        finally:
            self._subscribed -= 1
            self._members.pop(member, None)
            member.inbox.cancel()

    def unsubscribe(self, member: Member[T]) -> None:
        """It hears nothing more that is said from now on, and its queue ends well behind what was."""
        self._members.pop(member, None)
        member.end()

    async def broadcast(self, message: T, sender: Member[T] | None = None) -> None:
        """To all but the sender. Returns when each has it in its queue, has left, or was ended for being slow."""
        full = []
        for member in tuple(self._members):
            if member is sender:
                continue
            inbox = member.inbox
            if inbox.buffered_amount < inbox.capacity:
                # It does not wait, so all members hear what is said in one order.
                try:  # noqa: SIM105 -- a context manager costs as much as the send
                    await inbox.send(message)
                except StreamError:
                    pass  # one that has ended, and leaves
            else:
                full.append(member)
        if full:
            await asyncio.gather(*(self._give(member, message) for member in full))

    async def _give(self, member: Member[T], message: T) -> None:
        try:
            await member.inbox.send(message, self._patience_s)
        except StreamError as refused:
            # Any other refusal is that of a member that has left meanwhile.
            if refused.code is Code.TIMED_OUT:
                self._members.pop(member, None)
                member.end(StreamError(Code.RESOURCE_EXHAUSTED, "the subscriber did not keep up"))
