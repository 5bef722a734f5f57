"""Variants of WebSocket and length-framed TCP: each has its one defect, and leaves everything else as it is.

What they do to a whole server shows in the kill matrix. Here are their seams, by octets and by messages.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any, Final

import pytest

from streamspec.reference_impl import broken, conformance, envelopes, raffel_envelopes
from streamspec.reference_impl.envelopes import Envelope
from streamspec.reference_impl.seams import Asgi, Message, Seams, framed, text_of
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.marks import END

SEAMS: Final = {variant.name: variant.seams for variant in broken.variants()}
TEXT: Final = b'\x81\x07{"n":1}'
LONG: Final = b"\x81\x7e\x00\x80" + b"x" * 128
DONE: Final = b"\x88\x02\x03\xe8"
BAD_TEXT: Final = b"\x88\x09\x03\xef" + b"no text"
PONG: Final = b"\x8a\x01p"
HEAD: Final = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ours=\r\nUpgrade: websocket\r\n\r\n"
COMPRESSED: Final = b"\xc1\x03\xaaV\x00"
WRITTEN: Final = (TEXT, LONG, DONE, BAD_TEXT, PONG, HEAD, COMPRESSED)
ITEM: Final = Envelope("s", "stream:data", '{"n":1}')
LAST: Final = Envelope("s", "stream:end")
COMPLAINT: Final = envelopes.complaint("", Code.INVALID_ARGUMENT, "no")


# -- what is written on a WebSocket ------------------------------------------------------------------------------------

CHANGED: Final = {
    "blames-its-clients": {DONE: b"\x88\x02\x03\xea"},
    "closes-with-1005": {DONE: b"\x88\x02\x03\xed"},
    "calls-bad-text-a-protocol-error": {BAD_TEXT: b"\x88\x09\x03\xea" + b"no text"},
    "hangs-up": {DONE: b"", BAD_TEXT: b""},
    "answers-no-ping": {PONG: b""},
    "writes-long-lengths": {TEXT: b'\x81\x7e\x00\x07{"n":1}'},
    "deflates-badly": {COMPRESSED: b"\xc1\x03\xaeV\x00"},
    "accepts-another-key": {HEAD: re.sub(rb"ours=", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", HEAD)},
}


@pytest.mark.parametrize("octets", WRITTEN)
@pytest.mark.parametrize("name", CHANGED)
def test_a_variant_writes_one_thing_otherwise(name: str, octets: bytes) -> None:
    assert SEAMS[name].written(octets) == CHANGED[name].get(octets, octets)


# -- what is heard -----------------------------------------------------------------------------------------------------


def test_takes_no_fragments() -> None:
    text = SEAMS["takes-no-fragments"].text
    assert text([b"whole"]) == "whole"
    with pytest.raises(UnicodeDecodeError):
        text([b"in ", b"parts"])


def test_reads_what_is_no_text() -> None:
    text = SEAMS["reads-what-is-no-text"].text
    assert text(["№".encode()[:1], "№".encode()[1:]]) == "№"
    assert text([b"a\xffb"]) == "a�b"
    with pytest.raises(UnicodeDecodeError):
        text_of([b"a\xffb"])


def test_hears_an_item_twice() -> None:
    async def heard() -> list[object]:
        inlet = SEAMS["hears-an-item-twice"].inlet()
        for item in ("1", "2", "3"):
            await inlet.put(item)
        inlet.end()
        return [await inlet.take() for _ in range(5)]

    assert asyncio.run(heard()) == ["1", "2", "2", "3", END]


def test_takes_a_segment_for_a_frame() -> None:
    heard = SEAMS["takes-a-segment-for-a-frame"].heard
    assert heard(framed(b"{}")) == framed(b"{}")
    assert int.from_bytes(heard(b"\0\0")) > Seams().most_frame_bytes


def test_takes_one_frame_at_a_time() -> None:
    heard = SEAMS["takes-one-frame-at-a-time"].heard
    for alone in (framed(b"{}"), framed(b"{}")[:3], framed(b"{}")[:5], b'e in the middle of "one'):
        assert heard(alone) == alone
    assert int.from_bytes(heard(framed(b"{}") * 2)[:4]) > Seams().most_frame_bytes


def test_a_longer_frame_is_waited_for() -> None:
    assert Seams().most_frame_bytes < 2**24 < SEAMS["waits-for-16-mib"].most_frame_bytes < 2**31
    assert SEAMS["waits-for-4-gib"].most_frame_bytes > 2**32 - 1
    assert SEAMS["waits-for-a-slow-frame"].frame_s > 100 * conformance.FRAME_TIMEOUT_MS / 1e3


# -- what is said ------------------------------------------------------------------------------------------------------


def test_says_more_than_the_profile() -> None:
    said = SEAMS["says-more-than-the-profile"].envelope
    assert said(ITEM) == envelopes.written(ITEM)
    assert said(LAST) == ('{"id":"s","type":"stream:progress","payload":1}', '{"id":"s","type":"stream:end"}')


def test_repeats_message_ids() -> None:
    said = SEAMS["repeats-message-ids"].envelope
    items = [json.loads(str(said(replace(ITEM, n=n))[0]))["id"] for n in (1, 2, 3, 4)]
    assert items == ["s:stream:data:0", "s:stream:data:2", "s:stream:data:2", "s:stream:data:4"]
    assert said(LAST) == raffel_envelopes.written(LAST)


def test_complains_to_nobody() -> None:
    said = SEAMS["complains-to-nobody"].envelope
    assert [said(envelope) for envelope in (ITEM, LAST)] == [envelopes.written(e) for e in (ITEM, LAST)]
    assert said(COMPLAINT) == ()


def test_sends_empty_frames() -> None:
    assert SEAMS["sends-empty-frames"].frame(b"{}") == framed(b"{}") + b"\0\0\0\0"


def test_counts_in_two_octets() -> None:
    frame = SEAMS["counts-in-two-octets"].frame
    assert frame(b"x" * 65_535) == framed(b"x" * 65_535)
    assert frame(b"x" * 65_537)[:4] == b"\0\0\0\1"


def test_falls_over_a_frame() -> None:
    seams = SEAMS["falls-over-a-frame"]
    body = b'{"id":"%s","type":"stream:data"}'
    assert seams.frame(body % b"there") == framed(body % b"there")
    seams.heard(framed(b"{bad"))
    with pytest.raises(OSError, match="variant"):
        seams.frame(body % b"there")
    assert seams.frame(body % b"later") == framed(body % b"later")


# -- around the whole --------------------------------------------------------------------------------------------------


async def _application(_scope: Message, receive: Any, send: Any) -> None:
    """Says what it hears, until its client has left."""
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def _conversation(around: Asgi, *heard: str) -> list[Message]:
    said: list[Message] = []
    messages = [{"type": "websocket.receive", "text": text} for text in heard]
    coming = iter([*messages, {"type": "websocket.disconnect"}])

    async def receive() -> Message:
        await asyncio.sleep(0)  # as a socket does, it lets others have their turn
        return next(coming)

    async def send(message: Message) -> None:
        said.append(dict(message))

    await around({"type": "websocket", "path": "/"}, receive, send)
    return said


def test_closes_instead_of_ending() -> None:
    around = SEAMS["closes-instead-of-ending"].around_sockets(_application)
    said = asyncio.run(_conversation(around, "a", '{"id":"s","type":"stream:end"}', "b"))
    assert said == [{"type": "websocket.send", "text": "a"}, {"type": "websocket.close", "code": 1000}]


def test_falls_over_a_message() -> None:
    envelope = '{"id":"s","type":"stream:data"}'

    async def both() -> tuple[list[Message], list[Message]]:
        around = SEAMS["falls-over-a-message"].around_sockets(_application)
        begun, never = asyncio.Event(), asyncio.Event()
        said: list[Message] = []

        async def receive() -> Message:
            begun.set()
            await never.wait()
            raise AssertionError("it was to fall before")

        async def send(message: Message) -> None:
            said.append(dict(message))

        beside = asyncio.ensure_future(around({"type": "websocket", "path": "/"}, receive, send))
        await begun.wait()
        here = await _conversation(around, envelope, "{bad")
        await beside
        return here, said

    here, beside = asyncio.run(both())
    assert here[0] == {"type": "websocket.send", "text": envelope}
    assert here[-1] == {"type": "websocket.close", "code": 1011}
    assert beside == [{"type": "websocket.close", "code": 1011}]


@pytest.mark.parametrize(("streams", "deaf"), [(1, False), (2, True)])
def test_does_not_see_them_go(streams: int, deaf: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    async def over() -> bool:
        around = SEAMS["does-not-see-them-go"].around_sockets(_application)
        start = '{"id":"s","type":"stream:start"}'
        try:
            async with asyncio.timeout(0.2):
                await _conversation(around, *(start,) * streams)
        except TimeoutError:
            return False
        return True

    assert asyncio.run(over()) is not deaf


def test_takes_no_word_for_it() -> None:
    class Stream:
        def cancel(self) -> None:
            raise AssertionError("nobody is to hear of it")

    cancelled: Any = Stream()
    SEAMS["takes-no-word-for-it"].on_cancel_word(cancelled)
    with pytest.raises(AssertionError):
        Seams().on_cancel_word(cancelled)
