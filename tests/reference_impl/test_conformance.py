"""The scripted endpoint over sockets: in every binding, good and broken, with refusals, gates, witness and token; and
all that it says, against the published schema."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import jsonschema
import pytest

from streamspec.reference_impl import gates
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.conformance import STATUSES, features
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.script import OPTIONS, STEPS, Malformed, Unsupported, parse
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.witness import FIGURES

if TYPE_CHECKING:
    import subprocess

Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]
Body = Callable[[bytes], bytes]
Get = Callable[..., bytes]
Spawned = Callable[..., AbstractContextManager["subprocess.Popen[bytes]"]]
PortOf = Callable[["subprocess.Popen[bytes]"], int]

ROOT: Final = Path(__file__).parents[2]
SCHEMA: Final = json.loads((ROOT / "docs" / "schemas" / "contract.schema.json").read_text())
PAGE: Final = (ROOT / "docs" / "contract.md").read_text()
TOKEN: Final = "s3cret"
KNOWN: Final = f"authorization: Bearer {TOKEN}\r\n"


def fits(what: Any, kind: str) -> bool:
    """Whether this is such a thing, by the schema."""
    schema = {"$schema": SCHEMA["$schema"], "$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(what))


def path(stream: str, run: str, *steps: Any, prefix: str = "", **options: Any) -> str:
    script = {"steps": steps, **options}
    assert fits(json.loads(json.dumps(script)), "script")
    return f"{prefix}/script/{stream}?run={run}&script={quote(json.dumps(script))}"


def parts(response: bytes) -> tuple[int, bytes, bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.lower(), body


GENERATE: Final = {"do": "generate", "n": 2, "bytes": 24}
ITEMS: Final = [re.compile(rb'\{"n":%d,"pad":"[A-Za-z0-9]{8}"\}' % n) for n in (1, 2)]
GATE: Final = {"do": "gate", "name": "g"}


@pytest.mark.parametrize("prefix", ["", "/broken/deaf", "/broken/wrong-length"])
@pytest.mark.parametrize(
    ("stream", "kind", "end"),
    [
        ("sse", b"text/event-stream", b"event: end\ndata: {}\n\n"),
        ("ndjson", b"application/x-ndjson", b'{"type":"end"}\n'),
        ("json_array", b"application/json", b"\n]\n"),
    ],
)
def test_a_script_is_played_in_every_binding_and_witnessed(
    get: Get, prefix: str, stream: str, kind: bytes, end: bytes
) -> None:
    run = f"a.{stream}{prefix.replace('/', '-')}"
    status, head, body = parts(get(path(stream, run, GENERATE, prefix=prefix)))
    assert (status, b"content-type: " + kind in head, end in body) == (200, True, True)
    assert [len(item.findall(body)) for item in ITEMS] == [1, 1]
    status, head, told = parts(get(f"{prefix}/script/witness?run={run}"))
    assert (status, b"\r\ncache-control: no-store" in head) == (200, True)
    figures = json.loads(told)
    assert fits(figures, "witness")
    assert {**figures, "state": "ended", "sent": 2, "cleanups": 1, "terminals": 1, "called": 1} == figures


def test_over_sse_an_item_has_its_number_and_a_client_goes_on_behind_it(get: Get, body_of: Body) -> None:
    script = [{"do": "send", "items": ["a", 1.50]}, {"do": "generate", "n": 2}]
    wanted = path("sse", "resumed", *script)
    assert body_of(get(wanted, headers="last-event-id: 1\r\n")) == (
        b'id: 2\ndata: 1.5\n\nid: 3\ndata: {"n":3}\n\nid: 4\ndata: {"n":4}\n\nevent: end\ndata: {}\n\n'
    )
    assert parts(get(wanted, headers="last-event-id: 5\r\n"))[0] == 412
    assert parts(get(path("sse", "r", {"do": "generate"}), headers="last-event-id: x\r\n"))[0] == 412


def test_a_number_is_passed_on_digit_by_digit(get: Get, body_of: Body) -> None:
    script = '{"steps":[{"do":"send","items":[1.10,12345678901234567890,{"a":-0.0}]}]}'
    assert fits(json.loads(script), "script")
    response = get(f"/script/ndjson?run=digits&script={quote(script)}")
    assert body_of(response) == b'1.10\n12345678901234567890\n{"a":-0.0}\n{"type":"end"}\n'


def test_what_is_declared_is_what_there_is(get: Get) -> None:
    status, head, body = parts(get("/script/features"))
    said = json.loads(body)
    assert (status, b"content-type: application/json" in head) == (200, True)
    assert fits(said, "features")
    places = {name: said["streams"].pop(name) for name in ("tcp", "grpc") if name in said["streams"]}
    assert ("grpc" in places) == grpc_server.is_available()
    assert said == features(protected=False)
    assert (said["steps"], said["options"], said["witness"]) == (list(STEPS), list(OPTIONS), list(FIGURES))
    for variant in ("deaf", "wrong-length"):
        same = json.loads(parts(get(f"/broken/{variant}/script/features"))[2])
        assert same["streams"].pop("tcp") == f"{places['tcp']}/broken/{variant}"
        same["streams"].pop("grpc", None)
        assert same == said


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_a_refusal_is_a_status_and_a_handler_that_was_called(get: Get, code: Code) -> None:
    status, head, body = parts(get(path("ndjson", f"refused.{code}", {"do": "refuse", "code": code})))
    assert status == STATUSES.get(code, 500)
    assert json.loads(body)["code"] == code
    assert (b"\r\nwww-authenticate: " in head) == (status == 401)
    figures = json.loads(parts(get(f"/script/witness?run=refused.{code}"))[2])
    assert {**figures, "state": "ended", "called": 1, "cleanups": 1, "terminals": 1, "sent": 0} == figures


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("run=bad&script=", 400),
        ("run=bad&script=nope", 400),
        ("run=bad", 400),
        ("run=bad&script=%7B%22steps%22%3A%5B%7B%22do%22%3A%22send%22%7D%5D%7D", 400),
        ("run=bad&script=%ff", 400),
        ("run=bad&script=" + "+" * 6001, 400),
        ("script=%7B%22steps%22%3A%5B%5D%7D", 400),
        ("run=a/b&script=%7B%22steps%22%3A%5B%5D%7D", 400),
        (f"run={'a' * 65}&script=%7B%22steps%22%3A%5B%5D%7D", 400),
        ("run=bad&" + "x&" * 40, 400),
        ("run=bad&script=%7B%22steps%22%3A%5B%5D%2C%22fast%22%3A1%7D", 501),
        ("run=bad&script=%7B%22steps%22%3A%5B%7B%22do%22%3A%22fly%22%7D%5D%7D", 501),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/broken/wrong-length"])
def test_nothing_is_played_of_what_cannot_be(get: Get, prefix: str, query: str, status: int) -> None:
    found, _, body = parts(get(f"{prefix}/script/sse?{query}"))
    assert found == status
    if status == 501:
        assert fits(json.loads(body), "unsupported")
    assert parts(get(f"{prefix}/script/witness?run=bad"))[0] == 404


@pytest.mark.parametrize(
    ("method", "wanted", "status"),
    [
        ("POST", "/script/sse", 405),
        ("POST", "/script/features", 405),
        ("POST", "/script/witness?run=a", 405),
        ("GET", "/script/gate?run=a&name=b", 405),
        ("POST", "/script/gate?run=a", 400),
        ("POST", "/script/gate?run=a&name=" + "b" * 65, 400),
        ("POST", "/script/gate?name=b", 400),
        ("GET", "/script/witness", 400),
        ("GET", "/script/witness?run=nobody", 404),
        ("GET", "/script/", 404),
        ("GET", "/script/guide?run=a&script=%7B%22steps%22%3A%5B%5D%7D", 404),
        ("GET", "/ndjson/script/features", 404),
        ("GET", "/protected/script/features", 404),
    ],
)
def test_other_requests_are_refused(get: Get, method: str, wanted: str, status: int) -> None:
    assert parts(get(wanted, method=method))[0] == status


def test_a_gate_is_opened_from_outside_before_and_after(serving: Serving, exchange: Exchange, body_of: Body) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES)) as port:
            first = asyncio.ensure_future(exchange(port, path("ndjson", "late", GENERATE, GATE, GENERATE)))
            while b'"sent":2' not in await exchange(port, "/script/witness?run=late"):  # noqa: ASYNC110 -- asked over a socket
                await asyncio.sleep(0)
            for run in ("late", "early"):
                assert parts(await exchange(port, f"/script/gate?run={run}&name=g", method="POST"))[0] == 200
            assert parts(await exchange(port, "/script/witness?run=early"))[0] == 404
            assert body_of(await first).count(b'"n":') == 4
            early = await exchange(port, path("ndjson", "early", GATE, GENERATE))
            assert body_of(early).count(b'"n":') == 2

    asyncio.run(story())


def test_nobody_opens_gates_without_end(serving: Serving, exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MOST_GATES", 2)

    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES)) as port:
            asked = [f"/script/gate?run=a&name={name}" for name in "aabc"]
            assert [parts(await exchange(port, one, method="POST"))[0] for one in asked] == [200, 200, 200, 429]

    asyncio.run(story())


@pytest.mark.parametrize("stream", ["sse", "ndjson", "json_array"])
@pytest.mark.parametrize("step", [GATE, {"do": "generate", "bytes": 60_000}], ids=["at a gate", "sending"])
def test_a_handler_learns_that_its_client_has_left(
    serving: Serving, exchange: Exchange, stream: str, step: dict[str, Any]
) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES)) as port:
            await exchange(port, path(stream, "left", GENERATE, step), until=b'{"n":2,')
            told: dict[str, Any] = {}
            while told.get("state") != "ended":
                told = json.loads(parts(await exchange(port, "/script/witness?run=left"))[2])
            assert fits(told, "witness")
            expected = {"cancel_seen": 1, "cancel_code": "CANCELLED", "cleanups": 1, "terminals": 1, "sending": 0}
            assert {**told, **expected, "sends_after_cancel": 0} == told

    asyncio.run(story())


def test_a_shutdown_ends_a_script_that_would_go_on(serving: Serving, exchange: Exchange) -> None:
    async def story() -> bytes:
        async with asyncio.timeout(10):
            async with serving(App(ROLES)) as port:
                playing = asyncio.ensure_future(exchange(port, path("ndjson", "a", GATE)))
                while b'"called":1' not in await exchange(port, "/script/witness?run=a"):  # noqa: ASYNC110 -- asked over a socket
                    await asyncio.sleep(0)
            return await playing

    assert b'"code":"UNAVAILABLE"' in asyncio.run(story())


@pytest.mark.parametrize(
    "wanted",
    [
        *("/script/features", "/script/sse?run=a", "/script/witness?run=a", "/script/gate?run=a&name=b"),
        *("/finite", "/ndjson/finite", "/told", "/nothing"),
    ],
)
@pytest.mark.parametrize(
    "given", ["", "authorization: Bearer wrong\r\n", f"authorization: {TOKEN}\r\n", "authorization: Bearer\r\n"]
)
def test_without_the_token_nothing_is_to_be_had(serving: Serving, exchange: Exchange, wanted: str, given: str) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES, (), TOKEN)) as port:
            status, head, _ = parts(await exchange(port, f"/protected{wanted}", headers=given))
            assert (status, b"\r\nwww-authenticate: bearer realm=" in head) == (401, True)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("name", "given", "status"),
    [
        ("lets-anybody-in", "", 200),
        ("takes-any-token", "", 401),
        ("takes-any-token", "authorization: Bearer wrong\r\n", 200),
        ("lets-them-resume", "", 401),
        ("lets-them-resume", "last-event-id: 1\r\n", 200),
        ("deaf", "", 200),
    ],
)
def test_variants_that_are_broken_in_whom_they_admit_ask_for_the_token(
    serving: Serving, exchange: Exchange, name: str, given: str, status: int
) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES, variants(), TOKEN)) as port:
            wanted = f"/broken/{name}/resumable?n=3"
            assert parts(await exchange(port, wanted, headers=given))[0] == status
            said = json.loads(parts(await exchange(port, f"/broken/{name}/script/features", headers=KNOWN))[2])
            assert ("auth" in said["declares"]) is (name != "deaf")

    asyncio.run(story())


def test_with_the_token_everything_is_there_and_that_is_declared(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES, variants(), TOKEN)) as port:
            said = json.loads(parts(await exchange(port, "/protected/script/features", headers=KNOWN))[2])
            assert fits(said, "features")
            assert said["declares"].pop("auth") == "bearer"
            good = json.loads(parts(await exchange(port, "/script/features"))[2])
            assert said["streams"].pop("tcp") == f"{good['streams'].pop('tcp')}/protected"
            for one in (said, good):
                one["streams"].pop("grpc", None)
            assert said == good
            wanted = path("ndjson", "a", GENERATE, prefix="/protected")
            assert b'{"type":"end"}' in await exchange(port, wanted, headers=KNOWN.replace("Bearer", "bearer"))
            assert parts(await exchange(port, "/protected/script/witness?run=a", headers=KNOWN))[0] == 200
            assert parts(await exchange(port, "/script/witness?run=a"))[0] == 404
            assert b"event: end" in await exchange(port, "/protected/finite?n=1", headers=KNOWN)

    asyncio.run(story())


OTHER: Final = "0ther"
GUEST: Final = f"authorization: Bearer {OTHER}\r\n"
BEHIND: Final = "last-event-id: 1\r\n"


@pytest.mark.parametrize(("variant", "status"), [("", 403), ("shows-runs-to-others", 200)])
def test_a_run_belongs_to_the_client_that_first_named_it(
    serving: Serving, exchange: Exchange, variant: str, status: int
) -> None:
    prefix = f"/broken/{variant}" if variant else "/protected"

    async def story() -> None:
        async with asyncio.timeout(10), serving(App(ROLES, variants(), TOKEN, OTHER)) as port:

            async def answered(wanted: str, given: str, method: str = "GET") -> int:
                return parts(await exchange(port, f"{prefix}{wanted}", headers=given, method=method))[0]

            said = json.loads(parts(await exchange(port, f"{prefix}/script/features", headers=GUEST))[2])
            assert fits(said, "features")
            assert said["declares"]["isolated"] is True
            assert await answered(path("sse", "a", GENERATE), KNOWN) == 200
            assert await answered("/script/gate?run=b&name=c", KNOWN, "POST") == 200
            assert await answered(path("sse", "a", GENERATE), GUEST + BEHIND) == status
            assert await answered("/script/witness?run=a", GUEST) == status
            assert await answered("/script/gate?run=b&name=c", GUEST, "POST") == status
            assert await answered(path("sse", "b", GENERATE), GUEST) == status
            assert await answered(path("sse", "a", GENERATE), KNOWN + BEHIND) == 200
            assert await answered("/script/witness?run=a", KNOWN) == 200
            assert await answered(path("sse", "c", GENERATE), GUEST) == 200

    asyncio.run(story())


def test_with_one_client_nobody_is_kept_from_anything() -> None:
    assert "isolated" not in json.dumps(features(protected=True))


@pytest.mark.parametrize("way", ["option", "environment"])
def test_the_command_line_takes_a_token(
    spawned: Spawned, port_of: PortOf, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "environment":
        monkeypatch.setenv("STREAMSPEC_TOKEN", TOKEN)
    with spawned(*(("--token", TOKEN) if way == "option" else ())) as process:

        async def statuses() -> list[int]:
            port = port_of(process)
            wanted = "/protected/script/features"
            return [parts(await exchange(port, wanted, headers=given))[0] for given in ("", KNOWN)]

        assert asyncio.run(statuses()) == [401, 200]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_the_examples_and_the_tables_of_the_page() -> None:
    examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert [fits(example, kind) for example, kind in zip(examples, ("features", "script"), strict=True)] == [True, True]
    said = [
        json.loads(line) for text in re.findall(r"```jsonl\n(.*?)```", PAGE, re.DOTALL) for line in text.splitlines()
    ]
    whose = ("client", "server", "client", "server", "client", "server")
    assert [fits(line, f"{who}_envelope") for line, who in zip(said, whose, strict=True)] == [True] * len(whose)
    defs = SCHEMA["$defs"]
    rows = set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE))
    named = {*defs["features"]["properties"]["steps"]["items"]["enum"], *defs["witness"]["properties"]}
    named |= {*defs["features"]["properties"]["options"]["items"]["enum"], *defs["declares"]["properties"]}
    assert rows == named


@pytest.mark.parametrize(
    "wrong",
    [
        *({}, {"steps": {}}, {"steps": [{}]}, {"steps": [{"do": "fly"}]}, {"steps": [], "fast": 1}),
        *({"steps": [{"do": "send"}]}, {"steps": [{"do": "wait"}]}, {"steps": [{"do": "gate"}]}),
        {"steps": [{"do": "complete", "softly": True}]},
        {"steps": [{"do": "complete"}, {"do": "refuse", "code": "INTERNAL"}]},
        {"steps": [{"do": "fail", "code": "OK"}]},
        {"steps": [{"do": "generate", "n": -1}]},
        {"steps": [], "deadline_ms": "1"},
    ],
)
def test_the_schema_and_the_reference_refuse_alike(wrong: dict[str, Any]) -> None:
    assert not fits(wrong, "script")
    with pytest.raises((Malformed, Unsupported)):
        parse(json.dumps(wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "done"},
        {"sending": 2},
        {"sent": -1},
        {"cancel_seen": True},
        {"mood": "good"},
    ],
)
def test_the_schema_is_strict_about_figures(wrong: dict[str, Any]) -> None:
    assert not fits(wrong, "witness")
