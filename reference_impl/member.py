"""`Member`: one stream of a connection that many share, with all that its connection remembers of it.

Never here: what its client says, or when it has its turn (`multiplex`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.credit import Credit
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY, Phase

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Message, Said, Start
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.routing import Asked

RETURNED: Final = DEFAULT_CAPACITY // 2  # items that a handler has taken, before their credit goes back in one message


class Member:
    """One stream of a connection, from its start to its terminal."""

    __slots__ = (
        *("asked", "begun", "credit", "granted", "handed", "id", "lane", "mount", "procedure", "returned"),
        *("stream", "taken"),
    )

    stream: ItemStream

    def __init__(self, said: Said, start: Start, asked: Asked, mount: Mount) -> None:
        self.id = said.id
        self.procedure = said.procedure
        self.asked = asked
        self.mount = mount
        self.begun = asyncio.Event()  # there is a `stream`
        priority = start.priority if "priority" in said.members else asked.priority
        self.lane: Stream[tuple[Message, ...]] = Stream(0, priority=priority)
        self.credit = Credit(start.credit)
        self.granted = 0  # items that the client may send in all, where it counts
        self.handed = 0  # that it has sent
        self.taken = 0  # that the handler has taken, and whose credit has not gone back
        self.returned = asyncio.Event()

    @property
    def inlet(self) -> Inlet:
        assert self.asked.inlet is not None, "whoever plays a script has one"
        return self.asked.inlet

    def gives_way(self) -> bool:
        """Whether another stream may have its id, as some variants do it: its id is in use from its start on."""
        return self.mount.seams.takes_over(self.stream if self.begun.is_set() else None)

    def take(self) -> None:
        self.taken += 1
        if self.taken >= RETURNED:
            self.returned.set()

    def over(self) -> None:
        """The stream has ended. Of one that was cancelled nothing more is shown, not even what is on its way."""
        if self.stream.state is Phase.CANCELLED:
            self.lane.cancel()
        if self.stream.state in {Phase.CANCELLED, Phase.EXPIRED}:
            self.credit.close()

    def leave(self) -> None:
        """Its client has left: nothing is shown, whatever becomes of the stream."""
        if self.begun.is_set():
            self.stream.cancel()
        self.lane.cancel()
        self.credit.close()
