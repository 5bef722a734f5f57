"""What the services do: one method for each kind of call, and for the patterns of the document.

Handlers as its reader knows them: the unary ones take a request and return its answer, the others are handed a stream.
They return where the call ends well and raise a `StreamError` where it does not. Never here: gRPC, SQL, a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.patterns import cursor as cursors
from streamspec.reference_impl.services.patterns.calling import ServerStream, stream_with_backpressure
from streamspec.reference_impl.services.patterns.hub import Hub, Member
from streamspec.reference_impl.services.patterns.model import (
    ChatMessage,
    DeleteItemRequest,
    DeleteItemResponse,
    GetItemRequest,
    Item,
    ListItemsRequest,
    StreamRequest,
    UploadResponse,
    check,
    check_message,
    check_new,
)
from streamspec.reference_impl.stream.errors import Code, StreamError, shown
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from streamspec.reference_impl.services.patterns.calling import Context
    from streamspec.reference_impl.services.patterns.store import ItemStore

BATCH_ITEMS: Final = 100
MOST_UPLOAD_ITEMS: Final = 10_000
MOST_UPLOAD_BYTES: Final = 16 * 1024 * 1024  # of names and data together

Source = Callable[[StreamRequest], AsyncIterable[Item]]


class StreamService:
    """`sources` are what `StreamWithBackpressure` may be asked for, by name."""

    def __init__(
        self,
        items: ItemStore,
        chats: Hub[ChatMessage] | None = None,
        sources: Mapping[str, Source] | None = None,
    ) -> None:
        self.items = items
        self.chats: Hub[ChatMessage] = chats or Hub()
        self._sources = sources or {}

    # -- unary ---------------------------------------------------------------------------------------------------------

    async def create_item(self, _context: Context, item: Item) -> Item:
        check_new(item)
        return await self.items.create(item)

    async def get_item(self, _context: Context, request: GetItemRequest) -> Item:
        return await self.items.get(request.id)

    async def update_item(self, _context: Context, item: Item) -> Item:
        check(item)
        return await self.items.update(item)

    async def delete_item(self, _context: Context, request: DeleteItemRequest) -> DeleteItemResponse:
        await self.items.delete(request.id)
        return DeleteItemResponse()

    # -- server streaming ----------------------------------------------------------------------------------------------

    async def list_items(self, request: ListItemsRequest, stream: ServerStream[ListItemsRequest, Item]) -> None:
        """All items there are, batch by batch: the next is fetched when the last of the one before is on its way."""
        await self._send_all(cursors.behind(request.after_id), request.prefix, stream)

    async def watch_items(self, request: ListItemsRequest, stream: ServerStream[ListItemsRequest, Item]) -> None:
        """The same, and then each new item, for as long as the client stays. A client that reads slowly is told of all
        of them in its own time: they lie in the store, and nowhere else."""
        news = asyncio.Event()
        stream.context.on_done(news.set)
        cursor = cursors.behind(request.after_id)
        with self.items.watched(news):
            while True:
                news.clear()
                cursor = await self._send_all(cursor, request.prefix, stream)
                await news.wait()

    async def _send_all(self, cursor: str, prefix: str, stream: ServerStream[ListItemsRequest, Item]) -> str:
        """Where it goes on behind the last one."""
        while True:
            stream.context.check()
            batch = await self.items.list_batch(cursor, BATCH_ITEMS, prefix)
            for item in batch.items:
                await stream.send(item)
            if batch.items:
                cursor = cursors.behind(batch.items[-1].id)
            if not batch.cursor:
                return cursor

    async def stream_with_backpressure(self, request: StreamRequest, stream: ServerStream[StreamRequest, Item]) -> None:
        """What a producer makes, at most a buffer ahead of the client."""
        source = self._sources.get(request.source)
        if source is None:
            raise StreamError(Code.NOT_FOUND, "there is no such source")
        await stream_with_backpressure(stream, source(request))

    # -- client streaming ----------------------------------------------------------------------------------------------

    async def upload_items(self, stream: ServerStream[Item, UploadResponse]) -> None:
        """All or nothing: what has come is kept when the client has said that it is all, in one transaction."""
        items: list[Item] = []
        total_bytes = held_bytes = 0
        while (item := await stream.recv()) is not END:
            check_new(item)
            held_bytes += item.octets
            if len(items) == MOST_UPLOAD_ITEMS or held_bytes > MOST_UPLOAD_BYTES:
                limits = f"{MOST_UPLOAD_ITEMS} items and {MOST_UPLOAD_BYTES} octets"
                raise StreamError(Code.RESOURCE_EXHAUSTED, f"an upload has at most {limits}")
            items.append(item)
            total_bytes += len(item.data)
        context = stream.context
        count = await self.items.bulk_create(items, lambda: not context.is_over())
        await stream.send_and_close(UploadResponse(count, total_bytes))

    # -- both ----------------------------------------------------------------------------------------------------------

    async def chat(self, stream: ServerStream[ChatMessage, ChatMessage]) -> None:
        """What this client says the others hear, and it what they say, from the answer's head to its own half-close.
        What was said before that it still hears."""
        with self.chats.subscribed() as member:
            hearing = asyncio.create_task(self._hear(stream, member))
            try:
                async for message in member.inbox:
                    await stream.send(message)
            finally:
                hearing.cancel()
                await asyncio.wait({hearing})

    async def _hear(self, stream: ServerStream[ChatMessage, ChatMessage], member: Member[ChatMessage]) -> None:
        """However the client's side ends, the member's queue ends so. One that was ended is listened to no more."""
        try:
            while (message := await stream.recv()) is not END and member.is_open:
                check_message(message)
                await self.chats.broadcast(message, member)
        except Exception as failure:  # noqa: BLE001 -- whoever sends is the one who is told
            member.end(shown(failure))
        else:
            self.chats.unsubscribe(member)
