"""A service on a socket: what clients see over HTTP, in envelopes, over gRPC; and that a handler hears them leave."""

from __future__ import annotations

import asyncio
import json
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from envelope_clients import connected
from stream_stories import run

from streamspec.reference_impl import grpc_text
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.services.transport import (
    Pool,
    StreamErrorCode,
    StreamException,
    StreamTransportService,
    Task,
    ThreadPool,
    TransportChannel,
    application,
)
from streamspec.reference_impl.services.transport.node import MOST_REQUEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Serve = Callable[..., StreamTransportService]
    Story = Callable[[int], Coroutine[Any, Any, Any]]

LONGEST_S = 10.0
HEADER = {"type": "header", "correlation-id": 1, "headers": {}}


def counting(request: Any, channel: TransportChannel, task: Task) -> None:
    for n in range(int(request["size"])):
        channel.send_response_batch({"n": n})
    channel.complete_stream()


def failing(_request: object, channel: TransportChannel, _task: Task) -> None:
    channel.send_response_batch("one")
    channel.send_response(StreamException(StreamErrorCode.ALREADY_EXISTS, "twice", metadata={"not": "shown"}))


class Endless:
    """Sends for ever, and tells when it has learnt that nobody wants more."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.heard = threading.Event()

    def __call__(self, request: Any, channel: TransportChannel, task: Task) -> None:
        self.begun.set()
        try:
            for n in count():
                channel.send_response_batch({"n": n, "text": "x" * 10_000})
                if request and "pause_ms" in request:
                    task.sleep(float(request["pause_ms"]) / 1000)
        except StreamException as failure:
            if failure.error_code is StreamErrorCode.CANCELLED:
                self.heard.set()
            raise


@pytest.fixture
def endless() -> Endless:
    return Endless()


@pytest.fixture
def made(serve: Serve, endless: Endless) -> Callable[..., StreamTransportService]:
    """A service with four actions."""

    def made(**settings: Any) -> StreamTransportService:
        pools = {ThreadPool.Names.SEARCH: Pool(2, 2), ThreadPool.Names.GENERIC: Pool(1, 1)}
        service = serve(counting, pools, **settings)
        for name, handler in (("failing", failing), ("endless", endless)):
            service.register_request_handler(name, ThreadPool.Names.SEARCH, lambda request: request, handler)
        service.register_request_handler("sized", ThreadPool.Names.GENERIC, lambda said: int(said["size"]), counting)
        return service

    return made


@pytest.fixture
def serving_it(made: Callable[..., StreamTransportService], serving: Any) -> Callable[..., Any]:
    """Run a story against a served service; the service is returned with what the story said."""

    def serving_it(story: Story, heartbeat_ms: int = 0, **settings: Any) -> tuple[StreamTransportService, Any]:
        service = made(**settings)

        async def told() -> Any:
            async with serving(application(service, heartbeat_ms)) as port:
                return await story(port)

        return service, run(told())

    return serving_it


async def post(exchange: Any, port: int, path: str, body: str, accept: str = "") -> bytes:
    headers = f"content-length: {len(body)}\r\n" + (f"accept: {accept}\r\n" if accept else "")
    async with asyncio.timeout(LONGEST_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n"
        writer.write((head + body).encode())
        received = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
    return received


def records(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.decode().splitlines()]


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def error_of(response: bytes) -> dict[str, str]:
    told = json.loads(response.partition(b"\r\n\r\n")[2])["error"]
    assert isinstance(told, dict)
    return told


def test_a_get_with_a_query_and_a_post_ask_alike(serving_it: Any, exchange: Any, body_of: Any) -> None:
    async def story(port: int) -> list[list[Any]]:
        source = "%7B%22size%22%3A2%7D"
        return [
            records(body_of(await exchange(port, "/stream/action?size=2"))),
            records(body_of(await exchange(port, f"/stream/action?source={source}"))),
            records(body_of(await post(exchange, port, "/stream/action", '{"size":2}'))),
        ]

    _, told = serving_it(story)
    for number, got in enumerate(told, 1):
        assert got == [
            {**HEADER, "correlation-id": number},
            {"type": "batch", "n": 1, "response": {"n": 0}},
            {"type": "batch", "n": 2, "response": {"n": 1}},
            {"type": "complete"},
        ]


def test_an_empty_stream_has_a_header_and_an_ending(serving_it: Any, exchange: Any, body_of: Any) -> None:
    async def story(port: int) -> list[Any]:
        return records(body_of(await exchange(port, "/stream/action?size=0")))

    assert serving_it(story)[1] == [HEADER, {"type": "complete"}]


def test_a_failure_is_shown_behind_what_was_sent(serving_it: Any, exchange: Any, body_of: Any) -> None:
    async def story(port: int) -> list[Any]:
        return records(body_of(await exchange(port, "/stream/failing")))

    assert serving_it(story)[1] == [
        HEADER,
        {"type": "batch", "n": 1, "response": "one"},
        {"type": "error", "code": "ALREADY_EXISTS", "message": "twice"},
    ]


def test_events_are_for_those_who_accept_them(serving_it: Any, exchange: Any, body_of: Any) -> None:
    async def story(port: int) -> bytes:
        return bytes(await exchange(port, "/stream/action?size=1", headers="accept: text/event-stream\r\n"))

    _, response = serving_it(story)
    assert b"content-type: text/event-stream" in response
    assert [event.split("\n")[0] for event in body_of(response).decode().split("\n\n")] == [
        "event: header",
        'data: {"type":"batch","n":1,"response":{"n":0}}',
        "event: complete",
        "",
    ]


def test_what_cannot_be_answered_is_refused_by_name_and_begins_nothing(serving_it: Any, exchange: Any) -> None:
    async def story(port: int) -> list[tuple[int, str]]:
        asked = (
            await exchange(port, "/stream/nothing"),
            await exchange(port, "/stream/sized?size=many"),
            await exchange(port, "/stream/action?source=%7B"),
            await post(exchange, port, "/stream/action", "NaN"),
            await post(exchange, port, "/stream/action", '{"size":"\\ud800"}'),
            await post(exchange, port, "/stream/action", '{"size":1e999}'),
            await exchange(port, "/stream/action?" + "&".join(f"p{n}=1" for n in range(40))),
        )
        return [(status(response), error_of(response)["code"]) for response in asked]

    service, told = serving_it(story)
    assert told == [(404, "NOT_FOUND"), *[(400, "INVALID_ARGUMENT")] * 6]
    assert service.figures()["calls"] == 0


def test_other_refusals_have_their_status(serving_it: Any, exchange: Any) -> None:
    async def story(port: int) -> list[int]:
        return [
            status(response)
            for response in (
                await exchange(port, "/elsewhere"),
                await exchange(port, "/stream/action?size=1", method="PUT"),
                await exchange(port, "/stream/action?size=1", headers="accept: text/html\r\n"),
                await exchange(port, "/told", method="POST"),
                await exchange(port, "/_tasks/1/_cancel"),
                await exchange(port, "/_tasks/1/_cancel", method="POST"),
                await exchange(port, "/_tasks/x/_cancel", method="POST"),
                await post(exchange, port, "/stream/action", "1" * (MOST_REQUEST_BYTES + 1)),
            )
        ]

    assert serving_it(story)[1] == [404, 405, 406, 405, 405, 404, 404, 413]


def test_a_full_pool_is_a_429_and_the_loop_and_other_pools_go_on(
    serving_it: Any, exchange: Any, endless: Endless
) -> None:
    async def story(port: int) -> list[int]:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for reader, writer in held:
            writer.write(b"GET /stream/endless HTTP/1.1\r\nhost: test\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        full = await exchange(port, "/stream/action?size=1")
        elsewhere = await exchange(port, "/stream/sized?size=many")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        return [status(full), status(elsewhere)]

    service, told = serving_it(story, watermark_bytes=1)
    assert told == [429, 400]
    assert service.figures()["statuses"]["RESOURCE_EXHAUSTED"] == 1


def test_a_client_that_leaves_is_heard_by_a_handler_that_waits_for_it(
    serving_it: Any, exchange: Any, endless: Endless
) -> None:
    async def story(port: int) -> bool:
        await exchange(port, "/stream/endless", until=b'"n":2')
        return await asyncio.to_thread(endless.heard.wait, LONGEST_S)

    service, heard = serving_it(story, watermark_bytes=1)
    assert heard
    assert service.close(LONGEST_S)
    assert service.figures()["statuses"] == {"CANCELLED": 1}


def test_a_client_that_leaves_is_heard_by_a_handler_that_pauses(
    serving_it: Any, exchange: Any, endless: Endless
) -> None:
    async def story(port: int) -> bool:
        await exchange(port, "/stream/endless?pause_ms=3600000", until=b'"n":0')
        return await asyncio.to_thread(endless.heard.wait, LONGEST_S)

    assert serving_it(story)[1]


def test_a_client_that_has_left_before_the_head_is_heard(
    made: Callable[..., StreamTransportService], endless: Endless
) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        assert await asyncio.to_thread(endless.begun.wait, LONGEST_S)
        raise BrokenPipeError

    async def story() -> bool:
        asked = {"type": "http", "path": "/stream/endless", "method": "GET", "query_string": b"", "headers": []}
        with pytest.raises(BrokenPipeError):
            await application(made(watermark_bytes=1))(asked, receive, send)
        return await asyncio.to_thread(endless.heard.wait, LONGEST_S)

    assert run(story())


def test_a_silence_is_broken_by_signs_of_life(serving_it: Any, exchange: Any) -> None:
    async def story(port: int) -> bytes:
        return bytes(await exchange(port, "/stream/endless?pause_ms=3600000", until=b'{"type":"heartbeat"}\n'))

    assert b'{"type":"heartbeat"}\n' in serving_it(story, heartbeat_ms=20)[1]


def test_a_task_is_listed_and_cancelled_and_its_client_told(serving_it: Any, body_of: Any) -> None:
    async def story(port: int) -> tuple[Any, list[Any]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stream/endless?pause_ms=3600000 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        received = await reader.readuntil(b"xxx")
        tasks = json.loads((await asking(port, "GET", "/_tasks")).partition(b"\r\n\r\n")[2])
        number = tasks["tasks"][0]["id"]
        assert status(await asking(port, "POST", f"/_tasks/{number}/_cancel")) == 200
        received += await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return tasks, records(body_of(received))

    async def asking(port: int, method: str, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return answer

    _, (tasks, got) = serving_it(story)
    assert tasks == {
        "tasks": [{"id": 1, "action": "endless", "description": "request [1] for endless", "parent": None}]
    }
    assert got[-1] == {"type": "error", "code": "CANCELLED", "message": "by user request"}


@pytest.mark.parametrize("over", ["ws", "tcp"])
def test_an_action_is_a_procedure_of_a_message(serving_it: Any, over: str, endless: Endless) -> None:
    async def story(port: int) -> list[Any]:
        async with connected(over, port, "/ws") as talk:
            await talk.say("a", "start", procedure="action", payload={"size": 2})
            got: list[Any] = [await talk.told("a")]
            await talk.say("b", "start", procedure="failing")
            got.append(await talk.told("b"))
            for stream, procedure in (("c", "nothing"), ("d", "sized"), ("e", "bidi")):
                await talk.say(stream, "start", procedure=procedure, payload={})
                got.append((await talk.hear(stream))["payload"]["code"])
            await talk.say("f", "start", procedure="endless", payload={"pause_ms": 3_600_000})
            came = [(await talk.hear("f"))["type"] for _ in range(2)]  # so its handler is at work
            assert came == ["stream:start", "stream:data"]
            await talk.say("f", "cancel")
            assert await asyncio.to_thread(endless.heard.wait, LONGEST_S)
            return got

    _, got = serving_it(story, watermark_bytes=1)
    batches = [{"type": "batch", "n": n + 1, "response": {"n": n}} for n in range(2)]
    assert got[0][:-1] == [HEADER, *batches]
    assert got[1][0] == {**HEADER, "correlation-id": 2}
    assert got[2:] == ["NOT_FOUND", "INVALID_ARGUMENT", "UNIMPLEMENTED"]


@pytest.mark.parametrize("over", ["ws", "tcp"])
def test_half_a_surrogate_pair_in_a_request_or_a_failure_disturbs_no_other_stream(
    made: Callable[..., StreamTransportService], serving: Any, over: str
) -> None:
    def reading(_said: object) -> None:
        raise StreamException(StreamErrorCode.NOT_FOUND, "no \ud800")

    def raising(_request: object, _channel: TransportChannel, _task: Task) -> None:
        raise StreamException(StreamErrorCode.NOT_FOUND, "no \ud800")

    def cancelling(_request: object, _channel: TransportChannel, task: Task) -> None:
        task.cancel("no \ud800")

    service = made()
    service.register_request_handler("reading", ThreadPool.Names.SEARCH, reading, counting)
    service.register_request_handler("raising", ThreadPool.Names.SEARCH, lambda said: said, raising)
    service.register_request_handler("cancelling", ThreadPool.Names.SEARCH, lambda said: said, cancelling)

    async def story() -> list[Any]:
        async with serving(application(service)) as port, connected(over, port, "/ws") as talk:
            await talk.say("a", "start", procedure="action", payload={"size": "\ud800"})
            got = [(await talk.hear("a"))["payload"]["code"]]
            await talk.say("b", "start", procedure="reading")
            got.append((await talk.hear("b"))["payload"]["message"])
            for stream, procedure in (("c", "raising"), ("d", "cancelling")):
                await talk.say(stream, "start", procedure=procedure)
                while (said := await talk.hear(stream))["type"] != "stream:error":
                    pass
                got.append(said["payload"]["message"])
            await talk.say("e", "start", procedure="action", payload={"size": 1})
            return [*got, (await talk.told("e"))[1]]

    told = run(story())
    assert told == ["INVALID_ARGUMENT", *["no \\ud800"] * 3, {"type": "batch", "n": 1, "response": {"n": 0}}]


def test_a_client_that_leaves_is_the_reason_of_its_tasks_cancel(
    made: Callable[..., StreamTransportService], serving: Any, exchange: Any, endless: Endless
) -> None:
    reasons: list[str | None] = []

    def asking(request: Any, channel: TransportChannel, task: Task) -> None:
        try:
            endless(request, channel, task)
        finally:
            reasons.append(task.reason_cancelled)

    service = made(watermark_bytes=1)
    service.register_request_handler("asking", ThreadPool.Names.SEARCH, lambda said: said, asking)

    async def story() -> bool:
        async with serving(application(service)) as port:
            await exchange(port, "/stream/asking", until=b'"n":2')
            return await asyncio.to_thread(endless.heard.wait, LONGEST_S)

    assert run(story())
    assert service.close(LONGEST_S)
    assert reasons == ["the client has left"]


def test_a_server_that_stops_tells_its_streams_and_their_handlers(
    made: Callable[..., StreamTransportService], serving: Any, body_of: Any, endless: Endless
) -> None:
    async def story() -> bytes:
        async with serving(application(made())) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /stream/endless?pause_ms=3600000 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            received = await reader.readuntil(b'"n":0')
        received += await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        return received

    assert records(body_of(run(story())))[-1] == {
        "type": "error",
        "code": "UNAVAILABLE",
        "message": "the server is shutting down",
    }
    assert endless.heard.wait(LONGEST_S)


def test_over_grpc_the_message_names_its_action(made: Callable[..., StreamTransportService], endless: Endless) -> None:
    grpc = pytest.importorskip("grpc")

    async def asked(channel: Any, said: object) -> tuple[list[Any], str]:
        call = channel.unary_stream("/streamspec.Script/Server")(grpc_text.encoded(json.dumps(said)))
        got = []
        try:
            async for message in call:
                got.append(json.loads(grpc_text.decoded(message)))  # noqa: PERF401 -- what came before a failure counts
        except grpc.aio.AioRpcError as failure:
            return got, failure.code().name
        return got, (await call.code()).name

    async def story() -> list[tuple[list[Any], str]]:
        node = application(made(watermark_bytes=1))
        async with (
            grpc_server.serving(node, "127.0.0.1") as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            said = {"action": "endless", "request": None}
            leaving = channel.unary_stream("/streamspec.Script/Server")(grpc_text.encoded(json.dumps(said)))
            await leaving.read()
            leaving.cancel()
            assert await asyncio.to_thread(endless.heard.wait, LONGEST_S)
            asks: tuple[object, ...] = (
                {"action": "action", "request": {"size": 1}},
                {"action": "failing"},
                {"action": "nothing"},
                [],
            )
            return [await asked(channel, said) for said in asks]

    whole, failed, unknown, wrong = run(story())
    assert whole == ([{**HEADER, "correlation-id": 2}, {"type": "batch", "n": 1, "response": {"n": 0}}], "OK")
    assert (len(failed[0]), failed[1]) == (2, "ALREADY_EXISTS")
    assert (unknown, wrong) == (([], "NOT_FOUND"), ([], "INVALID_ARGUMENT"))
