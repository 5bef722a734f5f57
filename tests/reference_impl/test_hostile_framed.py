"""The reference over TCP against frames that `test_framed` does not show: their lengths to the octet, many at once, and
what else than frames comes to the same port.

Never here: what WebSocket has as well (`test_hostile_connections`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest
from hostile_lines import Line, around, dialled, envelope, start
from hostile_stories import COLLECT, LONGEST_S, ONE, SHUT, begun, counted, lives, told
from hostile_target import MOST_GROWTH_BYTES, Target, hostile_target

from streamspec.reference_impl import connection, switchboard
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.bindings.framed import FIRST_OCTETS
from streamspec.reference_impl.envelopes import MOST_MESSAGE_BYTES
from streamspec.reference_impl.roles import ROLES

Serving = Callable[[App], AbstractAsyncContextManager[int]]

FLOOD: Final = 3_000  # frames


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with hostile_target() as found:
        yield found


# -- frames ------------------------------------------------------------------------------------------------------------


def test_thousands_of_frames_in_one_segment_are_taken_one_by_one(target: Target) -> None:
    async def story(line: Line) -> None:
        await begun(line, "at-once")
        line.write(around("tcp", envelope("a", "data", payload=1)) * FLOOD)
        await counted(line, FLOOD)

    told(target, "tcp", story)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_frame_has_a_bound(target: Target, more: int) -> None:
    async def story(line: Line) -> None:
        run = f"bound-{more + 1}"
        await begun(line, run)
        item = envelope("a", "data", payload="")[:-2]
        item += b"x" * (MOST_MESSAGE_BYTES + more - len(item) - 2) + b'"}'
        assert len(item) == MOST_MESSAGE_BYTES + more
        line.say(item)
        if more <= 0:
            await counted(line, 1)
        else:
            heard = await line.hear()
            assert (heard["type"], heard["payload"]["code"]) == ("error", "RESOURCE_EXHAUSTED")
            assert await line.closed() == []
            figures = await target.when(run, state="ended")
            assert {**figures, "received": 0, "input": "broken", "cleanups": 1} == figures

    told(target, "tcp", story)


def test_frames_that_never_come_are_not_made_room_for(target: Target) -> None:
    many = 100

    async def story(_: Line) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for n in range(many):
                line = await stack.enter_async_context(dialled("tcp", target.port))
                line.say(start("a", SHUT, run=f"never-{n}"))
                line.write(MOST_MESSAGE_BYTES.to_bytes(4) + b"{")
                assert (await line.hear())["type"] == "stream:start"
            async with dialled("tcp", target.port) as other:
                assert await lives(other)
            assert many * MOST_MESSAGE_BYTES > MOST_GROWTH_BYTES

    told(target, "tcp", story)


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf{}", b"\xc0\x80", b"\x80" * 100_000]
)
def test_a_body_that_is_no_text_is_answered_and_the_connection_lives(target: Target, body: bytes) -> None:
    async def story(line: Line) -> None:
        await begun(line, f"no-text-{len(body)}-{sum(body) % 1_000}")
        line.say(body)
        heard = await line.hear()
        assert (heard["type"], heard["payload"]["code"]) == ("error", "INVALID_ARGUMENT")
        await counted(line, 0)

    told(target, "tcp", story)


# -- what else comes to the port ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        b"\r\n" * 10_000,
        b"\x08" * 100_000,
        b"{" * 100_000,
        b"GET " + b"x" * 100_000,
    ],
    ids=["http2", "blank", "octets", "braces", "request line"],
)
def test_what_is_neither_frames_nor_http_is_refused_or_closed(target: Target, octets: bytes) -> None:
    async def story(_: Line) -> None:
        assert octets[0] not in FIRST_OCTETS
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(octets)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
        writer.transport.abort()

    told(target, "tcp", story)


@pytest.mark.parametrize("first", sorted(FIRST_OCTETS)[:: len(FIRST_OCTETS) // 12])
def test_whatever_the_first_length_is_it_is_answered(target: Target, first: int) -> None:
    async def story(line: Line) -> None:
        line.write(bytes((first, 0xFF, 0xFF, 0xFF)))
        heard = await line.hear()
        assert (heard["type"], heard["payload"]["code"]) == ("error", "RESOURCE_EXHAUSTED")
        assert await line.closed() == []

    told(target, "tcp", story)


@pytest.mark.parametrize("octets", [b"\0", b"\0\0\0\x05", b"\0\0\0\x05{", b"\0\x10\0\0" + b"x" * 100_000])
def test_a_client_that_leaves_within_a_frame_leaves_nothing(target: Target, octets: bytes) -> None:
    async def story(_: Line) -> None:
        run = f"leaves-{len(octets)}"
        for n in range(20):
            async with dialled("tcp", target.port) as line:
                line.say(start("a", COLLECT, procedure="client", run=f"{run}-{n}"))
                assert (await line.hear())["type"] == "stream:start"
                line.write(octets)
                await line.writer.drain()
            figures = await target.when(f"{run}-{n}", state="ended")
            assert {**figures, "received": 0, "input": "broken", "cancel_seen": 1, "cleanups": 1} == figures

    told(target, "tcp", story)


# -- what does not come ------------------------------------------------------------------------------------------------

TLS: Final = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600)  # the first words of a handshake


@pytest.mark.parametrize(
    "octets",
    [b"", b"GET /fin", TLS, b"GET /finite HTTP/1.1\r\nhost: te", b"GET /script/ws HTTP/1.1\r\nUpgrade: websocket\r\n"],
    ids=["nothing", "half a line", "tls", "half a head", "half a handshake"],
)
def test_a_connection_that_does_not_begin_is_waited_for_so_long(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, octets: bytes
) -> None:
    monkeypatch.setattr(switchboard, "FIRST_LINE_S", 0.2)
    monkeypatch.setattr(connection, "HEAD_S", 0.2)

    async def story() -> None:
        async with asyncio.timeout(LONGEST_S), serving(App(ROLES)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(octets)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(story())


def test_a_connection_that_has_begun_may_be_silent(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "FIRST_LINE_S", 0.1)
    monkeypatch.setattr(connection, "HEAD_S", 0.1)

    async def story() -> None:
        async with asyncio.timeout(LONGEST_S), serving(App(ROLES)) as port, dialled("tcp", port) as line:
            line.say(start("a", {"do": "wait", "ms": 400}, ONE))
            assert [(await line.hear())["type"] for _ in range(3)] == ["stream:start", "stream:data", "stream:end"]
            assert await lives(line)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /prompt?gap_ms=400 HTTP/1.1\r\nhost: test\r\n\r\n")
            assert b"event: end" in await reader.readuntil(b"0\r\n\r\n")
            writer.close()

    asyncio.run(story())
