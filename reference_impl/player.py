"""`Player`: the handler that plays a script with its outlet, as any handler of ours would, and counts what happens.

Never here: reading a script, HTTP, or a way to do what a role could not. After an end that a script asked for, its
further calls are made all the same; what they raise is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import bulk
from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.roles import BREATH
from streamspec.reference_impl.script import (
    LONGEST_MS,
    MOST_ITEMS,
    Abandon,
    Collect,
    Complete,
    Drain,
    Echo,
    Fail,
    Gate,
    Generate,
    Receive,
    Script,
    Send,
    Step,
    Wait,
)
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values
    from streamspec.reference_impl.witness import Run

LIMIT_BYTES: Final = 1_048_576  # of an item's JSON; no literal item of a script comes near it


class ScriptFailed(Exception):
    """A handler's own exception, which names a code: not a `StreamError`, which a framework might treat otherwise."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Player:
    """One handler, called once: plays what is behind the first `after` items of a script. `inlet` is where the client's
    items come in."""

    __slots__ = ("_draining", "_inlet", "_n", "_outlet", "_over", "_run", "_script", "_steps")

    _outlet: Outlet

    def __init__(self, script: Script, run: Run, after: int, inlet: Inlet) -> None:
        self._script = script
        self._inlet = inlet
        self._draining: asyncio.Task[None] | None = None
        self._steps = script.behind(after)
        self._run = run
        self._n = after  # the number of the latest item
        self._over = False  # the script has ended the stream

    async def __call__(self, outlet: Outlet, _values: Values) -> None:
        self._outlet = outlet
        await self._inlet.whole()
        self._run.called += 1
        left_s = outlet.remaining_s
        self._run.remaining_ms = None if left_s is None else round(left_s * 1000)
        try:
            with self._credentials():
                await self._play()
        except BaseException as raised:
            self._run.terminals += not self._over
            if isinstance(raised, asyncio.CancelledError) and outlet.is_cancelled:
                self._run.learn(None)
            raise
        finally:
            if self._draining is not None:
                self._draining.cancel()

    async def _play(self) -> None:
        for place, step in enumerate(self._steps):
            if isinstance(step, Abandon):
                return
            await self._do(step, is_last=place + 1 == len(self._steps))
        if not self._over:
            self._end(self._outlet.complete)

    async def _do(self, step: Step, *, is_last: bool) -> None:
        match step:
            case Send(items=items):
                for text in items:
                    await self._send(text)
            case Generate():
                await self._generate(step)
            case Wait(ms=ms):
                await self._pause(ms / 1000)
            case Gate(name=name):
                await self._pass(name)
            case Complete():
                self._end(self._outlet.complete)
            case Fail(code=code, message=message):
                failure = RuntimeError(message) if code is None else ScriptFailed(code, message)
                if is_last and not self._over:
                    raise failure
                self._end(partial(self._outlet.error, failure))
            case _:
                await self._hear(step)

    async def _hear(self, step: Step) -> None:
        """A step that takes items of the client's."""
        match step:
            case Receive(n=n, every_ms=every_ms):
                await self._receive(n, every_ms)
            case Echo(n=n):
                await self._echo(n)
            case Collect():
                await self._collect()
            case Drain():
                self._draining = self._draining or asyncio.create_task(self._drain())
            case _:
                raise AssertionError("such a step is not for a player")

    async def _generate(self, step: Generate) -> None:
        for count in range(MOST_ITEMS if step.n is None else step.n):
            if count and step.every_ms:
                await self._pause(step.every_ms / 1000)
            elif count % BREATH == BREATH - 1:
                await asyncio.sleep(0)  # or a queue that never fills would keep everybody waiting
            await self._send(None if step.bytes > LIMIT_BYTES else generated(self._n + 1, step.bytes))

    async def _receive(self, n: int | None, every_ms: int) -> None:
        taken = 0
        while taken != n and await self._take() is not None:
            taken += 1
            if every_ms:
                await self._pause(every_ms / 1000)

    async def _echo(self, n: int | None) -> None:
        taken = 0
        while taken != n and (text := await self._take()) is not None:
            taken += 1
            await self._send(text)

    async def _collect(self) -> None:
        count = octets = 0
        while (text := await self._take()) is not None:
            count += 1
            octets += len(text.encode())
        await self._send(f'{{"n":{self._n + 1},"count":{count},"bytes":{octets}}}')

    async def _drain(self) -> None:
        # That the items have broken off, the further steps learn by themselves.
        with contextlib.suppress(StreamError):
            await self._receive(None, 0)

    async def _take(self) -> str | None:
        """The client's next item; None when there is none any more."""
        run = self._run
        run.receive_begins()
        try:
            item = await self._outlet.take(self._inlet)
        except StreamError as told:
            self._heed(told)
            if not self._over or run.cancel_seen:
                raise
            return None
        finally:
            run.receive_ends()
        if item is END:
            return None
        run.received += 1
        if run.received % BREATH == 0:
            await asyncio.sleep(0)
        return item

    async def _send(self, text: str | None) -> None:
        """Send an item of this JSON; None is one that is too large to be made."""
        run, was_open = self._run, self._outlet.is_open
        self._n += 1
        run.send_begins()
        try:
            if text is None:
                raise StreamError(Code.RESOURCE_EXHAUSTED, f"an item has at most {LIMIT_BYTES} octets")  # noqa: TRY301
            await self._outlet.send(Item(self._n, text, json=True))
        except StreamError as refused:
            run.send_code = refused.code
            run.refused += not was_open
            self._heed(refused)
            if not self._over or run.cancel_seen:
                raise
        else:
            run.sent += 1
        finally:
            run.send_ends()

    async def _pause(self, seconds: float) -> None:
        if self._over:
            await asyncio.sleep(seconds)  # the stream's own pause is over with the stream
            return
        try:
            await self._outlet.sleep(seconds)
        except StreamError as told:
            self._heed(told)
            raise

    async def _pass(self, name: str) -> None:
        """Through a gate: a pause that its opening ends, or else the end of the stream."""
        gates = self._run.gates
        if gates.is_open(name):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as opening:
                with gates.watched(name, partial(opening.reschedule, 0)):
                    await self._pause(LONGEST_MS / 1000)
        if not gates.is_open(name) and self._outlet.is_open:
            raise StreamError(Code.TIMED_OUT, "nobody opened the gate")

    def _end(self, call: Callable[[], None]) -> None:
        try:
            call()
        except StreamError:
            self._run.refused += 1
            if not self._over:
                raise
        else:
            self._run.terminals += 1
            self._over = True

    def _heed(self, told: StreamError) -> None:
        if self._outlet.is_cancelled:
            self._run.learn(told.code)

    @contextlib.contextmanager
    def _credentials(self) -> Iterator[None]:
        """While in here the client's credentials may expire, and with them the stream."""
        left_s = self._script.seconds("expires_ms")
        timer = None if left_s is None else asyncio.get_running_loop().call_later(left_s, self._expire)
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    def _expire(self) -> None:
        with contextlib.suppress(StreamError):
            self._outlet.error(StreamError(Code.UNAUTHENTICATED, "the credentials have expired"))


def generated(n: int, octets: int) -> str:
    """The JSON of the item `n` in so many octets, or in as few as there can be."""
    plain = f'{{"n":{n}}}'
    if octets <= len(plain):
        return plain
    ahead, behind = f'{{"n":{n},"pad":"', '"}'
    return ahead + bulk.text(n, max(0, octets - len(ahead) - len(behind))) + behind
