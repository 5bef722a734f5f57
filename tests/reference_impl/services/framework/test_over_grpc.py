"""Streams over gRPC as Raffel maps them: `logs.tail` is the method `tail` of the service `logs`, and its messages are
`Text { string json = 1; }`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from framework_desk import ENDED, Desk, over_grpc, served
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from streamspec.reference_impl import grpc_services, grpc_text
from streamspec.reference_impl.services.framework.over_messages import methods

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from framework_desk import Ports

    Tell = Callable[[Desk, Ports, Any], Awaitable[None]]

REFLECT: Final = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def told(tell: Tell, desk: Desk | None = None) -> Desk:
    async def story() -> Desk:
        one = desk or Desk()
        async with (
            served(one.service(), over_grpc=True) as ports,
            grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel,
        ):
            await tell(one, ports, channel)
        return one

    return asyncio.run(story())


async def _begun(channel: Any, method: str, *items: object, ends: bool = False, **how: Any) -> Any:
    call = channel.stream_stream(method)(**how)
    for item in items:
        await call.write(grpc_text.encoded(json.dumps(item)))
    if ends:
        await call.done_writing()
    return call


async def _status(call: Any) -> str:
    with contextlib.suppress(grpc.aio.AioRpcError):
        while await call.read() is not grpc.aio.EOF:
            pass
    return str((await call.code()).name)


@pytest.mark.parametrize(
    ("name", "payload", "outcome"),
    [
        ("desk.count", {"n": 0}, ([], ENDED)),
        ("desk.count", None, ([{"n": 1}, {"n": 2}, {"n": 3}], ENDED)),
        ("desk.count", {"n": "1"}, ([], "error INVALID_ARGUMENT")),
        ("desk.count", [], ([], "error INVALID_ARGUMENT")),
        ("desk.nothing", {}, ([], "error UNIMPLEMENTED")),
        ("streamspec.Script.Server", {}, ([], "error UNIMPLEMENTED")),
        ("desk.fails", {}, ([{"n": 1}], "error INTERNAL")),
        ("desk.sum", "one", ([], "error INVALID_ARGUMENT")),
    ],
)
def test_a_call_comes_to_the_status_of_its_stream(name: str, payload: object, outcome: Any) -> None:
    async def tell(_desk: Desk, ports: Ports, _channel: Any) -> None:
        assert await over_grpc(ports, name, payload) == outcome

    told(tell)


def test_a_failure_tells_no_secret() -> None:
    async def tell(_desk: Desk, _ports: Ports, channel: Any) -> None:
        call = await _begun(channel, "/desk/fails", {}, ends=True)
        assert await _status(call) == "INTERNAL"
        assert await call.details() == "the handler failed"

    told(tell)


def test_a_conversation_goes_back_and_forth() -> None:
    async def tell(_desk: Desk, _ports: Ports, channel: Any) -> None:
        call = await _begun(channel, "/desk/echo")
        for n in range(3):
            await call.write(grpc_text.encoded(str(n)))
            assert grpc_text.decoded(await call.read()) == str(n)
        await call.done_writing()
        assert await _status(call) == "OK"

    told(tell)


def test_a_cancel_aborts_the_signal_and_the_handler_closes_once() -> None:
    async def tell(desk: Desk, _ports: Ports, channel: Any) -> None:
        call = await _begun(channel, "/desk/wait", {}, ends=True)
        await call.read()
        call.cancel()
        assert [await desk.next(), await desk.next()] == ["Client cancelled", "closed"]

    assert told(tell).seen.empty()


def test_the_deadline_of_a_call_is_that_of_its_stream_and_no_cancel() -> None:
    async def tell(desk: Desk, _ports: Ports, channel: Any) -> None:
        call = await _begun(channel, "/desk/wait", {}, ends=True, timeout=0.2)
        assert await _status(call) == "DEADLINE_EXCEEDED"
        assert "deadline" in (await desk.next() or "")
        assert await desk.next() == "closed"

    told(tell)


def test_an_upload_that_is_cancelled_is_never_taken_for_whole() -> None:
    async def tell(desk: Desk, _ports: Ports, channel: Any) -> None:
        call = await _begun(channel, "/desk/sum", 1, 2)
        await desk.summing.wait()
        call.cancel()
        assert await desk.next() == "broken off"

    told(tell)


def test_a_handler_knows_who_calls() -> None:
    async def tell(desk: Desk, _ports: Ports, channel: Any) -> None:
        metadata = (("x-request-id", "r-1"), ("authorization", "Bearer x"))
        await _status(await _begun(channel, "/desk/count", {"n": 0}, ends=True, metadata=metadata, timeout=10))
        (context,) = desk.contexts
        assert (context.id, context.metadata["authorization"]) == ("r-1", "Bearer x")
        assert 9 < context.deadline_s < 11

    told(tell)


def _named(*names: str) -> Desk:
    desk = Desk()
    for name in names:

        async def nothing() -> Any:
            return
            yield

        desk.router.stream(name).handler(nothing)
    return desk


def test_a_name_without_a_dot_is_found_among_the_streams_and_a_deep_one_in_its_package() -> None:
    async def tell(_desk: Desk, _ports: Ports, channel: Any) -> None:
        for method in ("/streams/ticks", "/a.b.c/d", "/odd-one/tail-all", "/a.b/c"):
            assert await _status(await _begun(channel, method, {}, ends=True)) == "OK"

    told(tell, _named("ticks", "a.b.c.d", "odd-one.tail-all", "a.b.c"))


def test_reflection_describes_every_method_that_protobuf_can_name() -> None:
    async def tell(_desk: Desk, _ports: Ports, channel: Any) -> None:
        request = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
        call = channel.stream_stream(REFLECT)()
        await call.write(request)
        await call.done_writing()
        answer = reflection_pb2.ServerReflectionResponse.FromString(await call.read())
        listed = {service.name for service in answer.list_services_response.service}
        # `a.b` is a package as well, `odd-one` no name there, and a script is none of these streams.
        assert {"desk", "streams", "a.b.c"} <= listed
        assert listed.isdisjoint({"a.b", "odd-one", "streamspec.Script"})
        stub: Any = health_pb2_grpc.HealthStub(channel)
        health = await stub.Check(health_pb2.HealthCheckRequest(service="desk"))
        assert health.status == health_pb2.HealthCheckResponse.SERVING

    told(tell, _named("ticks", "a.b.c.d", "odd-one.tail-all", "a.b.c"))


def test_the_described_methods_stream_as_they_are_declared() -> None:
    files = grpc_services.files_of(methods(Desk().router))
    described = grpc_services.pool((), files).FindServiceByName("desk").methods
    assert {method.name: (method.client_streaming, method.server_streaming) for method in described} == {
        "count": (False, True),
        "sum": (True, False),
        "echo": (True, True),
        "wait": (False, True),
        "deaf": (False, True),
        "fails": (False, True),
    }
    assert {method.input_type.full_name for method in described} == {"streamspec.Text"}
