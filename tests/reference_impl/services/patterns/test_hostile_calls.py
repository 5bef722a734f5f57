"""The services against clients that leave, stand still, say too much, or say what is no message: each call has its
status, nothing is kept that was not finished, and whoever comes afterwards is served.

Never here: frames that break HTTP/2.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from http2_octets import dialled, message
from served_patterns import LONGEST_S, Patterns, items, outcome, patterns, refusal, until

from streamspec.reference_impl.grpc_names import MOST_MESSAGE_BYTES, MOST_METADATA_BYTES
from streamspec.reference_impl.services.patterns.calling import BUFFER_ITEMS, SENT_AHEAD_ITEMS
from streamspec.reference_impl.services.patterns.model import (
    MOST_CONTENT_BYTES,
    MOST_NAME_BYTES,
    ChatMessage,
    Item,
    ListItemsRequest,
    StreamRequest,
)
from streamspec.reference_impl.services.patterns.service import BATCH_ITEMS, MOST_UPLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from streamspec.reference_impl.services.patterns.store import Batch

SERVICE: Final = "/streampatterns.StreamService/"
WINDOW_BYTES: Final = 512 * 1024  # more than a client and a server of gRPC's, and their kernel, hold between them


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONGEST_S))


class Counted:
    """How many items a server has fetched of its store."""

    def __init__(self, served: Patterns, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fetched = 0
        listing = served.service.items.list_batch

        async def counting(cursor: str, most_items: int, prefix: str = "") -> Batch:
            batch = await listing(cursor, most_items, prefix)
            self.fetched += len(batch.items)
            return batch

        monkeypatch.setattr(served.service.items, "list_batch", counting)


async def settled(figure: Any) -> int:
    """What a figure comes to when it has stood still for a while: no event says that nothing happens."""
    last = -1
    while figure() != last:
        last = figure()
        await asyncio.sleep(0.1)
    return last


async def served_as_ever(served: Patterns) -> None:
    found, status, _ = await outcome(served.stub.ListItems(ListItemsRequest("item 1", 0)))
    assert (found[0].name, status) == ("item 1", "OK")


def test_a_client_that_does_not_read_is_not_read_ahead_for(monkeypatch: pytest.MonkeyPatch) -> None:
    octets, count = 10_000, 1_000

    async def story() -> None:
        async with patterns(items(count, octets)) as served:
            counted = Counted(served, monkeypatch)
            call = served.stub.ListItems(ListItemsRequest())
            await call.read()
            fetched = await settled(lambda: counted.fetched)
            assert fetched <= WINDOW_BYTES / octets + SENT_AHEAD_ITEMS + BATCH_ITEMS
            found, status, _ = await outcome(call)
            assert (len(found), status) == (count - 1, "OK")
            assert counted.fetched == count

    told(story())


def test_a_cancel_in_the_midst_of_a_listing_stops_it_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with patterns(items(1_000, 10_000)) as served:
            counted = Counted(served, monkeypatch)
            call = served.stub.ListItems(ListItemsRequest())
            await call.read()
            call.cancel()
            await until(lambda: served.told["cancelled"] == served.told["ended"] == served.told["cleanups"] == 1)
            fetched = counted.fetched
            assert fetched <= WINDOW_BYTES / 10_000 + SENT_AHEAD_ITEMS + BATCH_ITEMS
            assert (served.told["open"], served.told["sending"]) == (0, 0)
            await served_as_ever(served)
            assert counted.fetched > fetched, "the count is of this store"

    told(story())


def test_a_producer_is_a_buffer_ahead_of_a_client_that_does_not_read() -> None:
    octets = 10_000
    made = 0

    async def endless(_: StreamRequest) -> AsyncIterator[Item]:
        nonlocal made
        while True:
            made += 1
            yield Item(made, data=bytes(octets))

    async def story() -> None:
        async with patterns(sources={"endless": endless}) as served:
            call = served.stub.StreamWithBackpressure(StreamRequest("endless"))
            assert (await call.read()).id == 1
            assert await settled(lambda: made) <= WINDOW_BYTES / octets + SENT_AHEAD_ITEMS + BUFFER_ITEMS + 2
            for n in range(2, 500):
                assert (await call.read()).id == n
            call.cancel()
            await until(lambda: served.told["ended"] == 1)

    told(story())


@pytest.mark.parametrize("sent", [0, 1, 50])
def test_nothing_is_kept_of_an_upload_that_was_cancelled(sent: int) -> None:
    async def story() -> None:
        async with patterns() as served:
            for _ in range(20):
                call = served.stub.UploadItems()
                await call.initial_metadata()
                for item in items(sent):
                    await call.write(item)
                call.cancel()
            await until(lambda: served.told["ended"] == served.told["cancelled"] == 20)
            assert (await outcome(served.stub.ListItems(ListItemsRequest())))[0] == []

    told(story())


def test_nothing_is_kept_of_an_upload_whose_time_was_up_or_whose_connection_broke() -> None:
    async def story() -> None:
        async with patterns() as served:
            late = served.stub.UploadItems(timeout=0.2)
            await late.write(Item(name="late"))
            assert (await refusal(late))[0] == "DEADLINE_EXCEEDED"
            async with grpc.aio.insecure_channel(f"127.0.0.1:{served.served.port}") as channel:
                broken: Any = channel.stream_unary(f"{SERVICE}UploadItems")()
                await broken.write(b"\x12\x01a")
                await until(lambda: served.told["open"] == 1)
            await until(lambda: served.told["ended"] == 2)
            assert served.told["cancelled"] == 1, "a deadline is no leaving"
            assert (await outcome(served.stub.ListItems(ListItemsRequest())))[0] == []

    told(story())


def test_an_upload_that_is_cancelled_while_it_is_saved_is_saved_whole_or_not_at_all() -> None:
    async def story() -> None:
        async with patterns() as served:
            for number in range(20):
                call = served.stub.UploadItems()
                for item in items(100):
                    await call.write(item)
                await call.done_writing()
                for _ in range(number):
                    await asyncio.sleep(0)
                call.cancel()
            await until(lambda: served.told["ended"] == 20)
            found, _, _ = await outcome(served.stub.ListItems(ListItemsRequest()))
            assert len(found) % 100 == 0

    told(story())


def test_an_upload_that_is_cancelled_when_it_waits_to_be_saved_is_not_saved() -> None:
    async def story() -> None:
        async with patterns() as served:
            go_on, busy = threading.Event(), served.service.items._thread
            busy.submit(go_on.wait)
            call = served.stub.UploadItems()
            await call.write(Item(name="never"))
            await call.done_writing()
            await until(lambda: busy._work_queue.qsize() == 1)
            (stream,) = served.served.board.open
            call.cancel()
            await until(stream.context.is_over)
            go_on.set()
            await until(lambda: served.told["ended"] == 1)
            assert (await outcome(served.stub.ListItems(ListItemsRequest())))[0] == []
            assert served.told["cancelled"] == 1

    told(story())


def test_an_upload_beyond_its_octets_is_refused_before_anything_is_kept() -> None:
    async def story() -> None:
        async with patterns() as served:
            call = served.stub.UploadItems()
            large = Item(data=bytes(4_000_000))
            for _ in range(MOST_UPLOAD_BYTES // 4_000_000 + 1):
                await call.write(large)
            assert (await refusal(call))[0] == "RESOURCE_EXHAUSTED"
            assert (await outcome(served.stub.ListItems(ListItemsRequest())))[0] == []

    told(story())


@pytest.mark.parametrize("method", ["CreateItem", "ListItems", "UploadItems", "Chat"])
@pytest.mark.parametrize(
    ("octets", "status"),
    [(b"\xff", "INTERNAL"), (b"\x12\x05a", "INTERNAL"), (bytes(MOST_MESSAGE_BYTES + 1), "RESOURCE_EXHAUSTED")],
    ids=["no field", "cut short", "too long"],
)
def test_what_is_no_message_or_too_long_has_its_status(method: str, octets: bytes, status: str) -> None:
    async def story() -> None:
        async with patterns(items(1)) as served:
            call = served.channel.stream_stream(SERVICE + method)()
            await call.write(octets)
            assert (await outcome(call))[:2] == ([], status)
            await served_as_ever(served)
            assert served.service.chats.members == 0

    told(story())


@pytest.mark.parametrize("method", ["GetItem", "ListItems", "WatchItems"])
def test_where_one_request_is_due_none_and_two_are_refused(method: str) -> None:
    async def story() -> None:
        async with patterns(items(1)) as served:
            for count in (0, 2):
                call = served.channel.stream_stream(SERVICE + method)()
                for _ in range(count):
                    await call.write(b"\x08\x01" if method == "GetItem" else b"")
                await call.done_writing()
                assert (await outcome(call))[:2] == ([], "UNIMPLEMENTED")

    told(story())


@pytest.mark.parametrize(("octets", "status"), [(MOST_METADATA_BYTES // 2, "0"), (20_000, "8")])
def test_metadata_have_a_bound_in_whatever_code_they_come(octets: int, status: str) -> None:
    async def story() -> None:
        async with patterns() as served, dialled(served.served.port) as wire:
            number = wire.call(f"{SERVICE}CreateItem", message(b"\x12\x01a"), headers=(("x-large", "a" * octets),))
            assert (await wire.over(number)).status == status
            await until(lambda: not served.served.board.open)
            found, _, _ = await outcome(served.stub.ListItems(ListItemsRequest()))
            assert len(found) == (status == "0")

    told(story())


@pytest.mark.parametrize(
    "path", ["/streampatterns.StreamService/Nothing", "/StreamService/Chat", "/streampatterns/Chat"]
)
def test_what_there_is_not_is_unimplemented(path: str) -> None:
    async def story() -> None:
        async with patterns() as served:
            call = served.channel.stream_stream(path)()
            assert (await outcome(call))[:2] == ([], "UNIMPLEMENTED")

    told(story())


def test_a_subscriber_that_does_not_read_is_ended_by_name_and_the_others_hear_everything() -> None:
    async def story() -> None:
        async with patterns(inbox_items=4, patience_s=0.2) as served:
            slow, quick, speaker = served.stub.Chat(), served.stub.Chat(), served.stub.Chat()
            for call in (slow, quick, speaker):
                await call.initial_metadata()
            hearing = asyncio.create_task(outcome(quick))
            count = 200
            for n in range(count):
                await speaker.write(ChatMessage(f"{n}".ljust(10_000)))
            await speaker.done_writing()
            assert await outcome(speaker) == ([], "OK", "")
            await quick.done_writing()
            found, status, _ = await hearing
            assert [message.content.strip() for message in found] == [str(n) for n in range(count)]
            assert status == "OK"
            found, status, said = await outcome(slow)
            assert (status, said) == ("RESOURCE_EXHAUSTED", "the subscriber did not keep up")
            assert [message.content.strip() for message in found] == [str(n) for n in range(len(found))], (
                "none is left out"
            )
            assert len(found) < count

    told(story())


def test_a_subscriber_that_was_ended_is_listened_to_no_more() -> None:
    async def story() -> None:
        async with patterns(inbox_items=4, patience_s=0.05) as served:
            slow, quick, speaker = served.stub.Chat(), served.stub.Chat(), served.stub.Chat()
            for call in (slow, quick, speaker):
                await call.initial_metadata()
            hearing = asyncio.create_task(outcome(quick))
            await slow.write(ChatMessage("before"))
            while served.service.chats.members == 3:
                await speaker.write(ChatMessage("x" * 10_000))
            for _ in range(3):
                await slow.write(ChatMessage("after"))
            await speaker.done_writing()
            assert (await outcome(speaker))[1] == "OK"
            assert (await outcome(slow))[1] == "RESOURCE_EXHAUSTED"
            await quick.done_writing()
            found, status, _ = await hearing
            said = {message.content for message in found}
            assert (said & {"before", "after"}, status) == ({"before"}, "OK")

    told(story())


@pytest.mark.parametrize(
    "message", [ChatMessage("x" * (MOST_CONTENT_BYTES + 1)), ChatMessage(sender="x" * (MOST_NAME_BYTES + 1))]
)
def test_what_is_too_long_to_be_said_is_heard_by_nobody(message: ChatMessage) -> None:
    async def story() -> None:
        async with patterns() as served:
            hearer, speaker = served.stub.Chat(), served.stub.Chat()
            for call in (hearer, speaker):
                await call.initial_metadata()
            await speaker.write(ChatMessage("x" * MOST_CONTENT_BYTES, "x" * MOST_NAME_BYTES))
            await speaker.write(message)
            assert (await outcome(speaker))[1] == "INVALID_ARGUMENT"
            await hearer.done_writing()
            found, status, _ = await outcome(hearer)
            assert [len(heard.content) for heard in found] == [MOST_CONTENT_BYTES]
            assert status == "OK"

    told(story())


@pytest.mark.parametrize("leaving", ["cancel", "half-close", "bad message", "deadline"])
def test_whoever_leaves_a_chat_in_whatever_way_is_no_member_any_more(leaving: str) -> None:
    async def story() -> None:
        async with patterns() as served:
            call = served.channel.stream_stream(f"{SERVICE}Chat")(timeout=0.2 if leaving == "deadline" else None)
            await call.initial_metadata()
            assert served.service.chats.members == 1
            if leaving == "cancel":
                call.cancel()
            elif leaving == "half-close":
                await call.done_writing()
            elif leaving == "bad message":
                await call.write(b"\xff")
            await until(lambda: served.service.chats.members == 0)
            await until(lambda: served.told["ended"] == served.told["cleanups"] == 1)

    told(story())


def test_a_thousand_calls_that_come_and_go_leave_nothing() -> None:
    async def story() -> None:
        async with patterns(items(3)) as served:

            async def one(number: int) -> None:
                call = served.stub.WatchItems(ListItemsRequest()) if number % 2 else served.stub.Chat()
                await call.initial_metadata()
                if number % 2:
                    await call.read()
                call.cancel()

            for _ in range(20):
                await asyncio.gather(*(one(number) for number in range(50)))
            await until(lambda: served.told["ended"] == served.told["cleanups"] == 1_000)
            assert served.told["open"] == served.told["sending"] == served.service.chats.members == 0
            await served_as_ever(served)

    told(story())
