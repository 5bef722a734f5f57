"""A call as its handler sees it: sends that wait, ends that have their names, and a producer that is a buffer ahead."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_patterns import LONGEST_S

from streamspec.reference_impl.services.patterns import calling
from streamspec.reference_impl.services.patterns.calling import ServerStream, leave, stream_with_backpressure
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.told import Told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine


class Call:
    """Both of its streams, from the outside."""

    def __init__(self, deadline_s: float | None = None, ahead_items: int = 1) -> None:
        self.outward: Stream[bytes] = Stream(ahead_items, deadline_s=deadline_s)
        self.inward: Stream[str] = Stream(10)
        self.outward.on_end(partial(leave, self.inward))
        self.told = Told()
        self.stream: ServerStream[str, int] = ServerStream(self.inward, self.outward, bytes, self.told)

    async def read(self, count: int) -> list[int]:
        found = []
        for _ in range(count):
            octets = await self.outward.receive()
            assert octets is not END
            found.append(len(octets))
        return found


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONGEST_S))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def code_of(doing: Any) -> Code:
    with pytest.raises(StreamError) as raised:
        await doing
    return raised.value.code


def test_a_send_waits_for_the_client_and_one_read_lets_one_send_go_on() -> None:
    async def story() -> None:
        call = Call()
        await call.stream.send(0)
        sending = asyncio.create_task(call.stream.send(1))
        await turns()
        assert not sending.done()
        assert (call.told.produced, call.told.sending) == (2, 1)
        assert await call.read(1) == [0]
        await sending
        assert call.told.sending == 0

    told(story())


@pytest.mark.parametrize("doing", ["send", "recv", "request", "sleep"])
def test_a_client_that_leaves_is_cancelled_whatever_the_handler_waits_for(doing: str) -> None:
    async def story() -> None:
        call = Call()
        await call.stream.send(0)
        waits: dict[str, Callable[[], Any]] = {
            "send": lambda: call.stream.send(1),
            "recv": call.stream.recv,
            "request": call.stream.request,
            "sleep": lambda: call.stream.context.sleep(LONGEST_S),
        }
        waiting = asyncio.create_task(code_of(waits[doing]()))
        await turns()
        assert call.stream.context.err is None
        call.outward.cancel()
        assert await waiting is Code.CANCELLED
        assert call.stream.context.is_over()
        assert await code_of(call.stream.send(2)) is Code.CANCELLED
        with pytest.raises(StreamError, match="CANCELLED"):
            call.stream.context.check()
        assert call.told.cancelled == 1, "told once"

    told(story())


@pytest.mark.parametrize("doing", ["send", "recv", "sleep"])
def test_a_deadline_has_its_own_name_and_is_no_leaving(doing: str) -> None:
    async def story() -> None:
        call = Call(deadline_s=0.01)
        await call.stream.send(0)
        waits: dict[str, Callable[[], Any]] = {
            "send": lambda: call.stream.send(1),
            "recv": call.stream.recv,
            "sleep": lambda: call.stream.context.sleep(LONGEST_S),
        }
        assert await code_of(waits[doing]()) is Code.TIMED_OUT
        failure = call.stream.context.err
        assert failure is not None
        assert failure.code is Code.TIMED_OUT
        assert call.stream.context.remaining_s == 0
        assert call.told.cancelled == 0

    told(story())


def test_what_the_server_ends_ends_with_its_reason_behind_what_was_sent() -> None:
    async def story() -> None:
        call = Call(ahead_items=2)
        await call.stream.send(3)
        receiving = asyncio.create_task(code_of(call.stream.recv()))
        await turns()
        call.stream.end(StreamError(Code.UNAVAILABLE, "the server is shutting down"))
        assert await receiving is Code.UNAVAILABLE
        assert await code_of(call.stream.context.sleep(LONGEST_S)) is Code.UNAVAILABLE
        assert await call.read(1) == [3]
        assert await code_of(call.outward.receive()) is Code.UNAVAILABLE
        call.stream.end(StreamError(Code.INTERNAL, "later"))
        assert await code_of(call.outward.receive()) is Code.UNAVAILABLE

    told(story())


def test_nothing_is_sent_behind_the_last_one() -> None:
    async def story() -> None:
        call = Call()
        await call.stream.send_and_close(1)
        assert await code_of(call.stream.send(2)) is Code.UNAVAILABLE
        assert await call.read(1) == [1]
        assert await call.outward.receive() is END

    told(story())


def test_what_is_no_message_is_nothing_that_was_sent() -> None:
    async def story() -> None:
        call = Call()
        with pytest.raises(TypeError):
            await call.stream.send("text")  # type: ignore[arg-type]
        assert call.told.produced == 0

    told(story())


def test_messages_come_in_order_and_the_half_close_again_and_again() -> None:
    async def story() -> None:
        call = Call()
        await call.inward.send_batch(["a", "b"])
        call.inward.complete()
        found = [await call.stream.recv() for _ in range(4)]
        assert found == ["a", "b", END, END]

    told(story())


@pytest.mark.parametrize(("said", "code"), [([], Code.UNIMPLEMENTED), (["a", "b"], Code.UNIMPLEMENTED)])
def test_where_one_message_is_due_none_and_two_are_refused(said: list[str], code: Code) -> None:
    async def story() -> None:
        call = Call()
        await call.inward.send_batch(said)
        call.inward.complete()
        assert await code_of(call.stream.request()) is code

    told(story())


def test_a_request_is_whole_when_its_client_has_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        call = Call()
        await call.inward.send("a")
        asking = asyncio.create_task(call.stream.request())
        await turns()
        assert not asking.done()
        call.inward.complete()
        assert await asking == "a"
        monkeypatch.setattr(calling, "FIRST_MESSAGE_S", 0.01)
        assert await code_of(Call().stream.request()) is Code.TIMED_OUT

    told(story())


# -- StreamWithBackpressure --------------------------------------------------------------------------------------------


class Producer:
    """Endless, or with so many items, then raising; it counts what was asked of it."""

    def __init__(self, most: int | None = None, failure: Exception | None = None) -> None:
        self.made = 0
        self.closed = False
        self._most = most
        self._failure = failure

    async def items(self) -> AsyncIterator[int]:
        try:
            while self._most is None or self.made < self._most:
                self.made += 1
                yield self.made
            if self._failure is not None:
                raise self._failure
        finally:
            self.closed = True


@given(st.integers(0, 30), st.integers(1, 40), st.integers(1, 3))
def test_a_producer_is_a_buffer_ahead_and_no_more(count: int, buffer_items: int, ahead_items: int) -> None:
    async def story() -> None:
        call, producer = Call(ahead_items=ahead_items), Producer()
        streaming = asyncio.create_task(stream_with_backpressure(call.stream, producer.items(), buffer_items))
        assert await call.read(count) == list(range(1, count + 1))
        await turns()
        # In the buffer, one that waits to be put there, one in `send`, and those that are on their way.
        assert count <= producer.made <= count + buffer_items + 2 + ahead_items
        call.outward.cancel()
        assert await code_of(streaming) is Code.CANCELLED
        assert producer.closed

    told(story())


@pytest.mark.parametrize("items", [[1, 2, 3], (n for n in (1, 2, 3)), Producer(3).items(), []])
def test_all_items_of_any_source_come_in_order(items: Any) -> None:
    async def story() -> None:
        call = Call(ahead_items=10)
        await stream_with_backpressure(call.stream, items)
        call.outward.complete()
        assert [len(octets) async for octets in call.outward] in ([1, 2, 3], [])

    told(story())


def test_what_a_producer_raises_comes_behind_what_it_made() -> None:
    async def story() -> None:
        call, producer = Call(ahead_items=10), Producer(3, PermissionError("secret"))
        with pytest.raises(StreamError) as raised:
            await stream_with_backpressure(call.stream, producer.items())
        assert (raised.value.code, raised.value.message) == (Code.INTERNAL, "the handler failed")
        assert await call.read(3) == [1, 2, 3]

    told(story())


def test_a_producer_that_waits_is_stopped_when_the_call_is_over() -> None:
    async def story() -> None:
        closed = asyncio.Event()

        async def silent() -> AsyncIterator[int]:
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                closed.set()

        call = Call()
        streaming = asyncio.create_task(stream_with_backpressure(call.stream, silent()))
        assert await call.read(1) == [1]
        await turns()
        call.outward.cancel()
        assert await code_of(streaming) is Code.CANCELLED
        assert closed.is_set()

    told(story())
