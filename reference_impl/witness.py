"""`Run`: what the handler of one scripted stream has experienced, each figure as it becomes true; `Runs`: all of them.

Never here: HTTP, a script, or a judgement of the figures.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.gates import Gates

if TYPE_CHECKING:
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.stream.errors import Code

Clock = Callable[[], float]
Figures = dict[str, int | str]

MOST_RUNS: Final = 32_768  # of one mount, whether they are over or not
KEPT_S: Final = 120.0  # after a run is over; the contract says 60 at least
FIGURES: Final = (
    *("state", "called", "offered", "sent", "sending", "blocked_ms", "cancel_seen", "cancel_code"),
    *("sends_after_cancel", "send_code", "cleanups", "terminals", "refused", "remaining_ms", "buffered"),
    *("received", "receiving", "input"),
)


class TooManyRuns(Exception):
    """All runs that there may be are at work."""


@dataclass(slots=True)
class Run:
    """The figures of the contract under their own names. A figure that is None is absent.

    Whoever asks twice for a stream of one run is counted into the same figures. `owner` is the client who first named
    it, where clients are known.
    """

    clock: Clock
    owner: str = ""
    gates: Gates = field(default_factory=Gates)
    at_work: int = 0
    begun: bool = False
    called: int = 0
    offered: int | None = None
    sent: int = 0
    cancel_seen: bool = False
    cancel_code: Code | None = None
    sends_after_cancel: int = 0
    send_code: Code | None = None
    cleanups: int = 0
    terminals: int = 0
    refused: int = 0
    remaining_ms: int | None = None
    received: int = 0
    stream: ItemStream | None = None
    inlet: Inlet | None = None
    _sends: int = 0
    _receives: int = 0
    _blocked_s: float = 0.0
    _counted_at_s: float = 0.0

    def send_begins(self) -> None:
        self.sends_after_cancel += self.cancel_seen
        self._count_blocked()
        self._sends += 1

    def send_ends(self) -> None:
        self._count_blocked()
        self._sends -= 1

    def receive_begins(self) -> None:
        self._receives += 1

    def receive_ends(self) -> None:
        self._receives -= 1

    def learn(self, code: Code | None) -> None:
        """The handler learns that its client has left, under this name if there is one; the first time counts."""
        if not self.cancel_seen:
            self.cancel_seen = True
            self.cancel_code = code

    def cleaned_up(self) -> None:
        self.cleanups += 1

    def figures(self) -> Figures:
        """As they are now."""
        self._count_blocked()
        known: dict[str, int | str | None] = {
            "state": "playing" if self.at_work else "ended",
            "called": self.called,
            "offered": self.offered,
            "sent": self.sent,
            "sending": int(self._sends > 0),
            "blocked_ms": int(self._blocked_s * 1000),
            "cancel_seen": int(self.cancel_seen),
            "cancel_code": self.cancel_code,
            "sends_after_cancel": self.sends_after_cancel,
            "send_code": self.send_code,
            "cleanups": self.cleanups,
            "terminals": self.terminals,
            "refused": self.refused,
            "remaining_ms": self.remaining_ms,
            "buffered": 0 if self.stream is None else self.stream.buffered_amount,
            "received": self.received,
            "receiving": int(self._receives > 0),
            "input": "ended" if self.inlet is None else self.inlet.input,
        }
        return {name: figure for name, figure in known.items() if figure is not None}

    def _count_blocked(self) -> None:
        now_s = self.clock()
        if self._sends:
            self._blocked_s += now_s - self._counted_at_s
        self._counted_at_s = now_s


class Runs:
    """The runs of one mount by their names. One whose gates are opened is known before anybody has begun it."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._runs: dict[str, Run] = {}
        self._idle: dict[str, float] = {}  # those that are over or have not begun, since when; the oldest first

    def __len__(self) -> int:
        return len(self._runs)

    def begun(self, name: str) -> Run | None:
        """The run, if somebody has begun it."""
        run = self._runs.get(name)
        return run if run is not None and run.begun else None

    def owner(self, name: str) -> str | None:
        """Who first named this run; None where nobody did."""
        run = self._runs.get(name)
        return None if run is None else run.owner

    def named(self, name: str, owner: str = "") -> Run:
        """The run, a new one of this owner if there is none. Raises `TooManyRuns`."""
        run = self._runs.get(name)
        if run is None:
            self._make_room()
            run = self._runs[name] = Run(self._clock, owner)
            self._idle[name] = self._clock()
        return run

    def begin(self, name: str) -> Run:
        """A stream of this run begins. Raises `TooManyRuns`."""
        run = self.named(name)
        run.begun = True
        run.at_work += 1
        self._idle.pop(name, None)
        return run

    def end(self, name: str) -> None:
        """A stream of this run is over, and its handler has cleaned up."""
        run = self._runs[name]
        run.at_work -= 1
        if not run.at_work:
            run.stream = None
            self._idle[name] = self._clock()

    def witness(self, name: str, owner: str = "") -> Witness:
        """Of a stream of this run that is about to begin. Raises `TooManyRuns`."""
        return Witness(self, name, self.named(name, owner))

    def _make_room(self) -> None:
        now_s = self._clock()
        while self._idle:
            oldest = next(iter(self._idle))
            if now_s - self._idle[oldest] <= KEPT_S and len(self._runs) < MOST_RUNS:
                return
            del self._idle[oldest], self._runs[oldest]
        if len(self._runs) >= MOST_RUNS:
            raise TooManyRuns


@dataclass(frozen=True, slots=True)
class Witness:
    """Who stands by one stream of a run, from its beginning to its end."""

    runs: Runs
    name: str
    run: Run

    def refuse(self) -> None:
        """The handler failed before there was a stream, and cleaned up: all of it at once."""
        run = self.runs.begin(self.name)
        run.called += 1
        run.terminals += 1
        run.cleaned_up()
        self.runs.end(self.name)

    @contextlib.contextmanager
    def attending(self, stream: ItemStream) -> Iterator[None]:
        """Around all of the stream, its handler's cleanup included."""
        self.runs.begin(self.name).stream = stream
        try:
            yield
        finally:
            self.runs.end(self.name)
