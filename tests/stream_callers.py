"""Who calls a stream: the tasks of one loop in virtual time, or threads, and what they were told.

Each call of the model (stream_model.py) is made as it is written; when nobody moves any more, what the stream shows is
`Seen`. Never here: what it should show.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import math
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from stream_possible import SOON_S
from stream_words import CODES, ENDED, NO_REASON, NOT_FOR_STRANGERS, RECEIVES, SENDS, UNSAID, Call, Seen, raised

from streamspec.harness.engine.virtual import VirtualLoop
from streamspec.reference_impl.stream import tabled, thread_limits
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_words import Failure, Outcome

LONGEST_S: Final = 10.0
LINGER_S: Final = 0.0005
OURS: Final = "ours: "  # begins every message that the page lets through
KEPT: Final = frozenset({NO_REASON, NOT_FOR_STRANGERS})
WAITING: Final = SENDS | RECEIVES

Issued = tuple[str, "Call"]  # whose call it is


class Complaint(Exception):
    """What a bad listener raises."""


class _Left(Exception):
    """An iteration was left by an exception."""


class _Foreign(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        if failure.code is not None:
            self.code = failure.code
        if failure.message is not None:
            self.message = failure.message


def as_raised(failure: Failure) -> Exception:
    if failure.code in CODES - {"OK"} and failure.message is not None:
        return StreamError(Code(failure.code), failure.message)
    return _Foreign(failure)


def as_said(failure: StreamError) -> Outcome:
    message = failure.message
    return raised(failure.code.name, message if message.startswith(OURS) or message in KEPT else UNSAID)


class Notes:
    """What calls and listeners noted. A lingering listener gives whoever runs on too early the time to be seen."""

    def __init__(self, linger_s: float = 0) -> None:
        self.linger_s = linger_s
        self.over: dict[int, Outcome] = {}
        self.heard: list[tuple[int, str, frozenset[int]]] = []
        self.woke: list[int] = []
        self.complaints: list[object] = []
        self.reported: frozenset[int] = frozenset()

    def seen(self, stream: Any, *, look: bool) -> Seen:
        over, self.reported = {n: o for n, o in self.over.items() if n not in self.reported}, frozenset(self.over)
        seen = Seen(over, stream.state.name, list(self.heard), list(self.woke), len(self.complaints))
        if look:
            seen.ready, seen.buffered = stream.ready, stream.buffered_amount
        return seen

    async def made(self, stream: Any, call: Call) -> None:
        """The call, and how it ended."""
        try:
            outcome = await _made(stream, call, self)
        except StreamError as failure:
            outcome = as_said(failure)
        except asyncio.CancelledError:
            outcome = "left"
        except Exception as broken:  # noqa: BLE001 -- whatever a shell does is its answer
            outcome = ("broken", repr(broken))
        self.over[call.name] = outcome

    def listener(self, stream: Any, call: Call) -> Callable[[], None]:
        def listen() -> None:
            if self.linger_s:
                threading.Event().wait(self.linger_s)
            self.heard.append((call.name, stream.state.name, frozenset(self.over)))
            if call.what:
                raise Complaint

        return listen

    def watcher(self, call: Call) -> Callable[[], None]:
        def watch() -> None:
            self.woke.append(call.name)
            if call.what:
                raise Complaint

        return watch

    def complain(self, problem: object) -> None:
        """A listener's exception counts; anything else is no listener's, and fits no state."""
        self.complaints.append(problem)
        if not isinstance(problem, Complaint):
            self.woke.append(-1)


async def _made(stream: Any, call: Call, notes: Notes) -> Outcome:  # noqa: PLR0911, C901 -- one case a word
    match call.word:
        case "send":
            await _answer(stream.send(call.items[0], timeout_s=call.seconds))
            return "sent"
        case "send_batch":
            await _answer(stream.send_batch(list(call.items) if call.what else (item for item in call.items)))
            return "sent"
        case "receive":
            return _got(await _answer(stream.receive()))
        case "receive_batch":
            return ("items", tuple(await _answer(stream.receive_batch())))
        case "iterate":
            return await _iterated(stream, *call.what)
        case "sleep":
            await _answer(stream.sleep(call.seconds))
            return "slept"
        case "poll":
            return _got(stream.poll())
        case "cancel":
            return ("said", stream.cancel(call.what))
        case "error":
            stream.error(as_raised(call.what))
        case "on_end":
            stream.on_end(notes.listener(stream, call))
        case "on_ready":
            stream.on_ready(notes.watcher(call))
        case _:
            getattr(stream, call.word)()
    return "done"


async def _answer(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def _got(answer: Any) -> Outcome:
    return answer.name if answer is END or answer is EMPTY else ("item", answer)


async def _iterated(stream: Any, limit: int, how: str) -> Outcome:
    got: list[int] = []

    def enough(item: int) -> bool:
        got.append(item)
        if how == "raise" and len(got) == limit:
            raise _Left
        return len(got) == limit

    try:
        if hasattr(stream, "__aiter__"):
            async for item in stream:
                if enough(item):
                    break
        else:
            for item in stream:
                if enough(item):
                    break
    except _Left:
        pass
    except StreamError as failure:
        return ("iterated", tuple(got), as_said(failure))
    return ("iterated", tuple(got), "left" if len(got) == limit else "END")


class InLoop:
    """Each call is a task of its own. Time passes only when it is told to."""

    real_time: Final = False

    def __init__(self, make: Callable[..., Any], **options: Any) -> None:
        self.notes = Notes()
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda _, context: self.notes.complain(context.get("exception")))
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.stream = self.loop.run_until_complete(_awaited(make, options))

    def do(self, issued: list[Issued]) -> None:
        """All of it begins in one turn of the loop, in this order."""

        async def turn() -> None:
            for _, call in issued:
                made = self._leave(call) if call.word == "leave" else self.notes.made(self.stream, call)
                self.tasks[call.name] = self.loop.create_task(made)
            await self.loop.idle()

        self.loop.run_until_complete(turn())

    def pass_time(self, seconds: float) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await self.loop.idle()

        self.loop.run_until_complete(wait())

    def seen(self, *, look: bool) -> Seen:
        seen = self.notes.seen(self.stream, look=look)
        seen.remaining_s, seen.timers = self.stream.remaining_s, self.loop.timers()
        return seen

    def close(self) -> None:
        async def cancel() -> None:
            self.stream.cancel()
            for task in self.tasks.values():
                task.cancel()
            await self.loop.idle()

        self.loop.run_until_complete(cancel())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _leave(self, call: Call) -> None:
        self.tasks[call.what].cancel()
        self.notes.over[call.name] = "done"


async def _awaited(make: Callable[..., Any], options: dict[str, Any]) -> Any:
    return make(**options)


class InThreads:
    """Each caller is a thread of its own, which makes one call after the other."""

    real_time: Final = True

    def __init__(self, make: Callable[..., Any], **options: Any) -> None:
        self.notes = Notes(LINGER_S)
        self.news = threading.Condition()
        self.callers: dict[str, tuple[SimpleQueue[Call | None], threading.Thread]] = {}
        self.open: dict[int, Call] = {}
        self.others = frozenset(threading.enumerate())
        self._hook, threading.excepthook = threading.excepthook, lambda args: self.notes.complain(args.exc_value)
        self.stream = make(**options)

    def do(self, issued: list[Issued]) -> None:
        """All of it at once, as far as there are processors."""
        for who, call in issued:
            self.open[call.name] = call
            if who not in self.callers:
                calls: SimpleQueue[Call | None] = SimpleQueue()
                thread = threading.Thread(target=self._work, args=(calls,), daemon=True)
                self.callers[who] = (calls, thread)
                thread.start()
            self.callers[who][0].put(call)

    def until_ended(self) -> None:
        self._until(lambda: self.stream.state.name in ENDED, "a deadline")

    def seen(self, *, look: bool) -> Seen:
        """What it shows once everybody has come back or waits, and for as long as it takes to look."""
        while True:
            self._until(self._is_still, "callers that neither come back nor wait")
            over, phase = len(self.notes.over), self.stream.state.name
            parked = _parked(self.stream)
            reported = self.notes.reported
            seen = self.notes.seen(self.stream, look=look)
            if self._is_still() and (over, phase) == (len(self.notes.over), self.stream.state.name):
                seen.parked = parked
                return seen
            self.notes.reported = reported

    def close(self) -> None:
        self.stream.cancel()
        for calls, _ in self.callers.values():
            calls.put(None)
        ends_at_s = time.monotonic() + LONGEST_S
        for _, thread in self.callers.values():
            thread.join(max(0.0, ends_at_s - time.monotonic()))
        threading.excepthook = self._hook
        assert not any(thread.is_alive() for _, thread in self.callers.values()), "a cancel released not everybody"

    def _work(self, calls: SimpleQueue[Call | None]) -> None:
        while (call := calls.get()) is not None:
            made = self.notes.made(self.stream, call)
            with contextlib.suppress(StopIteration):
                made.send(None)
            with self.news:
                self.news.notify_all()

    def _is_still(self) -> bool:
        """Whoever is not back yet waits, in the stream's own books, and for nothing that comes by itself soon."""
        for name in self.notes.over.keys() & self.open.keys():
            del self.open[name]
        if any(call.seconds is not None and call.seconds < SOON_S for call in self.open.values()):
            return False
        waiting = sum(call.word in WAITING for call in self.open.values())
        others = {call.word for call in self.open.values()} - WAITING
        if self.stream.state.name in ENDED and (others or self._has_timer() or _is_telling()):
            return False
        return waiting == sum(_parked(self.stream)) and others <= {"sleep"}

    def _has_timer(self) -> bool:
        """No timer may stay when the stream has ended; and the slow stream's runs the listeners."""
        guarded = getattr(self.stream, "_guarded", None)
        if guarded is not None and guarded.limit is not None:
            return True
        return any(isinstance(thread, threading.Timer) for thread in threading.enumerate() if thread not in self.others)

    def _until(self, done: Callable[[], bool], what: str) -> None:
        ends_at_s = time.monotonic() + LONGEST_S
        with self.news:
            while not done():
                assert time.monotonic() < ends_at_s, f"waited too long for {what}: {list(self.open.values())}"
                self.news.wait(0.0001)  # nobody tells of a call that parks


def _is_telling() -> bool:
    """The thread of all limits, or who helps it, has not told everybody of a deadline yet."""
    timer = thread_limits.TIMER
    if timer._place.locked() and timer._agenda._next_at_s == -math.inf:
        return True
    helping = sum(thread.name == thread_limits.HELPERS._name for thread in threading.enumerate())
    return helping > len(thread_limits.HELPERS._idle)


def _parked(stream: Any) -> tuple[int, int]:
    """How many senders and receivers wait, the only look inside: without it nobody knows that a thread has parked."""
    if isinstance(stream, tabled.ThreadStream):
        return stream._holder.state.senders, stream._holder.state.receivers
    guarded = stream._guarded
    return (0, 0) if guarded is None else (len(guarded.senders), len(guarded.receivers))


@functools.cache
def wakes_for_a_try(make: Callable[..., Any], callers: type[InLoop | InThreads]) -> bool:
    """Whether a send that may not wait, and finds nobody, is an item to a watcher. The page does not say."""
    those = callers(make, capacity=0)
    those.do([("watcher", Call(1, "on_ready", what=False))])
    those.seen(look=False)
    those.do([("sender", Call(2, "send", (1,), 0.0))])
    woke = those.seen(look=False).woke
    those.close()
    return bool(woke)
