"""When a request has stood still for too long: nothing new came of it, and of a whole answer nothing was read.

The stream has an idle limit of its own, which only sees what it accepts: a whole answer that somebody reads slowly
would be idle to it. Never here: what is told of it, or a rule of the stream.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.stream.table import ENDED
from streamspec.reference_impl.stream.thread_leaving import expire
from streamspec.reference_impl.stream.thread_limits import HELPERS
from streamspec.reference_impl.stream.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from streamspec.reference_impl.stream.threads import Stream
    from streamspec.reference_impl.stream.timer import Entry


class Idling:
    """Of one request, whose stream expires when it has been idle for so long; from its making on."""

    __slots__ = ("__weakref__", "_clock", "_entry", "_idle_s", "_moved_at_s", "_stream", "_unread")

    def __init__(self, stream: Stream[Any], idle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._idle_s = idle_s
        self._moved_at_s = self._clock()
        self._unread: int | None = None  # of an answer that is whole, as many as were seen last
        self._entry: Entry[Idling] = TIMER.add(self, idle_s)

    def accepted(self) -> None:
        """The stream has accepted a chunk."""
        self._moved_at_s = self._clock()

    def is_whole(self) -> None:
        """Nothing new will come: from now on it is looked whether any of it is read. Nobody dates that, so a reader who
        has read something has so long once more."""
        self._moved_at_s = self._clock()
        self._unread = self._stream.buffered_amount

    def stop(self) -> None:
        """Its stream has ended."""
        self._entry.stop()

    def look(self) -> float | None:
        """Expire the stream if it is time to. In how many seconds to look again; None: no more."""
        if self._stream.state in ENDED:
            return None
        if self._unread is not None and (unread := self._stream.buffered_amount) < self._unread:
            self._unread, self._moved_at_s = unread, self._clock()
        left_s = self._moved_at_s + self._idle_s - self._clock()
        if left_s > 0:
            return left_s
        HELPERS.run(partial(expire, self._stream))  # listeners are foreign, and others are late by then
        return None


TIMER: Final[Timer[Idling]] = Timer(Idling.look, time.monotonic, "agent-idle")
