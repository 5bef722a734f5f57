"""What an operator's own functions raise, over every protocol: it ends one stream, says no more than it may, and that
reaches the client whatever its characters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import grpc
import msgspec
import pydantic
import pytest
from envelope_clients import connected, in_short
from framework_desk import Desk, get, opened, over_grpc, over_sse, over_tcp, over_ws, told

from streamspec.reference_impl import grpc_text
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from framework_desk import Ports

OVER: Final[Any] = {"sse": over_sse, "ws": over_ws, "tcp": over_tcp, "grpc": over_grpc}
EVERYWHERE: Final = pytest.mark.parametrize("over", list(OVER))
HALF: Final = "\ud800"


class Struct(msgspec.Struct):
    n: int = 1

    def __post_init__(self) -> None:
        raise KeyError("/etc/secret")


class Model(pydantic.BaseModel):
    n: int = 1

    @pydantic.model_validator(mode="after")
    def check(self) -> Model:
        raise AttributeError("/etc/secret")


class Choosy(msgspec.Struct):
    n: int = 1

    def __post_init__(self) -> None:
        raise StreamError(Code.UNAUTHORIZED, "not for you")


@EVERYWHERE
@pytest.mark.parametrize(("model", "code"), [(Struct, "INTERNAL"), (Model, "INTERNAL"), (Choosy, "UNAUTHORIZED")])
def test_a_validator_that_breaks_is_a_failure_of_its_stream_alone(over: str, model: Any, code: str) -> None:
    desk = Desk()

    @desk.router.stream("desk.broken").input(model).handler
    async def broken(_wanted: Any) -> Any:
        desk.called.append("desk.broken")
        yield 1

    async def tell(ports: Ports) -> None:
        status = {"INTERNAL": "500", "UNAUTHORIZED": "403"}[code] if over == "sse" else "error"
        shown = "PERMISSION_DENIED" if (over, code) == ("grpc", "UNAUTHORIZED") else code
        assert await OVER[over](ports, "desk.broken", {"n": 1}) == ([], f"{status} {shown}")
        assert not desk.called

    told(desk, tell)


def test_a_validator_that_breaks_tells_its_text_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()

    @desk.router.stream("desk.broken").input(Struct).handler
    async def broken() -> Any:
        yield 1

    async def tell(ports: Ports) -> None:
        status, _, body = await get(ports.http, "/streams/desk.broken")
        assert status == 500
        assert json.loads(body) == {"error": {"code": "INTERNAL", "message": "the handler failed"}}

    with caplog.at_level("INFO", "streamspec.reference"):
        told(desk, tell)
    assert "desk.broken" in caplog.text
    assert "/etc/secret" in caplog.text


@pytest.mark.parametrize("over", ["ws", "tcp", "grpc"])
def test_an_item_whose_validator_breaks_ends_its_stream_alone(over: str) -> None:
    desk = Desk()

    @desk.router.stream("desk.broken").direction("bidi").input(Model).handler
    async def broken(items: Any) -> Any:
        async for item in items:
            yield item

    async def tell(ports: Ports) -> None:
        async with opened(over, ports, "desk.broken") as stream:
            await stream.say({"n": 1})
            assert await stream.hear() == ([], "error INTERNAL")

    told(desk, tell)


@EVERYWHERE
def test_a_failure_reaches_its_client_whatever_its_characters(over: str) -> None:
    desk = Desk()

    @desk.router.stream("desk.fails_oddly").handler
    async def fails_oddly() -> Any:
        yield 1
        raise StreamError(Code.NOT_FOUND, f"there is no {HALF}")

    async def tell(ports: Ports) -> None:
        assert await OVER[over](ports, "desk.fails_oddly", {}) == ([1], "error NOT_FOUND")

    told(desk, tell)


def test_a_failure_with_half_a_surrogate_pair_shows_it_as_an_escape() -> None:
    desk = Desk()
    desk.router.enable_usd(
        streams={"content_types": {"default": "application/x-ndjson", "supported": ["application/x-ndjson"]}}
    )

    @desk.router.stream("desk.fails_oddly").handler
    async def fails_oddly() -> Any:
        raise StreamError(Code.NOT_FOUND, f"there is no {HALF}")
        yield

    async def tell(ports: Ports) -> None:
        _, _, body = await get(ports.http, "/streams/desk.fails_oddly", accept="application/x-ndjson")
        assert json.loads(body) == {"type": "error", "code": "NOT_FOUND", "message": "there is no \\ud800"}
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel:
            opens: Any = channel.unary_stream("/desk/fails_oddly")
            assert await opens(grpc_text.encoded("{}")).details() == "there is no \\ud800"

    told(desk, tell)


@pytest.mark.parametrize("over", ["ws", "tcp"])
@pytest.mark.parametrize("metadata", [{"token": HALF}, {HALF: "token"}])
def test_metadata_that_are_no_text_are_refused_and_the_neighbour_goes_on(over: str, metadata: dict[str, str]) -> None:
    desk = Desk()

    @desk.router.stream("desk.quotes").handler
    async def quotes(_input: Any, ctx: Any) -> Any:
        raise StreamError(Code.UNAUTHENTICATED, f"unknown token {ctx.metadata}")
        yield

    async def tell(ports: Ports) -> None:
        async with connected(over, ports.http, "/") as talk:
            await talk.say("b", "start", procedure="desk.echo")
            await talk.say("s", "start", procedure="desk.quotes", metadata=metadata)
            assert in_short(await talk.hear("s")) == "error INVALID_ARGUMENT"
            await talk.say("b", "data", payload=1)
            assert (await talk.hear("b"))["payload"] == 1

    told(desk, tell)
