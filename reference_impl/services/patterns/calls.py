"""One call over gRPC, from its head to its status: a handler on one side of two streams, grpcio on the other.

All methods are served as if both sides streamed, and the number of messages is looked at here: grpcio itself lets two
requests pass where one is due, and waits for ever for one that never comes. Needs the extra `grpc`. Never here: a
server, what a handler does.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc

from streamspec.reference_impl.grpc_names import MOST_METADATA_BYTES, status_of
from streamspec.reference_impl.one_answer import NO_ANSWER, TWO_ANSWERS
from streamspec.reference_impl.services.patterns.calling import (
    RECEIVED_AHEAD_ITEMS,
    SENT_AHEAD_ITEMS,
    ServerStream,
    leave,
)
from streamspec.reference_impl.services.patterns.messages import PACKAGE
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.reference_impl.services.patterns.messages import Codec
    from streamspec.reference_impl.services.patterns.methods import Method

    Rpc = grpc.aio.ServicerContext[bytes, bytes]

GRACE_S: Final = 1.0  # for a handler to notice that its call is over, before its task is cancelled
SHUTTING_DOWN: Final = "the server is shutting down"


@dataclass(slots=True)
class Board:
    """The calls that are not over, with what they tell in sum, and the tasks that have to end before a server has."""

    told: Told = field(default_factory=Told)
    open: set[ServerStream[Any, Any]] = field(default_factory=set)
    at_work: set[asyncio.Task[Any]] = field(default_factory=set)

    def close(self) -> None:
        """End every open call with UNAVAILABLE."""
        for stream in tuple(self.open):
            stream.end(StreamError(Code.UNAVAILABLE, SHUTTING_DOWN))


@dataclass(frozen=True, slots=True)
class _Wired:
    """A method, and its messages' octets."""

    method: Method
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


class Handlers(grpc.GenericRpcHandler):
    """The methods of all services."""

    def __init__(self, services: Mapping[str, tuple[Method, ...]], codec: Codec, board: Board) -> None:
        self._methods = {
            f"/{PACKAGE}.{service}/{method.name}": _Wired(
                method, codec.decoder(method.request), codec.encoder(method.response)
            )
            for service, methods in services.items()
            for method in methods
        }
        self._board = board

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        wired = self._methods.get(handler_call_details.method)
        if wired is None:
            return None  # grpcio says UNIMPLEMENTED

        async def serve(_: object, rpc: Rpc) -> None:
            task = asyncio.current_task()
            assert task is not None, "grpc.aio calls handlers in tasks of their own"
            self._board.at_work.add(task)
            task.add_done_callback(self._board.at_work.discard)
            # In values with a Huffman code grpcio 1.85 counts nothing towards its own limit.
            octets = sum(len(name) + len(value) + 32 for name, value in rpc.invocation_metadata() or ())
            if octets > MOST_METADATA_BYTES:
                rpc.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
                rpc.set_details(f"metadata have at most {MOST_METADATA_BYTES} octets")
                return
            await _Call(wired, self._board, rpc, task).serve()

        return grpc.stream_stream_rpc_method_handler(serve)


class _Call:
    def __init__(self, wired: _Wired, board: Board, rpc: Rpc, task: asyncio.Task[Any]) -> None:
        self._method = wired.method
        self._decode = wired.decode
        self._board = board
        self._rpc = rpc
        self._task = task
        self._outward: Stream[bytes] = Stream(SENT_AHEAD_ITEMS, deadline_s=rpc.time_remaining())
        self._inward: Stream[Any] = Stream(RECEIVED_AHEAD_ITEMS)
        self._outward.on_end(partial(leave, self._inward))
        self._outward.on_end(board.told.cleaned_up)
        self._stream: ServerStream[Any, Any] = ServerStream(self._inward, self._outward, wired.encode, board.told)

    async def serve(self) -> None:
        """Ends with a status, whatever happens; a client that has left needs none."""
        self._board.open.add(self._stream)
        handler = asyncio.create_task(self._outward.produce(self._play))
        reader = asyncio.create_task(self._read())
        try:
            failure = await self._written()
        except asyncio.CancelledError:
            await self._stopped()
            raise
        except grpc.aio.BaseError:  # the call is over, and this task is told only a moment later
            await self._stopped()
            return
        finally:
            reader.cancel()
            await self._over(handler, reader)
        if failure is not None:
            self._rpc.set_code(grpc.StatusCode[status_of(failure.code)])
            self._rpc.set_details(failure.message)

    async def _play(self, _: Stream[bytes]) -> None:
        told = self._board.told
        told.open += 1
        try:
            await self._method.play(self._stream)
            if self._outward.state is Phase.OPEN:
                self._outward.complete()
        except BaseException:
            self._stream.context.learn()
            raise
        finally:
            told.open -= 1

    async def _written(self) -> StreamError | None:
        """Write what the handler sends, as it comes; where one answer is due, when it is known to be the only one."""
        await self._rpc.send_initial_metadata(())  # a client may wait for it to know that it is heard
        answers: list[bytes] = []
        try:
            while (octets := await self._outward.receive()) is not END:
                if self._method.server_streams:
                    await self._rpc.write(octets)
                elif answers:
                    self._stream.end(StreamError(Code.INTERNAL, TWO_ANSWERS))
                    return StreamError(Code.INTERNAL, TWO_ANSWERS)
                else:
                    answers.append(octets)
        except StreamError as failure:
            return failure
        if not self._method.server_streams:
            if not answers:
                return StreamError(Code.INTERNAL, NO_ANSWER)
            await self._rpc.write(answers[0])
        return None

    async def _read(self) -> None:
        """Hand over the client's messages until it has said that there are no more. One that nobody takes keeps those
        behind it where they are, so that the client's window shuts."""
        try:
            while (octets := await self._next()) is not None:
                await self._inward.send(self._decode(octets))
            if await self._is_whole():
                self._inward.complete()
        except grpc.aio.BaseError:
            pass  # the call is over, which its task is told as well
        except StreamError as wrong:
            with contextlib.suppress(StreamError):
                self._inward.error(wrong)

    async def _next(self) -> bytes | None:
        message: object = await self._rpc.read()
        return message if isinstance(message, bytes) else None

    async def _is_whole(self) -> bool:
        """Whether the client's messages ended by its half-close. Of a call that is over grpcio says as well that there
        are no more, and only a moment later that it is over: a second read does not end before that moment."""
        await self._next()
        return not (self._task.cancelling() or self._is_late())

    def _is_late(self) -> bool:
        left_s = self._rpc.time_remaining()
        return left_s is not None and left_s <= 0

    async def _stopped(self) -> None:
        """The client has left, or time is up: of the latter our stream is about to find out, and that is no leaving."""
        if self._is_late():
            over = asyncio.Event()
            self._outward.on_end(over.set)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await over.wait()
        self._outward.cancel()

    async def _over(self, handler: asyncio.Task[None], reader: asyncio.Task[None]) -> None:
        """Wait for the handler, and not for ever."""
        self._outward.cancel()  # of a call that has ended it changes nothing
        try:
            await asyncio.wait({handler, reader}, timeout=GRACE_S)
        finally:
            if not handler.done():
                self._stream.context.learn()
                handler.cancel()
            self._board.open.discard(self._stream)
            self._board.told.ended += 1
