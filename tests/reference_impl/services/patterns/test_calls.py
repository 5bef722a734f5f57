"""Methods of one's own on a server of gRPC's: what a handler is told, and what becomes of what it does wrong."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from served_patterns import LONGEST_S, outcome, until

from streamspec.reference_impl.services.patterns import messages
from streamspec.reference_impl.services.patterns.calling import ServerStream
from streamspec.reference_impl.services.patterns.calls import Board, Handlers
from streamspec.reference_impl.services.patterns.methods import bidirectional, client_streaming, unary
from streamspec.reference_impl.services.patterns.model import ChatMessage
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from streamspec.reference_impl.services.patterns.methods import Method

Talk = ServerStream[ChatMessage, ChatMessage]


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONGEST_S))


@contextlib.asynccontextmanager
async def serving(*methods: Method) -> AsyncIterator[tuple[Any, Board]]:
    """A channel to a server of these, and what they tell."""
    board = Board()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handlers({"Own": methods}, messages.codec(), board),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel, board
    finally:
        await server.stop(None)


def call(channel: Any, name: str) -> Any:
    return channel.stream_stream(f"/streampatterns.Own/{name}")()


def test_a_cancel_is_never_taken_for_a_half_close() -> None:
    ends: list[Any] = []

    async def listen(stream: Talk) -> None:
        try:
            while await stream.recv() is not END:
                pass
            ends.append(END)
        except StreamError as refused:
            ends.append(refused.code)
            raise

    async def story() -> None:
        async with serving(bidirectional("Listen", ChatMessage, ChatMessage, listen)) as (channel, board):
            for number in range(60):
                one = call(channel, "Listen")
                await one.initial_metadata()
                for _ in range(number % 3):
                    await one.write(b"")
                one.cancel()
            await until(lambda: board.told.ended == 60)
            assert ends == [Code.CANCELLED] * 60
            one = call(channel, "Listen")
            await one.done_writing()
            assert await outcome(one) == ([], "OK", "")
            assert ends[60] is END

    told(story())


@pytest.mark.parametrize(
    ("count", "message"), [(0, "one answer is due, and there was none"), (2, "one answer is due, and there were two")]
)
def test_where_one_answer_is_due_none_and_two_are_the_handlers_failure(count: int, message: str) -> None:
    async def answer(stream: Talk) -> None:
        for _ in range(count):
            await stream.send(ChatMessage("answer"))

    async def story() -> None:
        async with serving(client_streaming("Answer", ChatMessage, ChatMessage, answer)) as (channel, board):
            assert await outcome(call(channel, "Answer")) == ([], "INTERNAL", message)
            await until(lambda: board.told.ended == 1)
            assert board.told.cancelled == 0

    told(story())


@pytest.mark.parametrize("failure", [PermissionError("secret"), StreamError(Code.UNAUTHORIZED, "not for you")])
def test_what_a_handler_raises_has_its_status_and_spills_nothing(failure: Exception) -> None:
    async def fail(_context: Any, _request: ChatMessage) -> ChatMessage:
        raise failure

    async def story() -> None:
        async with serving(unary("Fail", ChatMessage, ChatMessage, fail)) as (channel, _):
            one = call(channel, "Fail")
            await one.write(b"")
            await one.done_writing()
            meant = isinstance(failure, StreamError)
            said = ("PERMISSION_DENIED", "not for you") if meant else ("INTERNAL", "the handler failed")
            assert await outcome(one) == ([], *said)

    told(story())


def test_a_handler_that_does_not_heed_the_end_of_its_call_is_stopped() -> None:
    stopped = asyncio.Event()

    async def deaf(_stream: Talk) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def story() -> None:
        async with serving(bidirectional("Deaf", ChatMessage, ChatMessage, deaf)) as (channel, board):
            one = call(channel, "Deaf")
            await one.initial_metadata()
            one.cancel()
            await stopped.wait()
            await until(lambda: board.told.ended == 1)
            assert (board.told.open, board.told.cancelled, board.told.cleanups) == (0, 1, 1)

    told(story())


def test_a_head_comes_before_anything_is_said() -> None:
    async def wait(stream: Talk) -> None:
        await stream.recv()

    async def story() -> None:
        async with serving(bidirectional("Wait", ChatMessage, ChatMessage, wait)) as (channel, _):
            one = call(channel, "Wait")
            await one.initial_metadata()
            assert not one.done()
            await one.done_writing()
            assert await outcome(one) == ([], "OK", "")

    told(story())
