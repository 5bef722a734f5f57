"""One object being played with: what each operation of a script does, and what it showed.

Written once for both kinds of object: with threads nothing here ever suspends, and `run` drives it to its end. Never
here: who plays when (the stages say), or a judgement.
"""

from __future__ import annotations

import asyncio
import enum
import gc
import inspect
import weakref
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.calls import BREAK, END
from streamspec.harness.core.event import Called, Completed, Failed, Raised, Returned, Told
from streamspec.harness.engine.making import OverError, run
from streamspec.harness.engine.tokens import PREFIX_CHARS, Failure, Token, item_of
from streamspec.harness.engine.virtual import NotVirtual

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.ports import Answer, Refusal
    from streamspec.harness.core.script import Call
    from streamspec.harness.engine.making import Making
    from streamspec.harness.engine.recorder import Recorder

REPEATS_MAX: Final = 5_000  # of a call that is repeated until the stream is over
FOREIGN_MAX: Final = 20
_COUNTS_ITEMS: Final = frozenset({"produce", "feed", "schedule"})  # their `n` is not how often they are called
_FAR_S: Final = 3_600.0  # a handler that waits for ever, in the stream's own sleep


class Play:
    """The session's object and everything that was seen of it."""

    def __init__(self, session: str, options: Mapping[str, int | str], making: Making, recorder: Recorder) -> None:
        self._session = session
        self._options = options
        self._making = making
        self._recorder = recorder
        self._calls = 0
        self._items = 0
        self._foreign = 0  # items in a row that are none of ours: an end that we do not know, most likely
        self._numbers: dict[str, int] = {}
        self._alive: weakref.WeakSet[Token] = weakref.WeakSet()
        self._lanes: dict[str, Any] = {}
        self._scheduler: Any = None
        self._completed = False
        self._failed = False
        self._left = False  # we cancelled, or broke out of an iteration
        self.over = False  # the session is: nothing more is written down
        self.problem = ""  # why this object cannot be judged
        self.doing: dict[str, str] = {}  # the last operation that each caller began
        self.stream: Any = making.make(options)

    def cancels(self) -> list[Callable[[], Any]]:
        """What frees the callers of every stream of this session, and then what else an adapter holds."""
        streams = [self.stream, *self._lanes.values()]
        found = (getattr(stream, name, None) for name in ("cancel", "dispose") for stream in streams)
        return [operation for operation in found if operation is not None]

    # -- how a call is written down --------------------------------------------------------------------------------

    def note(self, event: Event) -> None:
        if not self.over:
            self._recorder.add(self._session, event)

    def tell(self, values: Mapping[str, int | str]) -> None:
        self.note(Told(self._recorder.now_ns(), dict(values)))

    async def _attempt(self, operation: Callable[..., Any], *args: Any) -> tuple[Any, BaseException | None]:
        """What the operation gave, or raised. Nothing it raises gets further, but what ends this session."""
        try:
            value = operation(*args)
            if not self._making.threads and inspect.isawaitable(value):
                value = await value
        except NotVirtual as problem:
            self.problem = str(problem)
            raise
        except Exception as raised:  # noqa: BLE001 -- a target's misbehaviour is an event
            return None, raised
        except asyncio.CancelledError as raised:
            task = asyncio.current_task()
            if self.over or task is None:
                raise
            task.uncancel()  # the script dropped this call, not the caller
            return None, raised
        return value, None

    def begin(self, op: str, by: str, arg: str = "") -> int:
        """The number of a call that begins now. Raises `OverError` when the session is over: no more is begun."""
        if self.over:
            raise OverError
        number = self._calls
        self._calls += 1
        self.doing[by] = op
        self._left = self._left or op == "cancel"
        self.note(Called(number, op, by, arg))
        return number

    def _refused(self, number: int, raised: BaseException) -> Refusal:
        refusal = self._making.driver.refusal(raised)
        self.note(Raised(number, refusal.code, refusal.kind, refusal.message))
        return refusal

    async def _plain(self, op: str, by: str, arg: str, operation: Callable[..., Any], *args: Any) -> bool:
        """A call whose answer says nothing but that it came back. False when it was refused."""
        number = self.begin(op, by, arg)
        value, raised = await self._attempt(operation, *args)
        if raised is not None:
            self._refused(number, raised)
            return False
        told = value if isinstance(value, (bool, int, str)) else ""
        self.note(Returned(number, str(told)))
        return True

    # -- the operations --------------------------------------------------------------------------------------------

    async def perform(self, act: Call) -> None:
        """Do one act of the script, to its end. Raises `NotVirtual` when the object cannot be judged so."""
        match act.op:
            case "send":
                await self._send(act)
            case "receive":
                await self._receive(act)
            case "iterate":
                await self._iterate(act)
            case "take":
                await self._take(act)
            case "cycle":
                for _ in range(act.n):
                    await self._cycle(act.arg)
                self._measure(act.n)
            case "forget":
                gc.collect()
                self.tell({"items_alive": len(self._alive)})
            case _:
                for _ in range(1 if act.op in _COUNTS_ITEMS else act.n):
                    operation, *args = self._simple(act)
                    if not await self._plain(act.op, act.by, act.arg, operation, *args) and not act.on:
                        return

    def _simple(self, act: Call) -> tuple[Any, ...]:
        """The operation and its arguments, where its answer says nothing but that it came back."""
        match act.op:
            case "complete" | "cancel" | "pause" | "resume":
                return (getattr(self.stream, act.op),)
            case "error":
                return self.stream.error, Failure(act.arg or "INTERNAL")
            case "listen":
                return self.stream.on_end, self._listener(act.arg)
            case "produce":
                return self.stream.produce, self._handler(act)
            case "feed":
                return self.stream.feed, self._source(act)
            case _:
                assert act.op in {"observe", "schedule"}, act
                return (self._observe,) if act.op == "observe" else (self._schedule, act.arg)

    async def _send(self, act: Call) -> None:
        stream = self._lanes.get(act.by, self.stream)
        for _ in range(act.n or REPEATS_MAX):
            if not await self._send_one(stream, act.by, act.size) and not act.on:
                return

    async def _send_one(self, stream: Any, by: str, size: int = 0) -> bool:
        token = self._token(by, size)
        return await self._plain("send", by, str(token), stream.send, token)

    def _token(self, by: str, size: int) -> Token:
        number = self._numbers.get(by, 0) + 1
        self._numbers[by] = number
        token = Token(f"{by}:{number} ".ljust(size, ".") if size else f"{by}:{number}")
        self._alive.add(token)
        return token

    async def _receive(self, act: Call) -> None:
        for _ in range(act.n or REPEATS_MAX):
            if self._foreign > FOREIGN_MAX:
                return
            number = self.begin("receive", act.by)
            value, raised = await self._attempt(self.stream.receive)
            if not self._received(number, value, raised) and not act.on:
                return

    def _received(self, number: int, value: Any, raised: BaseException | None) -> bool:
        """Write down how a receive ended; True for an item."""
        if raised is not None:
            refusal = self._making.driver.refusal(raised)
            if refusal.end:
                self._ended(number)
            else:
                self._refused(number, raised)
                self._maybe_failed(refusal)
            return False
        answer: Answer = self._making.driver.read(self.stream, value)
        if answer.what == "end":
            self._ended(number)
            return False
        self.note(Returned(number, answer.text[:PREFIX_CHARS]))
        self._item(answer.text)
        return True

    def _item(self, text: str) -> None:
        item = item_of(text, self._items)
        self.note(item)
        self._items += 1
        self._foreign = 0 if item.kind else self._foreign + 1

    def _ended(self, number: int) -> None:
        self.note(Returned(number, END))
        if not self._completed:
            self._completed = True
            self.note(Completed())

    def _maybe_failed(self, refusal: Refusal) -> None:
        """The first failure that a receive shows is the error terminal. Not CANCELLED or whatever else follows our own
        leaving, not a task of ours that was cancelled, and not the refusal to be asked again after the end."""
        ours = self._left or refusal.code == "CANCELLED" or refusal.kind == "CancelledError"
        asked_again = self._completed and refusal.code == "UNAVAILABLE"
        if not (ours or asked_again or self._failed):
            self._failed = True
            self.note(Failed(refusal.code or refusal.kind, refusal.message))

    async def _iterate(self, act: Call) -> None:
        """As `async for` and `for` do it: leaving early drops the iterator."""
        number = self.begin("iterate", act.by, str(act.n or ""))
        blocking = self._making.threads
        iterator = iter(self.stream) if blocking else aiter(self.stream)
        step = iterator.__next__ if blocking else iterator.__anext__
        for _ in range(act.n or REPEATS_MAX):
            value, raised = await self._attempt(step)
            if raised is not None:
                refusal = self._making.driver.refusal(raised)
                if refusal.end:
                    self._ended(number)
                else:
                    self._refused(number, raised)
                    self._maybe_failed(refusal)
                return
            self._item(self._making.driver.read(self.stream, value).text)
        self._left = True
        del iterator, step
        gc.collect()
        self.note(Returned(number, BREAK))

    def _listener(self, name: str) -> Callable[[], None]:
        ran = 0

        def cleanup() -> None:
            nonlocal ran
            ran += 1
            self.tell({f"cleanup.{name}": ran})
            if name.startswith("raises"):
                raise RuntimeError("a cleanup that raises, as the script wants")

        return cleanup

    def _observe(self) -> None:
        values: dict[str, int | str] = {}
        for name in ("buffered_amount", "capacity"):
            value = getattr(self.stream, name, None)
            if isinstance(value, int):
                values[name] = value
        state = getattr(self.stream, "state", None)
        if state is not None:
            values["state"] = state.name if isinstance(state, enum.Enum) else str(state)
        remaining_s = getattr(self.stream, "remaining_s", None)
        if isinstance(remaining_s, (int, float)):
            values["remaining_ms"] = int(remaining_s * 1e3)
        self.tell(values)

    # -- handlers and sources --------------------------------------------------------------------------------------

    def _handler(self, act: Call) -> Callable[[Any], Any]:
        """A handler as users write them; `arg` says how it ends, `n` how many items it sends first (0: without end)."""

        async def handle(stream: Any) -> None:
            self.tell({"handler": "began", **self._remaining(stream)})
            try:
                await self._handle(stream, act)
            except BaseException as raised:
                self.tell({"handler": "raised", "handler_raised": self._making.driver.refusal(raised).kind})
                raise
            self.tell({"handler": "returned"})

        return (lambda stream: run(handle(stream))) if self._making.threads else handle

    def _remaining(self, stream: Any) -> dict[str, int | str]:
        remaining_s = getattr(stream, "remaining_s", None)
        return {"remaining_ms": int(remaining_s * 1e3)} if isinstance(remaining_s, (int, float)) else {}

    async def _handle(self, stream: Any, act: Call) -> None:
        for _ in range(act.n or REPEATS_MAX):
            await self._handler_send(stream)
        match act.arg:
            case "completes":
                await self._plain("complete", "handler", "", stream.complete)
            case "raises":
                raise RuntimeError("a handler that raises, as the script wants")
            case "idles":
                slept = stream.sleep(_FAR_S)
                if not self._making.threads:
                    await slept

    async def _handler_send(self, stream: Any) -> None:
        """A send of a handler: what it raises is written down, and the handler's to bear."""
        token = self._token("handler", 0)
        number = self.begin("send", "handler", str(token))
        _, raised = await self._attempt(stream.send, token)
        if raised is not None:
            self._refused(number, raised)
            raise raised
        self.note(Returned(number))

    def _source(self, act: Call) -> Any:
        """A source with something open; `arg` says how it goes on after `n` items."""
        return self._blocking_source(act) if self._making.threads else self._async_source(act)

    async def _async_source(self, act: Call) -> AsyncIterator[Token]:
        self.tell({"open": 1})
        try:
            for _ in range(act.n or REPEATS_MAX):
                yield self._token("source", 0)
            if act.arg == "idles":
                await asyncio.get_running_loop().create_future()
            if act.arg == "raises":
                raise RuntimeError("a source that raises, as the script wants")
        finally:
            self.tell({"open": 0})

    def _blocking_source(self, act: Call) -> Iterator[Token]:
        self.tell({"open": 1})
        try:
            for _ in range(act.n or REPEATS_MAX):
                yield self._token("source", 0)
            if act.arg == "raises":
                raise RuntimeError("a source that raises, as the script wants")
        finally:
            self.tell({"open": 0})

    # -- several streams -------------------------------------------------------------------------------------------

    def _schedule(self, lanes: str) -> None:
        """`high:9 low:1` makes two streams of these priorities under one scheduler; senders are named after them."""
        for word in lanes.split():
            name, _, priority = word.partition(":")
            self._lanes[name] = self._making.make({**self._options, "priority": int(priority)})
        assert self._making.scheduler
        self._scheduler = self._making.scheduler(list(self._lanes.values()))

    async def _take(self, act: Call) -> None:
        for _ in range(act.n or REPEATS_MAX):
            number = self.begin("take", act.by)
            value, raised = await self._attempt(self._scheduler.receive)
            _, item = value if isinstance(value, tuple) and len(value) == 2 else (None, value)
            if isinstance(item, BaseException):  # one stream's failure; its siblings go on
                self._refused(number, item)
            elif not self._received(number, item, raised):
                return

    # -- resources -------------------------------------------------------------------------------------------------

    async def _cycle(self, kind: str) -> None:
        """One whole life of an object, quickly, and nothing of it written down."""
        far = {"deadline_ms": 3_600_000} if kind == "deadline" else {}
        stream = self._making.make({**self._options, **far})
        quiet: list[tuple[Any, ...]] = [(stream.send, "one")]
        match kind:
            case "complete" | "deadline":
                quiet += [(stream.complete,), (stream.receive,), (stream.receive,)]
            case "error":
                quiet += [(stream.error, Failure("INTERNAL")), (stream.receive,), (stream.receive,)]
            case "cancel":
                quiet += [(stream.cancel,), (stream.send, "two"), (stream.receive,)]
        quiet += [(stream.dispose,)] if hasattr(stream, "dispose") else []
        for operation, *args in quiet:
            await self._attempt(operation, *args)

    def _measure(self, cycles: int) -> None:
        gc.collect()
        kind = type(self.stream)
        objects = sum(type(thing) is kind for thing in gc.get_objects())
        self.tell({"cycles": cycles, "objects": objects, **self._making.figures()})
