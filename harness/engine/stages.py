"""The two stages on which objects are played with: callers as tasks in virtual time, callers as threads.

A stage runs a script's sessions one after another: it hands each act to its caller, and waits where the script says.
Never here: what an operation does (`playing`), or a judgement.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import random
import threading
import time
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Expired, Returned, Settled
from streamspec.harness.core.script import Call, Pass, Settle
from streamspec.harness.engine.making import Making, Unjudgeable, run
from streamspec.harness.engine.playing import Play
from streamspec.harness.engine.virtual import NotVirtual, in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.harness.core.script import Script, Session
    from streamspec.harness.engine.recorder import Recorder
    from streamspec.harness.engine.virtual import VirtualLoop

    Makes = Callable[[Callable[[], Mapping[str, int]]], Making]
    Records = Callable[[Callable[[], int]], Recorder]

DIRECTOR: Final = "script"  # who drops calls, in the records
POLLS_MAX: Final = 100  # waits for those who poll, before something is said to move for ever
THREADS: Final = "it uses threads, which virtual time cannot see"
CANCELS_MAX: Final = 5  # tries to end a caller in virtual time
FREE_S: Final = 0.05  # for a thread to end once its stream was cancelled
RELEASES_MAX: Final = 50  # tries to free the callers of an object that cannot be cancelled


def play_in_virtual_time(
    script: Script, makes: Makes, records: Records, budgets: Mapping[str, float], seed: int
) -> Recorder:
    """Play every session of the script with awaited objects. Raises `Unjudgeable`."""

    async def main(loop: VirtualLoop) -> Recorder:
        recorder = records(lambda: int(loop.time() * 1e9))
        making = makes(lambda: {"tasks": len(asyncio.all_tasks()), "timers": loop.timers()})
        for session in script.sessions:
            stage = _Tasks(session, making, recorder, loop, budgets, seed)
            try:
                await stage.play()
            finally:
                await stage.end()
        return recorder

    try:
        made: Recorder = in_virtual_time(main)
    except NotVirtual as problem:
        raise Unjudgeable(str(problem)) from problem
    return made


class _Tasks:
    """One session in virtual time."""

    def __init__(
        self,
        session: Session,
        making: Making,
        recorder: Recorder,
        loop: VirtualLoop,
        budgets: Mapping[str, float],
        seed: int,
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._loop = loop
        self._threads = set(threading.enumerate())
        self._poll_s = budgets["poll_ms"] / 1e3
        self._seed = seed
        self._play = Play(session.id, session.options, making, recorder)
        self._told: dict[str, asyncio.Queue[Call]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._performing: set[str] = set()

    async def play(self) -> None:
        for act in self._session.acts:
            match act:
                case Call(op="drop"):
                    await self._drop(act)
                case Call():
                    self._tell(act)
                case Settle():
                    await self._settle()
                case Pass(ms):
                    await asyncio.sleep(ms / 1e3)
                case _:
                    raise AssertionError(f"an object's script has the act {act}")

    async def end(self) -> None:
        """Let everybody go; nothing of it is written down."""
        self._play.over = True
        for cancel in self._play.cancels():
            with contextlib.suppress(Exception):
                if inspect.isawaitable(left := cancel()):
                    await left
        for _ in range(CANCELS_MAX):
            left = [task for task in self._tasks.values() if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=self._poll_s)  # once is not enough for one that swallows it

    def _tell(self, act: Call) -> None:
        if act.by not in self._told:
            self._told[act.by] = asyncio.Queue()
            self._tasks[act.by] = self._loop.create_task(self._call(act.by))
        self._told[act.by].put_nowait(act)

    async def _call(self, by: str) -> None:
        """One caller: its acts, one after another."""
        chance = random.Random(f"{self._seed}/{self._session.id}/{by}")  # noqa: S311 -- reproducible, not secret
        while not self._play.over:
            act = await self._told[by].get()
            for _ in range(chance.randint(0, act.jitter)):
                await asyncio.sleep(0)
            self._performing.add(by)
            await self._play.perform(act)
            self._performing.remove(by)

    async def _settle(self) -> None:
        """Idle, some virtual time for those who poll, idle again, until that changed nothing. Somebody who waits for a
        time that is not the script's may only be slow."""
        await self._loop.idle()
        for _ in range(POLLS_MAX):
            seen = len(self._recorder)
            await asyncio.sleep(self._poll_s)
            await self._loop.idle()
            if len(self._recorder) == seen:
                break
        self._raise_problem()
        limited = any(option.endswith("_ms") for option in self._session.options)
        self._play.note(Settled(exact=len(self._recorder) == seen and (limited or not self._loop.timers())))

    async def _drop(self, act: Call) -> None:
        """Cancel the task of the caller that `arg` names, at once: between two turns of the loop, not when idle."""
        chance = random.Random(f"{self._seed}/{self._session.id}/{DIRECTOR}/{act.arg}")  # noqa: S311 -- as above
        for _ in range(chance.randint(0, act.jitter)):
            await asyncio.sleep(0)
        number = self._play.begin("drop", DIRECTOR, act.arg)
        if act.arg in self._performing:
            self._tasks[act.arg].cancel()
        self._play.note(Returned(number))

    def _raise_problem(self) -> None:
        for task in self._tasks.values():
            if task.done() and not task.cancelled() and (raised := task.exception()):
                raise raised
        threads = set(threading.enumerate()) - self._threads
        if problem := self._play.problem or self._loop.refused or (THREADS if threads else ""):
            raise NotVirtual(problem)


def play_with_threads(
    script: Script, makes: Makes, records: Records, budgets: Mapping[str, float], seed: int
) -> Recorder:
    """Play every session of the script with blocking objects."""
    recorder = records(time.monotonic_ns)
    making = makes(lambda: {"threads": threading.active_count()})
    told, threading.excepthook = threading.excepthook, lambda _: None  # what an object complains of is its affair
    try:
        for session in script.sessions:
            stage = _Threads(session, making, recorder, budgets, seed)
            try:
                stage.play()
            finally:
                stage.end()
    finally:
        threading.excepthook = told
    return recorder


class _Caller:
    """A thread that does what it is told, and says when it is done with it."""

    def __init__(self, name: str, perform: Callable[[Call], None], moved: threading.Condition) -> None:
        self.told: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self.due = 0
        self.done = 0
        self.late_at = -1  # how many acts it had done when it was late
        self.problem: BaseException | None = None
        self._perform = perform
        self._moved = moved
        self.thread = threading.Thread(target=self._run, name=f"streamspec-{name}", daemon=True)
        self.thread.start()

    def tell(self, act: Call) -> None:
        self.due += 1
        self.told.put(act)

    @property
    def idle(self) -> bool:
        return self.done == self.due

    def _run(self) -> None:
        while (act := self.told.get()) is not None:
            try:
                self._perform(act)
            except BaseException as raised:  # noqa: BLE001 -- ours: the stage raises it again, in its own thread
                self.problem = raised
            with self._moved:
                self.done += 1
                self._moved.notify_all()


class _Threads:
    """One session with threads."""

    def __init__(
        self, session: Session, making: Making, recorder: Recorder, budgets: Mapping[str, float], seed: int
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._budgets = budgets
        self._seed = seed
        self._play = Play(session.id, session.options, making, recorder)
        self._callers: dict[str, _Caller] = {}
        self._moved = threading.Condition()

    def play(self) -> None:
        for act in self._session.acts:
            match act:
                case Call():
                    self._tell(act)
                case Settle(until):
                    self._settle(until)
                case Pass(ms):
                    threading.Event().wait(ms / 1e3)
                case _:
                    raise AssertionError(f"an object's script has the act {act}")

    def _tell(self, act: Call) -> None:
        if act.by not in self._callers:
            chance = random.Random(f"{self._seed}/{self._session.id}/{act.by}")  # noqa: S311 -- reproducible, not secret

            def perform(act: Call) -> None:
                for _ in range(chance.randint(0, act.jitter)):
                    time.sleep(0)
                run(self._play.perform(act))

            self._callers[act.by] = _Caller(act.by, perform, self._moved)
        self._callers[act.by].tell(act)

    def _settle(self, until: tuple[str, ...]) -> None:
        """First those who are due to get through; then quiet."""
        named = {name: caller for name, caller in self._callers.items() if name in until}
        due = [caller for caller in named.values() if caller.late_at != caller.done]
        moves_ms = self._budgets["moves_ms"]
        with self._moved:
            through = self._moved.wait_for(lambda: all(caller.idle for caller in due), timeout=moves_ms / 1e3)
        late = tuple(name for name, caller in named.items() if not caller.idle)
        if not through:
            self._play.note(Expired("moves_ms", moves_ms))
        for name in late:
            self._callers[name].late_at = self._callers[name].done  # had its time for this act: not once more
        self._quiet()
        for caller in self._callers.values():
            if caller.problem:
                raise caller.problem
        self._play.note(Settled(exact=False, late=late))

    def _quiet(self) -> None:
        """Until every caller is idle, or nothing was written down for `settle_ms` (at most `moves_ms` in all)."""
        end_s = time.monotonic() + self._budgets["moves_ms"] / 1e3
        while time.monotonic() < end_s:
            seen = len(self._recorder)
            with self._moved:
                if self._moved.wait_for(self._all_idle, timeout=self._budgets["settle_ms"] / 1e3):
                    return
            if len(self._recorder) == seen:
                return

    def _all_idle(self) -> bool:
        return all(caller.idle for caller in self._callers.values())

    def end(self) -> None:
        """Let everybody go; nothing of it is written down. A caller that no means can free stays behind as a daemon."""
        self._play.over = True
        for caller in self._callers.values():
            caller.told.put(None)
        for cancel in self._play.cancels():
            with contextlib.suppress(Exception):
                cancel()
        if not self._joined(FREE_S):
            self._free()

    def _free(self) -> None:
        """Free the callers of an object that knows no cancel: receive what a parked sender holds, send to a parked
        receiver. One that this does not free stays behind, as a daemon."""
        for _ in range(RELEASES_MAX):
            left = [name for name, caller in self._callers.items() if caller.thread.is_alive()]
            if not left:
                return
            stream = self._play.stream
            sending = self._play.doing.get(left[0]) == "send"
            operation, args = (stream.receive, ()) if sending else (stream.send, ("",))
            helper = threading.Thread(target=_quietly, args=(operation, *args), daemon=True)
            helper.start()
            helper.join(FREE_S)
            self._callers[left[0]].thread.join(FREE_S)

    def _joined(self, seconds: float) -> bool:
        end_s = time.monotonic() + seconds
        for caller in self._callers.values():
            caller.thread.join(max(0.0, end_s - time.monotonic()))
        return not any(caller.thread.is_alive() for caller in self._callers.values())


def _quietly(operation: Callable[..., object], *args: object) -> None:
    with contextlib.suppress(Exception):
        operation(*args)
