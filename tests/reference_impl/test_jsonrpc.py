"""JSON-RPC: calls in, answers out; what is no call, what is a stream, and what need not be answered."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.bindings import jsonrpc, jsonrpc_http
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.mount import Mount

CALL = {"jsonrpc": "2.0", "method": "unary", "params": {"run": "a"}, "id": 1}


async def _params_back(params: str) -> str:
    return params


def _answer(body: object, unary: jsonrpc.Unary = _params_back) -> tuple[int, bytes]:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(jsonrpc.answer(sent, unary))


def _error(body: object, unary: jsonrpc.Unary = _params_back) -> tuple[Any, int]:
    """The id and the code of the one error."""
    status, said = _answer(body, unary)
    assert status == 200
    read = json.loads(said)
    assert set(read) == {"jsonrpc", "error", "id"}
    assert read["jsonrpc"] == "2.0"
    assert isinstance(read["error"]["message"], str)
    return read["id"], read["error"]["code"]


def test_a_call_is_answered_with_its_result() -> None:
    assert _answer(CALL) == (200, b'{"jsonrpc":"2.0","result":{"run":"a"},"id":1}')


@pytest.mark.parametrize("name", ["1", '"a"', "null", "1.50", "-0", "12345678901234567890", '"\\ud834\\udd1e"'])
def test_an_id_comes_back_as_it_was(name: str) -> None:
    _, said = _answer(f'{{"jsonrpc":"2.0","method":"unary","id":{name}}}'.encode())
    assert said == f'{{"jsonrpc":"2.0","result":{{}},"id":{name}}}'.encode()


def test_a_number_among_the_params_keeps_its_digits() -> None:
    _, said = _answer(b'{"jsonrpc":"2.0","method":"unary","params":[1.10,12345678901234567890123],"id":1}')
    assert b"[1.10,12345678901234567890123]" in said


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1,]", b"NaN", b'{"id":Infinity}', b"[" * 100_000])
def test_what_is_no_json_is_a_parse_error(body: bytes) -> None:
    assert _error(body) == (None, -32700)


@pytest.mark.parametrize(
    "call",
    [
        1,
        "unary",
        [],
        {},
        CALL | {"jsonrpc": "1.0"},
        CALL | {"method": 1},
        CALL | {"params": 1},
        CALL | {"params": None},
        CALL | {"id": True},
        CALL | {"id": {}},
        {"jsonrpc": "2.0", "id": 1},
    ],
)
def test_what_is_no_call_is_an_invalid_request(call: object) -> None:
    assert _error(call) == (None, -32600)


@pytest.mark.parametrize("method", ["server", "client", "bidi", "nothing", "", "rpc.discover"])
def test_only_unary_is_a_procedure(method: str) -> None:
    assert _error(CALL | {"method": method}) == (1, -32601)


def test_a_stream_is_refused_by_a_message_that_says_so() -> None:
    _, said = _answer(CALL | {"method": "server"})
    assert json.loads(said)["error"]["message"] == "server is a stream, and JSON-RPC carries none"


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        (Code.INVALID_ARGUMENT, -32602),
        (Code.INTERNAL, -32603),
        (Code.UNAUTHENTICATED, -32001),
        (Code.RESOURCE_EXHAUSTED, -32002),
        (Code.NOT_FOUND, -32000),
    ],
)
def test_a_failure_has_a_number_and_its_name(failed: Code, code: int) -> None:
    async def fails(_: str) -> str:
        raise StreamError(failed, 'it "failed"')

    assert _error(CALL, fails) == (1, code)
    assert json.loads(_answer(CALL, fails)[1])["error"]["data"] == {"code": failed.value}
    assert json.loads(_answer(CALL, fails)[1])["error"]["message"] == 'it "failed"'


def test_a_notification_is_done_and_not_answered() -> None:
    done = []

    async def note(params: str) -> str:
        done.append(params)
        raise StreamError(Code.INTERNAL, "no")

    assert _answer({"jsonrpc": "2.0", "method": "unary", "params": [1]}, note) == (204, b"")
    assert done == ["[1]"]


def test_a_batch_is_answered_in_order_but_for_its_notifications() -> None:
    notification = {"jsonrpc": "2.0", "method": "unary"}
    status, said = _answer([CALL, notification, 7, CALL | {"id": "b", "method": "server"}])
    answers = json.loads(said)
    assert status == 200
    assert [(a["id"], a.get("error", {}).get("code")) for a in answers] == [(1, None), (None, -32600), ("b", -32601)]
    assert _answer([notification, notification]) == (204, b"")


@pytest.mark.parametrize("count", [0, jsonrpc.MOST_CALLS + 1])
def test_a_batch_of_nothing_or_too_much_is_one_error(count: int) -> None:
    assert _error([CALL] * count) == (None, -32600)


def test_a_body_has_a_bound() -> None:
    room = jsonrpc.MOST_BODY_BYTES - len(json.dumps(CALL))
    assert _answer(json.dumps(CALL).encode() + b" " * room)[0] == 200
    assert _answer(json.dumps(CALL).encode() + b" " * (room + 1))[0] == 413


def test_deep_params_are_refused_and_nothing_breaks() -> None:
    deep = b"[" * 900 + b"]" * 900
    identity, code = _error(b'{"jsonrpc":"2.0","method":"unary","id":1,"params":' + deep + b"}")
    assert (identity, code) in {(1, -32602), (None, -32700)}


class Caller:
    """The server's side of one request."""

    def __init__(self, *pieces: bytes, method: str = "POST", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.scope: dict[str, Any] = {"type": "http", "path": jsonrpc_http.PATH, "method": method, "headers": headers}
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self._pieces = list(pieces)

    async def receive(self) -> dict[str, Any]:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(dict(message))

    async def call(self, mount: Mount) -> None:
        await jsonrpc_http.serve(mount, self.scope, self.receive, self.send)

    @property
    def status(self) -> int:
        status = self.sent[0]["status"]
        assert isinstance(status, int)
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    def said(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))


def _play(*steps: object, run: str = "run") -> bytes:
    call = {"jsonrpc": "2.0", "method": "unary", "id": 1, "params": {"run": run, "script": {"steps": steps}}}
    return json.dumps(call).encode()


def _called(*pieces: bytes, mount: Mount | None = None, **how: Any) -> Caller:
    caller = Caller(*pieces, **how)
    asyncio.run(asyncio.wait_for(caller.call(mount or App([]).mounts[""]), 10))
    return caller


def test_a_script_is_played_and_its_one_item_is_the_result() -> None:
    item = {"price": 1.5, "text": "№ 𝄞"}
    body = _play({"do": "send", "items": [item]})
    caller = _called(body[:10], body[10:])
    assert caller.status == 200
    assert caller.headers[b"content-type"] == b"application/json"
    assert int(caller.headers[b"content-length"]) == len(caller.sent[1]["body"])
    assert caller.said() == {"jsonrpc": "2.0", "result": item, "id": 1}


@pytest.mark.parametrize(
    ("steps", "code", "name"),
    [
        ([], -32603, "INTERNAL"),
        ([{"do": "generate", "n": 2}], -32603, "INTERNAL"),
        ([{"do": "generate"}], -32603, "INTERNAL"),
        ([{"do": "generate", "n": 1}, {"do": "fail", "code": "NOT_FOUND", "message": "no"}], -32000, "NOT_FOUND"),
        ([{"do": "refuse", "code": "UNAVAILABLE"}], -32000, "UNAVAILABLE"),
        ([{"do": "wait"}], -32602, "INVALID_ARGUMENT"),
        ([{"do": "dance"}], -32000, "UNIMPLEMENTED"),
    ],
)
def test_a_script_without_one_item_is_an_error(steps: list[object], code: int, name: str) -> None:
    error = _called(_play(*steps)).said()["error"]
    assert (error["code"], error["data"]) == (code, {"code": name})


def test_the_handler_of_a_call_is_witnessed_and_cleaned_up() -> None:
    mount = App([]).mounts[""]
    _called(_play({"do": "generate", "n": 1}), mount=mount)
    run = mount.runs.begun("run")
    assert run is not None
    figures = run.figures()
    assert (figures["state"], figures["sent"], figures["cleanups"], figures["cancel_seen"]) == ("ended", 1, 1, 0)
    assert not mount.open


def test_a_caller_that_leaves_cancels_what_it_called() -> None:
    async def story() -> None:
        mount = App([]).mounts[""]
        caller = Caller(_play({"do": "gate", "name": "shut"}))
        calling = asyncio.create_task(caller.call(mount))
        while mount.runs.begun("run") is None:  # noqa: ASYNC110 -- it tells nobody
            await asyncio.sleep(0)
        caller.left.set()
        await calling
        run = mount.runs.begun("run")
        assert run is not None
        figures = run.figures()
        assert (figures["cancel_seen"], figures["cleanups"], figures["state"]) == (1, 1, "ended")
        assert caller.sent == []
        assert not mount.open

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_caller_that_leaves_before_the_end_of_its_body_called_nothing() -> None:
    async def story() -> None:
        caller = Caller()
        caller.left.set()
        await caller.call(App([]).mounts[""])
        assert caller.sent == []

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_body_without_end_is_read_up_to_its_bound() -> None:
    async def story() -> None:
        answered = asyncio.Event()

        class Endless(Caller):
            given = 0

            async def receive(self) -> dict[str, Any]:
                await asyncio.sleep(0)
                self.given += 1
                return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

            async def send(self, message: Any) -> None:
                await super().send(message)
                answered.set()

        caller = Endless()
        calling = asyncio.create_task(caller.call(App([]).mounts[""]))
        await answered.wait()
        assert caller.status == 413
        assert caller.given < 30
        calling.cancel()

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_notification_has_no_body() -> None:
    caller = _called(b'{"jsonrpc":"2.0","method":"server"}')
    assert (caller.status, caller.headers, caller.sent[1]["body"]) == (204, {}, b"")


def test_only_post_makes_a_call() -> None:
    caller = _called(method="GET")
    assert caller.status == 405
    assert caller.headers[b"allow"] == b"POST"


@pytest.mark.parametrize(("credentials", "status"), [((), 401), (((b"authorization", b"Bearer secret"),), 200)])
def test_a_protected_mount_wants_credentials(credentials: tuple[tuple[bytes, bytes], ...], status: int) -> None:
    mount = App([], (), "secret").mounts["/protected"]
    assert _called(_play({"do": "generate", "n": 1}), mount=mount, headers=credentials).status == status


@pytest.mark.parametrize("path", ["/script/rpc", "/broken/duplicates/script/rpc"])
def test_it_is_a_page_of_every_mount(port: int, path: str) -> None:
    async def story() -> bytes:
        body = _play({"do": "generate", "n": 1}, run=f"jsonrpc-{len(path)}")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        return received

    received = asyncio.run(asyncio.wait_for(story(), 10))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b'{"jsonrpc":"2.0","result":{"n":1},"id":1}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_whatever_comes_is_answered_by_json_or_not_at_all(body: object) -> None:
    status, said = _answer(body)
    assert (status == 204) == (said == b"")
    assert status == 204 or json.loads(said) is not None


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_params_reach_the_procedure_as_they_were(params: dict[str, object]) -> None:
    _, said = _answer(CALL | {"params": params})
    assert json.loads(said)["result"] == params
