"""One exchange over real sockets and over memory: requests as sent, answers as events."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
import trustme

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Deviation, Ended, Event, Opened, Refused
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import Body, Exchange, Request, Transport
from streamspec.harness.transports.address import address_of
from streamspec.harness.transports.http1 import HTTP1, Http1Exchange, request_bytes, transport
from streamspec.harness.transports.memory import pair

Serve = Callable[..., AbstractAsyncContextManager[int]]
Reset = Callable[[asyncio.StreamWriter], None]

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OPENED = Opened(200, "OK", "HTTP/1.1", (("Transfer-Encoding", "chunked"),))


async def everything(exchange: Exchange) -> list[Event | Body]:
    """All events until the exchange says nothing more, neighbouring bodies joined."""
    out: list[Event | Body] = []
    while events := await exchange.receive():
        for event in events:
            if isinstance(event, Body) and out and isinstance(out[-1], Body):
                out[-1] = Body(out[-1].data + event.data)
            else:
                out.append(event)
    assert await exchange.receive() == ()
    return out


async def asked(port: int, limits: Limits = LIMITS, via: Transport = HTTP1, url: str = "") -> list[Event | Body]:
    exchange = await via.open(Request(url or f"http://127.0.0.1:{port}/"), limits, 5_000)
    try:
        return await everything(exchange)
    finally:
        await exchange.close()


def answered(serve: Serve, octets: bytes, limits: Limits = LIMITS, end: Reset | None = None) -> list[Event | Body]:
    """What we see when a server answers with these octets and then closes, or ends as told."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(octets)
        await writer.drain()
        if end:
            await reader.read(1)
            end(writer)

    async def case() -> list[Event | Body]:
        async with serve(handler) as port:
            return await asked(port, limits)

    return asyncio.run(case())


# -- answers ---------------------------------------------------------------------------------------------------


def test_an_answer_is_opened_read_ended_and_closed(serve: Serve) -> None:
    assert answered(serve, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n") == [
        OPENED,
        Body(b"hello"),
        Ended("chunked", 5),
        Closed("eof"),
    ]


def test_deviations_of_the_head_come_after_it_with_offsets_of_the_response(serve: Serve) -> None:
    assert answered(serve, b"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nxy") == [
        Opened(200, "OK", "HTTP/1.1", (("Content-Length", "1"),)),
        Deviation("head.bare-lf", 15),
        Body(b"x"),
        Ended("length", 1),
        Deviation("body.excess", 38, "begins with 'y'"),
        Closed("eof"),
    ]


def test_a_missing_last_chunk_is_seen_at_the_close(serve: Serve) -> None:
    assert answered(serve, CHUNKED + b"5\r\nhello\r\n") == [
        OPENED,
        Body(b"hello"),
        Deviation("chunk.no-last", len(CHUNKED) + 10, "between two chunks"),
        Closed("eof"),
    ]


def test_a_port_nobody_listens_on_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    [refused] = asyncio.run(asked(port))
    assert isinstance(refused, Refused)
    assert refused.why == "refused"


def test_a_server_that_closes_at_once_is_a_refusal(serve: Serve) -> None:
    assert answered(serve, b"") == [Refused("closed", "before the first octet")]
    assert answered(serve, b"HTTP/1.1 2") == [Refused("closed", "after 10 octets of the head")]


def test_an_echo_of_our_own_request_is_no_answer(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readuntil(b"\r\n\r\n"))
        await writer.drain()

    async def case() -> list[Event | Body]:
        async with serve(handler) as port:
            return await asked(port)

    [refused] = asyncio.run(case())
    assert isinstance(refused, Refused)
    assert refused.why == "not-http"
    assert "GET / HTTP/1.1" in refused.detail


def test_a_reset_before_the_head_is_a_refusal_and_after_it_a_close(serve: Serve, reset: Reset) -> None:
    async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reset(writer)

    read_so_far = asyncio.Event()

    async def mid_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"5\r\nhel")
        await writer.drain()
        await read_so_far.wait()
        reset(writer)

    async def case() -> None:
        async with serve(at_once) as port:
            [refused] = await asked(port)
            assert isinstance(refused, Refused)
            assert refused.why == "reset"
        async with serve(mid_body) as port:
            exchange = await HTTP1.open(Request(f"http://127.0.0.1:{port}/"), LIMITS, 5_000)
            assert [*(await exchange.receive())][:2] == [OPENED, Body(b"hel")]
            read_so_far.set()
            [closed] = await everything(exchange)
            assert isinstance(closed, Closed)
            assert closed.how == "reset"
            await exchange.close()

    asyncio.run(case())


def test_an_endless_header_is_refused_and_never_held(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def case() -> None:
        async with serve(handler) as port:
            exchange = await HTTP1.open(Request(f"http://127.0.0.1:{port}/"), LIMITS, 5_000)
            assert isinstance(exchange, Http1Exchange)
            [refused] = await everything(exchange)
            assert isinstance(refused, Refused)
            assert refused.why == "too-long"
            assert exchange.buffered_bytes <= LIMITS.head_bytes + 1
            exchange.abort()

    asyncio.run(case())


def test_an_endless_chunk_line_is_said_once_and_never_held(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"5")
        for _ in range(100):
            writer.write(b"0" * 65_536)
            await writer.drain()

    async def case() -> None:
        async with serve(handler) as port:
            exchange = await HTTP1.open(Request(f"http://127.0.0.1:{port}/"), LIMITS, 5_000)
            assert isinstance(exchange, Http1Exchange)
            events = await everything(exchange)
            assert [type(event) for event in events] == [Opened, Deviation, Closed]
            assert exchange.buffered_bytes == 0
            await exchange.close()

    asyncio.run(case())


def test_half_a_head_and_silence_can_be_cancelled_and_loses_nothing() -> None:
    async def case() -> None:
        ours, theirs = pair(1_024)
        exchange = Http1Exchange(ours, b"ask", "GET", LIMITS)
        for piece in (CHUNKED[:20], CHUNKED[20:]):
            await theirs.send(piece)
            waiting = asyncio.create_task(exchange.receive())
            await asyncio.sleep(0)
            if piece == CHUNKED[:20]:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            else:
                assert await waiting == (OPENED,)
        assert await theirs.receive(9) == b"ask"
        await exchange.close()

    asyncio.run(case())


def test_an_answer_may_come_before_a_long_request_was_read() -> None:
    async def case() -> None:
        ours, theirs = pair(16)
        exchange = Http1Exchange(ours, b"x" * 1_000, "POST", LIMITS)
        assert await theirs.receive(4) == b"xxxx"
        sending = asyncio.create_task(theirs.send(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n"))
        assert await exchange.receive() == (
            Opened(413, "Too Much", "HTTP/1.1", (("Content-Length", "0"),)),
            Ended("length", 0),
        )
        await sending
        theirs.abort()
        [closed] = await exchange.receive()
        assert isinstance(closed, Closed)
        exchange.abort()

    asyncio.run(case())


@pytest.mark.parametrize("how", ["close", "abort"])
def test_after_our_own_end_nothing_is_said_and_ends_are_idempotent(how: str) -> None:
    async def case() -> None:
        ours, theirs = pair(1_024)
        exchange = Http1Exchange(ours, b"ask", "GET", LIMITS)
        waiting = asyncio.create_task(exchange.receive())
        await theirs.receive(3)
        if how == "close":
            await exchange.close()
        else:
            exchange.abort()
        assert await waiting == ()
        assert await exchange.receive() == ()
        exchange.abort()
        await exchange.close()

    asyncio.run(case())


def test_an_exchange_ended_from_outside_its_receive_says_nothing() -> None:
    async def case() -> None:
        ours, _ = pair(1_024)
        exchange = Http1Exchange(ours, b"ask", "GET", LIMITS)
        ours.abort()  # not through the exchange
        assert await exchange.receive() == ()
        await exchange.close()

    asyncio.run(case())


def test_a_refused_exchange_can_be_ended_too() -> None:
    async def case() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        for end in ("close", "abort"):
            exchange = await HTTP1.open(Request(f"http://127.0.0.1:{port}/"), LIMITS, 5_000)
            if end == "close":
                await exchange.close()
            else:
                exchange.abort()
            assert await exchange.receive() == ()

    asyncio.run(case())


def test_https_trusts_what_it_is_told_to(serve: Serve) -> None:
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(theirs)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
        await writer.drain()

    async def case() -> None:
        async with serve(handler, theirs) as port:
            url = f"https://localhost:{port}/"
            assert await asked(port, via=transport(trusting), url=url) == [
                OPENED,
                Body(b"hello"),
                Ended("chunked", 5),
                Closed("eof"),
            ]
            [refused] = await asked(port, url=url)
            assert isinstance(refused, Refused)
            assert refused.why == "tls"

    asyncio.run(case())


def test_the_request_reaches_the_server_as_given(serve: Serve) -> None:
    got: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        got.append(await reader.readexactly(4))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async def case() -> Sequence[Event | Body]:
        async with serve(handler) as port:
            request = Request(f"http://127.0.0.1:{port}/a", "POST", (("X-A", "b"),), b"body")
            request = replace(request, receive_buffer_bytes=8_192)
            exchange = await transport().open(request, LIMITS, 5_000)
            events = await everything(exchange)
            await exchange.close()
            assert got[0] == (
                f"POST /a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-A: b\r\nContent-Length: 4\r\n\r\n".encode()
            )
            return events

    assert asyncio.run(case()) == [
        Opened(204, "No Content", "HTTP/1.1", ()),
        Ended("none", 0),
        Closed("eof"),
    ]
    assert got[1] == b"body"


# -- requests --------------------------------------------------------------------------------------------------


GET = Request("http://host/")


@pytest.mark.parametrize(
    ("request_", "octets"),
    [
        (GET, b"GET / HTTP/1.1\r\nHost: host\r\n\r\n"),
        (Request("HTTP://HOST:80?a=%20b#c"), b"GET /?a=%20b HTTP/1.1\r\nHost: host\r\n\r\n"),
        (Request("http://[::1]:81/x"), b"GET /x HTTP/1.1\r\nHost: [::1]:81\r\n\r\n"),
        (Request("https://host:443/x"), b"GET /x HTTP/1.1\r\nHost: host\r\n\r\n"),
        (Request("http://b\u00fccher.example/"), b"GET / HTTP/1.1\r\nHost: xn--bcher-kva.example\r\n\r\n"),
        (
            replace(GET, headers=(("hOst", "other"), ("X", "\xe9"))),
            b"GET / HTTP/1.1\r\nhOst: other\r\nX: \xe9\r\n\r\n",
        ),
        (replace(GET, method="POST"), b"POST / HTTP/1.1\r\nHost: host\r\nContent-Length: 0\r\n\r\n"),
        (replace(GET, method="DELETE"), b"DELETE / HTTP/1.1\r\nHost: host\r\n\r\n"),
        (replace(GET, body=b"xy"), b"GET / HTTP/1.1\r\nHost: host\r\nContent-Length: 2\r\n\r\nxy"),
        (
            replace(GET, body=b"xy", headers=(("content-length", "9"),)),
            b"GET / HTTP/1.1\r\nHost: host\r\ncontent-length: 9\r\n\r\nxy",
        ),
        (replace(GET, version="1.0"), b"GET / HTTP/1.0\r\nHost: host\r\n\r\n"),
        (
            replace(GET, malformed=True),
            b"GET / HTTP/1.1\r\nHost: host\r\nstreamspec sends this line without a colon\r\n\r\n",
        ),
    ],
)
def test_a_request_goes_out_as_it_is_given(request_: Request, octets: bytes) -> None:
    assert request_bytes(request_) == octets


@pytest.mark.parametrize(
    "request_",
    [
        replace(GET, method="GE T"),
        replace(GET, method=""),
        replace(GET, method="GET\r\nX: y"),
        replace(GET, headers=(("X Y", "z"),)),
        replace(GET, headers=(("X\n", "z"),)),
        replace(GET, headers=(("X:", "z"),)),
        replace(GET, headers=(("", "z"),)),
        replace(GET, headers=(("\u20ac", "z"),)),
        replace(GET, headers=(("X", "a\r\nb"),)),
        replace(GET, headers=(("X", "a\nb"),)),
        replace(GET, headers=(("X", "a\0b"),)),
        replace(GET, headers=(("X", "\u20ac"),)),
        Request("http://host/\r\nX: y"),
        Request("http://host/a b"),
        Request("http://host/\t"),
        Request("http://host/\u00fc"),
        Request("http://host:0/"),
        Request("http://host:99999/"),
        Request("http://host:x/"),
        Request("http:///path"),
        Request("http://a..b/"),
        Request("http://a%2fb/"),
        Request("http://[::1/"),
        Request("http://[::g]/"),
        Request("http://host\\@other/"),
        Request("ftp://host/"),
        Request("/path"),
        Request(""),
    ],
)
def test_what_would_break_out_of_its_line_or_leads_nowhere_is_a_usage_error(request_: Request) -> None:
    with pytest.raises(UsageError):
        request_bytes(request_)
    with pytest.raises(UsageError):
        asyncio.run(HTTP1.open(request_, LIMITS, 1))  # type: ignore[arg-type]


def test_credentials_in_a_url_are_refused_and_never_repeated() -> None:
    with pytest.raises(UsageError, match="Authorization header") as raised:
        address_of("http://user:hunter2@host/")
    assert "hunter2" not in str(raised.value)


def test_a_header_that_cannot_be_sent_is_named_and_not_shown() -> None:
    with pytest.raises(UsageError, match="the header Authorization") as raised:
        request_bytes(replace(GET, headers=(("Authorization", "Bearer s3cret\n"),)))
    assert "s3cret" not in str(raised.value)


def test_a_request_in_pieces_arrives_whole_and_cut_as_it_was_asked() -> None:
    request = Request("http://127.0.0.1:1/finite?n=3", pieces=5)
    sent: list[bytes] = []

    class Gathering:
        def __init__(self) -> None:
            self._whole = asyncio.Event()

        async def send(self, data: bytes) -> None:
            sent.append(data)
            if b"".join(sent).endswith(b"\r\n\r\n"):
                self._whole.set()

        async def receive(self, size: int) -> bytes:
            await self._whole.wait()
            return b""

        async def close(self) -> None: ...

        def abort(self) -> None: ...

    async def story() -> None:
        exchange = Http1Exchange(Gathering(), request_bytes(request), "GET", LIMITS, request.pieces)
        await everything(exchange)
        await exchange.close()

    asyncio.run(story())
    assert b"".join(sent) == request_bytes(request)
    assert {len(piece) for piece in sent[:-1]} == {5}
