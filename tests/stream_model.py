"""The stream of docs/stream.md once more, in plain lists and words: every state that a stream may be in.

A `Model` is one state and its steps, each of them whole: a call begins, one that was answered runs on, a time is up.
Never here: the table, the holder, a shell, an exception, a clock, or in which order things happen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stream_words import (
    CODES,
    ENDED,
    GIVEN_UP,
    NO_REASON,
    NOT_FOR_STRANGERS,
    RECEIVES,
    SENDS,
    UNSAID,
    Call,
    Failure,
    Outcome,
    raised,
)

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect


class Running(NamedTuple):
    """A call that is not over: how many items it has sent, what it got, whether its task was cancelled."""

    call: Call
    sent: int = 0
    got: tuple[int, ...] = ()
    left: bool = False
    due_s: float | None = None


@dataclass(slots=True)
class Model:
    """One state. Calls are named where they are parked; everything else of them is in `open`."""

    capacity: int
    dialect: Dialect
    send_timeout_s: float | None = None
    deadline_s: float | None = None
    idle_s: float | None = None
    tries_wake: bool = False  # whether a send that may not wait, and finds nobody, is an item to a watcher all the same
    now_s: float = 0.0
    accepted_s: float = 0.0
    phase: str = "OPEN"
    paused: bool = False
    buffer: list[tuple[int, int]] = field(default_factory=list)  # each item behind its place among all accepted
    accepted: int = 0
    senders: list[int] = field(default_factory=list)
    receivers: list[int] = field(default_factory=list)
    sleepers: list[int] = field(default_factory=list)
    issued: list[Call] = field(default_factory=list)  # not begun yet, in no order
    going: list[int] = field(default_factory=list)  # between two of its items
    told: dict[int, Outcome] = field(default_factory=dict)  # answered, and not run on yet
    open: dict[int, Running] = field(default_factory=dict)
    over: dict[int, Outcome] = field(default_factory=dict)
    leaving: int = 0  # iterations that were left, and have not cancelled yet
    listeners: list[Call] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)  # listeners that ran at the end
    answered: frozenset[int] = frozenset()  # by the end, and they may not run on before the listeners have
    late: list[int] = field(default_factory=list)
    watchers: list[Call] = field(default_factory=list)
    woke: list[int] = field(default_factory=list)
    complaints: int = 0
    failure: Outcome = None
    reason: str = ""
    end_told: bool = False
    fresh: set[int] = field(default_factory=set)  # answered in the step that is under way
    ends: bool = False  # in the step that is under way

    # What there is.

    @property
    def has_items(self) -> bool:
        return bool(self.buffer or self.senders)

    @property
    def ready(self) -> bool:
        return not self.paused if self.has_items else self.phase != "OPEN"

    def is_given_back(self, name: int) -> bool:
        """Whether it was given an item, and leaves without it."""
        return name in self.told and self.open[name].left and self.told[name][0] == "given"

    # Steps.

    def begin(self, call: Call) -> None:
        self._step()
        if call.word in SENDS or call.word in RECEIVES:
            self.open[call.name] = Running(call)
            self._next(call.name)
        elif call.word == "sleep":
            self.open[call.name] = Running(call)
            self._sleep(call)
        else:
            self.over[call.name] = self._at_once(call)

    def go_on(self, name: int) -> None:
        """A call that was answered runs on, or one that did not have to wait does the next of its items."""
        if self.is_given_back(name):
            self.give_back(name)
        self._step()
        if name in self.going:
            self.going.remove(name)
            if self.open[name].call.word == "receive_batch":
                self._take_the_rest(name)
            else:
                self._next(name)
            return
        told, running = self.told.pop(name), self.open[name]
        match running.call.word, told:
            case word, _ if running.left:
                self._over(name, "left")
                if word == "iterate":
                    self._cancel("")
            case "sleep", _:
                self._over(name, self._cancelled() if self.phase in GIVEN_UP else "slept")
            case _, "sent":
                self._sent(name)
            case _, ("given", held):
                self._got(name, held)
            case _:
                self._refused(name, told)

    def leave(self, name: int) -> None:
        """Its task is cancelled: from now on nothing happens in its name, but it has not run on yet."""
        self._step()
        if name not in self.open:
            return
        self.open[name] = self.open[name]._replace(left=True)
        for parked in (self.senders, self.receivers, self.sleepers):
            if name in parked:
                parked.remove(name)
                self._tell(name, "gone")
        self._settle()

    def leave_an_iteration(self) -> None:
        self._step()
        self.leaving -= 1
        self._cancel("")

    def time_is_up(self, name: int | None) -> None:
        self._step()
        if name is None:
            if self.phase not in ENDED:
                self.buffer.clear()
                self._end("EXPIRED")
        elif name in self.senders:
            self.senders.remove(name)
            self._tell(name, raised("TIMED_OUT"))
        elif name in self.sleepers:
            self.sleepers.remove(name)
            self._tell(name, "slept")
        self._settle()

    def give_back(self, name: int) -> None:
        """What was given to a call whose task was cancelled goes back to where it came from."""
        self._step()
        told, self.told[name] = self.told[name], "gone"
        lost = self.phase == "ERRORED" and self.dialect.buffered_after_error == "discard"
        if self.phase not in GIVEN_UP and not lost:
            self.buffer = sorted([*self.buffer, told[1]])
        self._settle()

    def _step(self) -> None:
        self.fresh.clear()
        self.ends = False

    # Sending and receiving.

    def _next(self, name: int) -> None:
        if self.open[name].call.word in SENDS:
            self._send(name)
        else:
            self._receive(name)

    def _send(self, name: int) -> None:
        call, sent = self.open[name][:2]
        if sent == len(call.items):
            self._over(name, "sent")
            return
        timeout_s = self.send_timeout_s if call.seconds is None else call.seconds
        if self.phase != "OPEN":
            self._over(name, self._refusal_of_send())
        elif len(self.buffer) < self.capacity or (self.receivers and not self.paused):
            self._accept(call.items[sent])
            self._sent(name)
        elif timeout_s is not None and timeout_s <= 0:
            self._over(name, raised("TIMED_OUT"))
            if self.tries_wake and not self.paused:
                self._wake()
        else:
            due_s = None if timeout_s is None else self.now_s + timeout_s
            self.open[name] = self.open[name]._replace(due_s=due_s)
            self.senders.append(name)
        self._settle()

    def _sent(self, name: int) -> None:
        running = self.open[name] = self.open[name]._replace(sent=self.open[name].sent + 1)
        if running.sent == len(running.call.items):
            self._over(name, "sent")
        else:
            self.going.append(name)

    def _accept(self, item: int) -> None:
        self.accepted += 1
        self.accepted_s = self.now_s
        self.buffer.append((self.accepted, item))

    def _release(self) -> None:
        name = self.senders.pop(0)
        self._accept(self.open[name].call.items[self.open[name].sent])
        self._tell(name, "sent")

    def _receive(self, name: int) -> None:
        if not self.ready:
            self.receivers.append(name)
        elif self.has_items:
            self._got(name, self._take())
            self._settle()
        else:
            self._refused(name, self._ending())

    def _take(self) -> tuple[int, int]:
        if not self.buffer:
            self._release()
        return self.buffer.pop(0)

    def _got(self, name: int, held: tuple[int, int]) -> None:
        got = (*self.open[name].got, held[1])
        call = self.open[name].call
        self.open[name] = self.open[name]._replace(got=got)
        if call.word == "receive":
            self._over(name, ("item", held[1]))
        elif call.word == "iterate" and len(got) == call.what[0]:
            self._over(name, ("iterated", got, "left"))
            self.leaving += 1
        else:
            self.going.append(name)

    def _take_the_rest(self, name: int) -> None:
        got = list(self.open[name].got)
        while self.has_items and not self.paused:
            got.append(self._take()[1])
            self._settle()
        self._over(name, ("items", tuple(got)))

    def _refused(self, name: int, ending: Outcome) -> None:
        call, _, got, _, _ = self.open[name]
        if call.word == "iterate":
            self._over(name, ("iterated", got, ending))
        else:
            self._over(name, ("items", ()) if call.word == "receive_batch" and ending == "END" else ending)

    def _sleep(self, call: Call) -> None:
        if self.phase in ENDED:
            self._over(call.name, self._cancelled() if self.phase in GIVEN_UP else "slept")
            return
        assert call.seconds is not None
        if call.seconds <= 0:
            self._tell(call.name, "slept")
            return
        self.open[call.name] = Running(call, due_s=self.now_s + call.seconds)
        self.sleepers.append(call.name)

    # What never waits.

    def _at_once(self, call: Call) -> Outcome:
        match call.word:
            case "poll":
                return self._poll()
            case "complete":
                return self._complete()
            case "error":
                return self._error(call.what)
            case "cancel":
                return self._cancel(call.what)
            case "leave":
                self.leave(call.what)
            case "pause" | "resume":
                self.paused = call.word == "pause"
                self._settle()
            case "on_end" if self.phase in ENDED:
                self.late.append(call.name)
                self.complaints += call.what
            case "on_end":
                self.listeners.append(call)
            case _:
                assert call.word == "on_ready", call
                self.watchers.append(call)
                self._settle()
        return "done"

    def _poll(self) -> Outcome:
        if not self.ready:
            return "EMPTY"
        if not self.has_items:
            return self._ending()
        item = self._take()[1]
        self._settle()
        return ("item", item)

    def _complete(self) -> Outcome:
        if self.phase != "OPEN":
            return self._too_late(self.dialect.complete_twice)
        self.phase = "DRAINING"
        self._settle()
        return "done"

    def _error(self, failure: Failure) -> Outcome:
        overrides = self.phase == "DRAINING" and self.dialect.error_after_complete == "override"
        if self.phase != "OPEN" and not overrides:
            return self._too_late(self.dialect.error_after_complete)
        if failure.code in CODES:
            message = failure.text if failure.message is None else failure.message
            self.failure = raised("UNKNOWN" if failure.code == "OK" else failure.code, message)
        else:
            self.failure = raised("INTERNAL", NOT_FOR_STRANGERS)
        if self.dialect.buffered_after_error == "discard":
            self.buffer.clear()
        self._end("ERRORED")
        self._settle()
        return "done"

    def _cancel(self, reason: str) -> Outcome:
        self.buffer.clear()
        if self.phase in ENDED:
            self._settle()
            return ("said", self.dialect.cancel_twice)
        self.reason = reason
        self._end("CANCELLED")
        self._settle()
        return ("said", True)

    # What follows.

    def _settle(self) -> None:
        while self._moves():
            pass
        if self.phase == "DRAINING" and not self.has_items:
            self._end("COMPLETED")
        if self.phase in ENDED and not self.buffer and self.receivers:
            ending = self._ending()
            while self.receivers:
                self._tell(self.receivers.pop(0), ending)
        if self.ready:
            self._wake()

    def _wake(self) -> None:
        self.woke += [call.name for call in self.watchers]
        self.complaints += sum(call.what for call in self.watchers)
        self.watchers.clear()

    def _moves(self) -> bool:
        """One item moves: to who waits for it, else to where there is room for it."""
        wanted = self.receivers and not self.paused
        if wanted and self.has_items:
            held = self._take()
            self._tell(self.receivers.pop(0), ("given", held))
            return True
        if self.senders and len(self.buffer) < self.capacity:
            self._release()
            return True
        return False

    def _end(self, phase: str) -> None:
        self.phase = phase
        self.ends = True
        self.answered = frozenset(self.fresh)
        self.heard += [call.name for call in self.listeners]
        self.complaints += sum(call.what for call in self.listeners)
        self.listeners.clear()
        while self.senders:
            self._tell(self.senders.pop(0), self.failure if phase == "ERRORED" else self._cancelled())
        while self.sleepers:
            self.told[self.sleepers.pop(0)] = "slept"

    def _tell(self, name: int, outcome: Outcome) -> None:
        self.told[name] = outcome
        self.fresh.add(name)
        if self.ends:
            self.answered |= self.fresh

    def _over(self, name: int, outcome: Outcome) -> None:
        self.over[name] = outcome
        del self.open[name]

    def _ending(self) -> Outcome:
        match self.phase:
            case "ERRORED":
                return self.failure
            case "CANCELLED":
                return self._cancelled()
            case "EXPIRED":
                return raised("TIMED_OUT")
            case _ if self.end_told:
                return raised("UNAVAILABLE")
            case _:
                self.end_told = self.dialect.receive_after_end == "refuse"
                return "END"

    def _too_late(self, twice: str) -> Outcome:
        if self.phase in GIVEN_UP:
            return self._cancelled() if self.dialect.end_after_cancel == "refuse" else "done"
        return raised("UNAVAILABLE") if twice == "refuse" else "done"

    def _refusal_of_send(self) -> Outcome:
        if self.phase in GIVEN_UP:
            return raised("UNAVAILABLE") if self.dialect.send_after_cancel == "UNAVAILABLE" else self._cancelled()
        return raised("INTERNAL" if self.dialect.send_after_end == "INTERNAL" else "UNAVAILABLE")

    def _cancelled(self) -> Outcome:
        return raised("CANCELLED", (self.reason or NO_REASON) if self.phase == "CANCELLED" else UNSAID)
