"""`Method`: what a handler is called, what it takes and gives, and who streams; and the tables of both services.

Whatever its kind, a method plays on a `ServerStream`. Never here: gRPC, or what a handler does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from streamspec.reference_impl.services.patterns.model import (
    ChatMessage,
    DeleteItemRequest,
    DeleteItemResponse,
    GetItemRequest,
    Item,
    ListItemsRequest,
    StreamRequest,
    UploadResponse,
)

if TYPE_CHECKING:
    from streamspec.reference_impl.services.patterns.calling import Context, ServerStream
    from streamspec.reference_impl.services.patterns.service import StreamService

In = TypeVar("In")
Out = TypeVar("Out")

Play = Callable[["ServerStream[Any, Any]"], Awaitable[None]]
STREAM_SERVICE: Final = "StreamService"
CHAT_SERVICE: Final = "ChatService"


@dataclass(frozen=True, slots=True)
class Method:
    """`play` returns where the call ends well."""

    name: str
    request: type
    response: type
    client_streams: bool
    server_streams: bool
    play: Play


def unary(
    name: str, request: type[In], response: type[Out], handler: Callable[[Context, In], Awaitable[Out]]
) -> Method:
    async def play(stream: ServerStream[In, Out]) -> None:
        await stream.send_and_close(await handler(stream.context, await stream.request()))

    return Method(name, request, response, client_streams=False, server_streams=False, play=play)


def server_streaming(
    name: str, request: type[In], response: type[Out], handler: Callable[[In, ServerStream[In, Out]], Awaitable[None]]
) -> Method:
    async def play(stream: ServerStream[In, Out]) -> None:
        await handler(await stream.request(), stream)

    return Method(name, request, response, client_streams=False, server_streams=True, play=play)


def client_streaming(
    name: str, request: type[In], response: type[Out], handler: Callable[[ServerStream[In, Out]], Awaitable[None]]
) -> Method:
    """The handler ends with `send_and_close`."""
    return Method(name, request, response, client_streams=True, server_streams=False, play=handler)


def bidirectional(
    name: str, request: type[In], response: type[Out], handler: Callable[[ServerStream[In, Out]], Awaitable[None]]
) -> Method:
    return Method(name, request, response, client_streams=True, server_streams=True, play=handler)


def services_of(service: StreamService) -> Mapping[str, tuple[Method, ...]]:
    """By their names in the package."""
    chat = bidirectional("Chat", ChatMessage, ChatMessage, service.chat)
    return {
        STREAM_SERVICE: (
            unary("CreateItem", Item, Item, service.create_item),
            unary("GetItem", GetItemRequest, Item, service.get_item),
            unary("UpdateItem", Item, Item, service.update_item),
            unary("DeleteItem", DeleteItemRequest, DeleteItemResponse, service.delete_item),
            server_streaming("ListItems", ListItemsRequest, Item, service.list_items),
            server_streaming("WatchItems", ListItemsRequest, Item, service.watch_items),
            server_streaming("StreamWithBackpressure", StreamRequest, Item, service.stream_with_backpressure),
            client_streaming("UploadItems", Item, UploadResponse, service.upload_items),
            chat,
        ),
        CHAT_SERVICE: (chat,),
    }
