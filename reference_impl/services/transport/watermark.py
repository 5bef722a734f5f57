"""`WatermarkStream`: a stream for threads whose bound is in octets. An item is accepted while fewer than the watermark
are held, so the last one that is may pass it.

It is two of the streams beneath. `items` holds what was accepted, and its consumer; `gate` is a rendezvous at which
producers wait while the watermark is reached: in their order, with its timeout, its cancel and its ending. Whoever
makes room, or begins to wait, moves on what may go. Never here: a queue, a wait, or a rule of the stream.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from streamspec.reference_impl import payload
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import ENDED, Phase
from streamspec.reference_impl.stream.thread_ends import ATOMIC
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.marks import Empty, End

LEAST_WEIGHT_BYTES: Final = 64  # of an item, or a watermark would not bound how many there are
LATE: Final = "the request's time is up"


class Weighs(Protocol):
    """What knows its size in octets, `LEAST_WEIGHT_BYTES` at least."""

    @property
    def weight(self) -> int: ...


T = TypeVar("T", bound=Weighs)


class WatermarkStream(Generic[T]):
    """Any number of producers; one consumer. `handed` counts what was handed over, `accepted_bytes` the weight of what
    was accepted, `sending` who waits at the gate; it `flows` until somebody ends it. An item that is `ahead` goes
    before the first one, and weighs nothing.

    The consumer takes no lock: it alone counts what it has received, before it looks whether somebody waits, and who is
    about to wait says so before he looks at that count once more. So one of the two sees the other.
    """

    __slots__ = (
        *("_chosen", "_gate", "_items", "_lock", "_reason", "_received_bytes", "_watched", "_watermark"),
        *("accepted_bytes", "flows", "handed", "sending"),
    )

    def __init__(
        self, watermark_bytes: int, dialect: Dialect, send_timeout_s: float | None, deadline_s: float | None
    ) -> None:
        if watermark_bytes < 1:
            raise ValueError(f"a watermark is 1 octet or more, not {watermark_bytes}")
        most = watermark_bytes // LEAST_WEIGHT_BYTES + 2  # the one that may pass the watermark, and the one ahead
        self._lock = threading.RLock()
        self._gate: Stream[T] = Stream(0, dialect=dialect, send_timeout_s=send_timeout_s)
        self._items: Stream[T] = Stream(most, dialect=dialect, deadline_s=deadline_s)
        self._watermark = watermark_bytes
        self._received_bytes = 0
        self.flows = True  # else the gate says what a call is told
        self._watched = False
        self._reason: str | None = None  # of the first cancel
        self._chosen: BaseException | None = None
        self.sending = self.handed = self.accepted_bytes = 0
        self._items.on_end(self._over)

    # Producers.

    def send(self, item: T, timeout_s: float | None = None) -> None:
        """Hand over one item; waits while the watermark is reached. Raises as the send of any stream."""
        with self._lock:
            self.handed += 1
            goes = self.flows and self.accepted_bytes - self._received_bytes < self._watermark
            if not goes:
                self.sending += 1
                if self.flows and self._has_room():
                    self.sending -= 1
                    goes = True
            if goes:
                self.accepted_bytes += item.weight
        if goes:
            self._items.send(item)
        else:
            self._wait_at_gate(item, timeout_s)

    def _has_room(self) -> bool:
        return self.accepted_bytes - self._received_bytes < self._watermark

    def _wait_at_gate(self, item: T, timeout_s: float | None) -> None:
        try:
            self._gate.send(item, timeout_s)  # whoever lets it in counts it out
        except StreamError:
            with self._lock:
                self.sending -= 1
            raise
        finally:
            # Who leaves may be the last for whom a completion has waited, and nobody else may come by.
            if not self.flows:
                self._settle()

    def ahead(self, item: T) -> None:
        """Hand over what comes before every item; of a stream that has ended it is dropped."""
        with contextlib.suppress(StreamError):
            self._items.send(item)

    def complete(self) -> None:
        """End well, after what was sent and what still waits at the gate."""
        self.flows = False
        self._gate.complete()
        self._settle()

    def error(self, failure: BaseException) -> None:
        """End badly, after what was accepted; what waits at the gate is refused."""
        # One failure is chosen before the gate is asked, or of two at once nobody knew which of them it has taken.
        with self._lock:
            is_chosen = self._chosen is None and self.is_open
            if is_chosen:
                self._chosen = failure
            chosen = self._chosen or failure
        self.flows = False
        try:
            self._gate.error(chosen)
        except StreamError:
            if not is_chosen or self.failure is not failure:  # else another call has brought this one there
                raise
        else:
            if not is_chosen:
                self._gate.error(failure)  # too late: the gate says what becomes of it
        self._settle()

    @property
    def failure(self) -> BaseException | None:
        """With what producers have ended it, if they have ended it badly."""
        return self._chosen if self._gate.state is Phase.ERRORED else None

    def sleep(self, seconds: float) -> None:
        """A pause for a producer. The end of the stream ends it; after a cancel it raises CANCELLED."""
        self._gate.sleep(seconds)

    @property
    def state(self) -> Phase:
        """As producers know it."""
        return self._gate.state

    @property
    def is_open(self) -> bool:
        return self._gate.state is Phase.OPEN

    @property
    def send_timeout_s(self) -> float | None:
        return self._gate.send_timeout_s

    @property
    def is_late(self) -> bool:
        """Whether it was its deadline that ended it."""
        return self._items.state is Phase.EXPIRED

    @property
    def reason(self) -> str:
        """Why it was cancelled, as far as that was said."""
        return LATE if self.is_late else self._reason or ""

    # The consumer.

    def receive(self) -> T | End:
        """The next item, or END; waits. Raises the stream's error, CANCELLED, or TIMED_OUT after its deadline."""
        item = self._items.receive()
        if item is END:
            return item
        if not ATOMIC:
            self._make_room(item.weight)
            return item
        # As `_make_room`, whose call would cost a sixth of all this.
        self._received_bytes += item.weight
        if self.sending and self._has_room():
            self._settle()
        return item

    def poll(self) -> T | End | Empty:
        """As `receive`, but EMPTY where that would wait."""
        item = self._items.poll()
        if item is not END and item is not EMPTY:
            self._make_room(item.weight)
        return item

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, as soon as `poll` would have an answer."""
        self._items.on_ready(wake)

    def cancel(self, reason: str = "") -> bool | None:
        """Nobody wants more: what is held is dropped, and whoever waits at the gate is told. Never raises."""
        with self._lock:
            if self._reason is None and self._items.state not in ENDED:
                self._reason = payload.writable(str(reason))
        return self._items.cancel(self._reason or "")

    @property
    def ended_as(self) -> Phase:
        """As its consumer knows it."""
        return self._items.state

    @property
    def held_bytes(self) -> int:
        """Octets that were accepted and not received; what waits at the gate is not counted."""
        return self.accepted_bytes - self._received_bytes

    # Either side.

    def on_end(self, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` exactly once: when the last item has gone, or when it failed, was cancelled or expired; then
        before those who wait at the gate run on. At once if it is over."""
        due = [cleanup]
        self._gate.on_end(partial(self._run_if_given_up, due))
        self._items.on_end(partial(_run, due))

    # From the gate to the items.

    def _make_room(self, weight: int) -> None:
        if ATOMIC:
            self._received_bytes += weight
        else:
            with self._lock:
                self._received_bytes += weight
        if self.sending and self._has_room():
            self._settle()

    def _settle(self) -> None:
        """Go on to where nothing more can move."""
        with self._lock:
            # In one step with regard to `send`: what a producer sends next must not overtake what it has just sent.
            watch = self._admit() and not self._watched
            self._watched = self._watched or watch
            phase = self._gate.state
        if watch:
            self._gate.on_ready(self._come)
        with contextlib.suppress(StreamError):  # of whoever was quicker
            if phase is Phase.COMPLETED:
                self._items.complete()
            elif phase is Phase.ERRORED:
                self._fail()

    def _admit(self) -> bool:
        """Let in who waits, as far as the watermark has it. Whether somebody is still on his way to the gate, and may
        come when nobody makes room any more."""
        with contextlib.suppress(StreamError):
            while self.sending > 0 and self._has_room():
                item = self._gate.poll()
                if item is END or item is EMPTY:
                    return item is EMPTY
                self.sending -= 1
                self.accepted_bytes += item.weight
                self._items.send(item)
        return False

    def _fail(self) -> None:
        try:
            self._gate.poll()
        except StreamError as failure:
            self._items.error(failure)

    def _come(self) -> None:
        self._watched = False
        self._settle()

    def _over(self) -> None:
        """The consumer's side has ended. Where that was no producer's doing, the producers are told."""
        self.flows = False
        self._gate.cancel(self.reason)

    def _run_if_given_up(self, due: list[Callable[[], None]]) -> None:
        if self._gate.state is Phase.CANCELLED:
            _run(due)


def _run(due: list[Callable[[], None]]) -> None:
    """Once, whoever comes first."""
    try:
        cleanup = due.pop()
    except IndexError:
        return
    cleanup()
