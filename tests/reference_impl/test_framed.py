"""Length-framed TCP in raw octets: on the port that speaks HTTP as well, at every cut, and against clients that mean
harm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final

import pytest
from envelope_clients import COLLECT, LONGEST_S, RECEIVE, Framed, Talk, connected, gate, generate, in_short
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.bindings.framed import FIRST_OCTETS, Protocol
from streamspec.reference_impl.envelopes import MOST_MESSAGE_BYTES
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.seams import Seams, framed
from streamspec.reference_impl.variant import Variant

Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]

TOKEN_CHARS: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def message(stream: str, kind: str, **members: Any) -> bytes:
    return framed(json.dumps({"id": stream, "type": f"stream:{kind}", **members}).encode())


def start(stream: str, *steps: Any, procedure: str = "bidi", **members: Any) -> bytes:
    wish = {"run": stream, "script": {"steps": steps}}
    return message(stream, "start", procedure=procedure, payload=wish, **members)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def story_of(tell: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(2 * LONGEST_S):
            await tell()

    asyncio.run(whole())


def test_a_frame_is_its_length_and_its_body() -> None:
    assert framed(b"") == b"\0\0\0\0"
    assert framed(b"x" * 258) == b"\0\0\1\2" + b"x" * 258


def test_what_may_begin_a_request_or_a_handshake_is_no_frame() -> None:
    assert not FIRST_OCTETS & {*TOKEN_CHARS, *b"\r\n\t ", 0x16}
    assert MOST_MESSAGE_BYTES.to_bytes(4)[0] in FIRST_OCTETS


ECHOED: Final = (
    start("a", {"do": "echo"})
    + message("a", "data", payload={"n": 1})
    + start("b", {"do": "collect"}, procedure="client")
    + message("b", "data", payload="é")
    + message("a", "end")
    + message("b", "end")
)
ANSWERS: Final = {
    "a": [{"n": 1}, "end"],
    "b": [{"n": 1, "count": 1, "bytes": 8}, "end"],
}


def test_a_conversation_may_come_octet_by_octet(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for octet in ECHOED:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(0)  # a segment of its own
            talk = Talk(Framed(reader, writer))
            assert {stream: await talk.told(stream) for stream in "ab"} == ANSWERS
            await talk.client.leave()

    story_of(story)


class Wire(asyncio.Transport):
    """What a protocol writes, with no socket."""

    def __init__(self) -> None:
        super().__init__()
        self.octets = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.octets += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == 0

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        self.closing = True

    close = abort

    def write_eof(self) -> None:
        pass


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, len(ECHOED) - 1), max_size=12).map(sorted))
def test_a_conversation_may_be_cut_anywhere(cuts: list[int]) -> None:
    async def story() -> None:
        app = App(ROLES)
        protocol, wire = Protocol(app.find, app.mounts[""].seams, app.attend, set(), set()), Wire()
        protocol.connection_made(wire)
        for begin, end in zip([0, *cuts], [*cuts, len(ECHOED)], strict=True):
            protocol.data_received(ECHOED[begin:end])
            await asyncio.sleep(0)
        while wire.octets.count(b'"stream:end"') < 2:
            await turns()
        got: dict[str, list[Any]] = {"a": [], "b": []}
        rest = wire.octets
        while rest:
            size = int.from_bytes(rest[:4])
            envelope, rest = json.loads(rest[4 : 4 + size]), rest[4 + size :]
            if envelope["type"] != "stream:start":
                got[envelope["id"]].append(envelope.get("payload", "end"))
        assert got == ANSWERS
        protocol.connection_lost(None)
        while not wire.closing:
            await turns()

    story_of(story)


@pytest.mark.parametrize("length", [MOST_MESSAGE_BYTES + 1, 2**24 + 1, 0x80000000, 0xFFFFFFFF])
def test_a_frame_that_is_too_long_is_refused_before_it_comes(serving: Serving, length: int) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, connected("tcp", port) as other:
            await other.start("a", gate())
            await other.hear()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(length.to_bytes(4))
            talk = Talk(Framed(reader, writer))
            if length.to_bytes(4)[0] not in FIRST_OCTETS:
                assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            else:
                assert in_short(await talk.hear()) == "complaint RESOURCE_EXHAUSTED"
                assert await talk.is_over()
            await talk.client.leave()
            await other.say("a", "cancel")
            assert in_short(await other.hear()) == "error CANCELLED"

    story_of(story)


def test_what_was_on_its_way_is_read_before_the_connection_ends(serving: Serving) -> None:
    """Or a reset would take the last words away."""

    async def story() -> None:
        async with serving(App(ROLES)) as port, connected("tcp", port) as talk:
            await talk.start("a", gate())
            await talk.hear()
            assert isinstance(talk.client, Framed)
            talk.client.writer.write((2**21).to_bytes(4) + b"x" * 2**21)
            assert in_short(await talk.hear()) == "complaint RESOURCE_EXHAUSTED"
            assert await talk.is_over()

    story_of(story)


def test_an_empty_frame_is_no_good_and_the_connection_goes_on(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, connected("tcp", port) as talk:
            for _ in range(2):
                await talk.client.write(b"")
                assert in_short(await talk.hear()) == "complaint INVALID_ARGUMENT"
            await talk.start("a")
            assert await talk.told("a") == ["end"]

    story_of(story)


@pytest.mark.parametrize("begun", [b"\0", b"\0\0", b"\0\0\0\5", b"\0\0\0\5{"])
def test_a_frame_that_does_not_go_on_is_waited_for_so_long(serving: Serving, begun: bytes) -> None:
    async def story() -> None:
        app = App(ROLES)
        app.mounts = {
            name: replace(mount, seams=replace(mount.seams, frame_s=0.05)) for name, mount in app.mounts.items()
        }
        async with serving(app) as port, connected("tcp", port) as other:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)
            talk = Talk(Framed(reader, writer))
            assert in_short(await talk.hear()) == "complaint TIMED_OUT"
            assert await talk.is_over()
            await talk.client.leave()
            # Between two frames there may be any time.
            await other.start("a")
            assert await other.told("a") == ["end"]

    story_of(story)


@pytest.mark.parametrize("begun", [b"\0\0", b"\0\0\0\5{"])
def test_a_fin_within_a_frame_is_a_leave(serving: Serving, exchange: Exchange, begun: bytes) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, connected("tcp", port) as talk:
            await talk.start("a", RECEIVE, direction="client")
            await talk.hear()
            assert isinstance(talk.client, Framed)
            talk.client.writer.write(begun)
            talk.client.writer.write_eof()
            assert await talk.is_over()
            answer = await exchange(port, "/script/witness?run=a")
            figures = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert {**figures, "input": "broken", "cancel_seen": 1, "cleanups": 1} == figures

    story_of(story)


def test_a_fin_half_closes_every_stream_where_that_is_declared(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, connected("tcp", port) as talk:
            for stream in "ab":
                await talk.start(stream, COLLECT, generate(2, every_ms=1), direction="fin-half-closes/bidi")
                await talk.say(stream, "data", payload=stream)
            await talk.start("c", generate(3, every_ms=1), direction="fin-half-closes/server")
            assert isinstance(talk.client, Framed)
            talk.client.writer.write_eof()
            for stream in "ab":
                collected, *further, end = await talk.told(stream)
                assert (collected, len(further), end) == ({"n": 1, "count": 1, "bytes": 3}, 2, "end")
            assert len(await talk.told("c")) == 4
            assert await talk.is_over()
            answer = await exchange(port, "/fin-half-closes/script/witness?run=a")
            figures = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert {**figures, "input": "ended", "cancel_seen": 0, "cleanups": 1} == figures
            told = json.loads((await exchange(port, "/fin-half-closes/script/features")).partition(b"\r\n\r\n")[2])
            assert told["declares"]["fin_half_closes"] is True

    story_of(story)


def test_behind_a_fin_a_reset_is_a_leave(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port:
            async with connected("tcp", port) as talk:
                await talk.start("a", {"do": "generate", "every_ms": 1}, direction="fin-half-closes/server")
                await talk.hear()
                assert isinstance(talk.client, Framed)
                talk.client.writer.write_eof()
                await talk.hear()
                talk.client.abort()
            async with asyncio.timeout(LONGEST_S):
                figures: dict[str, Any] = {}
                while figures.get("state") != "ended":
                    answer = await exchange(port, "/fin-half-closes/script/witness?run=a")
                    figures = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert {**figures, "cancel_seen": 1, "cleanups": 1} == figures

    story_of(story)


BEARER: Final = {"Authorization": "Bearer right"}


@pytest.mark.parametrize(
    ("metadata", "answer"),
    [({}, "error UNAUTHENTICATED"), ({"authorization": "Bearer no"}, "error UNAUTHENTICATED"), (BEARER, "end")],
)
def test_credentials_come_with_the_start(serving: Serving, metadata: dict[str, str], answer: str) -> None:
    async def story() -> None:
        async with serving(App(ROLES, (), "right")) as port, connected("tcp", port) as talk:
            await talk.start("a", direction="protected/server", metadata=metadata)
            heard = await talk.hear()
            assert in_short(heard if heard["type"] == "stream:error" else await talk.hear()) == answer

    story_of(story)


def test_a_run_is_its_clients_own(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES, (), "right", "other")) as port, connected("tcp", port) as talk:
            await talk.start("a", direction="protected/server", run="x", metadata=BEARER)
            assert await talk.told("a") == ["end"]
            other = {"authorization": "Bearer other"}
            await talk.start("b", direction="protected/server", run="x", metadata=other)
            assert in_short(await talk.hear()) == "error UNAUTHORIZED"

    story_of(story)


@pytest.mark.parametrize(
    ("seams", "first"),
    [
        (Seams(frame=lambda body: framed(body + b" ")), b'{"id":"a","type":"stream:start"} '),
        (Seams(envelope=lambda _: (b"\xff",)), b"\xff"),
        (Seams(rewrite=lambda: lambda _: ()), b""),
    ],
)
def test_a_variant_is_broken_over_tcp_too_and_names_its_place(
    serving: Serving, exchange: Exchange, seams: Seams, first: bytes
) -> None:
    variant = Variant("off", "It is off.", "app", "TC-01", ("off",), seams, on=("tcp",))

    async def story() -> None:
        async with serving(App(ROLES, [variant])) as port:
            said = json.loads((await exchange(port, "/broken/off/script/features")).partition(b"\r\n\r\n")[2])
            place, _, name = said["streams"]["tcp"].removeprefix(":").partition("/")
            assert (int(place), name) == (port, "broken/off")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(start("a", gate(), procedure=f"{name}/server"))
            if first:
                assert await reader.readexactly(int.from_bytes(await reader.readexactly(4))) == first
            else:
                writer.write(message("nobody", "end"))
                assert b"NOT_FOUND" in await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
            writer.close()
            await writer.wait_closed()
            async with connected("tcp", port) as talk:
                await talk.start("a")
                assert await talk.told("a") == ["end"]

    story_of(story)
