"""Each variant shows its one defect on the wire, and is otherwise served as the good reference is."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from streamspec.reference_impl import broken
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import GOOD
from streamspec.reference_impl.variant import Variant

Get = Callable[..., bytes]
Body = Callable[[bytes], bytes]
Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]

END = b"event: end\ndata: {}\n\n"
VARIANTS = broken.variants()
NAMES = [variant.name for variant in VARIANTS]
ROLES_OVER = ("sse", "ndjson", "json_array", "guide", "guide-bulk", "raffel")  # the bindings with paths for roles
SERVED = [(variant.name, on) for variant in VARIANTS for on in variant.on if on in ROLES_OVER]


def _numbers(body: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb'^data: \{"n":(\d+)', body, re.MULTILINE)]


def _item(n: int) -> bytes:
    return f'id: {n}\ndata: {{"n":{n},"text":"№ {n}"}}\n\n'.encode()


def test_each_file_holds_one_variant_and_has_its_name() -> None:
    for found in pkgutil.iter_modules(broken.__path__):
        module = importlib.import_module(f"{broken.__name__}.{found.name}")
        (variant,) = [value for value in vars(module).values() if isinstance(value, Variant)]
        assert variant.name == found.name.replace("_", "-")


@pytest.mark.parametrize("variant", VARIANTS, ids=NAMES)
def test_a_variant_says_what_it_does_and_why_others_may_fail(variant: Variant) -> None:
    assert re.fullmatch(r"[A-Z][^\n]+\.", variant.sentence)
    assert variant.because
    assert variant.kills not in variant.also
    assert all(re.fullmatch(r"[A-Z]+-\d\d", rule) and reason for rule, reason in variant.also.items())
    of_the_stream = variant.seams.parts != GOOD or variant.seams.choose is not Seams().choose
    replaced = "stream" if of_the_stream else "app"
    assert variant.where == ("wire" if variant.seams.wire else replaced)
    assert (variant.where == "stream") >= ("inprocess" in variant.on)


@pytest.mark.parametrize(("name", "binding"), SERVED)
def test_a_variant_serves_every_role(get: Get, name: str, binding: str) -> None:
    paths = ["/?n=3", "/finite?n=3", "/failing", "/prompt?gap_ms=1", "/large?n=3", "/idle?silent_ms=0", "/text"]
    unending = {"/endless"} | ({"/failing"} if name == "says-nothing-of-a-failure" else set())
    # Leaving an endless stream is that variant's end: its own test has a server to itself.
    for path in paths if name == "dies-of-cancel" else [*paths, "/endless"]:
        response = get(f"/broken/{name}/{binding}{path}", until=b'"n":3' if path in unending else b"")
        assert response.startswith(b"HTTP/1.1 200 ")
        assert b'"n":1' in response or path == "/text" or b"content-encoding" in response


def test_ends_twice(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/ends-twice/finite?n=2"))
    assert body == _item(1) + _item(2) + END + END


def test_talks_after_end(get: Get, body_of: Body) -> None:
    before, _, after = body_of(get("/broken/talks-after-end/finite?n=2")).partition(END)
    assert (_numbers(before), _numbers(after)) == ([1, 2], [3])


def test_hides_failure(get: Get, body_of: Body) -> None:
    assert body_of(get("/broken/hides-failure/failing?after=2")) == _item(1) + _item(2) + END


def test_forgets_terminal(get: Get, body_of: Body) -> None:
    assert body_of(get("/broken/forgets-terminal/finite?n=2")) == _item(1) + _item(2)
    assert b"event: error\n" in get("/broken/forgets-terminal/failing")


def test_dies_of_cancel(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with serving(App(ROLES, VARIANTS)) as port:
            for _ in range(2):  # a stream read to its end does no harm
                assert (await exchange(port, "/broken/dies-of-cancel/finite")).startswith(b"HTTP/1.1 200 ")
            await exchange(port, "/broken/dies-of-cancel/endless", until=b"id: 1\n")
            for path in ("/", "/finite", "/endless", "/failing", "/prompt"):
                answer = await exchange(port, f"/broken/dies-of-cancel{path}")
                assert answer.startswith(b"HTTP/1.1 503 ")
            assert (await exchange(port, "/finite")).startswith(b"HTTP/1.1 200 ")

    asyncio.run(story())


def test_cancels_siblings(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES, VARIANTS)) as port:
            request = b"GET /broken/cancels-siblings/endless HTTP/1.1\r\nhost: x\r\n\r\n"
            siblings = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            for reader, writer in siblings:
                writer.write(request)
                await reader.readuntil(b"id: 1\n")
            await exchange(port, "/broken/cancels-siblings/finite")
            await exchange(port, "/broken/cancels-siblings/endless", until=b"id: 1\n")
            for reader, writer in siblings:
                rest = await reader.read()
                assert b"event: " not in rest
                assert not rest.endswith(b"0\r\n\r\n")
                writer.close()
            after = await exchange(port, "/broken/cancels-siblings/endless", until=b"id: 9\n")
            assert b"id: 9\n" in after

    asyncio.run(story())


@pytest.mark.parametrize(("path", "order"), [("finite?n=4", [1, 3, 2, 4]), ("failing?after=3", [1, 3, 2])])
def test_reorders(get: Get, body_of: Body, path: str, order: list[int]) -> None:
    assert _numbers(body_of(get(f"/broken/reorders/{path}"))) == order


def test_reorders_loses_nothing_when_there_is_no_neighbour(get: Get, body_of: Body) -> None:
    assert body_of(get("/broken/reorders/finite?n=2")) == _item(1) + _item(2) + END


def test_drops_when_full(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/drops-when-full/finite?n=100"))
    assert _numbers(body) == list(range(1, 18))
    assert body.endswith(END)


def test_duplicates(get: Get, body_of: Body) -> None:
    assert _numbers(body_of(get("/broken/duplicates/finite?n=3"))) == [1, 2, 2, 3]


def test_nameless_error(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/nameless-error/failing"))
    assert body.endswith(b'event: error\ndata: {"message":"the handler failed"}\n\n')
    assert _numbers(body) == [1, 2, 3]


def test_error_jumps_queue(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/error-jumps-queue/failing?after=3"))
    assert body.startswith(_item(1) + b"event: error\n")
    late = _numbers(body_of(get("/broken/error-jumps-queue/failing?after=40")))
    assert late == list(range(1, len(late) + 1))
    assert len(late) < 40


def test_spills_traceback(get: Get, body_of: Body) -> None:
    error = body_of(get("/broken/spills-traceback/failing")).rpartition(b"data: ")[2]
    message = json.loads(error)["message"]
    assert message.startswith("Traceback (most recent call last)")
    assert "roles.py" in message
    assert "password" in message


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("wrong-charset", b"\r\ncontent-type: text/event-stream; charset=iso-8859-1\r\n"),
        ("cacheable", b"\r\ncache-control: public, max-age=3600\r\n"),
    ],
)
def test_wrong_headers_over_a_right_body(get: Get, body_of: Body, name: str, line: bytes) -> None:
    response = get(f"/broken/{name}/finite?n=2")
    assert line in response.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert body_of(response) == _item(1) + _item(2) + END


def test_bad_utf8(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/bad-utf8/finite?n=3"))
    assert body == _item(1) + b'id: 2\ndata: {"n":2,"text":"\xff 2"}\n\n' + _item(3) + END
    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_unfinished_block(get: Get, body_of: Body) -> None:
    assert body_of(get("/broken/unfinished-block/finite?n=1")) == _item(1) + END + b"data: {}\n"


def test_unknown_field(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/unknown-field/finite?n=1"))
    assert body == 'payload: {"n":1,"text":"№ 1"}\nretry: soon\n'.encode() + _item(1) + END


def test_holds_back(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/holds-back/finite?n=3"))
    assert body == _item(1) + _item(2) + _item(3) + END


def test_holds_back_shows_an_item_only_with_the_next(serving: Serving, exchange: Exchange) -> None:
    async def story() -> float:
        loop = asyncio.get_running_loop()
        async with serving(App(ROLES, VARIANTS)) as port:
            begun = loop.time()
            await exchange(port, "/broken/holds-back/prompt?gap_ms=200", until=b"id: 1\n")
            return loop.time() - begun

    assert asyncio.run(story()) >= 0.199  # the good one's first item does not wait: see the server's tests


def test_not_json(get: Get, body_of: Body) -> None:
    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    body = body_of(get("/broken/not-json/finite?n=3"))
    assert body == _item(1) + b'id: 2\ndata: {"n":2,"text":NaN}\n\n' + _item(3) + END
    with pytest.raises(ValueError, match="NaN"):
        json.loads('{"n":2,"text":NaN}', parse_constant=refuse)


@pytest.mark.parametrize("path", ["finite?n=2", "endless"])
def test_wrong_length(get: Get, body_of: Body, path: str) -> None:
    response = get(f"/broken/wrong-length/{path}", until=b"id: 2\n" if path == "endless" else b"")
    head = response.partition(b"\r\n\r\n")[0]
    assert b"\r\ncontent-length: 1048576\r\n" in head
    assert b"\r\ntransfer-encoding: chunked\r\n" in head
    if path != "endless":
        assert body_of(response) == _item(1) + _item(2) + END


def test_bad_chunks(get: Get, body_of: Body) -> None:
    response = get("/broken/bad-chunks/finite?n=2")
    assert response.endswith(b"\r\n0x0\r\n\r\n")
    repaired = response.removesuffix(b"0x0\r\n\r\n") + b"0\r\n\r\n"
    assert body_of(repaired) == _item(1) + _item(2) + END
