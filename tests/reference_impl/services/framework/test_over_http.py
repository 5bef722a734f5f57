"""Streams over HTTP, in octets: as the document shows them, as lines, refused, and left by their clients."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from framework_desk import LONGEST_S, Desk, get, served

from streamspec.reference_impl.services.framework.over_http import MOST_QUERY_BYTES
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.services.framework.served import stream_server
from streamspec.reference_impl.services.framework.served_options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

NDJSON: Final = "application/x-ndjson"
ENDS: Final = "event: end\ndata: {}\n\n"
COUNT: Final = "/streams/desk.count"


def told(tell: Callable[[Desk, int], Coroutine[Any, Any, None]], options: Options | None = None) -> Desk:
    async def story() -> Desk:
        desk = Desk()
        async with served(desk.service(options)) as ports:
            await tell(desk, ports.http)
        return desk

    return asyncio.run(story())


class Wanted(msgspec.Struct):
    level: str | None = None
    limit: int = 100


class Log(msgspec.Struct):
    timestamp: datetime
    message: str
    level: str


def test_the_documents_answer_comes_octet_for_octet() -> None:
    router = Router()

    @router.stream("logs.tail").input(Wanted).output(Log).handler
    async def tail(wanted: Wanted) -> Any:
        assert wanted.limit == 100
        begun = datetime(2024, 1, 1, tzinfo=UTC)
        for second, message in enumerate(("Error occurred", "Another error")):
            yield Log(begun + timedelta(seconds=second), message, wanted.level or "")

    async def story() -> None:
        async with served(stream_server(router)) as ports:
            status, head, body = await get(ports.http, "/streams/logs.tail?level=error", accept="*/*")
            assert status == 200
            assert body == (
                'data: {"timestamp":"2024-01-01T00:00:00Z","message":"Error occurred","level":"error"}\n\n'
                'data: {"timestamp":"2024-01-01T00:00:01Z","message":"Another error","level":"error"}\n\n' + ENDS
            )
            fields = set(head.split("\r\n")[1:])
            assert {
                "content-type: text/event-stream",
                "cache-control: no-store",
                "x-accel-buffering: no",
                "vary: accept",
            } <= fields

    asyncio.run(story())


def test_a_failure_ends_the_stream_and_tells_no_secret() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        _, _, body = await get(port, "/streams/desk.fails")
        assert body == (
            'data: {"n":1}\n\nevent: error\ndata: {"code":"INTERNAL","status":500,"message":"the handler failed"}\n\n'
        )

    told(tell)


def test_in_the_words_of_the_code_every_event_is_named() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        _, _, body = await get(port, f"{COUNT}?n=1")
        assert body == ('event: message\ndata: null\n\nevent: data\ndata: {"n":1}\n\nevent: end\ndata: null\n\n')

    told(tell, Options(envelopes="code"))


@pytest.mark.parametrize(
    ("accept", "supports", "shown"),
    [
        ("", True, "text/event-stream"),
        ("*/*", True, "text/event-stream"),
        (NDJSON, True, NDJSON),
        (f"text/event-stream;q=0.1, {NDJSON}", True, NDJSON),
        (f"{NDJSON}, */*;q=0.1", False, "text/event-stream"),
        (NDJSON, False, ""),
        ("application/json", True, ""),
        ("text/html, text/event-stream;q=0", True, ""),
    ],
)
def test_a_client_gets_the_kind_that_it_accepts(accept: str, supports: bool, shown: str) -> None:  # noqa: FBT001
    async def tell(desk: Desk, port: int) -> None:
        if supports:
            supported = ["application/json", NDJSON]
            desk.router.enable_usd({"content_types": {"default": "application/json", "supported": supported}})
        status, head, body = await (get(port, f"{COUNT}?n=2", accept=accept) if accept else get(port, f"{COUNT}?n=2"))
        if shown:
            assert f"content-type: {shown}\r\n" in f"{head}\r\n"
        else:
            assert (status, json.loads(body)["error"]["code"]) == (406, "NOT_ACCEPTABLE")
            assert not desk.called
        if shown == NDJSON:
            assert body == '{"n":1}\n{"n":2}\n{"type":"end"}\n'

    told(tell)


def test_lines_are_supported_by_a_stream_that_says_so_itself() -> None:
    async def tell(desk: Desk, port: int) -> None:
        @desk.router.stream("desk.lines").content_type(NDJSON).handler
        async def lines() -> Any:
            yield "\n"

        _, _, body = await get(port, "/streams/desk.lines", accept=NDJSON)
        assert body == '"\\n"\n{"type":"end"}\n'

    told(tell)


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/streams/desk.nothing", 404, "NOT_FOUND"),
        ("POST", "/streams/desk.nothing", 404, "NOT_FOUND"),
        ("GET", "/", 404, "NOT_FOUND"),
        ("POST", COUNT, 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/usd.json", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/rpc", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/streams/desk.sum", 501, "UNIMPLEMENTED"),
        ("GET", "/streams/desk.echo", 501, "UNIMPLEMENTED"),
        ("GET", f"{COUNT}?n=many", 400, "INVALID_ARGUMENT"),
        ("GET", f"{COUNT}?n=1.5", 400, "INVALID_ARGUMENT"),
        ("GET", f"{COUNT}?n=%ff", 400, "INVALID_ARGUMENT"),
        ("GET", f"{COUNT}?{'&'.join(f'x{k}=1' for k in range(33))}", 400, "INVALID_ARGUMENT"),
        ("GET", f"{COUNT}?word={'x' * MOST_QUERY_BYTES}", 400, "INVALID_ARGUMENT"),
    ],
)
def test_what_is_no_stream_is_refused_before_anything_begins(method: str, target: str, status: int, code: str) -> None:
    async def tell(_desk: Desk, port: int) -> None:
        came, head, body = await get(port, target, method=method)
        assert (came, json.loads(body)["error"]["code"]) == (status, code)
        assert "content-type: application/json" in head
        assert ("allow: " in head) == (status == 405)

    assert not told(tell).called


def test_head_is_refused_and_has_no_body() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        status, _, body = await get(port, COUNT, method="HEAD")
        assert (status, body) == (405, "")

    assert not told(tell).called


@pytest.mark.parametrize(
    "path",
    [
        *("/streams", "/streams/", "/streams/../desk.count", "/streams/%2e%2e/desk.count", "/streams/desk.count/"),
        *("/streams//desk.count", "/streams/./desk.count", "/streams/desk.count%00", "/streams/desk%2fcount"),
        *("/Streams/desk.count", "/streams/DESK.COUNT", "/streams/desk.count%ff", "//streams/desk.count"),
        *(f"/streams/{'a' * 4_000}", "/streams/routes/metrics/live.stream.py", "/streams/%252e%252e"),
    ],
)
def test_no_trick_with_a_path_leads_anywhere(path: str) -> None:
    async def tell(_desk: Desk, port: int) -> None:
        status, _, body = await get(port, path)
        assert (status, json.loads(body)["error"]["message"]) == (404, "there is no such stream")

    assert not told(tell).called


def test_a_name_may_be_percent_encoded() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        assert (await get(port, "/streams/desk%2Ecount?n=0"))[2] == ENDS

    told(tell)


def test_of_a_parameter_that_stands_twice_the_last_counts() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        assert (await get(port, f"{COUNT}?n=3&n=0"))[2] == ENDS

    told(tell)


def test_a_handler_knows_who_asks() -> None:
    async def tell(desk: Desk, port: int) -> None:
        await get(port, f"{COUNT}?n=0", x_request_id="r-1", authorization="Bearer x")
        await get(port, f"{COUNT}?n=0", x_request_id="no id\tat all")
        known, unknown = desk.contexts
        assert (known.id, known.metadata["authorization"], known.deadline_s) == ("r-1", "Bearer x", None)
        assert unknown.id == "made here"

    told(tell, Options(new_id=lambda: "made here"))


def test_the_streams_are_described() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        status, head, body = await get(port, "/usd.json")
        assert status == 200
        assert "content-type: application/json" in head
        assert set(json.loads(body)["x-usd"]["streams"]["endpoints"]) >= {"desk.count", "desk.sum", "desk.echo"}

    told(tell)


def test_what_was_produced_is_told() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        await get(port, f"{COUNT}?n=5")
        figures = json.loads((await get(port, "/told"))[2])
        assert (figures["produced"], figures["ended"], figures["open"]) == (5, 1, 0)

    told(tell)


async def _until(port: int, target: str, sign: bytes) -> asyncio.StreamWriter:
    """Ask, and read on until this has come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
    async with asyncio.timeout(LONGEST_S):
        await reader.readuntil(sign)
    return writer


def test_an_idle_stream_shows_signs_of_life() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        (await _until(port, "/streams/desk.wait", b": heartbeat\n\n")).close()

    told(tell, Options(heartbeat_ms=1))


def test_a_client_that_leaves_aborts_the_signal_and_the_handler_closes_once() -> None:
    async def tell(desk: Desk, port: int) -> None:
        (await _until(port, "/streams/desk.wait", b'"n":1')).close()
        assert [await desk.next(), await desk.next()] == ["Client disconnected", "closed"]

    desk = told(tell)
    assert desk.seen.empty()


def test_a_handler_that_looks_at_no_signal_is_stopped_all_the_same() -> None:
    async def tell(desk: Desk, port: int) -> None:
        (await _until(port, "/streams/desk.deaf", b'"n":1')).close()
        assert await desk.next() == "closed"

    assert told(tell).seen.empty()


def test_a_deadline_that_a_client_sets_ends_the_stream_and_aborts_the_signal() -> None:
    async def tell(desk: Desk, port: int) -> None:
        _, _, body = await get(port, "/streams/desk.wait", x_deadline_ms="20")
        *_, last = body.removesuffix("\n\n").split("\n\n")
        assert last.startswith('event: error\ndata: {"code":"TIMED_OUT","status":504')
        assert "deadline" in (await desk.next() or "")
        assert await desk.next() == "closed"

    told(tell)


@pytest.mark.parametrize("deadline_ms", ["soon", "-1", "600001", "1e3"])
def test_a_deadline_that_is_none_is_refused(deadline_ms: str) -> None:
    async def tell(_desk: Desk, port: int) -> None:
        assert (await get(port, COUNT, x_deadline_ms=deadline_ms))[0] == 400

    assert not told(tell).called


async def _call(port: int, said: object) -> tuple[int, str]:
    status, _, body = await get(port, "/rpc", method="POST", body=json.dumps(said).encode())
    return status, body


def test_json_rpc_says_why_it_refuses() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        call = {"jsonrpc": "2.0", "id": 7, "method": "desk.count"}
        _, body = await _call(port, call)
        message = "desk.count is a stream, and JSON-RPC carries none"
        assert json.loads(body) == {"jsonrpc": "2.0", "error": {"code": -32601, "message": message}, "id": 7}
        for method in ("desk.nothing", "unary", "server"):
            _, body = await _call(port, {**call, "method": method})
            assert json.loads(body)["error"] == {"code": -32601, "message": "there is no such procedure"}
        assert await _call(port, {"jsonrpc": "2.0", "method": "desk.count"}) == (204, "")

    assert not told(tell).called


def test_a_call_that_is_too_large_is_refused() -> None:
    async def tell(_desk: Desk, port: int) -> None:
        status, _, body = await get(port, "/rpc", method="POST", body=b" " * 1_048_577)
        assert (status, json.loads(body)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")

    told(tell)
