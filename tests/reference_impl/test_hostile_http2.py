"""The reference over gRPC against clients that break HTTP/2, or use it up: it goes on, in bounded time and memory, and
whoever comes afterwards is served.

Frames are grpcio's affair. Where it does not do what RFC 9113 wants, that is an expected failure; what it bears is
asserted all the same.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from hostile_target import MOST_GROWTH_BYTES, Target, hostile_target
from http2_octets import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WIDEST,
    Answer,
    Wire,
    dialled,
    frame,
    message,
    reset,
    setting,
    window,
)

from streamspec.reference_impl import grpc_text
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.conformance import MOST_STREAMS
from streamspec.reference_impl.grpc_names import MOST_METADATA_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Octets = Callable[[Wire, int], bytes]  # of a connection, and a stream on it that is open both ways

LONGEST_S: Final = 20.0
FLOOD: Final = 3_000  # frames
SERVER: Final = "/streamspec.Script/Server"
BIDI: Final = "/streamspec.Script/Bidi"
ONE: Final = {"do": "generate", "n": 1}
COLLECT: Final = {"do": "collect"}
SHUT: Final = {"do": "gate", "name": "shut"}
FIRST: Final = b'\n\x07{"n":1}'
NOBODY: Final = WIDEST  # a stream that nobody opens
METHOD: Final = b"\x83"  # `:method: POST`, as HPACK's own table has it (RFC 7541 A)
ENHANCE_YOUR_CALM: Final = 11  # RFC 9113 7
CODES: Final = range(1, 14)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with hostile_target() as found:
        yield found


def told(target: Target, story: Callable[[Wire], Awaitable[None]], *frames: bytes) -> None:
    """A story of one connection. Afterwards another one is served as ever, and nothing is left."""

    async def whole() -> None:
        async with asyncio.timeout(LONGEST_S):
            async with dialled(target.grpc_port, *frames) as wire:
                await story(wire)
            async with dialled(target.grpc_port) as other:
                assert await lives(other)
            await target.nothing_is_left()

    before = target.most_held_bytes()
    asyncio.run(whole())
    assert target.most_held_bytes() - before < MOST_GROWTH_BYTES


def wish(*steps: object, run: str = "some", **options: int) -> bytes:
    return message(grpc_text.encoded(json.dumps({"run": run, "script": {"steps": steps, **options}})))


async def lives(wire: Wire) -> bool:
    """Whether the connection still serves."""
    stream = wire.call(SERVER, wish(ONE))
    wire.write(window(stream, 1_000))
    answer = await wire.over(stream)
    return answer == Answer(answer.fields, bytearray(message(FIRST)), ended=True) and answer.status == "0"


async def opened(wire: Wire, *steps: object, run: str) -> int:
    """A stream that is open both ways, and has shown its first item."""
    stream = wire.call(BIDI, wish(ONE, *steps, run=run), ends=False)
    answer = wire.answer(stream)
    await wire.until(lambda: bool(answer.data) or answer.is_over)
    assert bytes(answer.data) == message(FIRST)
    return stream


# -- what asks for nothing, or for little ------------------------------------------------------------------------------

HARMLESS: Final[dict[str, Octets]] = {
    "priorities": lambda _, stream: frame(PRIORITY, 0, stream, b"\0\0\0\0\x10") * FLOOD,
    "priorities of nobody": lambda *_: frame(PRIORITY, 0, NOBODY, b"\0\0\0\0\x10") * FLOOD,
    "settings": lambda *_: (setting(INITIAL_WINDOW_SIZE, 1) + setting(INITIAL_WINDOW_SIZE, 65_535)) * (FLOOD // 2),
    "answers to pings": lambda *_: frame(PING, ACK, 0, b"whatever") * FLOOD,
    "windows of the connection": lambda *_: window(0, 1) * FLOOD,
    "windows of a stream": lambda _, stream: window(stream, 1) * FLOOD,
    "windows of a stream that is over": lambda *_: window(1, 1) * FLOOD,
    "resets of a stream that is over": lambda *_: reset(1) * FLOOD,
    "data of a stream that is over": lambda *_: frame(DATA, 0, 1, b"x" * 10) * FLOOD,
    "frames of a kind that nobody knows": lambda *_: frame(0xEE, 0xFF, 0, b"x" * 10) * FLOOD,
    "empty data": lambda _, stream: frame(DATA, 0, stream) * FLOOD,
    "small messages": lambda _, stream: frame(DATA, 0, stream, message(grpc_text.encoded("1"))) * FLOOD,
    "an octet in each frame": lambda _, stream: b"".join(
        frame(DATA, 0, stream, bytes((octet,))) for octet in message(grpc_text.encoded("1")) * 100
    ),
}


@pytest.mark.parametrize("flood", HARMLESS)
def test_a_flood_of_what_is_allowed_disturbs_no_stream_of_its_connection(target: Target, flood: str) -> None:
    async def story(wire: Wire) -> None:
        assert await lives(wire)
        stream = await opened(wire, COLLECT, run=f"harmless-{flood.replace(' ', '-')}")
        wire.write(HARMLESS[flood](wire, stream))
        assert await lives(wire)
        wire.write(frame(DATA, END_STREAM, stream))
        answer = await wire.over(stream)
        items = {"small messages": FLOOD, "an octet in each frame": 100}.get(flood, 0)
        assert answer.status == "0"
        assert b'"count":%d,' % items in answer.data

    told(target, story)


def test_a_flood_of_pings_ends_its_connection_and_says_why(target: Target) -> None:
    async def story(wire: Wire) -> None:
        stream = await opened(wire, COLLECT, run="pinged")
        assert stream in wire.answers
        wire.write(frame(PING, 0, 0, b"whatever") * FLOOD)
        assert await wire.closed() == ENHANCE_YOUR_CALM
        assert (await target.when("pinged", state="ended"))["input"] == "broken"

    told(target, story)


# -- many streams, none of them wanted ---------------------------------------------------------------------------------

UNWANTED: Final[dict[str, Callable[[int], bytes]]] = {
    "the client resets": reset,
    # what was said of the stream is no data, so that the server has to end it
    "the server resets": lambda stream: frame(DATA, PADDED, stream, b"\xffx"),
}


@pytest.mark.parametrize("whoever", UNWANTED)
def test_streams_that_are_reset_as_soon_as_they_are_opened_leave_nothing(target: Target, whoever: str) -> None:
    async def story(wire: Wire) -> None:
        for _ in range(FLOOD):
            stream = wire.call(BIDI, wish(SHUT, run="unwanted"), ends=False)
            wire.write(UNWANTED[whoever](stream))
        await wire.heard()
        assert target.told()["open"] <= MOST_STREAMS
        if whoever == "the client resets":  # of its own resets grpcio tells no handler before the connection ends
            await target.nothing_is_left()

    told(target, story)


# -- what no connection bears ------------------------------------------------------------------------------------------


def _in_block(octets: bytes) -> Octets:
    """In the middle of a block of fields."""
    return lambda wire, _: frame(HEADERS, 0, wire.next, METHOD) + octets


FATAL: Final[dict[str, Octets]] = {
    "a block without an end, and nothing in it": lambda wire, _: (
        frame(HEADERS, 0, wire.next, METHOD) + frame(CONTINUATION, 0, wire.next) * FLOOD
    ),
    "a ping within a block": _in_block(frame(PING, 0, 0, b"whatever")),
    "data within a block": lambda wire, stream: frame(HEADERS, 0, wire.next, METHOD) + frame(DATA, 0, stream, b"x"),
    "another block within a block": lambda wire, _: (
        frame(HEADERS, 0, wire.next, METHOD) + frame(HEADERS, END_HEADERS, wire.next + 2, METHOD)
    ),
    "a continuation of nothing": lambda wire, _: frame(CONTINUATION, END_HEADERS, wire.next, METHOD),
    "a continuation on another stream": lambda wire, _: (
        frame(HEADERS, 0, wire.next, METHOD) + frame(CONTINUATION, END_HEADERS, wire.next + 2, METHOD)
    ),
    "a window that is too wide, as a setting": lambda *_: setting(INITIAL_WINDOW_SIZE, WIDEST + 1),
    "frames of one octet, as a setting": lambda *_: setting(5, 1),
    "two of pushing, as a setting": lambda *_: setting(2, 2),
    "half a setting": lambda *_: frame(SETTINGS, 0, 0, b"\0\2\0"),
    "settings of a stream": lambda _, stream: frame(SETTINGS, 0, stream),
    "an answer to settings that has some": lambda *_: frame(SETTINGS, ACK, 0, b"\0\2\0\0\0\0"),
    "half a ping": lambda *_: frame(PING, 0, 0, b"what"),
    "half a window": lambda *_: frame(8, 0, 0, b"\0\0"),
    "half a reset": lambda _, stream: frame(RST_STREAM, 0, stream, b"\0\0"),
    "a window of nothing": lambda *_: window(0, 0),
    "more of a table than there is": lambda wire, _: frame(
        HEADERS, END_HEADERS, wire.next, b"\x3f\xe1\xff\xff\x07" + METHOD
    ),
    "a field of no table": lambda wire, _: frame(HEADERS, END_HEADERS, wire.next, b"\xff\xff\xff\xff\x07"),
    "data that is too long": lambda _, stream: frame(DATA, 0, stream, b"x" * 16_385),
    "data that will never be there": lambda _, stream: frame(DATA, 0, stream, b"x", length=2**24 - 1),
    "a block that is too long": lambda wire, _: frame(HEADERS, END_HEADERS, wire.next, METHOD * 16_385),
    "a frame of no kind that is too long": lambda *_: frame(0xEE, 0, 0, b"x", length=2**24 - 1),
}


@pytest.mark.parametrize("octets", FATAL)
def test_a_connection_that_is_broken_ends_with_its_streams_and_no_other_does(target: Target, octets: str) -> None:
    async def story(wire: Wire) -> None:
        run = f"fatal-{list(FATAL).index(octets)}"
        stream = await opened(wire, COLLECT, run=run)
        async with dialled(target.grpc_port) as other:
            beside = await opened(other, COLLECT, run=f"beside-{run}")
            wire.write(FATAL[octets](wire, stream))
            # grpcio closes without a GOAWAY, which is no must (RFC 9113 5.4.1).
            assert await wire.closed() in {None, *CODES}
            figures = await target.when(run, state="ended")
            assert {**figures, "cancel_seen": 1, "cleanups": 1, "input": "broken"} == figures
            other.write(frame(DATA, END_STREAM, beside))
            assert (await other.over(beside)).status == "0"

    told(target, story)


# -- what one stream does not bear -------------------------------------------------------------------------------------


# What a stream says beyond its window, and data that are no data.
UNBEARABLE: Final[dict[str, Octets]] = {
    "overruns": lambda _, stream: frame(DATA, 0, stream, message(grpc_text.encoded(json.dumps("x" * 16_000)))) * FLOOD,
    "padded beyond its end": lambda _, stream: frame(DATA, PADDED, stream, b"\xffx"),
}


@pytest.mark.parametrize("octets", UNBEARABLE)
def test_a_stream_that_is_broken_is_reset_and_its_siblings_go_on(target: Target, octets: str) -> None:
    async def story(wire: Wire) -> None:
        run = f"broken-{list(UNBEARABLE).index(octets)}"
        sibling = await opened(wire, COLLECT, run=f"sibling-{run}")
        stream = await opened(wire, SHUT, run=run)
        wire.write(UNBEARABLE[octets](wire, stream))
        await wire.heard()  # grpcio's reset waits for something else to be written
        assert (await wire.over(stream)).reset in CODES
        assert await lives(wire)
        wire.write(reset(stream), frame(DATA, END_STREAM, sibling))
        figures = await target.when(run, state="ended")
        assert {**figures, "cancel_seen": 1, "cleanups": 1, "input": "broken"} == figures
        assert (await wire.over(sibling)).status == "0"

    told(target, story)


@pytest.mark.xfail(reason="grpcio tells its handlers an end of the messages, and no more", raises=AssertionError)
@pytest.mark.parametrize("octets", UNBEARABLE)
def test_what_a_broken_stream_had_said_is_not_at_its_end(target: Target, octets: str) -> None:
    async def story(wire: Wire) -> None:
        run = f"broken-wanted-{list(UNBEARABLE).index(octets)}"
        stream = await opened(wire, COLLECT, run=run)
        wire.write(UNBEARABLE[octets](wire, stream))
        assert (await target.when(run, state="ended"))["input"] == "broken"

    told(target, story)


# -- what grpcio passes over -------------------------------------------------------------------------------------------

PASSED_OVER: Final[dict[str, Octets]] = {
    "a window wider than there is, of a stream": lambda _, stream: window(stream, WIDEST) * 3,  # RFC 9113 6.9.1
    "a window wider than there is, of the connection": lambda *_: window(0, WIDEST) * 3,
    "a window made wider than there is": lambda _, stream: (  # 6.9.2
        window(stream, WIDEST - 65_535) + setting(INITIAL_WINDOW_SIZE, WIDEST)
    ),
    "an even stream": lambda wire, _: wire.head(4, SERVER, flags=END_STREAM),  # 5.1.1
    "a stream once more": lambda wire, _: wire.head(1, SERVER, flags=END_STREAM),
    "a stream before others": lambda wire, _: (
        wire.head(wire.next + 100, SERVER, flags=END_STREAM) + wire.head(wire.next, SERVER, flags=END_STREAM)
    ),
    "a reset of nobody": lambda *_: reset(NOBODY),  # 5.1
    "data of nobody": lambda *_: frame(DATA, 0, NOBODY, b"x" * 10) * FLOOD,
    "a stream without a number": lambda wire, _: wire.head(0, SERVER, flags=END_STREAM),  # 6.2
    "data of no stream": lambda *_: frame(DATA, 0, 0, b"x"),  # 6.1
    "a reset of no stream": lambda *_: reset(0),  # 6.4
    "a promise of a client's": lambda wire, stream: frame(  # 8.4
        PUSH_PROMISE, END_HEADERS, stream, (2).to_bytes(4) + METHOD
    ),
}
WANTED: Final = "grpcio passes over what RFC 9113 wants a connection or a stream to be ended for"


async def _passes_over(wire: Wire, octets: str, run: str) -> int:
    """The stream that was open meanwhile, when the server has read these octets."""
    assert await lives(wire)
    stream = await opened(wire, COLLECT, run=run)
    wire.write(PASSED_OVER[octets](wire, stream))
    wire.next += 102
    await wire.heard()
    return stream


@pytest.mark.parametrize("octets", PASSED_OVER)
def test_what_is_passed_over_changes_nothing(target: Target, octets: str) -> None:
    async def story(wire: Wire) -> None:
        stream = await _passes_over(wire, octets, f"passed-{list(PASSED_OVER).index(octets)}")
        assert await lives(wire)
        wire.write(frame(DATA, END_STREAM, stream))
        assert (await wire.over(stream)).status == "0"

    told(target, story)


@pytest.mark.xfail(reason=WANTED, raises=AssertionError)
@pytest.mark.parametrize("octets", PASSED_OVER)
def test_what_is_wrong_with_streams_and_windows_ends_them(target: Target, octets: str) -> None:
    async def story(wire: Wire) -> None:
        stream = await _passes_over(wire, octets, f"wanted-{list(PASSED_OVER).index(octets)}")
        assert wire.is_closed or wire.goaway in CODES or wire.answer(stream).reset in CODES

    told(target, story)


async def _says_on(wire: Wire, run: str) -> int:
    """A stream whose client has said that it ends, and said more, when the server has read it."""
    stream = wire.call(SERVER, wish(ONE, SHUT, run=run))
    await wire.until(lambda: bool(wire.answer(stream).data))
    wire.write(frame(DATA, 0, stream, message(grpc_text.encoded("1"))) * 10)
    await wire.heard()
    return stream


def test_data_behind_the_end_of_a_stream_reaches_nobody(target: Target) -> None:
    async def story(wire: Wire) -> None:
        stream = await _says_on(wire, "says-on")
        assert (target.witness("says-on")["received"], target.witness("says-on")["input"]) == (0, "ended")
        assert target.ask("/script/gate?run=says-on&name=shut", "POST")[0] == 200
        assert (await wire.over(stream)).status == "0"
        assert await lives(wire)

    told(target, story)


@pytest.mark.xfail(reason="grpcio passes over data that follow END_STREAM (RFC 9113 5.1)", raises=AssertionError)
def test_data_behind_the_end_of_a_stream_end_it(target: Target) -> None:
    async def story(wire: Wire) -> None:
        stream = await _says_on(wire, "says-on-wanted")
        assert wire.is_closed or wire.answer(stream).reset in CODES

    told(target, story)


@pytest.mark.xfail(reason="grpcio resets a stream for padding, which is allowed (RFC 9113 6.1)", raises=AssertionError)
def test_padded_data_are_data(target: Target) -> None:
    async def story(wire: Wire) -> None:
        stream = await opened(wire, COLLECT, run="padded")
        wire.write(frame(DATA, PADDED | END_STREAM, stream, b"\x03" + message(grpc_text.encoded("1")) + bytes(3)))
        answer = await wire.over(stream)
        # Sometimes its handler is done before the reset: it has seen a half-close, and no item.
        assert answer.status == "0"
        assert b'"count":1,' in answer.data

    told(target, story)


# -- blocks of fields --------------------------------------------------------------------------------------------------

LITERAL: Final = b"\x00"  # a field that no table keeps, its name and its value as they are (RFC 7541 6.2.2)
MANY_FIELDS: Final = (LITERAL + b"\x01a\x01b") * 100


def _field(name: bytes, size: int) -> bytes:
    """With a value of so many octets; more than 126 of them."""
    rest, told = size - 127, b""
    while rest >= 128:
        told, rest = told + bytes((rest % 128 + 128,)), rest // 128
    return LITERAL + bytes((len(name),)) + name + b"\x7f" + told + bytes((rest,)) + b"a" * size


def _fields(wire: Wire, more: bytes) -> bytes:
    """A whole call, in as many frames as its fields need."""
    stream, wire.next = wire.next, wire.next + 2
    block = wire.head(stream, SERVER)[9:] + more
    pieces = [block[at : at + 16_384] for at in range(0, len(block), 16_384)]
    kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
    flags = [0] * (len(pieces) - 1) + [END_HEADERS]
    frames = [frame(kind, flag, stream, piece) for kind, flag, piece in zip(kinds, flags, pieces, strict=True)]
    return b"".join((*frames, frame(DATA, END_STREAM, stream, wish(ONE))))


@pytest.mark.parametrize("size", [MOST_METADATA_BYTES, 100_000, 1_000_000, 20_000_000])
def test_a_field_that_is_too_long_has_its_status_and_the_connection_lives(target: Target, size: int) -> None:
    async def story(wire: Wire) -> None:
        stream = wire.next
        wire.write(_fields(wire, _field(b"x-large", size)))
        answer = await wire.over(stream)
        assert answer.status == "8"
        assert not answer.data
        assert await lives(wire)

    told(target, story)


def test_fields_that_are_too_many_have_their_status_and_the_connection_lives(target: Target) -> None:
    async def story(wire: Wire) -> None:
        stream = wire.call(SERVER, wish(ONE), headers=tuple((f"x-{n}", "") for n in range(1_000)))
        assert (await wire.over(stream)).status == "8"
        assert await lives(wire)

    told(target, story)


def test_few_octets_that_mean_gigabytes_of_fields_are_not_unpacked(target: Target) -> None:
    async def story(wire: Wire) -> None:
        kept = wire.call(SERVER, wish(ONE), headers=(("x-kept", "a" * 3_000),))
        assert (await wire.over(kept)).status == "0"
        stream = wire.next
        wire.write(_fields(wire, b"\xbe" * 800_000))  # the field that the table took last
        assert (await wire.over(stream)).status == "8"
        assert await lives(wire)

    told(target, story)


def _never_ending(each: bytes, frames: int) -> Callable[[Wire], Awaitable[None]]:
    async def story(wire: Wire) -> None:
        stream, wire.next = wire.next, wire.next + 2
        wire.write(frame(HEADERS, 0, stream, METHOD), frame(CONTINUATION, 0, stream, each) * frames)
        wire.write(frame(PING, 0, 0, b"whatever"))  # which may not stand here: all of the block was read before it
        assert await wire.closed() in {None, *CODES}
        assert wire.answer(stream).status != "0"

    return story


@pytest.mark.parametrize("each", [b"", METHOD * 100, MANY_FIELDS], ids=["nothing", "one field", "many fields"])
def test_a_block_that_never_ends_ends_its_connection(target: Target, each: bytes) -> None:
    told(target, _never_ending(each, FLOOD if each != MANY_FIELDS else FLOOD // 2))


@pytest.mark.xfail(reason="grpcio keeps the fields of a block that never ends, up to 54 MB", raises=AssertionError)
def test_a_block_of_fields_that_never_ends_is_bounded() -> None:
    with hostile_target() as alone:  # whose memory nothing else has made grow
        told(alone, _never_ending(MANY_FIELDS, 2 * FLOOD))


# -- windows -----------------------------------------------------------------------------------------------------------

NO_WINDOW: Final = setting(INITIAL_WINDOW_SIZE, 0)


def test_a_window_that_is_never_opened_is_a_send_that_waits_as_long_as_it_may(target: Target) -> None:
    async def story(wire: Wire) -> None:
        endless = {"do": "generate", "bytes": 1_000}
        stream = wire.call(SERVER, wish(endless, run="no-window", send_timeout_ms=200))
        figures = await target.when("no-window", send_code="TIMED_OUT")
        assert figures["blocked_ms"] >= 200
        assert ((await target.when("no-window", cleanups=1))["terminals"], figures["sent"]) == (1, 17)
        await wire.heard()
        assert not wire.answer(stream).data
        # What it had sent comes before the failure, should it ever be read.
        wire.write(window(stream, 100_000))
        answer = await wire.over(stream)
        assert (answer.status, len(answer.data)) == ("4", 17 * 1_008)

    told(target, story, NO_WINDOW)


def test_a_window_that_is_opened_octet_by_octet_lets_every_octet_through(target: Target) -> None:
    async def story(wire: Wire) -> None:
        stream = wire.call(SERVER, wish({"do": "generate", "n": 3, "bytes": 300}, run="by-octets"))
        answer, octets = wire.answer(stream), 0
        size = 3 * len(message(grpc_text.encoded("x" * 300)))
        while not answer.is_over:
            octets += 1
            wire.write(window(stream, 1))
            await wire.until(lambda: len(answer.data) >= octets or answer.is_over)  # noqa: B023
        assert (answer.status, len(answer.data)) == ("0", size)
        assert octets in {size, size + 1}  # its end came with the last octet, or after one that was not needed
        assert target.witness("by-octets")["sent"] == 3

    told(target, story, NO_WINDOW)


# -- what is no HTTP/2 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nhost: test\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # a handshake of TLS
        b"\0" * 10_000,
        PREFACE + frame(PING, 0, 0, b"whatever"),  # SETTINGS must come first
        PREFACE.replace(b"SM", b"sm"),
    ],
)
def test_what_is_no_http2_is_closed(target: Target, octets: bytes) -> None:
    async def story(wire: Wire) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.grpc_port)
        stranger = Wire(reader, writer)
        stranger.write(octets)
        assert await stranger.closed() in {None, *CODES}
        writer.transport.abort()
        assert await lives(wire)

    told(target, story)


def test_connections_that_say_nothing_cost_little_and_keep_nobody_out(target: Target) -> None:
    many = 300

    async def story(wire: Wire) -> None:
        assert await lives(wire)
        held = target.held_bytes()
        silent: list[Any] = [await asyncio.open_connection("127.0.0.1", target.grpc_port) for _ in range(many)]
        await target.until(lambda: target.process.num_fds() > many)
        assert await lives(wire)
        assert (target.held_bytes() - held) / many < 60 * 1_024
        for _, writer in silent:
            writer.transport.abort()
        await target.until(lambda: target.process.num_fds() < many)

    told(target, story)


@pytest.mark.parametrize("octets", [b"", PREFACE[:10], PREFACE, PREFACE + frame(SETTINGS, 0, 0)[:5]])
def test_a_connection_that_does_not_begin_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    name = "grpc.server_handshake_timeout_ms"
    assert (name, grpc_server.HANDSHAKE_MS) in grpc_server.OPTIONS
    monkeypatch.setattr(grpc_server, "OPTIONS", (*(o for o in grpc_server.OPTIONS if o[0] != name), (name, 100)))

    async def story() -> None:
        async with asyncio.timeout(LONGEST_S), grpc_server.serving(App([]), "127.0.0.1") as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(octets)
            assert await Wire(reader, writer).closed() in {None, *CODES}
            writer.close()

    asyncio.run(story())


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are set as Linux has it")
def test_a_server_without_descriptors_goes_on_and_accepts_when_there_are_some() -> None:
    async def story(target: Target) -> None:
        async with asyncio.timeout(LONGEST_S), dialled(target.grpc_port) as wire:
            assert await lives(wire)
            most = target.process.num_fds() + 10
            target.process.rlimit(resource.RLIMIT_NOFILE, (most, most))
            crowd = [await asyncio.open_connection("127.0.0.1", target.grpc_port) for _ in range(20)]
            while target.process.num_fds() < most:  # noqa: ASYNC110 -- figures tell nobody that they change
                await asyncio.sleep(0)
            assert await lives(wire)
            for _, writer in crowd:
                writer.transport.abort()
            async with dialled(target.grpc_port) as other:
                assert await lives(other)

    with hostile_target(is_quiet=False) as target:
        asyncio.run(story(target))
