"""The reference over gRPC, asked by grpcio's own client: methods, statuses, cancel, deadline, reflection, health."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from streamspec.reference_impl import grpc_names, grpc_services, grpc_text
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.one_answer import NO_ANSWER, TWO_ANSWERS
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from streamspec.reference_impl.witness import Figures

LONGEST_S: Final = 20.0
SCRIPT: Final = "streamspec.Script"
COLLECT: Final = {"do": "collect"}
ECHO: Final = {"do": "echo"}
SHUT: Final = {"do": "gate", "name": "shut"}
TOKENS: Final = ("first", "second")


def _generate(n: int, **more: int) -> dict[str, object]:
    return {"do": "generate", "n": n, **more}


class Reference:
    """The reference on a port of its own, and one channel to it."""

    def __init__(self, app: App, port: int, channel: Any) -> None:
        self.app = app
        self.port = port
        self.channel = channel

    def call(self, method: str, *steps: object, run: str = "run", service: str = SCRIPT, **how: Any) -> Call:
        return Call(self.channel.stream_stream(f"/{service}/{method}")(**how), run, *steps)

    def figures(self, run: str = "run", mount: str = "") -> Figures:
        found = self.app.mounts[mount].runs.begun(run)
        assert found is not None, "nobody has begun it"
        return found.figures()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONGEST_S):
            while not condition():  # noqa: ASYNC110 -- figures tell nobody that they change
                await asyncio.sleep(0.001)

    async def ended(self, run: str = "run", mount: str = "") -> Figures:
        """The figures of the run when its handler is over."""
        await self.until(lambda: self.figures(run, mount)["state"] == "ended")
        return self.figures(run, mount)


class Call:
    """One call. Its first message says what to play."""

    def __init__(self, call: Any, run: str, *steps: object) -> None:
        self.call = call
        self._first = {"run": run, "script": {"steps": list(steps)}}

    async def begin(self) -> Call:
        await self.say(self._first)
        return self

    async def say(self, *items: object) -> None:
        for item in items:
            await self.call.write(grpc_text.encoded(json.dumps(item, separators=(",", ":"))))

    async def finish(self) -> None:
        await self.call.done_writing()

    async def next(self) -> Any:
        """The next item; None at the end."""
        message = await self.call.read()
        return None if message is grpc.aio.EOF else json.loads(grpc_text.decoded(message))

    async def outcome(self) -> tuple[list[Any], str, str]:
        """All further items, the status and its message."""
        items = []
        with contextlib.suppress(grpc.aio.AioRpcError):
            while (item := await self.next()) is not None:
                items.append(item)
        return items, (await self.call.code()).name, await self.call.details()

    async def whole(self, *items: object) -> tuple[list[Any], str, str]:
        """The outcome when it is begun with these items and a half-close."""
        await self.begin()
        await self.say(*items)
        await self.finish()
        return await self.outcome()


@contextlib.asynccontextmanager
async def _reference(*tokens: str, broken: tuple[Variant, ...] = ()) -> AsyncIterator[Reference]:
    app = App([], broken, *tokens)
    async with (
        asyncio.timeout(LONGEST_S),
        grpc_server.serving(app, "127.0.0.1") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        reference = Reference(app, port, channel)
        yield reference
        await reference.until(lambda: not any(mount.open for mount in app.mounts.values()))


@pytest.mark.parametrize("method", ["Server", "Bidi"])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_items_come_in_order_and_then_ok(method: str, n: int) -> None:
    async def story() -> None:
        async with _reference() as reference:
            items, status, _ = await reference.call(method, _generate(n)).whole()
            assert items == [{"n": k} for k in range(1, n + 1)]
            assert status == "OK"

    asyncio.run(story())


@pytest.mark.parametrize("method", ["Client", "Unary"])
@pytest.mark.parametrize(("n", "outcome"), [(1, ([{"n": 1}], "OK", "")), (0, NO_ANSWER), (2, TWO_ANSWERS)])
def test_where_one_answer_is_due_none_and_two_are_failures(method: str, n: int, outcome: Any) -> None:
    async def story() -> None:
        async with _reference() as reference:
            said = await reference.call(method, _generate(n)).whole()
            assert said == (outcome if isinstance(outcome, tuple) else ([], "INTERNAL", outcome))

    asyncio.run(story())


def test_an_endless_answer_where_one_is_due_ends_all_the_same() -> None:
    async def story() -> None:
        async with _reference() as reference:
            assert await reference.call("Unary", {"do": "generate"}).whole() == ([], "INTERNAL", TWO_ANSWERS)
            assert (await reference.ended())["cleanups"] == 1

    asyncio.run(story())


@pytest.mark.parametrize("method", ["Server", "Unary"])
def test_where_one_request_is_due_none_and_two_are_refused(method: str) -> None:
    async def story() -> None:
        async with _reference() as reference:
            none = reference.call(method)
            await none.finish()
            assert (await none.outcome())[1] == "UNIMPLEMENTED"
            assert (await reference.call(method, _generate(1)).whole({}))[1] == "UNIMPLEMENTED"
            assert reference.app.mounts[""].runs.begun("run") is None, "no handler was called"

    asyncio.run(story())


def test_a_client_stream_without_a_first_message_is_refused() -> None:
    async def story() -> None:
        async with _reference() as reference:
            none = reference.call("Client")
            await none.finish()
            assert (await none.outcome())[:2] == ([], "INVALID_ARGUMENT")

    asyncio.run(story())


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_client_stream_is_collected_and_answered_once(count: int) -> None:
    async def story() -> None:
        async with _reference() as reference:
            items = [{"n": n} for n in range(count)]
            octets = sum(len(json.dumps(item, separators=(",", ":"))) for item in items)
            said = await reference.call("Client", COLLECT).whole(*items)
            assert said == ([{"n": 1, "count": count, "bytes": octets}], "OK", "")
            figures = await reference.ended()
            assert (figures["received"], figures["receiving"], figures["input"]) == (count, 0, "ended")

    asyncio.run(story())


def test_a_reply_comes_before_the_next_request_is_sent_and_goes_on_behind_the_half_close() -> None:
    async def story() -> None:
        async with _reference() as reference:
            call = await reference.call("Bidi", _generate(1), ECHO, _generate(2)).begin()
            assert await call.next() == {"n": 1}, "unprompted"
            for item in ({"a": 1.5}, "text", None, [1, {"b": "№ 𝄞"}]):
                await call.say({"item": item})
                assert await call.next() == {"item": item}
            await call.finish()
            items, status, _ = await call.outcome()
            assert [item["n"] for item in items] == [6, 7]
            assert status == "OK"

    asyncio.run(story())


def test_a_stream_that_ends_early_ends_though_its_client_has_not() -> None:
    async def story() -> None:
        async with _reference() as reference:
            call = await reference.call("Bidi", _generate(1)).begin()
            assert (await call.outcome())[:2] == ([{"n": 1}], "OK")

    asyncio.run(story())


def test_a_status_does_not_wait_for_what_a_script_has_behind_the_end() -> None:
    async def story() -> None:
        async with _reference() as reference:
            steps = (_generate(1), {"do": "complete"}, {"do": "gate", "name": "open"}, _generate(1), {"do": "complete"})
            for method in ("Server", "Client", "Unary"):
                call = reference.call(method, *steps, run=method)
                assert await call.whole() == ([{"n": 1}], "OK", "")
                run = reference.app.mounts[""].runs.begun(method)
                assert run is not None
                assert run.figures()["state"] == "playing"
                run.gates.open("open")
                figures = await reference.ended(method)
                assert (figures["refused"], figures["terminals"], figures["cancel_seen"]) == (2, 1, 0)

    asyncio.run(story())


def test_a_stream_that_the_server_itself_cancels_is_no_success() -> None:
    async def story() -> None:
        async with _reference() as reference:
            for method in ("Server", "Unary", "Bidi"):
                call = await reference.call(method, SHUT, run=method).begin()
                await call.finish()
                await reference.until(lambda: reference.app.mounts[""].runs.begun(method) is not None)  # noqa: B023
                for stream in reference.app.mounts[""].open:
                    stream.cancel()
                assert await call.outcome() == ([], "CANCELLED", "the stream was cancelled")
                await reference.ended(method)

    asyncio.run(story())


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_a_failure_keeps_what_was_sent_its_code_and_its_message(code: Code) -> None:
    async def story() -> None:
        message = 'tab\t line\r\n "quoted" 100 % № 𝄞'
        async with _reference() as reference:
            fail = {"do": "fail", "code": code.value, "message": message}
            items, status, said = await reference.call("Server", _generate(2), fail).whole()
            assert [item["n"] for item in items] == [1, 2]
            assert (status, said) == (grpc_names.status_of(code), message)
            assert await reference.call("Unary", _generate(1), fail).whole() == ([], status, message)

    asyncio.run(story())


def test_an_exception_that_nobody_expected_spills_nothing() -> None:
    async def story() -> None:
        async with _reference() as reference:
            said = await reference.call("Server", {"do": "fail", "message": "secret"}).whole()
            assert said == ([], "INTERNAL", "the handler failed")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([{"do": "refuse", "code": "NOT_FOUND"}], "NOT_FOUND"),
        ([{"do": "refuse", "code": "UNAUTHORIZED"}], "PERMISSION_DENIED"),
        ([{"do": "dance"}], "UNIMPLEMENTED"),
        ([{"do": "wait"}], "INVALID_ARGUMENT"),
    ],
)
def test_what_is_refused_has_a_status_and_no_message(steps: list[object], status: str) -> None:
    async def story() -> None:
        async with _reference() as reference:
            assert (await reference.call("Server", *steps).whole())[:2] == ([], status)

    asyncio.run(story())


@pytest.mark.parametrize("message", [b"", b"\x0a\x01{", b"\x0a\x03NaN", b"\x0a\x05a", b"\xff", b"\x0a\x02{}"])
def test_what_says_nothing_to_play_is_an_invalid_argument(message: bytes) -> None:
    async def story() -> None:
        async with _reference() as reference:
            call = reference.call("Server")
            await call.call.write(message)
            await call.finish()
            assert (await call.outcome())[:2] == ([], "INVALID_ARGUMENT")

    asyncio.run(story())


def test_an_item_that_is_none_ends_its_stream_alone() -> None:
    async def story() -> None:
        async with _reference() as reference:
            other = await reference.call("Bidi", ECHO, run="other").begin()
            call = await reference.call("Client", COLLECT).begin()
            await call.call.write(b"\x0a\x01{")
            assert (await call.outcome())[:2] == ([], "INVALID_ARGUMENT")
            assert (await reference.ended())["input"] == "broken"
            await other.say(1)
            await other.finish()
            assert (await other.outcome())[:2] == ([1], "OK")

    asyncio.run(story())


def test_cancel_reaches_the_handler_and_its_input_is_broken() -> None:
    async def story() -> None:
        async with _reference() as reference:
            for number in range(30):
                run = f"run-{number}"
                call = await reference.call("Bidi", _generate(1), COLLECT, run=run).begin()
                assert await call.next() == {"n": 1}
                await call.say(*range(number % 3))
                call.call.cancel()
                figures = await reference.ended(run)
                assert figures["cancel_seen"] == figures["cleanups"] == 1
                assert figures["cancel_code"] == "CANCELLED"
                assert (figures["input"], figures["sent"]) == ("broken", 1), (
                    "an upload that was cut off never ends well"
                )

    asyncio.run(story())


def test_cancel_in_a_pause_at_a_gate_and_in_a_send() -> None:
    async def story() -> None:
        async with _reference() as reference:
            for number, step in enumerate([{"do": "wait", "ms": 60_000}, SHUT, {"do": "generate", "bytes": 1_000}]):
                call = await reference.call("Server", _generate(1), step, run=f"run-{number}").begin()
                await call.finish()
                await call.next()
                call.call.cancel()
                figures = await reference.ended(f"run-{number}")
                assert figures["cancel_seen"] == figures["cleanups"] == 1
                assert int(figures["sends_after_cancel"]) <= 1

    asyncio.run(story())


def test_a_deadline_stops_the_handler_and_is_no_leaving() -> None:
    async def story() -> None:
        async with _reference() as reference:
            for method, steps in (("Server", [_generate(1), SHUT]), ("Bidi", [_generate(1), COLLECT])):
                began_s = time.monotonic()
                call = await reference.call(method, *steps, run=method, timeout=0.5).begin()
                if method == "Server":
                    await call.finish()
                items, status, _ = await call.outcome()
                assert items == [{"n": 1}]
                assert status == "DEADLINE_EXCEEDED"
                assert time.monotonic() - began_s > 0.4
                figures = await reference.ended(method)
                assert figures["cancel_seen"] == 0
                assert figures["cleanups"] == 1
                assert 0 < int(figures["remaining_ms"]) < 700
            assert reference.figures("Bidi")["input"] == "broken"

    asyncio.run(story())


def test_the_deadline_of_the_call_goes_before_that_of_the_script() -> None:
    async def story() -> None:
        async with _reference() as reference:
            call = reference.call("Server", _generate(1), timeout=60)
            call._first["script"]["deadline_ms"] = 10_000  # type: ignore[index]
            assert (await call.whole())[1] == "OK"
            # More than 60 s: the client rounds up.
            assert 59_000 < int(reference.figures()["remaining_ms"]) < 62_000

    asyncio.run(story())


def test_metadata_are_echoed_whole_as_the_interop_tests_of_grpc_want_it() -> None:
    head = ("x-grpc-test-echo-initial", "value")
    ends = (("x-grpc-test-echo-trailing-bin", b"\xab\x00"), ("x-grpc-test-echo-trailing-bin", b"\xff"))

    async def story() -> None:
        async with _reference() as reference:
            for method in ("Unary", "Bidi"):
                call = reference.call(method, _generate(1), metadata=(head, *ends))
                assert (await call.whole())[1] == "OK"
                assert tuple(await call.call.initial_metadata()) == (head,)
                assert tuple(await call.call.trailing_metadata()) == ends

    asyncio.run(story())


def test_a_protected_service_wants_credentials_and_keeps_runs_apart() -> None:
    service = "streamspec.protected.Script"

    async def story() -> None:
        async with _reference(*TOKENS) as reference:

            async def ask(*credentials: str, run: str = "run") -> tuple[list[Any], str, str]:
                metadata = tuple(("authorization", credential) for credential in credentials)
                call = reference.call("Server", _generate(1), run=run, service=service, metadata=metadata)
                return await call.whole()

            assert (await ask())[:2] == ([], "UNAUTHENTICATED")
            assert (await ask("Bearer third"))[:2] == ([], "UNAUTHENTICATED")
            assert (await ask("Bearer first"))[:2] == ([{"n": 1}], "OK")
            assert (await ask("Bearer second"))[:2] == ([], "PERMISSION_DENIED")
            assert (await ask("Bearer second", run="mine"))[:2] == ([{"n": 1}], "OK")

    asyncio.run(story())


def test_a_variant_has_a_service_and_its_defect() -> None:
    async def story() -> None:
        async with _reference(broken=variants()) as reference:
            call = reference.call("Server", _generate(3), service="streamspec.broken.duplicates.Script")
            items, status, _ = await call.whole()
            assert len(items) > 3
            assert status == "OK"

    asyncio.run(story())


def test_a_variant_that_does_not_heed_a_cancel_goes_on_for_nobody() -> None:
    deaf = Variant(
        name="deaf-here",
        sentence="A cancel is not heeded.",
        where="app",
        kills="CN-01",
        because=("cancel",),
        seams=Seams(on_cancel_word=lambda stream: None),
    )

    async def story() -> None:
        async with _reference(broken=(deaf,)) as reference:
            steps = (_generate(1), {"do": "gate", "name": "open"}, _generate(100))
            call = await reference.call("Bidi", *steps, service="streamspec.broken.deaf_here.Script").begin()
            await call.next()
            call.call.cancel()
            await reference.until(call.call.done)
            run = reference.app.mounts["deaf-here"].runs.begun("run")
            assert run is not None
            run.gates.open("open")
            figures = await reference.ended(mount="deaf-here")
            assert (figures["cancel_seen"], figures["sent"]) == (0, 101)

    asyncio.run(story())


def test_what_there_is_not_is_unimplemented() -> None:
    async def story() -> None:
        async with _reference() as reference:
            for service, method in ((SCRIPT, "Nothing"), ("streamspec.Nothing", "Server"), (SCRIPT, "server")):
                assert (await reference.call(method, service=service).whole())[:2] == ([], "UNIMPLEMENTED")

    asyncio.run(story())


def test_the_features_say_where_while_it_serves() -> None:
    def streams(app: App, name: str) -> dict[str, str]:
        page = app.mounts[name].page("GET", "/script/features", "", ())
        found = json.loads(page.text)["streams"]
        assert isinstance(found, dict)
        return found

    async def story() -> None:
        async with _reference(broken=variants()) as reference:
            app, port = reference.app, reference.port
            assert streams(app, "")["grpc"] == f":{port}/streamspec.Script"
            assert streams(app, "bad-chunks")["grpc"] == f":{port}/streamspec.broken.bad_chunks.Script"
        assert "grpc" not in streams(app, "")

    asyncio.run(story())


def test_its_port_is_the_same_when_it_is_started_again_and_another_where_it_is_taken() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as held:
            taken = held.getsockname()[1]
            async with grpc_server.serving(App([]), "127.0.0.1", taken) as port:
                assert port not in {0, taken}
        for _ in range(2):
            async with grpc_server.serving(App([]), "127.0.0.1", port) as again:
                assert again == port

    asyncio.run(asyncio.wait_for(story(), LONGEST_S))


@pytest.mark.parametrize(("port", "beside"), [(0, 0), (20_000, 10_000), (41_234, 11_234), (59_999, 29_999)])
def test_its_port_is_told_by_that_of_http(port: int, beside: int) -> None:
    assert grpc_server.port_beside(port) == beside


def test_health_serves_every_service_and_says_so_when_it_stops() -> None:
    async def story() -> None:
        app = App([])
        async with contextlib.AsyncExitStack() as stack:
            serving = contextlib.AsyncExitStack()
            port = await serving.enter_async_context(grpc_server.serving(app, "127.0.0.1"))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            stub: Any = health_pb2_grpc.HealthStub(channel)
            for name in ("", SCRIPT):
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=SCRIPT))
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            closing = asyncio.create_task(serving.aclose())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()
            await closing

    asyncio.run(asyncio.wait_for(story(), LONGEST_S))


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
def test_reflection_describes_every_service(version: str) -> None:
    async def story() -> None:
        async with _reference(broken=variants()) as reference:
            method = reference.channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )
            ask = reflection_pb2.ServerReflectionRequest
            call = method()
            await call.write(ask(list_services=""))
            names = [service.name for service in (await call.read()).list_services_response.service]
            assert {SCRIPT, "streamspec.lossy.Script", "grpc.health.v1.Health"} <= set(names)
            assert {f"grpc.reflection.{v}.ServerReflection" for v in ("v1", "v1alpha")} <= set(names)
            for name in names:
                await call.write(ask(file_containing_symbol=name))
                files = (await call.read()).file_descriptor_response.file_descriptor_proto
                found = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in files]
                assert any(f"{f.package}.{service.name}" == name for f in found for service in f.service), name
            await call.write(ask(file_containing_symbol="streamspec.Nothing"))
            assert (await call.read()).error_response.error_code == 5
            await call.done_writing()

    asyncio.run(story())


def test_what_reflection_says_of_a_method_is_how_it_streams() -> None:
    service = grpc_services.pool((SCRIPT,)).FindServiceByName(SCRIPT)
    assert {
        method.name: (method.client_streaming, method.server_streaming) for method in service.methods
    } == grpc_names.METHODS
    assert {method.input_type.full_name for method in service.methods} == {"streamspec.Text"}


def test_it_is_available_with_the_extra_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert grpc_server.is_available()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not grpc_server.is_available()


def test_nothing_of_grpc_is_imported_before_it_serves() -> None:
    program = (
        "import sys; from streamspec.reference_impl import server;"
        "from streamspec.reference_impl.bindings import bindings; bindings();"
        "print([name for name in sys.modules if name.split('.')[0] in ('grpc', 'google')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_shutdown_is_told_to_every_stream_and_ends_in_order() -> None:
    async def story() -> None:
        app = App([])
        async with contextlib.AsyncExitStack() as stack:
            serving = contextlib.AsyncExitStack()
            port = await serving.enter_async_context(grpc_server.serving(app, "127.0.0.1"))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            reference = Reference(app, port, channel)
            calls = [await reference.call("Bidi", _generate(1), COLLECT, run=f"run-{n}").begin() for n in range(5)]
            for call in calls:
                await call.next()
            app.close()
            await serving.aclose()
            for number, call in enumerate(calls):
                assert await call.outcome() == ([], "UNAVAILABLE", "the server is shutting down")
                assert reference.figures(f"run-{number}")["cleanups"] == 1
            assert not app.mounts[""].open

    asyncio.run(asyncio.wait_for(story(), LONGEST_S))


def test_a_stream_that_is_not_told_is_cancelled_when_the_grace_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "GRACE_S", 0.05)

    async def story() -> None:
        app = App([])
        async with contextlib.AsyncExitStack() as stack:
            serving = contextlib.AsyncExitStack()
            port = await serving.enter_async_context(grpc_server.serving(app, "127.0.0.1"))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            reference = Reference(app, port, channel)
            call = await reference.call("Bidi", _generate(1), COLLECT).begin()
            await call.next()
            await serving.aclose()
            figures = reference.figures()
            assert (figures["state"], figures["cleanups"], figures["input"]) == ("ended", 1, "broken")
            assert (await call.outcome())[1] in {"UNAVAILABLE", "CANCELLED"}

    asyncio.run(asyncio.wait_for(story(), LONGEST_S))
