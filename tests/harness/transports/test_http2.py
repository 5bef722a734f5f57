"""A connection of HTTP/2 over loopback: what we send, what we wait for, and who reads what when."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace

import h2.config
import h2.connection
import h2.events
import pytest
import trustme
from hpack import Decoder, NeverIndexedHeaderTuple
from http2_doubles import EMPTY_SETTINGS, GRPC, Peer, data, everything, heard, peer

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Deviation, Ended, Farewell, Opened, Pong, Refused, Trailers
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import Body, Exchange, Multiplexed, NoSuchWord, Request, Transport
from streamspec.harness.transports import http2_frames as frames
from streamspec.harness.transports.http2 import GRPC as GRPC_TRANSPORT
from streamspec.harness.transports.http2 import HTTP2, transport
from streamspec.harness.transports.http2_link import OUTBOX_BYTES, Link
from streamspec.harness.transports.http2_observer import CONNECTION_WINDOW_BYTES
from streamspec.harness.transports.memory import MemoryConnection, pair

Serve = Callable[..., AbstractAsyncContextManager[int]]
OPENED = Opened(200, "", "HTTP/2", ())


async def opened(port: int, limits: Limits = LIMITS, scheme: str = "http", **request: object) -> Multiplexed:
    by = HTTP2 if scheme == "http" else GRPC_TRANSPORT
    asked = Request(f"{scheme}://127.0.0.1:{port}/a?b=c", version="2", **request)  # type: ignore[arg-type]
    exchange = await by.open(asked, limits, 5_000)
    assert isinstance(exchange, Multiplexed)
    return exchange


async def asked(by: Transport, request: Request) -> Exchange:
    return await by.open(request, LIMITS, 100)


def played(
    play: Callable[[Peer], Awaitable[None]],
    act: Callable[[Multiplexed], Awaitable[None]],
    limits: Limits = LIMITS,
    scheme: str = "http",
    **request: object,
) -> None:
    """A server that plays so, and what we do on the first stream."""

    async def both() -> None:
        async with peer(play) as port:
            stream = await opened(port, limits, scheme, **request)
            try:
                async with asyncio.timeout(10):
                    await act(stream)
            finally:
                await stream.close()

    asyncio.run(both())


async def fenced(one: Peer) -> list[frames.Frame]:
    """What we have sent, up to the answer to a ping of theirs."""
    await one.say(frames.frame(frames.PING, 0, 0, b"a fence!"))
    while (await one.next(frames.PING)).payload != b"a fence!":
        pass
    return one.frames


def kinds(sent: list[frames.Frame]) -> list[str]:
    return [f"{frame.name} {frame.stream}" for frame in sent]


# -- what we send ----------------------------------------------------------------------------------------------------


def test_a_connection_begins_with_our_settings_and_its_first_request() -> None:
    async def play(one: Peer) -> None:
        stream, fields = await one.request()
        assert kinds(one.frames) == ["SETTINGS 0", "WINDOW_UPDATE 0", "HEADERS 1"]
        said, window, head = one.frames
        pairs = {said.payload[at + 1]: int.from_bytes(said.payload[at + 2 : at + 6]) for at in range(0, said.size, 6)}
        assert pairs == {
            frames.ENABLE_PUSH: 0,
            frames.INITIAL_WINDOW_SIZE: LIMITS.window_bytes,
            frames.HEADER_LIST: LIMITS.head_bytes,
        }
        assert int.from_bytes(window.payload) + frames.WINDOW_BYTES == CONNECTION_WINDOW_BYTES
        assert head.has(frames.END_STREAM)
        assert fields == [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "example.org"),
            (":path", "/a?b=c"),
            ("accept", "text/plain"),
        ]
        await one.say(EMPTY_SETTINGS, one.words.head(), data(b"answer", stream=stream, ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        assert await heard(stream, Ended) == [OPENED, Body(b"answer"), Ended("end-stream", 6)]

    headers = (("Host", "example.org"), ("Accept", "text/plain"), ("Connection", "x"), ("TE", "gzip"))
    played(play, act, headers=headers)


def test_a_request_with_a_body_ends_behind_it_and_says_how_long_it_is() -> None:
    async def play(one: Peer) -> None:
        _, fields = await one.request()
        assert ("content-length", "4") in fields
        body = await one.next(frames.DATA)
        assert (body.payload, body.has(frames.END_STREAM)) == (b"body", True)
        await one.say(EMPTY_SETTINGS, one.words.head(ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await heard(stream, Ended)
        with pytest.raises(NoSuchWord):
            await stream.say(b"more")
        await stream.finish()  # it is over already, and that is said once

    played(play, act, method="POST", body=b"body")


def test_grpc_is_a_post_with_its_own_fields_whatever_is_given() -> None:
    async def play(one: Peer) -> None:
        _, fields = await one.request()
        assert fields[0] == (":method", "POST")
        assert fields[4:] == [("grpc-timeout", "5m"), ("content-type", "application/grpc"), ("te", "trailers")]
        await one.say(EMPTY_SETTINGS, one.words.head((*GRPC, ("grpc-status", "0")), ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        assert isinstance((await heard(stream, Ended))[1], Trailers)

    played(play, act, scheme="grpc", headers=(("grpc-timeout", "5m"),))


def test_a_stream_that_goes_both_ways_is_half_closed_by_an_empty_frame() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.next(frames.DATA)
        await one.next(frames.DATA)
        last = await one.next(frames.DATA)
        sent = [(f.payload, f.has(frames.END_STREAM)) for f in one.frames if f.kind == frames.DATA]
        assert sent == [(b"opening", False), (b"onetwo", False), (b"", True)]
        assert last.stream == 1
        await one.say(EMPTY_SETTINGS, one.words.head(ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await stream.say(b"one", b"two")
        await stream.finish()
        await heard(stream, Ended)

    played(play, act, body=b"opening", ends=False)


def test_a_stream_that_is_cancelled_at_once_is_so_in_the_write_that_opens_it() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        assert kinds(one.frames)[2:] == ["HEADERS 1", "DATA 1", "RST_STREAM 1"]  # all of it in one read
        came.set()
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await came.wait()

    came = asyncio.Event()

    played(play, act, body=b"opening", ends=False, push="reset")


def test_a_request_may_be_cut_into_segments() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head(ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        assert await heard(stream, Ended) == [OPENED, Ended("end-stream", 0)]

    played(play, act, pieces=16)


@pytest.mark.parametrize("headers", [(("a", "x\r\ny"),), (("a b", "x"),), (("a", "\u20ac"),), (("Host", "a\r\nb"),)])
def test_what_would_break_out_of_its_field_is_the_callers_error(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(UsageError):
        asyncio.run(asked(HTTP2, Request("http://127.0.0.1:9/", headers=headers)))


def test_a_malformed_request_has_a_name_that_nobody_may_send() -> None:
    async def play(one: Peer) -> None:
        _, fields = await one.request()
        assert fields[-1][0] == "Streamspec"
        await one.say(EMPTY_SETTINGS, frames.rst_stream(1, 1))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        assert await everything(stream) == [Refused("reset", "RST_STREAM PROTOCOL_ERROR (1)")]

    played(play, act, malformed=True)


def test_a_secret_stands_in_no_table() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        fields = Decoder().decode(one.frames[2].payload)
        assert {str(f[0]) for f in fields if isinstance(f, NeverIndexedHeaderTuple)} == {"authorization"}
        await one.say(EMPTY_SETTINGS, one.words.head(ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await heard(stream, Ended)

    played(play, act, headers=(("Authorization", "Bearer abcdefgh"), ("Accept", "x")))


# -- windows ---------------------------------------------------------------------------------------------------------


def test_a_streams_window_is_refilled_when_its_session_reads_and_no_sooner() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head(), *[data(bytes(16_383))] * 4)
        sent = await fenced(one)
        assert "WINDOW_UPDATE 1" not in kinds(sent)
        assert sum(int.from_bytes(f.payload) for f in sent[3:] if f.kind == frames.WINDOW_UPDATE) == 65_532
        read.set()
        update = await one.next(frames.WINDOW_UPDATE, 1)
        assert int.from_bytes(update.payload) == 65_532
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await read.wait()
        assert sum(len(entry.data) for entry in await heard(stream, Opened) if isinstance(entry, Body)) == 65_532
        await stream.ping()

    read = asyncio.Event()
    played(play, act)


def test_a_sibling_goes_on_while_a_stream_stands_still() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head(), *[data(bytes(16_383))] * 4)
        await one.request()
        await one.say(one.words.head(stream=3))
        for _ in range(8):  # twice the window of a stream
            await one.say(data(bytes(16_383), stream=3))
            await one.next(frames.WINDOW_UPDATE, 3)
        await one.say(data(b"", stream=3, ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        other = await stream.beside(Request("http://127.0.0.1/"))
        assert (await heard(other, Ended))[-1] == Ended("end-stream", 8 * 16_383)
        await other.leave()
        first = await stream.receive()
        assert [type(entry) for entry in first] == [Opened, Body]

    played(play, act)


def test_a_peer_that_ignores_the_window_is_heard_up_to_a_bound_and_then_not_read() -> None:
    few = replace(LIMITS, window_bytes=1_000, inbox_bytes=100_000)
    size = 64 * 1_048_576

    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head())
        one.writer.transport.set_write_buffer_limits(high=0)
        with suppress(TimeoutError):  # more than the system holds, and nobody takes it
            for _ in range(size // 16_384):
                async with asyncio.timeout(0.3):
                    await one.say(data(bytes(16_384)))
            pytest.fail("all of it was taken")
        blocked.set()
        one.writer.transport.abort()

    async def act(stream: Multiplexed) -> None:
        await blocked.wait()
        entries = await stream.receive()
        assert [e.code for e in entries if isinstance(e, Deviation)] == ["h2.window"]
        held = sum(len(entry.data) for entry in entries if isinstance(entry, Body))
        assert 100_000 < held < 100_000 + 2 * LIMITS.receive_bytes

    blocked = asyncio.Event()
    played(play, act, few)


def test_we_send_no_more_than_the_windows_of_the_peer_allow() -> None:
    async def play(one: Peer) -> None:
        await one.say(frames.settings({frames.INITIAL_WINDOW_SIZE: 10}))
        await one.request()
        while not (await one.next(frames.SETTINGS)).has(frames.ACK):
            pass
        ready.set()
        assert (await one.next(frames.DATA)).payload == b"0123456789"
        assert kinds(await fenced(one)).count("DATA 1") == 1
        await one.say(frames.window_update(1, 3))
        assert (await one.next(frames.DATA)).payload == b"abc"
        await one.say(frames.window_update(1, 100))
        last = await one.next(frames.DATA)
        assert (last.payload, last.has(frames.END_STREAM)) == (b"def", False)
        assert (await one.next(frames.DATA)).has(frames.END_STREAM)
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await ready.wait()
        await stream.say(b"0123456789abcdef")
        await stream.finish()

    ready = asyncio.Event()
    played(play, act, ends=False)


def test_a_frame_of_ours_is_no_longer_than_the_peer_allows_and_the_connection_has_a_window_too() -> None:
    async def play(one: Peer) -> None:
        await one.say(frames.settings({frames.INITIAL_WINDOW_SIZE: 1_000_000}))
        await one.request()
        taken = 0
        while taken < 65_535:
            came = await one.next(frames.DATA)
            assert came.size <= 16_384
            taken += came.size
        assert taken == 65_535
        await one.say(frames.window_update(0, 1_000_000))
        while not came.has(frames.END_STREAM):
            came = await one.next(frames.DATA)
            taken += came.size
        assert taken == 100_000
        await one.say(one.words.head(ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        assert await heard(stream, Ended) == [OPENED, Ended("end-stream", 0)]

    played(play, act, method="POST", body=bytes(100_000))


def test_what_a_caller_who_gave_up_left_unsaid_goes_ahead_of_the_next_message() -> None:
    async def play(one: Peer) -> None:
        await one.say(frames.settings({frames.INITIAL_WINDOW_SIZE: 4}))
        await one.request()
        while not (await one.next(frames.SETTINGS)).has(frames.ACK):
            pass
        ready.set()
        await given_up.wait()
        await one.say(frames.window_update(1, 100))
        got = b""
        while len(got) < 12:
            got += (await one.next(frames.DATA)).payload
        assert got == b"first+second"
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await ready.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stream.say(b"first+")
        given_up.set()
        await stream.say(b"second")

    ready, given_up = asyncio.Event(), asyncio.Event()
    played(play, act, ends=False)


def test_saying_ends_when_the_target_resets_the_stream() -> None:
    async def play(one: Peer) -> None:
        await one.say(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
        await one.request()
        await one.say(frames.rst_stream(1, 8))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        with pytest.raises(ConnectionResetError):
            await stream.say(b"x" * 70_000)
        assert await everything(stream) == [Refused("reset", "RST_STREAM CANCEL (8)")]

    played(play, act, ends=False)


# -- hearing ---------------------------------------------------------------------------------------------------------


def test_a_receive_that_is_cancelled_loses_nothing() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head())
        for n in range(200):
            await one.say(data(b"%03d" % n))
            await asyncio.sleep(0)
        await one.say(data(b"", ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        got = b""
        ended = False
        while not ended:
            task = asyncio.ensure_future(stream.receive())
            for _ in range(1 + len(got) % 3):
                await asyncio.sleep(0)
            if not task.done():
                task.cancel()
            batch = await asyncio.gather(task, return_exceptions=True)
            for entry in batch[0] if isinstance(batch[0], list) else []:
                got += entry.data if isinstance(entry, Body) else b""
                ended = ended or isinstance(entry, Ended)
            await asyncio.sleep(0)
        assert got == b"".join(b"%03d" % n for n in range(200))

    played(play, act)


def test_a_ping_is_answered_to_the_stream_that_asked() -> None:
    async def play(one: Peer) -> None:
        await one.say(EMPTY_SETTINGS)
        await one.request()
        await one.request()
        pings = [await one.next(frames.PING), await one.next(frames.PING)]
        for ping in reversed(pings):
            await one.say(frames.frame(frames.PING, frames.ACK, 0, ping.payload))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        other = await stream.beside(Request("http://127.0.0.1/"))
        await stream.ping()
        await other.ping()
        (first,), (second,) = await stream.receive(), await other.receive()
        assert isinstance(first, Pong)
        assert isinstance(second, Pong)
        assert (first.data, second.data) == ("0" * 16, "0" * 15 + "1")

    played(play, act)


def test_a_goodbye_is_heard_on_every_stream() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.request()
        await one.say(EMPTY_SETTINGS, frames.goaway(3, 0), one.words.head(stream=3, ends=True))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        other = await stream.beside(Request("http://127.0.0.1/"))
        assert [type(e) for e in await heard(other, Ended)] == [Farewell, Opened, Ended]
        assert [type(e) for e in await stream.receive()] == [Farewell]

    played(play, act)


def test_after_our_cancel_what_still_comes_is_received_and_its_window_is_not_refilled() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head(), data(b"one"))
        reset = await one.next(frames.RST_STREAM)
        assert int.from_bytes(reset.payload) == frames.CANCEL
        before = kinds(one.frames).count("WINDOW_UPDATE 1")
        await one.say(data(b"two"))
        assert kinds(await fenced(one)).count("WINDOW_UPDATE 1") == before
        ping = await one.next(frames.PING)
        await one.say(frames.frame(frames.PING, frames.ACK, 0, ping.payload))
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await heard(stream, Opened)
        await stream.reset()
        entries = await stream.receive()
        while not any(isinstance(entry, Body) and entry.data.endswith(b"two") for entry in entries):
            entries = await stream.receive()
        await stream.ping()
        assert isinstance((await heard(stream, Pong))[-1], Pong)

    played(play, act, ends=False)


def test_octets_are_written_as_they_are() -> None:
    async def play(one: Peer) -> None:
        await one.say(EMPTY_SETTINGS)
        await one.request()
        assert (await one.next(0xEE)).payload == b"raw"
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await stream.write(frames.frame(0xEE, 0, 0, b"raw"))

    played(play, act)


@pytest.mark.parametrize(("end", "came"), [("fin", [OPENED, Closed("eof")]), ("rst", None), ("early", None)])
def test_the_end_of_the_connection_is_told_to_each_stream(
    end: str, came: list[object] | None, reset: Callable[[asyncio.StreamWriter], None]
) -> None:
    async def play(one: Peer) -> None:
        await one.request()
        if end != "early":
            await one.say(EMPTY_SETTINGS, one.words.head())
            await read.wait()
        if end == "rst":
            reset(one.writer)
        else:
            one.writer.write_eof()
            await one.gone()

    async def act(stream: Multiplexed) -> None:
        got = await heard(stream, Opened) if end != "early" else []
        read.set()
        got += await everything(stream)
        if came is not None:
            assert got == came
        last = got[-1]
        assert isinstance(last, Refused if end == "early" else Closed)
        assert (last.why if isinstance(last, Refused) else last.how) == {"rst": "reset", "early": "closed"}.get(
            end, "eof"
        )
        with pytest.raises(ConnectionError):
            await stream.beside(Request("http://127.0.0.1/"))

    read = asyncio.Event()
    played(play, act)


def test_where_a_target_cannot_be_read_any_more_we_say_why_and_end() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\x0f"))
        goodbye = await one.next(frames.GOAWAY)
        assert int.from_bytes(goodbye.payload[4:]) == frames.COMPRESSION_ERROR
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        got = await everything(stream)
        assert [type(entry) for entry in got] == [Deviation, Closed]
        assert isinstance(got[-1], Closed)
        assert got[-1].how == "ours"

    played(play, act)


# -- leaving ---------------------------------------------------------------------------------------------------------


def test_who_leaves_cancels_what_is_open_and_the_last_one_ends_the_connection() -> None:
    async def play(one: Peer) -> None:
        await one.say(EMPTY_SETTINGS)
        await one.request()
        await one.request()
        assert int.from_bytes((await one.next(frames.RST_STREAM, 1)).payload) == frames.CANCEL
        await one.say(one.words.head(stream=3, ends=True))
        assert (await one.next(frames.GOAWAY)).stream == 0
        assert kinds(one.frames).count("RST_STREAM 3") == 0  # its answer was whole
        with pytest.raises(asyncio.IncompleteReadError):
            await one.next(frames.DATA)

    async def act(stream: Multiplexed) -> None:
        other = await stream.beside(Request("http://127.0.0.1/"))
        await stream.leave()
        assert await stream.receive() == ()
        await heard(other, Ended)
        await other.leave()

    played(play, act)


def test_a_stream_whose_half_of_ours_is_open_is_cancelled_though_its_answer_is_whole() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head(ends=True))
        assert int.from_bytes((await one.next(frames.RST_STREAM, 1)).payload) == frames.CANCEL
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        await heard(stream, Ended)
        await stream.leave()

    played(play, act, ends=False)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_the_end_of_a_connection_by_one_stream_is_ours_on_the_others(how: str) -> None:
    async def play(one: Peer) -> None:
        await one.say(EMPTY_SETTINGS)
        await one.request()
        await one.gone()

    async def act(stream: Multiplexed) -> None:
        other = await stream.beside(Request("http://127.0.0.1/"))
        waiting = asyncio.ensure_future(other.receive())
        await asyncio.sleep(0)
        if how == "abort":
            stream.abort()
        await stream.close()
        assert await waiting == [Closed("ours")]
        assert await other.receive() == ()
        assert await stream.receive() == ()
        with pytest.raises(ConnectionError):
            await other.ping()

    played(play, act)


def test_an_abort_is_a_reset_of_the_connection() -> None:
    async def play(one: Peer) -> None:
        await one.request()
        await one.say(EMPTY_SETTINGS, one.words.head())
        try:
            await one.next(frames.GOAWAY)
        except ConnectionResetError:
            ended.set()

    async def act(stream: Multiplexed) -> None:
        await heard(stream, Opened)
        stream.abort()
        await stream.close()
        await ended.wait()

    ended = asyncio.Event()
    played(play, act)


# -- who is there ----------------------------------------------------------------------------------------------------


def test_a_closed_port_refuses(serve: Serve) -> None:
    async def main() -> None:
        exchange = await HTTP2.open(Request("http://127.0.0.1:1/"), LIMITS, 1_000)
        (event,) = await everything(exchange)
        assert isinstance(event, Refused)
        assert event.why == "refused"

    asyncio.run(main())


def test_a_server_of_http_1_is_none_of_http_2(serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 505 Version Not Supported\r\n\r\n")
        await writer.drain()

    async def main() -> None:
        async with serve(handler) as port:
            stream = await opened(port)
            (event,) = await everything(stream)
            await stream.close()
            assert event == Refused("not-http", "no HTTP/2 frame begins with 'HTTP/1.1 '")

    asyncio.run(main())


def test_an_url_of_grpc_needs_a_port() -> None:
    with pytest.raises(UsageError, match="port"):
        asyncio.run(asked(GRPC_TRANSPORT, Request("grpc://127.0.0.1/a.B/C")))


@pytest.mark.parametrize("protocols", [["h2"], ["http/1.1"], []])
def test_tls_must_agree_on_http_2(serve: Serve, protocols: list[str]) -> None:
    ca = trustme.CA()
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(served)
    ca.configure_trust(trusting)
    trusting.set_alpn_protocols(["h2"])
    if protocols:
        served.set_alpn_protocols(protocols)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = Peer(reader, writer)
        await one.preface()
        _, fields = await one.request()
        assert fields[1] == (":scheme", "https")
        await one.say(EMPTY_SETTINGS, one.words.head(ends=True))
        await one.gone()

    async def main() -> None:
        async with serve(handler, served) as port:
            by = transport("grpc", ("grpcs",), ("2",), trusting)
            exchange = await by.open(Request(f"grpcs://127.0.0.1:{port}/"), LIMITS, 5_000)
            if protocols == ["h2"]:
                assert (await heard(exchange, Ended))[0] == OPENED
            else:
                (event,) = await everything(exchange)
                assert isinstance(event, Refused)
                assert (event.why, "ALPN" in event.detail) == ("not-http", True)
            await exchange.close()

    asyncio.run(main())


def test_without_its_extra_http_2_is_the_users_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamspec.harness.transports._http2_tables", None)
    with pytest.raises(UsageError, match=r"pip install streamspec\[grpc\]"):
        asyncio.run(asked(HTTP2, Request("http://127.0.0.1:9/")))


# -- bounds, and our own errors --------------------------------------------------------------------------------------


def linked(limits: Limits = LIMITS) -> tuple[Link, MemoryConnection]:
    from streamspec.harness.transports._http2_tables import Tables
    from streamspec.harness.transports.http2_fields import fields_of

    ours, theirs = pair(1_000)
    link = Link(
        ours, Tables(limits.head_bytes), limits, lambda request: fields_of(request, "http", "a", "/", grpc=False)
    )
    return link, theirs


def test_a_flood_of_pings_that_takes_no_answers_is_not_read_without_bound() -> None:
    async def main() -> None:
        link, theirs = linked()
        stream = link.open(Request("http://a/"))
        flood = frames.frame(frames.PING, 0, 0, bytes(8)) * 1_000

        async def flooding() -> None:
            await theirs.send(EMPTY_SETTINGS)
            while True:
                await theirs.send(flood)

        sending = asyncio.ensure_future(flooding())
        while (owed := len(link._outbox)) <= OUTBOX_BYTES:
            await link.changed()
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert len(link._outbox) == owed < OUTBOX_BYTES + LIMITS.receive_bytes
        sending.cancel()
        stream.abort()
        await stream.close()

    asyncio.run(main())


def test_a_connection_carries_so_many_streams_and_no_more() -> None:
    async def main() -> None:
        link, _ = linked(replace(LIMITS, streams=2))
        first = link.open(Request("http://a/"))
        link.open(Request("http://a/"))
        with pytest.raises(ConnectionError, match="2 streams are our own limit"):
            await first.beside(Request("http://a/"))
        first.abort()
        await first.close()

    asyncio.run(main())


def test_an_error_of_ours_is_raised_where_somebody_receives() -> None:
    async def main() -> None:
        link, theirs = linked()
        stream = link.open(Request("http://a/"))
        link.observer.feed = lambda _octets: 1 // 0  # type: ignore[method-assign,assignment,return-value]
        await theirs.send(EMPTY_SETTINGS)
        with pytest.raises(ZeroDivisionError):
            await stream.receive()
        await stream.close()

    asyncio.run(main())


# -- a library on the other side -------------------------------------------------------------------------------------


class Echo:
    """What a server on the library says to its first stream: all of its body."""

    def __init__(self) -> None:
        self.over = False
        self._conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._conn.initiate_connection()
        self._waiting = bytearray()
        self._ended = False

    def take(self, octets: bytes) -> None:
        for event in self._conn.receive_data(octets):
            match event:
                case h2.events.RequestReceived():
                    self._conn.send_headers(1, [(":status", "200"), *GRPC])
                case h2.events.DataReceived():
                    self._waiting += event.data
                    self._conn.acknowledge_received_data(event.flow_controlled_length, 1)
                case h2.events.StreamEnded():
                    self._ended = True
                case _:
                    pass
        self._answer()

    def _answer(self) -> None:
        conn = self._conn
        while self._waiting and (room := min(conn.local_flow_control_window(1), conn.max_outbound_frame_size)):
            conn.send_data(1, bytes(self._waiting[:room]))
            del self._waiting[:room]
        if self._ended and not self._waiting and not self.over:
            self.over = True
            conn.send_headers(1, [("grpc-status", "0")], end_stream=True)

    def octets(self) -> bytes:
        return self._conn.data_to_send()


def test_a_library_of_http_2_serves_us_an_echo_of_more_than_any_window(serve: Serve) -> None:
    size = 300_000

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        echo = Echo()
        while not echo.over:
            writer.write(echo.octets())
            if not (octets := await reader.read(65_536)):
                return
            echo.take(octets)
        writer.write(echo.octets())
        while await reader.read(65_536):
            pass

    async def main() -> None:
        async with serve(handler) as port:
            stream = await opened(port, scheme="grpc", ends=False)
            said = [b"%07d" % n for n in range(size // 7)]
            saying = asyncio.ensure_future(stream.say(*said))
            got = b""
            while len(got) < 7 * len(said):
                got += b"".join(entry.data for entry in await stream.receive() if isinstance(entry, Body))
            await saying
            await stream.finish()
            last = await heard(stream, Ended)
            assert got == b"".join(said)
            assert last == [Trailers((("grpc-status", "0"),)), Ended("end-stream", len(got))]
            await stream.leave()

    asyncio.run(main())
