"""Several streams on one connection of messages: each message goes to the stream whose id it carries.

Who reads, reads for all: what is for another stream waits in its inbox, up to a limit. Where nobody reads, nobody reads
ahead, and the target feels it. Never here: what a message means, or the octets of a carrier.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Closed, Deviation, Elided, Ended, Event, Farewell, Opened, Pong, Refused
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Body, Duplex, NoSuchWord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange, Request

_ID_CHARS: Final = 80
_ENTRY_BYTES: Final = 256  # what an entry of an inbox weighs beside its octets
_EVERYBODYS: Final = (Opened, Farewell, Closed, Refused)  # what happens to a connection happens to all its streams
_LAST: Final = (Opened, Closed, Refused)  # there are few of them, so that they find room in a full inbox


class Link:
    """One connection and the streams on it. `addressee` is the id of the stream that a message is for."""

    def __init__(self, carrier: Exchange, addressee: Callable[[bytes], str], limits: Limits) -> None:
        self.carrier = carrier
        self._duplex = carrier if isinstance(carrier, Duplex) else None  # looked at once: each look takes its time
        self.limits = limits
        self.over = False
        self._addressee = addressee
        self._members: list[Member] = []  # the oldest first
        self._takers: dict[str, Member] = {}
        self._left: deque[str] = deque(maxlen=limits.streams)  # ids of ours whose messages may still be on their way
        self._pingers: deque[Member] = deque()
        self._reading = asyncio.Lock()
        self._head: Opened | None = None

    def member(self, stream: str) -> Member:
        """A stream under this id; without one it gets whatever nobody else does. Under an id that is taken it gets no
        messages of its own: none can be told apart."""
        member = Member(self, stream)
        self._members.append(member)
        self._takers.setdefault(stream, member)
        if self._head is not None:
            member.take(self._head)
        return member

    async def pull(self, wants: Member) -> None:
        """Read once for all, unless somebody else has read for this stream meanwhile."""
        async with self._reading:
            if wants.waiting or self.over:
                return
            batch = await self.carrier.receive()
            self.over = self.over or not batch
            for entry in batch:
                self._hand_over(entry)

    def _hand_over(self, entry: Event | Body) -> None:
        if isinstance(entry, Body):
            self._deliver(entry)
        elif isinstance(entry, _EVERYBODYS):
            self._head = entry if isinstance(entry, Opened) else self._head
            self.over = self.over or isinstance(entry, Closed | Refused)
            self.tell(entry)
        elif isinstance(entry, Pong) and self._pingers:
            self._pingers.popleft().take(entry)
        elif isinstance(entry, Ended):  # of the connection: a stream in envelopes ends with its terminal
            pass
        elif isinstance(entry, Elided) or (isinstance(entry, Deviation) and entry.code.endswith("-too-long")):
            self.tell(entry)  # it was let go unread, so that nobody knows whose it was
        elif self._members:
            self._members[0].take(entry)

    def _deliver(self, message: Body) -> None:
        stream = self._addressee(message.data)
        taker = self._takers.get(stream) or self._takers.get("")
        oldest = next(iter(self._members), None)
        if taker:
            taker.take(message)
        elif oldest and not stream:
            oldest.take(message)
        elif oldest and stream not in self._left:
            oldest.take(Deviation("envelope.id", oldest.taken_bytes, printable(stream, _ID_CHARS)))

    def tell(self, event: Event, but: Member | None = None) -> None:
        """What happened to the connection, to all streams on it."""
        for member in self._members:
            if member is not but:
                member.take(event)

    def duplex(self) -> Duplex:
        """The connection to speak on. Raises `ConnectionError` when there is none."""
        if self._duplex is None:
            raise ConnectionResetError("no connection came about")
        return self._duplex

    async def ping(self, member: Member) -> None:
        """Its answer may be here before the ping is said to be over."""
        self._pingers.append(member)
        try:
            await self.duplex().ping()
        except NoSuchWord:
            self._pingers.remove(member)
            raise

    def stays(self, member: Member) -> bool:
        """Whether the connection stays when this one is left, and with it the stream of its id."""
        return self._takers.get(member.stream) is member and len(self._members) > 1 and not self.over

    def forget(self, member: Member) -> None:
        """What is on its way to this stream is nobody's from now on."""
        if member in self._members:
            self._members.remove(member)
            self._left.append(member.stream)
        if self._takers.get(member.stream) is member:
            del self._takers[member.stream]

    async def leave(self, member: Member) -> None:
        """With the last stream the connection ends."""
        self.forget(member)
        if not self._members:
            await self.carrier.close()


@dataclass(slots=True, eq=False)
class Member:
    """One stream of a link (`core.ports.Multiplexed`). Who leaves it while it is not over has said so before: only a
    binding knows its word for that."""

    link: Link
    stream: str
    inbox: deque[Event | Body] = field(default_factory=deque)
    lost: dict[str, Elided] = field(default_factory=dict)
    late: list[Event | Body] = field(default_factory=list)  # what came behind a loss, and is never dropped
    taken_bytes: int = 0
    waiting_bytes: int = 0

    @property
    def waiting(self) -> bool:
        """Whether there is something to receive."""
        return bool(self.inbox or self.lost or self.late)

    @property
    def stays(self) -> bool:
        """Whether its stream goes on when it is left: others stay on the connection, and its id is its own."""
        return self.link.stays(self)

    def take(self, entry: Event | Body) -> None:
        """What is for this stream. Beyond the limit of its inbox it is counted and dropped, and so is all that follows
        until the inbox is read."""
        octets = len(entry.data) if isinstance(entry, Body) else 0
        self.taken_bytes += octets
        if isinstance(entry, _LAST):
            (self.late if self.lost else self.inbox).append(entry)
            return
        self.waiting_bytes += octets + _ENTRY_BYTES
        if self.waiting_bytes <= self.link.limits.inbox_bytes:
            self.inbox.append(entry)
            return
        what = "Item" if isinstance(entry, Body) else type(entry).__name__
        before = self.lost.get(what, Elided(what, 0))
        self.lost[what] = Elided(what, before.n + 1, before.bytes + octets)

    async def receive(self) -> Sequence[Event | Body]:
        while not self.waiting:
            if self.link.over:
                return ()
            await self.link.pull(self)
        batch = [*self.inbox, *self.lost.values(), *self.late]
        self.inbox.clear()
        self.lost.clear()
        self.late.clear()
        self.waiting_bytes = 0
        return batch

    async def say(self, *messages: bytes) -> None:
        await self.link.duplex().say(*messages)

    async def finish(self) -> None:
        raise NoSuchWord("a stream in envelopes ends by a message")

    async def reset(self) -> None:
        raise NoSuchWord("a stream in envelopes is cancelled by a message")

    async def ping(self) -> None:
        await self.link.ping(self)

    async def write(self, octets: bytes) -> None:
        await self.link.duplex().write(octets)

    async def beside(self, request: Request) -> Member:
        """What cancels it in the same write goes out with what opens it."""
        member = self.link.member(request.opens)
        pushed = (request.push.encode(),) if request.push else ()
        try:
            await self.link.duplex().say(request.body, *pushed)
        except BaseException:
            self.link.forget(member)
            raise
        return member

    async def leave(self) -> None:
        await self.link.leave(self)

    async def close(self) -> None:
        self._end()
        await self.link.carrier.close()

    def abort(self) -> None:
        self._end()
        self.link.carrier.abort()

    def _end(self) -> None:
        """The connection ends by our doing, and with it the streams of all others."""
        if not self.link.over:
            self.link.over = True
            self.link.tell(Closed("ours"), but=self)
