"""The reference over WebSocket against clients that use the protocol up, or break what `test_websocket` does not show
broken: bounded time and memory, the right code of a Close, and whoever comes afterwards is served.

Never here: what TCP has as well (`test_hostile_connections`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest
from hostile_lines import FIN, MASK, UPGRADE, Line, dialled, envelope, start
from hostile_stories import COLLECT, LONGEST_S, SHUT, begun, counted, lives, told
from hostile_target import Target, hostile_target
from websocket_octets import CLOSE, CONTINUATION, PING, PONG, TEXT, frame

from streamspec.reference_impl import websocket_connection
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.envelopes import MOST_MESSAGE_BYTES
from streamspec.reference_impl.multiplex import MOST_ERRORS
from streamspec.reference_impl.websocket_connection import MOST_FRAGMENTS

Serving = Callable[[App], AbstractAsyncContextManager[int]]

FLOOD: Final = 3_000  # frames
DEFLATE: Final = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
COMPRESSED: Final = 4  # RSV1
NORMAL, PROTOCOL_ERROR, BAD_DATA, POLICY, TOO_BIG = 1000, 1002, 1007, 1008, 1009  # RFC 6455 7.4.1


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with hostile_target() as found:
        yield found


async def close_code(line: Line) -> int:
    """Of the Close that the server sends, before it ends the connection."""
    bodies = await line.closed()
    assert bodies, "there was no Close"
    return int.from_bytes(bodies[-1][:2])


def deflated(octets: bytes) -> bytes:
    """A message's payload (RFC 7692 7.2.1)."""
    squeeze = zlib.compressobj(9, wbits=-15)
    return (squeeze.compress(octets) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


# -- floods ------------------------------------------------------------------------------------------------------------


def test_pings_are_answered_as_they_are_read_and_disturb_no_stream(target: Target) -> None:
    async def story(line: Line) -> None:
        await begun(line, "pinged")
        line.write(*(frame(PING, b"%d" % n, key=MASK) for n in range(FLOOD)))
        answers = [await line.frame()]
        while answers[-1] != (FIN | PONG, b"%d" % (FLOOD - 1)):
            answers.append(await line.frame())
        numbers = [int(body) for first, body in answers if first == FIN | PONG]
        assert len(numbers) == len(answers)
        assert numbers == sorted(set(numbers))
        await counted(line, 0)

    told(target, "ws", story)


def test_answers_to_pings_that_nobody_sent_are_passed_over(target: Target) -> None:
    async def story(line: Line) -> None:
        await begun(line, "answered")
        line.write(frame(PONG, b"whatever", key=MASK) * FLOOD)
        await counted(line, 0)

    told(target, "ws", story)


def test_a_message_may_have_many_fragments_and_be_followed_by_others(target: Target) -> None:
    async def story(line: Line) -> None:
        await begun(line, "fragments")
        item = envelope("a", "data", payload="x" * (MOST_FRAGMENTS - 100))
        octets = [bytes((octet,)) for octet in item]
        assert len(octets) < MOST_FRAGMENTS
        opcodes = [TEXT, *[CONTINUATION] * (len(octets) - 1)]
        for _ in range(3):
            line.write(
                *(
                    frame(opcode, octet, key=MASK, fin=place == len(octets))
                    for place, (opcode, octet) in enumerate(zip(opcodes, octets, strict=True), 1)
                )
            )
        await counted(line, 3)

    told(target, "ws", story)


def test_empty_fragments_without_an_end_are_too_many(target: Target) -> None:
    async def story(line: Line) -> None:
        line.write(frame(TEXT, key=MASK, fin=False), frame(CONTINUATION, key=MASK, fin=False) * 100_000)
        assert await close_code(line) == TOO_BIG

    told(target, "ws", story)


# -- lengths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("fragments", [1, 2])
def test_a_message_has_a_bound(target: Target, more: int, fragments: int) -> None:
    async def story(line: Line) -> None:
        run = f"bound-{more + 1}-{fragments}"
        await begun(line, run)
        item = envelope("a", "data", payload="")[:-2]
        item += b"x" * (MOST_MESSAGE_BYTES + more - len(item) - 2) + b'"}'
        if fragments == 1:
            line.write(frame(TEXT, item, key=MASK))
        else:
            line.write(frame(TEXT, item[:-1], key=MASK, fin=False), frame(CONTINUATION, item[-1:], key=MASK))
        if more <= 0:
            await counted(line, 1)
        else:
            assert await close_code(line) == TOO_BIG
            assert (await target.when(run, state="ended"))["received"] == 0

    told(target, "ws", story)


@pytest.mark.parametrize("form", [126, 127])
def test_a_length_that_is_longer_than_it_need_be_ends_the_connection_or_is_read(target: Target, form: int) -> None:
    """RFC 6455 5.2 forbids it, and names no code."""

    async def story(line: Line) -> None:
        line.write(frame(TEXT, b"no envelope", key=MASK, form=form), frame(CLOSE, NORMAL.to_bytes(2), key=MASK))
        assert await close_code(line) in {NORMAL, PROTOCOL_ERROR}

    told(target, "ws", story)


# -- compression -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [0, 1])
def test_an_inflated_message_has_the_same_bound(target: Target, more: int) -> None:
    async def story(line: Line) -> None:
        run = f"inflated-{more}"
        line.say(start("a", COLLECT, procedure="client", run=run))
        await line.frame()  # compressed, as all that we send from now on
        item = envelope("a", "data", payload="")[:-2]
        item += b"x" * (MOST_MESSAGE_BYTES + more - len(item) - 2) + b'"}'
        line.write(frame(TEXT, deflated(item), key=MASK, rsv=COMPRESSED))
        if not more:
            line.write(frame(TEXT, deflated(envelope("a", "end")), key=MASK, rsv=COMPRESSED))
            await target.when(run, state="ended", received=1, input="ended")
        else:
            assert await close_code(line) == TOO_BIG

    told(target, "ws", story, more=DEFLATE)


@pytest.mark.parametrize(
    ("octets", "codes"),
    [
        (frame(TEXT, b"\xff" * 100, key=MASK, rsv=COMPRESSED), {PROTOCOL_ERROR, BAD_DATA}),
        (frame(PING, b"x", key=MASK, rsv=COMPRESSED), {PROTOCOL_ERROR}),
        (
            frame(TEXT, deflated(b"{}"), key=MASK, rsv=COMPRESSED, fin=False)
            + frame(CONTINUATION, b"", key=MASK, rsv=COMPRESSED),
            {PROTOCOL_ERROR},
        ),
        (frame(TEXT, deflated(b"\xff\xfe"), key=MASK, rsv=COMPRESSED), {BAD_DATA}),
    ],
    ids=["no deflate", "a ping", "a continuation", "no text"],
)
def test_compression_that_is_none_ends_the_connection(target: Target, octets: bytes, codes: set[int]) -> None:
    async def story(line: Line) -> None:
        line.write(octets)
        assert await close_code(line) in codes

    told(target, "ws", story, more=DEFLATE)


def test_many_connections_that_send_bombs_hold_no_more_than_their_tables(target: Target) -> None:
    many, bomb = 30, frame(TEXT, deflated(bytes(40_000_000)), key=MASK, rsv=COMPRESSED)

    async def story(line: Line) -> None:
        for _ in range(many):
            async with dialled("ws", target.port, more=DEFLATE) as other:
                other.write(frame(TEXT, deflated(b" " * 1_000_000), key=MASK, rsv=COMPRESSED), bomb)
                assert await close_code(other) == TOO_BIG
        assert await close_code_after(line) == NORMAL

    async def close_code_after(line: Line) -> int:
        line.write(frame(CLOSE, NORMAL.to_bytes(2), key=MASK))
        return await close_code(line)

    told(target, "ws", story, more=DEFLATE)


# -- the end -----------------------------------------------------------------------------------------------------------


def test_what_follows_a_close_begins_nothing(target: Target) -> None:
    async def story(line: Line) -> None:
        line.write(frame(CLOSE, NORMAL.to_bytes(2), key=MASK))
        line.say(*[start(f"a{n}", SHUT, run="behind-the-close") for n in range(100)])
        assert await close_code(line) == NORMAL
        assert target.witness("behind-the-close") == {}

    told(target, "ws", story)


def test_a_client_that_never_answers_a_close_is_left_in_time(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_connection, "CLOSE_S", 0.1)

    async def story() -> None:
        app = App([])
        async with asyncio.timeout(LONGEST_S), serving(app) as port, dialled("ws", port) as line:
            line.say(*[b"no envelope"] * (MOST_ERRORS + 1))
            while (got := await line.frame())[0] != FIN | CLOSE:
                pass
            assert int.from_bytes(got[1][:2]) == POLICY
            with pytest.raises(EOFError):
                await line.frame()

    asyncio.run(story())


# -- the handshake -----------------------------------------------------------------------------------------------------


async def _answer(port: int, head: bytes) -> bytes:
    """What a handshake comes to, when the server has closed or has answered it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    answer = b""
    with contextlib.suppress(ConnectionError):
        while b"\r\n\r\n" not in answer and (piece := await reader.read(4_096)):
            answer += piece
    writer.transport.abort()
    return answer


def _handshake(more: str = "", path: str = "/script/ws") -> bytes:
    return UPGRADE.format(path=path, more=more).encode("latin-1")


@pytest.mark.parametrize(
    "head",
    [
        _handshake("x: " + "a" * 2**20 + "\r\n"),
        _handshake("x: a\r\n" * 100_000),
        _handshake(path="/" + "x" * 2**20),
        _handshake("Cookie: " + "a" * 9_000 + "\r\n"),
        _handshake("x: a\r\n" * 200),
        _handshake("Content-Length: 5\r\n"),
        _handshake("x\r\n"),
        _handshake("x: \0\r\n"),
        _handshake(" x: folded\r\n"),
        _handshake("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        _handshake().replace(b"GET", b"POST"),
        _handshake().replace(b"Host: here\r\n", b""),
    ],
    ids=[
        "long",
        "many",
        "path",
        "cookie",
        "two hundred",
        "a body",
        "no colon",
        "nul",
        "folded",
        "two lengths",
        "method",
        "host",
    ],
)
def test_a_handshake_that_is_none_is_refused_or_closed(target: Target, head: bytes) -> None:
    async def story(_: Line) -> None:
        answer = await _answer(target.port, head)
        assert not answer.startswith(b"HTTP/1.1 101")
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer

    told(target, "ws", story)


def test_frames_that_do_not_wait_for_the_handshake_harm_nobody(target: Target) -> None:
    """RFC 6455 4.1 wants a client to wait for its answer; what came with the handshake is dropped."""

    async def story(line: Line) -> None:
        noise = b"".join(frame(TEXT, start(f"a{n}", SHUT, run="hasty"), key=MASK) for n in range(100))
        assert (await _answer(target.port, _handshake() + noise)).startswith(b"HTTP/1.1 101 ")
        assert await lives(line)

    told(target, "ws", story)


def test_json_of_no_envelope_is_told_so_and_never_how_it_failed(target: Target) -> None:
    async def story(line: Line) -> None:
        for message in (b"[]", b"null", b'{"id":"a"}', b"\xef\xbb\xbf{}", b'"\\ud800"'):
            line.say(message)
            said = json.dumps(await line.hear())
            assert "INVALID_ARGUMENT" in said
            assert ".py" not in said
        assert await lives(line)

    told(target, "ws", story)
