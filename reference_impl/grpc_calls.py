"""One call over gRPC, from its first message to its status: a stream that plays a script, as on every other binding.

All four methods are served as if both sides streamed: grpcio itself lets two requests pass where one is due, and waits
for ever for one that never comes (DR-11). Needs the extra `grpc`. Never here: a server, a service, a script.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import grpc

from streamspec.reference_impl import grpc_text, payload, session
from streamspec.reference_impl.frame import Completed, Failed, Frame, Item, RecordFailed
from streamspec.reference_impl.grpc_names import MOST_METADATA_BYTES, scripted, status_of
from streamspec.reference_impl.one_answer import OneAnswer
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.grpc_names import Method
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.routing import Asked
    from streamspec.reference_impl.seams import Seams

    Context = grpc.aio.ServicerContext[bytes, bytes]
    Metadata = tuple[tuple[str, str | bytes], ...]
    Attend = Callable[[asyncio.Task[None]], None]
    End = Completed | Failed

FIRST_MESSAGE_S: Final = 10.0  # for all that must have come before a handler begins
TOLD_S: Final = 1.0  # for grpcio to tell the task of a call that it is over
DEADLINE_GRACE_S: Final = 1.0  # between grpcio's deadline and our stream's own, which is the same
# Of these metadata the interop tests of gRPC want an echo: at the head, and behind all messages.
ECHOED_AT_HEAD: Final = "x-grpc-test-echo-initial"
ECHOED_AT_END: Final = "x-grpc-test-echo-trailing-bin"


class Scripts(grpc.GenericRpcHandler):
    """The methods of every service: those that play scripts, and others that are `named`. `at_work` are the tasks of
    calls, and of streams whose producers are not over."""

    def __init__(self, mounts: Mapping[str, Mount], named: Mapping[str, tuple[Mount, Method]]) -> None:
        self._mounts = mounts
        self._named = named
        self.at_work: set[asyncio.Task[None]] = set()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        found = self._found(handler_call_details.method.removeprefix("/"))
        if found is None:
            return None  # grpcio says UNIMPLEMENTED
        mount, method = found

        async def serve(_: object, context: Context) -> None:
            task = asyncio.current_task()
            assert task is not None, "grpc.aio calls handlers in tasks of their own"
            self._attend(task)
            await _Call(mount, method, context, task, self._attend).serve()

        return grpc.stream_stream_rpc_method_handler(serve)

    def _found(self, name: str) -> tuple[Mount, Method] | None:
        if name in self._named:
            return self._named[name]
        service, _, method = name.rpartition("/")
        mount, plays = self._mounts.get(service), scripted(method)
        return None if mount is None or plays is None else (mount, plays)

    def _attend(self, task: asyncio.Task[None]) -> None:
        self.at_work.add(task)
        task.add_done_callback(self.at_work.discard)


class _Call:
    def __init__(
        self, mount: Mount, method: Method, context: Context, task: asyncio.Task[None], attend: Attend
    ) -> None:
        self._mount = mount
        self._attend = attend
        self._method = method
        self._context = context
        self._task = task
        self._metadata: Metadata = tuple(context.invocation_metadata() or ())

    async def serve(self) -> None:
        """Ends with a status, whatever happens; a client that has left needs none."""
        try:
            end = await self._played()
        except grpc.aio.BaseError:  # nobody is there to be told anything
            self._mount.seams.on_refusal()
            return
        if isinstance(end, Failed):
            self._context.set_code(grpc.StatusCode[status_of(end.code)])
            self._context.set_details(end.message)
        self._context.set_trailing_metadata(self._echo(ECHOED_AT_END))

    async def _played(self) -> End:
        headers = tuple((name, value) for name, value in self._metadata if isinstance(value, str))
        asked = await self._asked(headers)
        if isinstance(asked, StreamError):
            self._mount.seams.on_refusal()
            return Failed(asked.code, asked.message)
        await self._context.send_initial_metadata(self._echo(ECHOED_AT_HEAD))
        return await self._end_of(asked)

    async def _asked(self, headers: Headers) -> Asked | StreamError:
        # In values with a Huffman code grpcio 1.85 counts nothing towards its own limit.
        if sum(len(name) + len(value) + 32 for name, value in self._metadata) > MOST_METADATA_BYTES:
            return StreamError(Code.RESOURCE_EXHAUSTED, f"metadata have at most {MOST_METADATA_BYTES} octets")
        if (unknown := self._mount.unauthenticated(headers)) is not None:
            return StreamError(Code.UNAUTHENTICATED, unknown.text)
        try:
            async with asyncio.timeout(FIRST_MESSAGE_S):
                text = await self._first() if self._method.tells else "null"
        except TimeoutError:
            return StreamError(Code.TIMED_OUT, f"there was no whole request within {FIRST_MESSAGE_S:g} s")
        except StreamError as refused:
            return refused
        return self._mount.opened(self._method.wants, text, headers, self._context.time_remaining())

    async def _first(self) -> str:
        """The message that says what to play. Where it is the only one, no handler begins before the client has said so
        by its half-close. Raises `StreamError` (for too few and too many: doc/statuscodes.md)."""
        message = await self._next()
        if message is None:
            code = Code.INVALID_ARGUMENT if self._method.client_streams else Code.UNIMPLEMENTED
            raise StreamError(code, "a message is due that says what to play, and there was none")
        if not self._method.client_streams and await self._next() is not None:
            raise StreamError(Code.UNIMPLEMENTED, "one message is due, and there were two")
        return _text_of(message)

    async def _end_of(self, asked: Asked) -> End:
        """How the stream ends. A status goes out when grpcio's handler returns, which must not wait for steps that a
        producer has behind the end: the stream is in a task of its own."""
        end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        streaming = asyncio.create_task(self._stream(asked, end))
        self._attend(streaming)
        either: set[asyncio.Future[Any]] = {streaming, end}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not end.done():  # else it is over by itself, and cleans up as ever
                streaming.cancel()
                await asyncio.wait({streaming})
            raise
        if not end.done():
            streaming.result()  # whatever it raised
            return Failed(Code.CANCELLED, "the stream was cancelled")
        return end.result()

    async def _stream(self, asked: Asked, end: asyncio.Future[End]) -> None:
        seams = self._mount.seams
        async with session.producing(asked, self._mount) as stream:
            shown = (_Written if self._method.server_streams else _Returned)(self._context, stream, seams)
            try:
                async with asyncio.TaskGroup() as tasks:
                    reader = tasks.create_task(self._read(stream, asked)) if self._method.client_streams else None
                    await session.show_all(stream, asked, seams, shown.show)
                    if (shown_end := await shown.ended()) is not None:
                        end.set_result(shown_end)
                    if reader is not None:
                        reader.cancel()
            except asyncio.CancelledError:
                await self._stopped(stream, asked)
                raise

    async def _read(self, stream: ItemStream, asked: Asked) -> None:
        """Hand over the client's items until it has said that there are no more. grpcio takes one message at a time, so
        that a full inlet shuts the client's window."""
        assert asked.inlet is not None, "whoever plays a script has one"
        try:
            while (message := await self._next()) is not None:
                await asked.inlet.put(_text_of(message))
            if await self._is_whole():
                self._mount.seams.half_close(asked.inlet)
        except grpc.aio.BaseError:
            pass  # the call is over, which this task is told as well
        except StreamError as wrong:
            with contextlib.suppress(StreamError):
                stream.error(wrong)

    async def _next(self) -> bytes | None:
        """The client's next message; None when there is none any more, for whatever reason."""
        message: object = await self._context.read()
        return message if isinstance(message, bytes) else None

    async def _is_whole(self) -> bool:
        """Whether the client's messages ended by its half-close. Of a call that is over grpcio says as well that there
        are no more, and only a moment later that it is over (CN-20): a second read does not end before that moment."""
        await self._next()
        return not (self._task.cancelling() or _is_late(self._context))

    async def _stopped(self, stream: ItemStream, asked: Asked) -> None:
        """The client has left, or time is up."""
        if _is_late(self._context):
            await _expire(stream)
            return
        self._mount.seams.on_cancel_word(stream)
        if stream.state is Phase.OPEN:  # a variant that does not heed it: it goes on, for nobody
            await session.show_all(stream, asked, self._mount.seams, _nowhere)

    def _echo(self, name: str) -> Metadata:
        return tuple(pair for pair in self._metadata if pair[0] == name)


class _Shown:
    """What a stream comes to on the wire."""

    def __init__(self, context: Context, stream: ItemStream, seams: Seams) -> None:
        self._context = context
        self._stream = stream
        self._seams = seams
        self._is_gone = False

    async def _write(self, produced: Item | RecordFailed) -> None:
        """Returns when the message has passed the client's window: one that does not read is waited for."""
        if self._is_gone:
            return
        try:
            await self._context.write(grpc_text.encoded(payload.of(produced)))
        except grpc.aio.BaseError:  # the call is over, and its task is told a moment later: we are stopped here
            self._is_gone = True
            await asyncio.sleep(TOLD_S)
            if _is_late(self._context):
                await _expire(self._stream)
            else:
                self._seams.on_cancel_word(self._stream)


class _Written(_Shown):
    """Of many items, each is written as it comes."""

    def __init__(self, context: Context, stream: ItemStream, seams: Seams) -> None:
        super().__init__(context, stream, seams)
        self._end: End | None = None

    async def show(self, frame: Frame) -> None:
        match frame:
            case Item() | RecordFailed():
                await self._write(frame)
            case Completed() | Failed():
                self._end = self._end or frame  # a status is said once
            case _:
                pass  # gRPC has no sign of life but HTTP/2's own

    async def ended(self) -> End | None:
        return self._end


class _Returned(_Shown):
    """Where one answer is due, it is written when the stream has completed."""

    def __init__(self, context: Context, stream: ItemStream, seams: Seams) -> None:
        super().__init__(context, stream, seams)
        self._answer = OneAnswer(stream)
        self.show = self._answer.show

    async def ended(self) -> End | None:
        if isinstance(self._answer.end, Completed) and self._answer.item is not None:
            await self._write(self._answer.item)
        return self._answer.end


def _is_late(context: Context) -> bool:
    left_s = context.time_remaining()
    return left_s is not None and left_s <= 0


async def _expire(stream: ItemStream) -> None:
    """A handler is stopped by grpcio at its deadline as it is when its client has left. Our stream has the same one,
    and is about to find that its time is up, which is no leaving (docs/contract.md, `cancel_seen`)."""
    over = asyncio.Event()
    stream.on_end(over.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_GRACE_S):
            await over.wait()


def _text_of(message: bytes) -> str:
    """What a message says, which is JSON. Raises `StreamError`."""
    try:
        text = grpc_text.decoded(message)
        json.loads(text, parse_int=len, parse_float=len, parse_constant=payload.no_constant)
    except (ValueError, RecursionError) as reason:
        raise StreamError(Code.INVALID_ARGUMENT, f"a message is a Text of JSON: {reason}") from None
    return text


async def _nowhere(_: Frame) -> None:
    pass
