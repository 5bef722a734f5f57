"""The server on a real socket, read in raw bytes: every role, refusals, one port for two writers, start and end."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import zlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.roles import ROLES, TEXTS, Role, Values
from streamspec.reference_impl.server import listen
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    import subprocess

    from streamspec.reference_impl.outlet import Outlet

Get = Callable[..., bytes]
Body = Callable[[bytes], bytes]
Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]
Spawned = Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]
PortOf = Callable[["subprocess.Popen[bytes]"], int]

END = b"event: end\ndata: {}\n\n"
FAILED = b'{"type":"error","code":"INTERNAL","message":"the handler failed"}'


def _items(count: int) -> bytes:
    return b"".join(f'id: {n}\ndata: {{"n":{n},"text":"№ {n}"}}\n\n'.encode() for n in range(1, count + 1))


def _lines(count: int) -> bytes:
    return b"".join(f'{{"n":{n},"text":"№ {n}"}}\n'.encode() for n in range(1, count + 1))


def _content_type(path: str) -> bytes:
    kinds = {"ndjson": b"application/x-ndjson", "guide": b"application/x-ndjson", "json_array": b"application/json"}
    return kinds.get(path.split("/")[1], b"text/event-stream")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", _items(30) + END),
        ("/sse/", _items(30) + END),
        ("/sse/finite?n=2", _items(2) + END),
        ("/ndjson/?n=3", _lines(3) + b'{"type":"end"}\n'),
        ("/ndjson/finite", _lines(100) + b'{"type":"end"}\n'),
        ("/ndjson/empty", b'{"type":"end"}\n'),
        ("/ndjson/failing?after=2", _lines(2) + FAILED + b"\n"),
        ("/json_array/finite?n=2", b"[\n" + _lines(2)[:-1].replace(b"\n", b",\n") + b"\n]\n"),
        ("/json_array/empty", b"[\n]\n"),
        ("/json_array/failing?after=0", b"[\n" + FAILED + b"\n]\n"),
        (
            "/guide/finite?n=1",
            '{"type":"metadata","totalRecords":1}\n{"type":"data","id":"item-1","n":1,"text":"№ 1"}\n'
            '{"type":"stream-end","reason":"completed","processed":1,"errors":0}\n'.encode(),
        ),
        ("/empty", END),
        ("/idle?silent_ms=0", _items(1) + END),
        ("/resumable?n=3&period_ms=0", _items(3) + END),
        ("/?n=2&period_ms=0", _items(2) + END),
        ("/finite", _items(100) + END),
        ("/finite?n=1000", _items(1000) + END),
        ("/finite?n=0", END),
        ("/prompt?gap_ms=10", _items(2) + END),
        ("/failing", _items(3) + b'event: error\ndata: {"code":"INTERNAL","message":"the handler failed"}\n\n'),
    ],
)
def test_a_role_streams_exactly_its_bytes(get: Get, body_of: Body, path: str, body: bytes) -> None:
    response = get(path)
    head = response.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 200 ok\r\n")
    assert b"\r\ncontent-type: " + _content_type(path) + b"\r\n" in head
    assert b"\r\ncache-control: no-store\r\n" in head
    assert b"content-length" not in head
    assert body_of(response) == body


def test_endless_goes_on_until_it_is_left(get: Get) -> None:
    response = get("/endless?period_ms=0", until=b"id: 200\n")
    assert response.count(b"id: ") >= 200
    assert b"event: " not in response


def test_prompt_shows_its_first_item_while_the_second_does_not_exist(get: Get) -> None:
    response = get("/prompt?gap_ms=60000", until=b"id: 1\n")
    assert b"id: 2\n" not in response


@pytest.mark.parametrize("prefix", ["", "/broken/wrong-length"])
@pytest.mark.parametrize(
    ("path", "first"), [("/prompt", b"id: 1\n"), ("/ndjson/prompt", b"}\n"), ("/json_array/prompt", b'1"}')]
)
def test_who_takes_gzip_reads_each_item_at_once(get: Get, prefix: str, path: str, first: bytes) -> None:
    def readable(response: bytes) -> bytes:
        chunks, reader, body = response.partition(b"\r\n\r\n")[2], zlib.decompressobj(wbits=31), b""
        while b"\r\n" in chunks:
            size, _, rest = chunks.partition(b"\r\n")
            body += reader.decompress(rest[: int(size, 16)])
            chunks = rest[int(size, 16) + 2 :]
        return body

    coded = get(f"{prefix}{path}?gap_ms=60000", accept="gzip, br", enough=lambda response: first in readable(response))
    assert b"\r\ncontent-encoding: gzip\r\nvary: accept-encoding\r\n" in coded
    assert b"2" not in readable(coded)


def test_gzip_holds_the_same_as_identity(get: Get, body_of: Body) -> None:
    coded = body_of(get("/ndjson/finite", accept="gzip"))
    assert gzip.decompress(coded) == body_of(get("/ndjson/finite", accept="identity")) == body_of(get("/ndjson/finite"))


def test_text_stands_in_sse_as_it_is(get: Get, body_of: Body) -> None:
    blocks = body_of(get("/text")).decode().removesuffix(END.decode()).split("\n\n")
    read = ["\n".join(line.removeprefix("data: ") for line in block.split("\n")[1:]) for block in blocks[:-1]]
    assert read == [text.replace("\r\n", "\n").replace("\r", "\n") for text in TEXTS]


def test_text_stands_in_json_as_a_string(get: Get, body_of: Body) -> None:
    lines = body_of(get("/ndjson/text")).decode().split("\n")
    assert [json.loads(line)["text"] for line in lines[:-2]] == list(TEXTS)
    assert [element["text"] for element in json.loads(body_of(get("/json_array/text")))] == list(TEXTS)


def test_an_idle_stream_shows_signs_of_life(get: Get) -> None:
    for path, sign in [("/idle", b": heartbeat\n\n"), ("/ndjson/idle", b'{"type":"heartbeat"}\n')]:
        response = get(f"{path}?heartbeat_ms=1", enough=lambda response, sign=sign: response.count(sign) > 2)
        assert response.count(b'"n":') == 1


@pytest.mark.parametrize(("last", "first"), [("", b"id: 1\n"), ("7", b"id: 8\n"), ("19", b"id: 20\n")])
def test_a_resume_begins_behind_its_id(get: Get, body_of: Body, last: str, first: bytes) -> None:
    response = get("/resumable?period_ms=0", headers=f"last-event-id: {last}\r\n" if last else "")
    assert body_of(response).startswith(first)


@pytest.mark.parametrize("prefix", ["", "/broken/wrong-length", "/ndjson"])
def test_behind_the_last_item_there_is_nothing_to_come_back_for(get: Get, prefix: str) -> None:
    head, _, body = get(f"{prefix}/resumable", headers="last-event-id: 20\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 204 ")
    assert body == b""
    assert b"content-length" not in head.lower()
    assert b"transfer-encoding" not in head.lower()


@pytest.mark.parametrize("prefix", ["", "/broken/wrong-length"])
def test_a_resume_behind_what_never_was_is_refused(get: Get, prefix: str) -> None:
    head, _, body = get(f"{prefix}/resumable", headers="last-event-id: 21\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 412 ")
    assert body == b"Last-Event-ID is no id of this stream\n"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", b"404 Not Found"),
        ("POST", "/finite", b"405 Method Not Allowed"),
        ("GET", "/finite?n=many", b"400 Bad Request"),
    ],
)
def test_a_refusal_has_its_status_and_one_line(get: Get, method: str, path: str, status: bytes) -> None:
    head, _, body = get(path, method=method).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert (b"\r\nallow: GET" in head) == (method == "POST")
    assert body.endswith(b"\n")
    assert body.count(b"\n") == 1


@pytest.mark.parametrize("path", ["/nope", "/?n=x"])
@pytest.mark.parametrize("variant", ["wrong-length", "bad-chunks"])
def test_a_wire_variant_refuses_as_the_others_do(get: Get, variant: str, path: str) -> None:
    head, _, body = get(f"/broken/{variant}{path}").partition(b"\r\n\r\n")
    good_head, _, good_body = get(path).partition(b"\r\n\r\n")
    assert head.split()[1] == good_head.split()[1]
    assert body == good_body


async def _client(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    return reader, writer


@pytest.mark.parametrize("prefix", ["", "/broken/bad-chunks"])
@pytest.mark.parametrize("leave", ["close", "abort"])
def test_a_client_that_leaves_reaches_the_producer(serving: Serving, prefix: str, leave: str) -> None:
    async def story() -> None:
        heard: asyncio.Future[Code] = asyncio.get_running_loop().create_future()
        cleanups: list[int] = []

        async def produce(outlet: Outlet, values: Values) -> None:
            outlet.on_end(lambda: cleanups.append(1))
            await outlet.send(Item(1, ""))
            try:
                await outlet.sleep(3600)
            except StreamError as error:
                heard.set_result(error.code)
                raise

        async with asyncio.timeout(10), serving(App([Role("/probe", (), produce)], variants())) as port:
            request = f"GET {prefix}/probe HTTP/1.1\r\nhost: x\r\n\r\n".encode()
            reader, writer = await _client(port, request)
            await reader.readuntil(b"id: 1\n")
            if leave == "close":
                writer.close()
            else:
                writer.transport.abort()
            assert await heard is Code.CANCELLED
        assert cleanups == [1]

    asyncio.run(story())


def test_a_connection_serves_one_stream_after_another(port: int) -> None:
    async def story() -> None:
        async with asyncio.timeout(10):
            reader, writer = await _client(port, b"")
            for _ in range(2):
                writer.write(b"GET /finite?n=1 HTTP/1.1\r\nhost: x\r\n\r\n")
                assert _items(1) in await reader.readuntil(b"0\r\n\r\n")
            # The raw writer needs a connection from its first byte on, and says so.
            writer.write(b"GET /broken/bad-chunks/ HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 421 ")
            writer.close()
            await writer.wait_closed()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "last"), [("/finite?n=1", b"0\r\n\r\n"), ("/broken/bad-chunks/finite?n=1", b"0x0\r\n\r\n")]
)
def test_a_request_line_may_come_in_pieces(serving: Serving, path: str, last: bytes) -> None:
    async def story() -> bytes:
        async with asyncio.timeout(10), serving(App(ROLES, variants())) as port:
            reader, writer = await _client(port, b"")
            for byte in f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode():
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            response = await reader.read()
            writer.close()
            return response

    assert asyncio.run(story()).endswith(last)


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\0\n", b"x" * 9000 + b"\r\n\r\n", b" \r\n\r\n"])
def test_garbage_is_a_400_and_the_server_goes_on(port: int, get: Get, body_of: Body, garbage: bytes) -> None:
    async def story() -> bytes:
        async with asyncio.timeout(10):
            reader, writer = await _client(port, garbage)
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(story()).startswith(b"HTTP/1.1 400 ")
    assert body_of(get("/finite?n=1")) == _items(1) + END


@pytest.mark.parametrize("prefix", ["", "/broken/wrong-length"])
def test_a_stopping_server_ends_open_streams_with_unavailable(serving: Serving, prefix: str) -> None:
    async def story() -> bytes:
        async with asyncio.timeout(10):
            async with serving(App(ROLES, variants())) as port:
                request = f"GET {prefix}/endless?period_ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n".encode()
                reader, writer = await _client(port, request)
                await reader.readuntil(b"id: 1\n")
                silent = await _client(port, b"GET /bro")
            rest = await reader.read()
            assert await silent[0].read() == b""
            silent[1].close()
            writer.close()
            return rest

    rest = asyncio.run(story())
    assert b'event: error\ndata: {"code":"UNAVAILABLE"' in rest
    assert rest.endswith(b"0\r\n\r\n")


def test_the_server_says_one_line_and_ends_with_its_parents_pipe(spawned: Spawned, port_of: PortOf) -> None:
    with spawned() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        port_of(process)
        process.stdin.close()
        assert process.wait(10) == 0
        assert process.stdout.read() == b""
        assert process.stderr.read() == b""


def test_the_good_one_alone_has_no_variants(spawned: Spawned, port_of: PortOf, exchange: Exchange) -> None:
    with spawned("--good-alone") as process:
        port = port_of(process)

        async def asked(path: str) -> bytes:
            async with asyncio.timeout(10):
                return await exchange(port, path)

        assert b"\r\ncontent-length: 0\r\n" in asyncio.run(asked("/broken/"))
        assert asyncio.run(asked("/broken/ends-twice/finite?n=1")).startswith(b"HTTP/1.1 404")
        assert b"event: end" in asyncio.run(asked("/finite?n=1"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly_with_a_stream_open(
    spawned: Spawned, port_of: PortOf, exchange: Exchange, number: signal.Signals
) -> None:
    with spawned() as process:
        assert process.stderr is not None
        port = port_of(process)

        async def story() -> bytes:
            async with asyncio.timeout(10):
                reader, writer = await _client(port, b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
                await reader.readuntil(b"id: 1\n")
                process.send_signal(number)
                rest = await reader.read()
                writer.close()
                return rest

        assert b'"code":"UNAVAILABLE"' in asyncio.run(story())
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_a_listener_has_the_family_of_its_address() -> None:
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
    assert host == "127.0.0.1"
    assert port > 0
