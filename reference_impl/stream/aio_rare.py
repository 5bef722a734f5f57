"""`Rare`: what few asyncio streams have (another dialect, times, listeners, a pause, a failure), made at first need.

A plain stream spends one empty slot on all of it, and its hot paths look at none of it. Never here: items, parked
calls, or a decision about either; `aio.Stream` asks and decides.
"""

from __future__ import annotations

import asyncio
import bisect
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.table import GIVEN_UP, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamspec.reference_impl.stream.errors import StreamError


class Limits:
    """The two times of a stream, its deadline and how long it may accept nothing, and the timer of the nearer."""

    __slots__ = ("_accepted_at_s", "_ends_at_s", "_idle_s", "_loop", "_timer")

    def __init__(self, deadline_s: float | None, idle_s: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._accepted_at_s = self._loop.time()
        self._ends_at_s = None if deadline_s is None else self._accepted_at_s + deadline_s
        self._idle_s = idle_s
        self._timer: asyncio.TimerHandle | None = None

    def accepted(self) -> None:
        self._accepted_at_s = self._loop.time()

    def remaining_s(self) -> float | None:
        return None if self._ends_at_s is None else max(0.0, self._ends_at_s - self._loop.time())

    def watch(self, expire: Callable[[], None]) -> None:
        """Call `expire` when the time is up, at once if it is. A timer is not moved by an accepted item: it rings and
        finds that there is time left."""
        idle_at_s = None if self._idle_s is None else self._accepted_at_s + self._idle_s
        up_at_s = min(at_s for at_s in (self._ends_at_s, idle_at_s) if at_s is not None)
        if up_at_s > self._loop.time():
            self._timer = self._loop.call_at(up_at_s, self.watch, expire)
        else:
            expire()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


@dataclass(slots=True, eq=False)
class Rare:
    """The rarities of one stream."""

    dialect: Dialect = DEFAULT
    send_timeout_s: float | None = None
    deadline_s: float | None = None
    idle_s: float | None = None
    priority: int = 0
    limits: Limits | None = None
    paused: bool = False
    end_told: bool = False  # D7: only a dialect that refuses to repeat END remembers it
    reason: str = ""
    failure: StreamError | None = None
    listeners: list[Callable[[], None]] = field(default_factory=list)
    wakes: list[Callable[[], None]] = field(default_factory=list)
    sleepers: list[asyncio.Future[None]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # of the items at the buffer's front that were given back, in order

    def watches_sends(self) -> bool:
        """Somebody must know of each accepted item."""
        return bool(self.wakes) or self.idle_s is not None

    def watches_receives(self) -> bool:
        """An item may not simply be taken, or its taking means something more."""
        return self.paused or bool(self.places) or self.idle_s is not None

    def refusal_of_send(self, phase: Phase) -> StreamError:
        if phase in GIVEN_UP:
            unavailable = self.dialect.send_after_cancel == "UNAVAILABLE"
            return errors.closed() if unavailable else self.cancelled()
        return errors.closed(Code.INTERNAL if self.dialect.send_after_end == "INTERNAL" else Code.UNAVAILABLE)

    def failure_shown(self, phase: Phase) -> StreamError:
        """What a receive raises after an ending. A fresh one each time: one exception raised in many tasks would
        collect all their tracebacks."""
        match phase:
            case Phase.ERRORED:
                assert self.failure is not None, "no stream becomes ERRORED without it"
                return errors.shown(self.failure)
            case Phase.CANCELLED:
                return self.cancelled()
            case Phase.EXPIRED:
                return errors.expired()
            case _:
                return errors.closed()

    def cancelled(self) -> StreamError:
        return errors.cancelled(self.reason)

    def may_tell_end(self) -> bool:
        """Whether END may be told, and then that it has been."""
        if self.end_told:
            return False
        self.end_told = self.dialect.receive_after_end == "refuse"
        return True

    def index_for(self, place: int) -> int:
        """Where in the buffer an item goes that is given back: several that leave in one turn keep their old order."""
        index = bisect.bisect(self.places, place)
        self.places.insert(index, place)
        return index

    def over(self) -> None:
        """The stream has ended: nothing of it waits for a time any more, and its listeners run."""
        if self.limits is not None:
            self.limits.stop()
        for sleeper in self.sleepers:
            wake(sleeper)
        self.sleepers.clear()
        listeners, self.listeners = self.listeners, []
        run_each(listeners)


def wake(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)


def tell(told: asyncio.Future[Any], phase: Phase) -> None:
    """Tell a parked call that the stream has ended."""
    if told.done():
        return
    try:
        told.set_result(phase)
    except RuntimeError:  # its loop is closed, and with it whoever waited
        return  # because a cancel never raises


def run_each(calls: Iterable[Callable[[], None]]) -> None:
    for call in calls:
        try:
            call()
        except Exception as raised:  # noqa: BLE001 -- one bad listener must not starve the others (seeds 2.6, invariant 8)
            _complain(raised)


def _complain(raised: Exception) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # cancelled after its loop, say by whoever tidies up
        seen = (type(raised), raised, raised.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(seen))
    else:
        loop.call_exception_handler({"message": "a stream's listener raised", "exception": raised})
