"""The WebSocket door in raw octets: who is let in, which frames end a connection and with which Close, and what a
client that does not behave cannot make the server hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import pytest
from envelope_clients import LONGEST_S, connected, gate, generate, in_short

from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant
from streamspec.reference_impl.websocket_connection import MOST_FRAGMENTS

Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]

KEY: Final = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE: Final = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{KEY}"
DEFLATE: Final = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FIN: Final = 0x80
START: Final = (
    b'{"id":"a","procedure":"bidi","type":"stream:start","payload":{"run":"a","script":{"steps":[{"do":"echo"}]}}}'
)
STANDS_STILL: Final = 50  # questions
MASK: Final = b"\x01\x02\x03\x04"


def frame(first: int, body: bytes = b"", *, masked: bool = True, length: int | None = None) -> bytes:
    """A frame of a client's, whose length is told as it is unless another one is given."""
    size = len(body) if length is None else length
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65_536:
        head = bytes([first, bit | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + body
    return head + MASK + bytes(octet ^ MASK[place % 4] for place, octet in enumerate(body))


class Raw:
    """A client that writes octets and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def frame(self) -> tuple[int, bytes]:
        """The first octet of the next frame, and its body."""
        first, size = await self.reader.readexactly(2)
        assert size < 128, "a server does not mask"
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """Of the Close with which the server ends; then its FIN."""
        while (got := await self.frame())[0] != FIN | CLOSE:
            pass
        with contextlib.suppress(ConnectionResetError):  # what it had not read, it resets
            assert await self.reader.read() == b""
        return int.from_bytes(got[1][:2])


@contextlib.asynccontextmanager
async def upgraded(port: int, more: str = "", path: str = "/script/ws") -> AsyncIterator[Raw]:
    async with asyncio.timeout(LONGEST_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n{UPGRADE}{more}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        yield Raw(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def story_of(tell: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(2 * LONGEST_S):
            await tell()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/script/ws", UPGRADE.replace("13", "12"), 426),
        ("/script/ws", UPGRADE.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        ("/script/ws", UPGRADE.replace("dGhl", "bad!"), 400),
        ("/script/ws", UPGRADE.replace(KEY, ""), 400),
        ("/script/ws", "", 426),
        ("/script/ws", UPGRADE + "Origin: http://elsewhere\r\n", 403),
        ("/script/ws", UPGRADE + "Origin: null\r\n", 403),
        ("/script/ws", UPGRADE + "Origin: http://here\r\n", 101),
        ("/script/ws", UPGRADE + "Origin: https://HERE\r\n", 101),
        ("/script/sse", UPGRADE, 404),
        ("/ws", UPGRADE, 404),
        ("/broken/nobody/script/ws", UPGRADE, 404),
        ("/protected/script/ws", UPGRADE, 401),
        ("/protected/script/ws", UPGRADE + "Authorization: Bearer wrong\r\n", 401),
        ("/protected/script/ws", UPGRADE + "Authorization: Bearer right\r\n", 101),
    ],
)
def test_a_handshake_is_answered_by_what_it_shows(serving: Serving, path: str, headers: str, status: int) -> None:
    async def story() -> None:
        async with serving(App(ROLES, (), "right")) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n{headers}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert int(head.split()[1]) == status
            if status == 426:
                assert b"upgrade: websocket" in head
                assert (b"sec-websocket-version: 13" in head) == ("Upgrade" in headers)
            writer.close()
            await writer.wait_closed()

    story_of(story)


def test_a_refusal_says_nothing_to_anybody_else(spawned: Any, port_of: Any) -> None:
    with spawned("--good-alone") as process:
        port = port_of(process)

        async def story() -> None:
            for more in ("Origin: http://elsewhere\r\n", ""):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(
                    f"GET /script/{'ws' if more else 'no'} HTTP/1.1\r\nHost: x\r\n{UPGRADE}{more}\r\n".encode()
                )
                assert await reader.read()
                writer.close()
            async with upgraded(port) as raw:
                raw.write(frame(FIN | TEXT, b"\xff"))
                assert await raw.close_code() == 1007

        story_of(story)
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


HOSTILE: Final = [
    (frame(FIN | TEXT, START, masked=False), 1002),
    (frame(FIN | 0x40 | TEXT, START), 1002),
    (frame(FIN | 0x10 | TEXT, START), 1002),
    (frame(FIN | 3, b"x"), 1002),
    (frame(FIN | 11, b"x"), 1002),
    (frame(FIN | PING, b"x" * 126), 1002),
    (frame(PING, b"x"), 1002),
    (frame(FIN | 0, b"x"), 1002),
    (frame(TEXT, b"x") + frame(FIN | TEXT, b"y"), 1002),
    (frame(FIN | CLOSE, b"x"), 1002),
    (frame(FIN | CLOSE, (1005).to_bytes(2)), 1002),
    (frame(FIN | TEXT, b"\xff\xfe"), 1007),
    (frame(TEXT, b"\xc3") + frame(FIN, b"("), 1007),
    (frame(FIN | TEXT, length=2**20 + 1), 1009),
    (frame(FIN | TEXT, length=2**62), 1009),
    (frame(TEXT, b"x" * 600_000) + frame(FIN, b"x" * 600_000), 1009),
    (frame(TEXT) + frame(0) * (MOST_FRAGMENTS + 1), 1009),
    (frame(FIN | CLOSE, (1000).to_bytes(2)), 1000),
]


def test_a_frame_that_is_none_ends_its_connection_with_its_code_and_no_other(serving: Serving) -> None:
    async def story() -> None:
        app = App(ROLES)
        async with serving(app) as port, upgraded(port) as other:
            other.write(frame(FIN | TEXT, START))
            for octets, code in HOSTILE:
                async with upgraded(port) as raw:
                    raw.write(frame(FIN | TEXT, START.replace(b'"a"', b'"b"')))
                    assert b"stream:start" in (await raw.frame())[1]
                    raw.write(octets)
                    assert await raw.close_code() == code, octets[:20]
            assert b"stream:start" in (await other.frame())[1]
            other.write(frame(FIN | TEXT, b'{"id":"a","type":"stream:data","payload":1}'))
            assert b'"payload":1' in (await other.frame())[1]
            assert len(app.mounts[""].open) == 1

    story_of(story)


def test_a_message_in_fragments_with_a_ping_between_is_one_message(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, upgraded(port) as raw:
            pieces = [frame(TEXT, START[:9]), frame(FIN | PING, b"now"), frame(0, START[9:40]), frame(FIN, START[40:])]
            for octet in b"".join(pieces):
                raw.write(bytes([octet]))
            assert await raw.frame() == (FIN | PONG, b"now")
            assert await raw.frame() == (FIN | TEXT, b'{"id":"a","type":"stream:start"}')

    story_of(story)


def test_of_a_flood_of_pings_the_last_is_answered_where_nothing_is_read(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, upgraded(port) as raw:

            async def witness() -> dict[str, Any]:
                answer = await exchange(port, "/script/witness?run=a")
                return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))

            steps = b'{"do":"drain"},{"do":"generate","n":2000,"bytes":60000}'
            raw.write(frame(FIN | TEXT, START.replace(b'{"do":"echo"}', steps)))
            assert b"stream:start" in (await raw.frame())[1]
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            sent, same = -1, 0
            while same < STANDS_STILL:
                figures = await witness()
                sent, same = figures["sent"], same + 1 if figures["sent"] == sent and figures["sending"] else 0
            for n in range(1_000):
                raw.write(frame(FIN | PING, b"%d" % n))
            raw.write(frame(FIN | TEXT, b'{"id":"a","type":"stream:data","payload":1}'))
            while not (await witness())["received"]:
                pass
            raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
            while (got := await raw.frame())[0] != FIN | PONG:
                pass
            assert got[1] == b"999"

    story_of(story)


def test_what_inflates_beyond_the_limit_is_not_inflated(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, upgraded(port, DEFLATE) as raw:
            squeeze = zlib.compressobj(9, wbits=-12)
            bomb = squeeze.compress(b" " * 50_000_000) + squeeze.flush(zlib.Z_SYNC_FLUSH)
            raw.write(frame(FIN | 0x40 | TEXT, bomb[:-4]))
            assert await raw.close_code() == 1009

    story_of(story)


def test_with_deflate_the_same_envelopes_come_as_without(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port:
            told = []
            for how in ("deflate", None):
                async with connected("ws", port, compression=how) as talk:
                    await talk.start("a", generate(20, bytes=3_000), run=f"a-{how}")
                    told.append(await talk.told("a"))
            assert told[0] == told[1]
            assert len(told[0]) == 21

    story_of(story)


def test_a_client_that_closes_and_takes_nothing_is_left_at_last(serving: Serving, exchange: Exchange) -> None:
    async def story() -> None:
        app = App(ROLES)
        async with serving(app) as port, upgraded(port) as raw:
            endless = START.replace(b'{"do":"echo"}', b'{"do":"generate","bytes":60000}').replace(b"bidi", b"server")
            raw.write(frame(FIN | TEXT, endless))
            await raw.frame()
            raw.write(frame(FIN | CLOSE, (1000).to_bytes(2)))
            while app.mounts[""].open:
                await exchange(port, "/told")
            with contextlib.suppress(ConnectionResetError):
                while await raw.reader.read(65_536):
                    pass

    story_of(story)


@pytest.mark.parametrize("how", ["envelope", "rewrite", "written", "around_sockets"])
def test_a_variant_is_broken_over_a_websocket_too(serving: Serving, how: str) -> None:
    seams = {
        "envelope": Seams(envelope=lambda _: ('{"type":"x"}',)),
        "rewrite": Seams(rewrite=lambda: lambda frame: (frame, frame)),
        "written": Seams(written=lambda octets: octets.replace(b"stream:", b"spring:")),
        "around_sockets": Seams(around_sockets=lambda app: app),
    }[how]
    variant = Variant("off", "It is off.", "app", "WS-01", ("off",), seams, on=("ws",))

    async def story() -> None:
        async with serving(App(ROLES, [variant])) as port:
            async with connected("ws", port, "/broken/off/script/ws", compression=None) as talk:
                await talk.start("a", gate())
                first, wanted = await talk.hear(), {"id": "a", "type": "stream:start"}
                assert first == {"envelope": {"type": "x"}, "written": {"id": "a", "type": "spring:start"}}.get(
                    how, wanted
                )
                if how == "rewrite":
                    assert await talk.hear() == wanted
            async with connected("ws", port) as talk:
                await talk.start("a")
                assert await talk.told("a") == ["end"]

    story_of(story)


def test_a_binary_message_is_answered_as_no_good(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, connected("ws", port) as talk:
            await talk.client.write(START)
            assert in_short(await talk.hear()) == "complaint INVALID_ARGUMENT"
            await talk.client.write(START.decode())
            assert (await talk.hear())["type"] == "stream:start"

    story_of(story)


def test_many_messages_in_one_segment_are_taken_one_by_one(serving: Serving) -> None:
    async def story() -> None:
        async with serving(App(ROLES)) as port, upgraded(port) as raw:
            says = [START, *(b'{"id":"a","type":"stream:data","payload":%d}' % n for n in range(1_000))]
            raw.write(b"".join(frame(FIN | TEXT, said) for said in says) + frame(FIN | CLOSE, (1000).to_bytes(2)))
            got = [await raw.frame() for _ in range(900)]
            assert [json.loads(body).get("payload") for _, body in got] == [None, *range(899)]

    story_of(story)
