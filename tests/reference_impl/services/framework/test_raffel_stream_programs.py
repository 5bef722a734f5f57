"""Whatever is done to a RaffelStream, in whatever order: what its document promises holds after each step."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.framework.raffel_stream import RaffelStream, StreamChunk, create_stream
from streamspec.reference_impl.stream.errors import StreamError

STEPS = st.lists(
    st.sampled_from(["write", "write", "write", "read", "read", "end", "error", "cancel", "pause", "resume", "settle"]),
    max_size=40,
)


class Boom(Exception):
    pass


class Played:
    """One stream, all that was done to it, and what came of that."""

    def __init__(self, high_water_mark: int) -> None:
        self.high_water_mark = high_water_mark
        self.stream: RaffelStream[int] = create_stream(high_water_mark=high_water_mark)
        self.writes: list[asyncio.Task[None]] = []
        self.reads: list[asyncio.Task[StreamChunk[int]]] = []
        self.cancelled = False
        self.states = [self.stream.state]

    async def step(self, name: str) -> None:
        match name:
            case "write":
                self.writes.append(asyncio.create_task(self.stream.write(len(self.writes))))
            case "read":
                self.reads.append(asyncio.create_task(self.stream.read()))
            case "error":
                self.stream.error(Boom())
            case "cancel":
                self.cancelled = self.cancelled or self.stream.state in {"open", "closing"}
                self.stream.cancel()
            case "settle":
                await settled()
            case _:
                getattr(self.stream, name)()
        if self.stream.state != self.states[-1]:
            self.states.append(self.stream.state)
        self.check()

    def check(self) -> None:
        stream = self.stream
        assert 0 <= stream.buffered_amount <= self.high_water_mark
        assert stream.writable == (stream.state == "open")
        assert stream.closed == (stream.state == "closed")
        assert (stream.errored is not None) == (stream.state == "errored")
        assert stream.readable or stream.state in {"closed", "errored"}
        assert stream.readable is (stream.state in {"open", "closing"} or stream.buffered_amount > 0)

    def taken(self) -> list[int]:
        chunks = [chunk for chunk in map(result_of, self.reads) if isinstance(chunk, StreamChunk)]
        return [chunk.value for chunk in chunks if not chunk.done and chunk.value is not None]

    def sent(self) -> list[int]:
        return [n for n, task in enumerate(self.writes) if task.done() and task.exception() is None]


def result_of(task: asyncio.Task[Any]) -> object:
    if not task.done():
        return None
    return task.exception() or task.result()


async def settled() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def play(high_water_mark: int, steps: list[str]) -> Played:
    played = Played(high_water_mark)
    for name in steps:
        await played.step(name)
    await settled()
    return played


async def finish(played: Played) -> None:
    """Nobody holds back any more, the writer ends, and all that is left is read."""
    stream = played.stream
    stream.resume()
    stream.end()
    await settled()
    for _ in range(len(played.writes) + len(played.reads) + 1):
        played.reads.append(asyncio.create_task(stream.read()))
        await settled()


@given(st.integers(0, 3), STEPS)
def test_a_program_keeps_the_promises(high_water_mark: int, steps: list[str]) -> None:
    async def story() -> None:
        played = await play(high_water_mark, steps)
        await finish(played)
        stream, taken, sent = played.stream, played.taken(), played.sent()
        # Nobody waits for ever, whatever happened.
        assert all(task.done() for task in (*played.writes, *played.reads))
        # In order, once, unaltered; and nothing is read that was not written.
        assert taken == sorted(set(taken))
        assert set(taken) <= set(sent)
        # Whole: what a write answered for is read, except by who wants no more.
        if not played.cancelled:
            assert taken == sent
        # One ending, and it stays.
        assert stream.state in {"closed", "errored"}
        assert len(played.states) == len(set(played.states))
        assert isinstance(stream.errored, StreamError if played.cancelled else Boom | None)
        endings = {type(result_of(task)) for task in played.reads[-1:]}
        assert endings == {StreamChunk if stream.closed else type(stream.errored)}

    asyncio.run(story())


@given(st.integers(0, 3), STEPS)
def test_after_a_cancel_nothing_is_read_and_nobody_waits(high_water_mark: int, steps: list[str]) -> None:
    async def story() -> None:
        played = await play(high_water_mark, [name for name in steps if name not in {"error", "end"}])
        before = played.taken()
        played.stream.cancel("enough")
        assert played.stream.buffered_amount == 0
        await settled()
        assert all(task.done() for task in (*played.writes, *played.reads))
        late = await asyncio.gather(played.stream.read(), played.stream.write(-1), return_exceptions=True)
        assert {str(refused) for refused in late} <= {"CANCELLED: enough", "CANCELLED: Stream cancelled"}
        assert played.taken() == before

    asyncio.run(story())
