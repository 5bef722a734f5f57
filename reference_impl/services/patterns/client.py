"""The client side: stubs as generated code has them, and the document's three samples, with their defects mended.

What is received is plain data of the model. Needs the extra `grpc`. Never here: a server, a retry.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import grpc

from streamspec.reference_impl.services.patterns import messages, model
from streamspec.reference_impl.services.patterns.messages import PACKAGE
from streamspec.reference_impl.services.patterns.methods import CHAT_SERVICE, STREAM_SERVICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable

    from streamspec.reference_impl.services.patterns.model import ChatMessage, Item, ListItemsRequest, UploadResponse

    Received = Callable[[Any], Awaitable[None] | None]


class StreamServiceStub:
    """One attribute for each method, as `protoc` would have made it; each is called with `timeout`, `metadata` and so
    on."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        wire = _Wire(channel, STREAM_SERVICE)
        self.CreateItem = wire.unary_unary("CreateItem", model.Item, model.Item)
        self.GetItem = wire.unary_unary("GetItem", model.GetItemRequest, model.Item)
        self.UpdateItem = wire.unary_unary("UpdateItem", model.Item, model.Item)
        self.DeleteItem = wire.unary_unary("DeleteItem", model.DeleteItemRequest, model.DeleteItemResponse)
        self.ListItems = wire.unary_stream("ListItems", model.ListItemsRequest, model.Item)
        self.WatchItems = wire.unary_stream("WatchItems", model.ListItemsRequest, model.Item)
        self.StreamWithBackpressure = wire.unary_stream("StreamWithBackpressure", model.StreamRequest, model.Item)
        self.UploadItems = wire.stream_unary("UploadItems", model.Item, model.UploadResponse)
        self.Chat = wire.stream_stream("Chat", model.ChatMessage, model.ChatMessage)


class ChatServiceStub:
    """The chat alone, under the name that the document's Go code has for it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.Chat = _Wire(channel, CHAT_SERVICE).stream_stream("Chat", model.ChatMessage, model.ChatMessage)


class _Wire:
    def __init__(self, channel: Any, service: str) -> None:
        self._channel = channel
        self._service = f"/{PACKAGE}.{service}/"
        self._codec = messages.codec()

    def unary_unary(self, name: str, request: type, response: type) -> Any:
        return self._channel.unary_unary(self._service + name, *self._octets(request, response))

    def unary_stream(self, name: str, request: type, response: type) -> Any:
        return self._channel.unary_stream(self._service + name, *self._octets(request, response))

    def stream_unary(self, name: str, request: type, response: type) -> Any:
        return self._channel.stream_unary(self._service + name, *self._octets(request, response))

    def stream_stream(self, name: str, request: type, response: type) -> Any:
        return self._channel.stream_stream(self._service + name, *self._octets(request, response))

    def _octets(self, request: type, response: type) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
        return self._codec.encoder(request), self._codec.decoder(response)


async def list_items(
    client: StreamServiceStub,
    process: Callable[[Item], Awaitable[None] | None],
    request: ListItemsRequest | None = None,
    timeout_s: float | None = None,
) -> None:
    """`process` every item, the next one when that has been done. Raises `AioRpcError` with the stream's status."""
    call = client.ListItems(request or model.ListItemsRequest(), timeout=timeout_s)
    try:
        while (item := await call.read()) is not grpc.aio.EOF:
            await _said(process, item)
    finally:
        call.cancel()  # of a call that is over it changes nothing


async def upload_items(
    client: StreamServiceStub, items: Iterable[Item] | AsyncIterable[Item], timeout_s: float | None = None
) -> UploadResponse:
    """Send them, close, and receive the answer. Where the server has ended the call in the midst of it, a send fails
    without saying why: the status is that of the answer, and it is not waited for until there is something to send.
    Raises `AioRpcError`; what fails on this side cancels."""
    call = client.UploadItems(timeout=timeout_s)
    ending = _Ending(call)
    async with _saying(call, items):
        with contextlib.suppress(grpc.aio.AioRpcError):
            answer: UploadResponse = await call
        await ending.check()
        return answer


async def chat(
    client: StreamServiceStub | ChatServiceStub,
    contents: Iterable[ChatMessage] | AsyncIterable[ChatMessage],
    received: Callable[[ChatMessage], Awaitable[None] | None],
    timeout_s: float | None = None,
) -> None:
    """Say everything and hear everything, at the same time. Returns when both are over; the others are still heard that
    had said something before we had finished. Raises `AioRpcError` with the call's status; what fails on this side
    cancels."""
    call = client.Chat(timeout=timeout_s)
    ending = _Ending(call)
    try:
        await call.initial_metadata()  # from here on we are heard, and hear
        async with _saying(call, contents):
            with contextlib.suppress(grpc.aio.AioRpcError):
                while (message := await call.read()) is not grpc.aio.EOF:
                    await _said(received, message)
            await ending.check()
    finally:
        call.cancel()


@contextlib.asynccontextmanager
async def _saying(call: Any, contents: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[None]:
    """All of it is said while a block runs. Behind the block nothing more is asked for, and the call is over. Raises
    why it was we who cancelled."""
    saying = asyncio.create_task(_say(call, contents))
    try:
        yield
    finally:
        call.cancel()  # of a call that is over it changes nothing
        saying.cancel()
        await asyncio.wait({saying})
        if not saying.cancelled():
            saying.result()


async def _say(call: Any, contents: Iterable[Any] | AsyncIterable[Any]) -> None:
    try:
        with contextlib.suppress(*_OVER):
            async for message in _each(contents):
                await call.write(message)
            await call.done_writing()
    except Exception:
        call.cancel()
        raise


# Of a call that is over grpcio says so to whoever writes; how it ended is the answer's to say.
_OVER: Final = (asyncio.InvalidStateError, grpc.aio.AioRpcError)
_WRITE_FAILED: Final = "Internal error from Core"


class _Ending:
    """The status that the server gave. When a write fails because the call is over, grpcio 1.85 puts an INTERNAL of its
    own in its place, or before it: every status of a call passes its callbacks, and that one is not the call's."""

    def __init__(self, call: Any) -> None:
        self._found: asyncio.Future[grpc.aio.AioRpcError | None] = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._note)

    async def check(self) -> None:
        """Raises `AioRpcError` where it is not OK."""
        if (failure := await self._found) is not None:
            raise failure

    def _note(self, call: Any) -> None:
        code, details = _now(call.code()), _now(call.details())
        if self._found.done() or (code is grpc.StatusCode.INTERNAL and details == _WRITE_FAILED):
            return
        head, trailers = _now(call.initial_metadata()), _now(call.trailing_metadata())
        failure = grpc.aio.AioRpcError(code, head, trailers, details=details)
        self._found.set_result(None if code is grpc.StatusCode.OK else failure)


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it comes to, as it has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise AssertionError("a status that is there is not waited for")


async def _each(items: Any) -> Any:
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _said(process: Received, message: Any) -> None:
    done = process(message)
    if done is not None:
        await done
