"""The services asked over the wire by gRPC's own client: every method, its ends, and what the document's samples do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from served_patterns import LONGEST_S, Patterns, items, outcome, patterns, refusal, until

from streamspec.reference_impl.services.patterns import server
from streamspec.reference_impl.services.patterns.client import (
    ChatServiceStub,
    StreamServiceStub,
    chat,
    list_items,
    upload_items,
)
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
from streamspec.reference_impl.services.patterns.service import MOST_UPLOAD_ITEMS, StreamService
from streamspec.reference_impl.services.patterns.store import ItemStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONGEST_S))


async def listed(served: Patterns, prefix: str = "") -> list[str]:
    names = []
    await list_items(served.stub, lambda item: names.append(item.name), ListItemsRequest(prefix))
    return names


# -- unary -------------------------------------------------------------------------------------------------------------


def test_an_item_is_created_found_changed_and_deleted() -> None:
    async def story() -> None:
        async with patterns() as served:
            stub = served.stub
            made = await stub.CreateItem(Item(name="a", data=b"1"))
            assert made == await stub.GetItem(GetItemRequest(made.id)) == Item(1, "a", b"1")
            assert await stub.UpdateItem(Item(1, "b")) == Item(1, "b") == await stub.GetItem(GetItemRequest(1))
            assert await stub.DeleteItem(DeleteItemRequest(1)) == DeleteItemResponse()
            missing = [stub.GetItem(GetItemRequest(1)), stub.UpdateItem(Item(1)), stub.DeleteItem(DeleteItemRequest(1))]
            assert [await refusal(call) for call in missing] == [("NOT_FOUND", "there is no such item")] * 3
            assert (await refusal(stub.CreateItem(Item(5))))[0] == "INVALID_ARGUMENT"

    told(story())


# -- server streaming --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_all_items_are_listed_in_order_over_any_number_of_batches(count: int) -> None:
    async def story() -> None:
        async with patterns(items(count)) as served:
            found, status, _ = await outcome(served.stub.ListItems(ListItemsRequest()))
            assert [item.id for item in found] == list(range(1, count + 1))
            assert status == "OK"

    told(story())


def test_a_listing_goes_on_behind_an_item_and_has_those_of_one_prefix() -> None:
    async def story() -> None:
        async with patterns(items(20)) as served:
            found, _, _ = await outcome(served.stub.ListItems(ListItemsRequest("item 1", 9)))
            assert [item.id for item in found] == [*range(10, 20)]
            assert (await outcome(served.stub.ListItems(ListItemsRequest(after_id=-1))))[1] == "INVALID_ARGUMENT"

    told(story())


def test_who_watches_has_what_there_is_and_then_every_new_item_at_once() -> None:
    async def story() -> None:
        async with patterns(items(2)) as served:
            call = served.stub.WatchItems(ListItemsRequest("item"))
            assert [(await call.read()).id for _ in range(2)] == [1, 2]
            await upload_items(served.stub, (*items(1), Item(name="other"), Item(name="item last")))
            assert [(await call.read()).name for _ in range(2)] == ["item 1", "item last"]
            call.cancel()
            await until(lambda: served.told["cancelled"] == 1)

    told(story())


async def three(_: StreamRequest) -> AsyncIterator[Item]:
    for n in (1, 2, 3):
        yield Item(n)


async def broken(request: StreamRequest) -> AsyncIterator[Item]:
    async for item in three(request):
        yield item
    raise PermissionError("secret")


async def sizes(request: StreamRequest) -> AsyncIterator[Item]:
    for size in request.sizes:
        yield Item(data=bytes(size))


def test_a_source_is_streamed_and_what_it_raises_comes_behind_its_items() -> None:
    async def story() -> None:
        async with patterns(sources={"three": three, "broken": broken, "sizes": sizes}) as served:
            ask = served.stub.StreamWithBackpressure
            assert await outcome(ask(StreamRequest("three"))) == ([Item(1), Item(2), Item(3)], "OK", "")
            failed = await outcome(ask(StreamRequest("broken")))
            assert failed == ([Item(1), Item(2), Item(3)], "INTERNAL", "the handler failed")
            assert await outcome(ask(StreamRequest("none"))) == ([], "NOT_FOUND", "there is no such source")
            found, _, _ = await outcome(ask(StreamRequest("sizes", (0, 5, 70_000))))
            assert [len(item.data) for item in found] == [0, 5, 70_000]

    told(story())


# -- client streaming --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 500])
def test_an_upload_is_counted_and_kept(count: int) -> None:
    async def story() -> None:
        async with patterns() as served:
            assert await upload_items(served.stub, items(count, 7)) == UploadResponse(count, 7 * count)
            assert await listed(served) == [item.name for item in items(count, 7)]

    told(story())


def test_an_upload_may_come_as_it_is_made() -> None:
    async def made() -> AsyncIterator[Item]:
        for item in items(3):
            yield item

    async def story() -> None:
        async with patterns() as served:
            assert (await upload_items(served.stub, made())).item_count == 3

    told(story())


def test_a_client_whose_upload_is_ended_by_the_server_learns_why() -> None:
    async def story() -> None:
        async with patterns() as served:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await upload_items(served.stub, (Item(name="x") for _ in range(MOST_UPLOAD_ITEMS * 2)))
            assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await upload_items(served.stub, [Item(name="good"), Item(7)])
            assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert await listed(served) == []

    told(story())


def test_an_upload_whose_items_cannot_be_made_is_cancelled_and_nothing_is_kept() -> None:
    def failing() -> Any:
        yield from items(3)
        raise RuntimeError("no more")

    async def story() -> None:
        async with patterns() as served:
            with pytest.raises(RuntimeError, match="no more"):
                await upload_items(served.stub, failing())
            await until(lambda: served.told["cancelled"] == 1)
            assert await listed(served) == []

    told(story())


@pytest.mark.parametrize(
    ("first", "timeout_s", "status"),
    [(Item(7), None, "INVALID_ARGUMENT"), (Item(name="good"), 0.2, "DEADLINE_EXCEEDED")],
)
def test_an_upload_that_is_over_waits_for_no_item_more(first: Item, timeout_s: float | None, status: str) -> None:
    closed: list[bool] = []

    async def waiting() -> AsyncIterator[Item]:
        try:
            yield first
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def story() -> None:
        async with patterns() as served:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await upload_items(served.stub, waiting(), timeout_s)
            assert raised.value.code().name == status
            assert closed == [True]
            assert await listed(served) == []

    told(story())


def test_an_upload_that_is_given_up_is_cancelled_and_asks_for_no_item_more() -> None:
    closed = asyncio.Event()

    async def waiting() -> AsyncIterator[Item]:
        try:
            yield Item(name="never")
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def story() -> None:
        async with patterns() as served:
            uploading = asyncio.create_task(upload_items(served.stub, waiting()))
            await until(lambda: served.told["open"] == 1)
            uploading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await uploading
            await closed.wait()
            await until(lambda: served.told["cancelled"] == 1)
            assert await listed(served) == []

    told(story())


# -- both --------------------------------------------------------------------------------------------------------------


def test_what_one_says_the_others_hear_over_both_services() -> None:
    async def story() -> None:
        async with patterns() as served:
            first, second = served.stub.Chat(), ChatServiceStub(served.channel).Chat()
            for call in (first, second):
                await call.initial_metadata()
            await first.write(ChatMessage("hello", "first"))
            assert await second.read() == ChatMessage("hello", "first")
            await second.write(ChatMessage("hello back", "second"))
            assert await first.read() == ChatMessage("hello back", "second"), "and its own it has not heard"
            for call in (first, second):
                await call.done_writing()
                assert await outcome(call) == ([], "OK", "")

    told(story())


def test_a_half_close_loses_nothing_that_was_said_before_it() -> None:
    async def story() -> None:
        async with patterns() as served:
            speaker, hearer = served.stub.Chat(), served.stub.Chat()
            for call in (speaker, hearer):
                await call.initial_metadata()
            for n in range(50):
                await speaker.write(ChatMessage(f"{n}".ljust(4_000)))
            await speaker.done_writing()
            assert await outcome(speaker) == ([], "OK", ""), "all of it has been heard by the hub"
            await hearer.done_writing()
            found, status, _ = await outcome(hearer)
            assert [message.content.strip() for message in found] == [str(n) for n in range(50)]
            assert status == "OK"
            assert served.service.chats.members == 0

    told(story())


def test_the_sample_chat_says_and_hears_everything() -> None:
    async def story() -> None:
        async with patterns() as served:
            heard: list[str] = []
            enough = asyncio.Event()

            def received(message: ChatMessage) -> None:
                heard.append(message.content)
                if len(heard) == 3:
                    enough.set()

            async def silent() -> AsyncIterator[ChatMessage]:
                await enough.wait()
                nothing: tuple[ChatMessage, ...] = ()
                for message in nothing:
                    yield message

            hearing = asyncio.create_task(chat(served.stub, silent(), received))
            await until(lambda: served.service.chats.members == 1)
            said = [ChatMessage(str(n)) for n in range(3)]
            await chat(ChatServiceStub(served.channel), said, lambda _: None)
            await hearing
            assert heard == ["0", "1", "2"]

    told(story())


def test_a_chat_whose_contents_cannot_be_made_is_cancelled() -> None:
    def failing() -> Any:
        yield ChatMessage("first")
        raise RuntimeError("no more")

    async def story() -> None:
        async with patterns() as served:
            with pytest.raises(RuntimeError, match="no more"):
                await chat(served.stub, failing(), lambda _: None)
            await until(lambda: served.told["cancelled"] == 1)
            assert served.service.chats.members == 0

    told(story())


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_a_deadline_is_a_deadline_in_every_method() -> None:
    async def silence() -> AsyncIterator[ChatMessage]:
        await asyncio.Event().wait()
        yield ChatMessage()

    async def story() -> None:
        async with patterns(items(1)) as served:
            stub = served.stub
            calls = [
                stub.WatchItems(ListItemsRequest(), timeout=0.1),
                stub.UploadItems(timeout=0.1),
                stub.Chat(timeout=0.1),
            ]
            for call in calls:
                assert (await call.code()) is grpc.StatusCode.DEADLINE_EXCEEDED
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await chat(stub, silence(), lambda _: None, timeout_s=0.1)
            assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    told(story())


def test_health_says_of_each_service_that_it_serves() -> None:
    async def story() -> None:
        async with patterns() as served:
            stub: Any = health_pb2_grpc.HealthStub(served.channel)
            for name in ("", "streampatterns.StreamService", "streampatterns.ChatService"):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING

    told(story())


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
def test_reflection_lists_the_services_and_describes_how_each_method_streams(version: str) -> None:
    async def story() -> None:
        async with patterns() as served:
            call = served.channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )()
            ask = reflection_pb2.ServerReflectionRequest
            await call.write(ask(list_services=""))
            names = {service.name for service in (await call.read()).list_services_response.service}
            assert {"streampatterns.StreamService", "streampatterns.ChatService", "grpc.health.v1.Health"} <= names
            await call.write(ask(file_containing_symbol="streampatterns.StreamService"))
            (file,) = (await call.read()).file_descriptor_response.file_descriptor_proto
            described = descriptor_pb2.FileDescriptorProto.FromString(file).service[0]
            ways = {m.name: (m.client_streaming, m.server_streaming) for m in described.method}
            assert ways["GetItem"] == (False, False)
            assert ways["ListItems"] == (False, True)
            assert ways["UploadItems"] == (True, False)
            assert ways["Chat"] == (True, True)
            await call.done_writing()

    told(story())


def test_a_shutdown_is_told_to_every_call_and_ends_in_order() -> None:
    async def story() -> None:
        store = ItemStore()
        serving = server.serving(StreamService(store))
        served = await serving.__aenter__()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel:
            stub: Any = StreamServiceStub(channel)
            calls = [stub.WatchItems(ListItemsRequest()), stub.Chat(), stub.UploadItems()]
            for call in calls:
                await call.initial_metadata()
            await serving.__aexit__(None, None, None)
            for call in calls:
                assert await call.code() is grpc.StatusCode.UNAVAILABLE
                assert await call.details() == "the server is shutting down"
        assert not served.board.open
        assert served.told["cleanups"] == served.told["ended"] == 3
        store.close()

    told(story())
