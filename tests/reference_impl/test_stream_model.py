"""The fast asyncio stream against two others: a plain model of docs/stream.md written here, and the tabled shell.

The model is told what happened and when everything is quiet; the tabled shell is compared turn by turn of the loop.
Between the two, races that no order is prescribed for: there an item must be in exactly one place.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from stream_stories import outcome, run, start, turns
from virtual_target import VirtualLoop, in_virtual_time

from streamspec.reference_impl.stream import dialect as dialects
from streamspec.reference_impl.stream.aio import EMPTY, END, Stream
from streamspec.reference_impl.stream.dialect import Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.tabled import AsyncStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NEVER = float("inf")
DIALECTS = (
    *(dialects.DEFAULT, dialects.OPENSEARCH_EARLY, dialects.RAFFEL, dialects.GRPC_AIO),
    Dialect(send_after_end="INTERNAL", end_after_cancel="refuse"),
    Dialect(receive_after_end="refuse", error_after_complete="ignore"),
)
# No sum of these is another of them, so that two things never happen at the same time.
PAUSES_S = (0.5, 1.0, 2.5)
TIMEOUTS_S = (0, 0.5772, 1.6180)
IDLE_S = 3.1416
DEADLINE_S = 7.3891


@dataclass
class Call:
    """A call that waits, by the name of its task; one that sends has items left, the first of them parked."""

    name: str
    items: list[int] = field(default_factory=list)
    until_s: float = NEVER
    timeout_s: float | None = None
    batch: bool = False
    got: list[int] = field(default_factory=list)


class Model:
    """The rules once more, in lists: what is accepted, who waits to send, who waits to receive, how it ended."""

    def __init__(self, capacity: int, dialect: Dialect, send_timeout_s: float | None, *, timed: bool) -> None:
        self.capacity = capacity
        self.dialect = dialect
        self.send_timeout_s = send_timeout_s
        self.now_s = 0.0
        self.idle_s = IDLE_S if timed else NEVER
        self.expires_s = DEADLINE_S if timed else NEVER
        self.accepted_s = 0.0
        self.phase = Phase.OPEN
        self.paused = False
        self.end_told = False
        self.reason = ""
        self.buffer: list[int] = []
        self.sending: list[Call] = []
        self.receiving: list[Call] = []
        self.sleeping: list[Call] = []
        self.going: list[Call] = []  # answered, and they have more to do: in the order in which they were answered
        self.listeners: list[str] = []
        self.wakes: list[str] = []
        self.outcomes: dict[str, object] = {}
        self.told: list[str] = []

    @property
    def ended(self) -> bool:
        return self.phase not in {Phase.OPEN, Phase.DRAINING}

    @property
    def given_up(self) -> bool:
        return self.phase in {Phase.CANCELLED, Phase.EXPIRED}

    @property
    def ready(self) -> bool:
        return not self.paused if self.buffer or self.sending else self.phase is not Phase.OPEN

    def send(self, call: Call) -> None:
        self._send(call)
        self.settle()

    def _send(self, call: Call) -> None:
        """All items that it need not wait for."""
        while call.items and self.phase is Phase.OPEN and (len(self.buffer) < self.capacity or self._taking()):
            self._accept(call)
            self._follow()
        if not call.items:
            self.outcomes[call.name] = None
        elif self.given_up:
            late = self.dialect.send_after_cancel == "UNAVAILABLE"
            self.outcomes[call.name] = Code.UNAVAILABLE if late else Code.CANCELLED
        elif self.phase is not Phase.OPEN:
            self.outcomes[call.name] = Code(self.dialect.send_after_end)
        else:
            timeout_s = self.send_timeout_s if call.timeout_s is None else call.timeout_s
            call.until_s = NEVER if timeout_s is None else self.now_s + timeout_s
            self.sending.append(call)
            self._follow()
            if call.until_s <= self.now_s:
                self._time_out(call)

    def receive(self, call: Call) -> None:
        if call.batch and not self.paused and (self.buffer or self.sending):
            self._fill(call)
        else:
            self.receiving.append(call)
        self.settle()

    def poll(self) -> object:
        if not self.ready:
            return EMPTY
        self.receive(Call("poll"))
        return self.outcomes.pop("poll")

    def complete(self) -> Code | None:
        if self.phase is Phase.OPEN:
            self.phase = Phase.DRAINING
            self.settle()
            return None
        return self._too_late(self.dialect.complete_twice)

    def error(self) -> Code | None:
        overrides = self.phase is Phase.DRAINING and self.dialect.error_after_complete == "override"
        if self.phase is not Phase.OPEN and not overrides:
            return self._too_late(self.dialect.error_after_complete)
        if self.dialect.buffered_after_error == "discard":
            self.buffer.clear()
        self._end(Phase.ERRORED)
        self.settle()
        return None

    def cancel(self) -> bool | None:
        self.buffer.clear()
        if self.ended:
            self.settle()
            return self.dialect.cancel_twice
        self._end(Phase.CANCELLED)
        self.settle()
        return True

    def wait(self, seconds: float) -> None:
        """Everything that happens meanwhile, in the order of time."""
        until_s = self.now_s + seconds
        while (at_s := self._next_s()) <= until_s:
            self.now_s = at_s
            for call in [call for call in self.sleeping if call.until_s <= at_s]:
                self.sleeping.remove(call)
                self.outcomes[call.name] = None
            for call in [call for call in self.sending if call.until_s <= at_s]:
                self._time_out(call)
            if not self.ended and min(self.expires_s, self.accepted_s + self.idle_s) <= at_s:
                self.buffer.clear()
                self._end(Phase.EXPIRED)
            self.settle()
        self.now_s = until_s

    def leave(self, name: str) -> None:
        for queue in (self.sending, self.receiving, self.sleeping):
            for call in [call for call in queue if call.name == name]:
                queue.remove(call)
                self.outcomes[name] = "task cancelled"
        self.settle()

    def settle(self) -> None:
        """What follows at once, then what those do who were answered, one after the other, and what follows from it."""
        self._follow()
        while self.going:
            call = self.going.pop(0)
            if call.batch:
                self._fill(call)
            else:
                self._send(call)

    def _follow(self) -> None:
        while self._moved():
            pass
        if self.phase is Phase.DRAINING and not self.buffer and not self.sending:
            self._end(Phase.COMPLETED)
        if self.receiving and self.ready and not self.buffer and not self.sending:
            ending = self._ending()
            self.outcomes |= {call.name: [] if call.batch and ending is END else ending for call in self.receiving}
            self.receiving = []
            self.end_told |= ending is END and self.dialect.receive_after_end == "refuse"
        if self.wakes and self.ready:
            self.told += self.wakes
            self.wakes = []

    def _taking(self) -> bool:
        return bool(self.receiving) and not self.paused

    def _moved(self) -> bool:
        if self.sending and (len(self.buffer) < self.capacity or (self._taking() and not self.buffer)):
            self._release(self.sending.pop(0))
        elif self.buffer and self._taking():
            self._give(self.receiving.pop(0))
        else:
            return False
        return True

    def _accept(self, call: Call) -> None:
        self.buffer.append(call.items.pop(0))
        self.accepted_s = self.now_s

    def _release(self, call: Call) -> None:
        self._accept(call)
        self.going.append(call)

    def _give(self, call: Call) -> None:
        item = self.buffer.pop(0)
        if call.batch:
            call.got.append(item)
            self.going.append(call)
        else:
            self.outcomes[call.name] = item

    def _fill(self, call: Call) -> None:
        """A batch takes what there is when it runs, the first item of each parked sender included."""
        if not self.paused:
            while self.sending:
                self._release(self.sending.pop(0))
            call.got += self.buffer
            self.buffer = []
        self.outcomes[call.name] = call.got
        self._follow()

    def _ending(self) -> object:
        if self.phase is not Phase.COMPLETED:
            return {Phase.ERRORED: Code.NOT_FOUND, Phase.CANCELLED: Code.CANCELLED}.get(self.phase, Code.TIMED_OUT)
        if self.end_told:
            return Code.UNAVAILABLE
        return END

    def _end(self, phase: Phase) -> None:
        self.phase = phase
        refused = Code.NOT_FOUND if phase is Phase.ERRORED else Code.CANCELLED
        self.outcomes |= {call.name: refused for call in self.sending}
        self.sending = []
        self.outcomes |= {call.name: Code.CANCELLED if self.given_up else None for call in self.sleeping}
        self.sleeping = []
        self.told += self.listeners
        self.listeners = []
        self._follow()

    def _time_out(self, call: Call) -> None:
        self.sending.remove(call)
        self.outcomes[call.name] = Code.TIMED_OUT
        self._follow()

    def _too_late(self, twice: str) -> Code | None:
        if self.given_up:
            return Code.CANCELLED if self.dialect.end_after_cancel == "refuse" else None
        return Code.UNAVAILABLE if twice == "refuse" else None

    def _next_s(self) -> float:
        waiting = [call.until_s for call in (*self.sending, *self.sleeping)]
        return min([*waiting, NEVER if self.ended else min(self.expires_s, self.accepted_s + self.idle_s)])


class Machine(RuleBasedStateMachine):
    """One call after another on the stream and on the model, each until everything is quiet."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self.told: list[str] = []
        self.items = 0
        self.calls = 0

    @initialize(
        capacity=st.integers(0, 3),
        dialect=st.sampled_from(DIALECTS),
        send_timeout_s=st.sampled_from((None, None, 0, 1.1)),
        timed=st.booleans(),
    )
    def make(self, capacity: int, dialect: Dialect, send_timeout_s: float | None, *, timed: bool) -> None:
        self.model = Model(capacity, dialect, send_timeout_s, timed=timed)

        async def making() -> Stream[int]:
            limits = (DEADLINE_S, IDLE_S) if timed else (None, None)
            return Stream(
                capacity, dialect=dialect, send_timeout_s=send_timeout_s, deadline_s=limits[0], idle_s=limits[1]
            )

        self.stream = self.loop.run_until_complete(making())

    def begin(self, call: Callable[[], Awaitable[Any]]) -> str:
        async def beginning() -> None:
            self.tasks[name] = asyncio.ensure_future(call())
            await turns()

        name = self.name()
        self.loop.run_until_complete(beginning())
        return name

    def name(self) -> str:
        self.calls += 1
        return f"call {self.calls}"

    def now(self, call: Callable[[], object]) -> object:
        """A call that does not wait: its answer or its code."""

        async def calling() -> object:
            try:
                return call()
            except StreamError as refusal:
                return refusal.code
            finally:
                await turns()

        return self.loop.run_until_complete(calling())

    def next_items(self, count: int) -> list[int]:
        self.items += count
        return list(range(self.items - count, self.items))

    @rule(timeout_s=st.sampled_from((None, None, *TIMEOUTS_S)))
    def send(self, timeout_s: float | None) -> None:
        (item,) = self.next_items(1)
        name = self.begin(lambda: self.stream.send(item, timeout_s))
        self.model.send(Call(name, [item], timeout_s=timeout_s))

    @rule(count=st.integers(0, 4), make=st.sampled_from((list, iter)))
    def send_batch(self, count: int, make: Callable[[list[int]], Any]) -> None:
        items = self.next_items(count)
        name = self.begin(lambda: self.stream.send_batch(make(list(items))))
        self.model.send(Call(name, items))

    @rule()
    def receive(self) -> None:
        self.model.receive(Call(self.begin(self.stream.receive)))

    @rule()
    def receive_batch(self) -> None:
        self.model.receive(Call(self.begin(self.stream.receive_batch), batch=True))

    @rule()
    def poll(self) -> None:
        assert self.now(self.stream.poll) == self.model.poll()

    @rule()
    def complete(self) -> None:
        assert self.now(self.stream.complete) == self.model.complete()

    @rule()
    def error(self) -> None:
        assert self.now(lambda: self.stream.error(StreamError(Code.NOT_FOUND, "gone"))) == self.model.error()

    @rule()
    def cancel(self) -> None:
        assert self.now(self.stream.cancel) == self.model.cancel()

    @rule()
    def pause(self) -> None:
        self.now(self.stream.pause)
        self.model.paused = True

    @rule()
    def resume(self) -> None:
        self.now(self.stream.resume)
        self.model.paused = False
        self.model.settle()

    @rule()
    def on_end(self) -> None:
        name = self.name()
        self.now(lambda: self.stream.on_end(lambda: self.told.append(name)))
        (self.model.told if self.model.ended else self.model.listeners).append(name)

    @rule()
    def on_ready(self) -> None:
        name = self.name()
        self.now(lambda: self.stream.on_ready(lambda: self.told.append(name)))
        self.model.wakes.append(name)
        self.model.settle()

    @rule(seconds=st.sampled_from(PAUSES_S))
    def sleep(self, seconds: float) -> None:
        # A little longer than any wait, so that its end is never another thing's time.
        name = self.begin(lambda: self.stream.sleep(seconds + 0.01))
        if self.model.ended:
            self.model.outcomes[name] = Code.CANCELLED if self.model.given_up else None
        else:
            self.model.sleeping.append(Call(name, until_s=self.model.now_s + seconds + 0.01))

    @precondition(lambda self: any(not task.done() for task in self.tasks.values()))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name, task in self.tasks.items() if not task.done()]))
        self.now(self.tasks[name].cancel)
        self.model.leave(name)

    @rule(seconds=st.sampled_from(PAUSES_S))
    def wait(self, seconds: float) -> None:
        async def waiting() -> None:
            await asyncio.sleep(seconds)
            await turns()

        self.loop.run_until_complete(waiting())
        self.model.wait(seconds)

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "stream"):
            return
        done = {name: outcome(task) for name, task in self.tasks.items() if task.done()}
        assert done == self.model.outcomes
        assert (self.stream.state, self.stream.ready) == (self.model.phase, self.model.ready)
        assert self.stream.buffered_amount == len(self.model.buffer) <= self.model.capacity
        assert self.told == self.model.told

    def teardown(self) -> None:
        async def leaving() -> None:
            for task in self.tasks.values():
                task.cancel()
            await turns()

        self.loop.run_until_complete(leaving())
        self.loop.close()


TestTheStreamDoesWhatTheModelDoes = Machine.TestCase
TestTheStreamDoesWhatTheModelDoes.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


RACE = st.lists(
    st.one_of(
        st.sampled_from(["send", "send", "batch", "receive", "receive", "receive_batch", "poll", "pause", "resume"]),
        st.tuples(st.just("turn"), st.integers(1, 4)),
        st.tuples(st.just("kill"), st.integers(0, 20)),
    ),
    max_size=40,
)


@given(capacity=st.integers(0, 3), steps=RACE)
@settings(max_examples=400, deadline=None)
def test_racing_calls_neither_lose_nor_repeat_nor_reorder_an_item(capacity: int, steps: list[Any]) -> None:
    race = _Race(capacity)
    run(race.story(steps))
    assert len(set(race.received)) == len(race.received)
    # A send released before its task was cancelled has sent: its items may be there, once.
    assert set(race.sent()) <= set(race.received) <= set(race.begun)
    if not race.killed_a_receiver:
        # One call gets the items of one batch in order, and all that were sent singly in the order of their calls.
        for items in race.by_call:
            for origin in set(map(race.origins.get, items)):
                same = [item for item in items if race.origins[item] == origin]
                assert same == sorted(same)


class _Race:
    """Numbered items and the calls that move them, cancelled at any moment, in turns of the loop that nobody chose."""

    def __init__(self, capacity: int) -> None:
        self.stream: Stream[int] = Stream(capacity)
        self.begun: list[int] = []
        self.origins: dict[int, str] = {}
        self.sends: dict[asyncio.Task[None], list[int]] = {}
        self.receives: list[asyncio.Task[Any]] = []
        self.polled: list[int] = []
        self.killed_a_receiver = False

    @property
    def by_call(self) -> list[list[int]]:
        return [self.polled, *(task.result() for task in self.receives if task.done() and not task.cancelled())]

    @property
    def received(self) -> list[int]:
        return [item for items in self.by_call for item in items]

    def sent(self) -> list[int]:
        return [item for task, items in self.sends.items() if not task.cancelled() for item in items]

    async def story(self, steps: list[Any]) -> None:
        for step in steps:
            what, number = step if isinstance(step, tuple) else (step, 0)
            if what == "turn":
                await turns(number)
            else:
                self.do(what, number)
            excess = len(self.receives) if self.killed_a_receiver else 0
            assert self.stream.buffered_amount <= self.stream.capacity + excess
        self.stream.resume()
        await turns()  # whoever was given something keeps it
        for task in self.receives:
            task.cancel()
        await turns()
        while (item := self.stream.poll()) is not EMPTY or any(not task.done() for task in self.sends):
            if isinstance(item, int):
                self.polled.append(item)
            await turns(2)

    def do(self, what: str, number: int) -> None:
        stream = self.stream
        match what:
            case "send" | "batch":
                items = [len(self.begun) + n for n in range(1 if what == "send" else 3)]
                self.origins |= dict.fromkeys(items, what if what == "send" else f"batch {items}")
                self.begun += items
                self.sends[asyncio.create_task(self._send(items))] = items
            case "receive" | "receive_batch":
                self.receives.append(asyncio.create_task(self._receive(batch=what == "receive_batch")))
            case "poll" if isinstance(item := stream.poll(), int):
                self.polled.append(item)
            case "pause":
                stream.pause()
            case "resume":
                stream.resume()
            case "kill" if running := [task for task in (*self.sends, *self.receives) if not task.done()]:
                doomed = running[number % len(running)]
                doomed.cancel()
                self.killed_a_receiver |= doomed in self.receives
            case _:
                pass

    async def _send(self, items: list[int]) -> None:
        if len(items) == 1:
            await self.stream.send(items[0])
        else:
            await self.stream.send_batch(items)

    async def _receive(self, *, batch: bool) -> list[int]:
        if batch:
            return await self.stream.receive_batch()
        item = await self.stream.receive()
        assert item is not END
        return [item]


@dataclass(frozen=True)
class Script:
    """What is done to a stream, step by step, and how it is made."""

    steps: list[tuple[str, Any]]
    capacity: int
    options: dict[str, Any]


STEPS = st.one_of(
    st.sampled_from([("send", None), ("receive", None), ("send", None), ("receive", None), ("receive_batch", None)]),
    st.sampled_from([("turn", 1), ("turn", 1), ("turn", 2), ("turn", 9)]),
    st.sampled_from([("poll", None), ("on_end", None), ("on_ready", None), ("poll when ready", None)]),
    st.sampled_from([("complete", None), ("error", None), ("cancel", "why"), ("cancel", ""), ("end when ended", None)]),
    st.sampled_from([("pause", None), ("resume", None), ("iterate", None), ("sleep", 0.7), ("sleep", 3.3)]),
    st.tuples(st.just("send in time"), st.sampled_from((0, 1.0, 2.5))),
    st.tuples(st.sampled_from(("list", "iterator")), st.integers(0, 4)),
    st.tuples(st.just("leave"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from((0.7, 1.0, 3.3))),
)
SCRIPTS = st.builds(
    Script,
    st.lists(STEPS, max_size=30),
    st.integers(0, 3),
    st.fixed_dictionaries(
        {"dialect": st.sampled_from(DIALECTS)},
        optional={
            "deadline_s": st.sampled_from((0, 2.2, 5.1)),
            "idle_s": st.sampled_from((1.3, 4.7)),
            "send_timeout_s": st.sampled_from((0, 1.1, 2.0)),
        },
    ),
)


class Impatient(Stream[Any]):
    """A stream whose receives park at once, as in the tabled shell: then even the turns of the loop are the same."""

    __slots__ = ()

    def __init__(self, capacity: int, **options: Any) -> None:
        super().__init__(capacity, **options)
        self._patience = 1_000_000


@given(script=SCRIPTS)
@settings(max_examples=400, deadline=None)
def test_the_fast_shell_does_what_the_tabled_one_does_turn_by_turn(script: Script) -> None:
    assert in_virtual_time(_play(script, Impatient, 0)) == in_virtual_time(_play(script, AsyncStream, 0))


@given(script=SCRIPTS)
@settings(max_examples=400, deadline=None)
def test_with_claims_too_the_fast_shell_does_what_the_tabled_one_does_step_by_step(script: Script) -> None:
    assert in_virtual_time(_play(script, Stream, 12)) == in_virtual_time(_play(script, AsyncStream, 12))


async def _play(script: Script, make: Callable[..., Any], quiet_turns: int) -> list[object]:
    """All that can be seen of the stream and its calls after each step."""
    player = _Player(make(script.capacity, **script.options))
    asyncio.get_running_loop().set_exception_handler(lambda _, seen: player.told.append(repr(seen["exception"])))
    seen: list[object] = []
    ending = (("turn", 20), ("leave all", None), ("turn", 1), ("cancel", "over"))
    for number, (what, argument) in enumerate((*script.steps, *ending)):
        if what == "turn":
            await turns(argument)
        elif what == "wait":
            await asyncio.sleep(argument)
        else:
            player.do(what, number, argument)
        await turns(quiet_turns)
        seen.append((number, what, player.look()))
    await turns()
    seen.append(("over", player.look()))
    return seen


class _Player:
    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.tasks: list[asyncio.Task[Any]] = []
        self.told: list[object] = []

    def look(self) -> object:
        stream = self.stream
        ends = [_shown(task.result) if task.done() else "open" for task in self.tasks]
        return stream.state, stream.buffered_amount, stream.ready, stream.remaining_s, ends, list(self.told)

    def do(self, what: str, number: int, argument: Any) -> None:
        match what:
            case "leave" if running := [task for task in self.tasks if not task.done()]:
                running[argument % len(running)].cancel()
            case "leave all":
                for task in self.tasks:
                    task.cancel()
            case "poll" | "complete" | "pause" | "resume":
                self.told.append(_shown(getattr(self.stream, what)))
            case "error":
                self.told.append(_shown(lambda: self.stream.error(StreamError(Code.NOT_FOUND, f"of step {number}"))))
            case "cancel":
                self.told.append(self.stream.cancel(argument))
            case _:
                self.listen(what, number)
                self.begin(what, number, argument)

    def listen(self, what: str, number: int) -> None:
        stream, told = self.stream, self.told
        match what:
            case "on_end":
                stream.on_end(lambda: told.append((number, stream.state)))
            case "end when ended":
                stream.on_end(lambda: told.append((number, _shown(stream.complete), _shown(stream.poll))))
                stream.on_end(lambda: told.append((number, stream.cancel("again"))))
            case "on_ready":
                stream.on_ready(lambda: told.append((number, stream.ready)))
            case "poll when ready":
                stream.on_ready(lambda: told.append((number, _shown(stream.poll))))
            case _:
                pass

    def begin(self, what: str, number: int, argument: Any) -> None:
        stream = self.stream
        items = [(number, n) for n in range(argument)] if what in {"list", "iterator"} else []
        calls: dict[str, Callable[[], Any]] = {
            "send": lambda: stream.send(number),
            "send in time": lambda: stream.send(number, argument),
            "list": lambda: stream.send_batch(items),
            "iterator": lambda: stream.send_batch(iter(items)),
            "receive": stream.receive,
            "receive_batch": stream.receive_batch,
            "sleep": lambda: stream.sleep(argument),
            "iterate": lambda: _all_of(stream),
        }
        if what in calls:
            self.tasks.append(start(calls[what]))


async def _all_of(stream: Any) -> list[Any]:
    return [item async for item in stream]


def _shown(call: Callable[[], object]) -> object:
    try:
        return call()
    except StreamError as refusal:
        return refusal.code, refusal.message
    except asyncio.CancelledError:
        return "task cancelled"
