"""Raffel's two dialects of envelopes, octet by octet: what its code writes, and what its page shows. The transcripts
are written by hand after the seeds; only the ids of items count where the code of the time had a clock."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final

import pytest
from envelope_clients import LONGEST_S, connected
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl import raffel_docs_envelopes, raffel_envelopes
from streamspec.reference_impl.bindings import raffel, raffel_docs
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.envelopes import Envelope, Said, complaint, failure, granted, of, refusal
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from envelope_clients import Talk

Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]

COUNTER: Final = '"counter"'  # the procedure of the seeds' transcripts
ONE, TWO = (Item(n, f'{{"n":{n}}}', json=True) for n in (1, 2))
BOOM: Final = Failed(Code.INTERNAL, "boom")
NOPE: Final = Said("s1", "stream:start", {"procedure": '"nope"'})
# The transcript of a counter of two, of one that throws, and of what was answered to other messages.
BY_CODE: Final[dict[str, tuple[Envelope, str]]] = {
    "start": (
        of(Begun(), "s1", COUNTER),
        '{"id":"s1:stream:start","procedure":"counter","type":"stream:start","payload":null,"metadata":{}}',
    ),
    "item": (
        of(ONE, "s1", COUNTER),
        '{"id":"s1:stream:data:0","procedure":"counter","type":"stream:data","payload":{"n":1},"metadata":{}}',
    ),
    "next item": (
        of(TWO, "s1", COUNTER),
        '{"id":"s1:stream:data:1","procedure":"counter","type":"stream:data","payload":{"n":2},"metadata":{}}',
    ),
    "end": (
        of(Completed(), "s1", COUNTER),
        '{"id":"s1:stream:end","procedure":"counter","type":"stream:end","payload":null,"metadata":{}}',
    ),
    "failure": (
        of(BOOM, "s1", COUNTER),
        (
            '{"id":"s1:stream:error","procedure":"counter","type":"stream:error","payload":'
            '{"code":"INTERNAL","status":500,"message":"boom"},"metadata":{}}'
        ),
    ),
    "too much": (
        failure("s1", Code.RESOURCE_EXHAUSTED, "too much", COUNTER),
        (
            '{"id":"s1:stream:error","procedure":"counter","type":"stream:error","payload":'
            '{"code":"RESOURCE_EXHAUSTED","status":429,"message":"too much"},"metadata":{}}'
        ),
    ),
    "unknown stream": (
        refusal(NOPE, Code.NOT_FOUND, "Stream 'nope' not found"),
        (
            '{"id":"s1:error","procedure":"nope","type":"error","payload":'
            '{"code":"NOT_FOUND","status":404,"message":"Stream \'nope\' not found"},"metadata":{}}'
        ),
    ),
    "cancel": (
        failure("s1", Code.CANCELLED, "whatever we call it"),
        (
            '{"id":"s1:stream:error","procedure":"","type":"stream:error","payload":'
            '{"code":"CANCELLED","message":"Stream cancelled"},"metadata":{}}'
        ),
    ),
    "no type": (
        complaint("a", Code.INVALID_ARGUMENT, "Missing procedure or type"),
        (
            '{"id":"a:error","procedure":"","type":"error","payload":'
            '{"code":"INVALID_ENVELOPE","message":"Missing procedure or type"},"metadata":{}}'
        ),
    ),
}
BY_PAGE: Final[dict[str, tuple[Envelope, str]]] = {
    "item": (
        of(Item(1, '{ "message": "Error..." }', json=True), "stream_1", '"logs.tail"'),
        '{"type":"stream:data","id":"stream_1","payload":{ "message": "Error..." }}',
    ),
    "end": (of(Completed(), "stream_1", '"logs.tail"'), '{"type":"stream:end","id":"stream_1"}'),
    "failure": (
        of(BOOM, "stream_1", '"logs.tail"'),
        '{"type":"stream:error","id":"stream_1","payload":{"code":"INTERNAL","status":500,"message":"boom"}}',
    ),
    "unknown stream": (
        refusal(NOPE, Code.NOT_FOUND, "no"),
        '{"type":"stream:error","id":"s1","payload":{"code":"NOT_FOUND","status":404,"message":"no"}}',
    ),
    # under an id it would be the end of that stream
    "a message that was no good": (
        complaint("s1", Code.INVALID_ARGUMENT, "no"),
        '{"type":"stream:error","payload":{"code":"INVALID_ARGUMENT","status":400,"message":"no"}}',
    ),
}


@pytest.mark.parametrize("name", BY_CODE)
def test_an_envelope_is_as_the_code_writes_it(name: str) -> None:
    envelope, message = BY_CODE[name]
    assert raffel_envelopes.written(envelope) == (message,)


@pytest.mark.parametrize("name", BY_PAGE)
def test_an_envelope_is_as_the_page_shows_it(name: str) -> None:
    envelope, message = BY_PAGE[name]
    assert raffel_docs_envelopes.written(envelope) == (message,)


def test_what_a_dialect_has_no_word_for_is_not_said() -> None:
    unsaid = (of(Heartbeat(), "s1", COUNTER), granted("s1", 16))
    assert [raffel_envelopes.written(envelope) for envelope in unsaid] == [(), ()]
    # a cancel for nobody is passed over
    assert raffel_envelopes.written(complaint("s1", Code.NOT_FOUND, "no stream has this id")) == ()
    assert [raffel_docs_envelopes.written(envelope) for envelope in (*unsaid, of(Begun(), "s1", COUNTER))] == [()] * 3


def test_what_is_about_no_stream_has_a_fresh_id_in_the_code() -> None:
    said = [json.loads(*raffel_envelopes.written(complaint("", Code.INVALID_ARGUMENT, "no"))) for _ in range(20)]
    ids = {str(message["id"]) for message in said}
    assert len(ids) == len(said)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{21}", name) for name in ids)
    assert {message["payload"]["code"] for message in said} == {"INVALID_ENVELOPE"}


FRAMES: Final = st.one_of(
    st.builds(Item, st.integers(1, 10**6), st.text()),
    st.builds(RecordFailed, st.integers(1, 10**6), st.just("X"), st.text()),
    st.builds(Failed, st.sampled_from([code for code in Code if code is not Code.OK]), st.text()),
    st.sampled_from([Begun(), Completed()]),
)


@given(st.lists(FRAMES, max_size=8, unique_by=lambda frame: (type(frame), getattr(frame, "n", 0))))
def test_every_message_of_a_stream_has_an_id_of_its_own_and_the_members_of_its_dialect(frames: list[Frame]) -> None:
    numbers = [frame.n for frame in frames if isinstance(frame, Item | RecordFailed)]
    said = [json.loads(*raffel_envelopes.written(of(frame, "a:b", COUNTER))) for frame in frames]
    assert all(list(message) == ["id", "procedure", "type", "payload", "metadata"] for message in said)
    assert all(message["id"].startswith(f"a:b:{message['type']}") for message in said)
    if len(set(numbers)) == len(numbers):
        assert len({message["id"] for message in said}) == len(said)
    shown = [json.loads(message) for frame in frames for message in raffel_docs_envelopes.written(of(frame, "a:b"))]
    assert {message["id"] for message in shown} <= {"a:b"}
    assert all([*message][:2] == ["type", "id"] for message in shown)


@pytest.mark.parametrize(
    ("encode", "frames"),
    [
        (raffel.encode, b'event: message\ndata: null\n\nevent: data\ndata: {"n":1}\n\nevent: end\ndata: null\n\n'),
        (raffel_docs.encode, b'data: {"n":1}\n\nevent: end\ndata: {}\n\n'),
    ],
)
def test_the_same_in_events(encode: Callable[[Frame], bytes], frames: bytes) -> None:
    assert encode(Begun()) + encode(ONE) + encode(Completed()) == frames
    assert encode(BOOM) == b'event: error\ndata: {"code":"INTERNAL","status":500,"message":"boom"}\n\n'
    assert b'"status":404' in encode(Failed(Code.NOT_FOUND, "no"))
    assert encode(Heartbeat()) == b": heartbeat\n\n"


# -- served ------------------------------------------------------------------------------------------------------------


def begins(direction: str, *steps: str, over: str, mount: str, stream: str = "s1") -> str:
    """Over TCP a mount is named in the procedure."""
    procedure = f"{mount}/{direction}" if over == "tcp" else direction
    script = f'{{"run":"r.{stream}","script":{{"steps":[{",".join(steps)}]}}}}'
    return f'{{"id":"{stream}","procedure":"{procedure}","type":"stream:start","payload":{script}}}'


def conversed(serving: Serving, over: str, mount: str, story: Callable[[Talk], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with (
            asyncio.timeout(2 * LONGEST_S),
            serving(App(ROLES)) as port,
            connected(over, port, f"/{mount}/script/ws") as talk,
        ):
            await story(talk)

    asyncio.run(whole())


async def read(talk: Talk, messages: int) -> list[str]:
    async with asyncio.timeout(LONGEST_S):
        return [await talk.client.read() for _ in range(messages)]


OVER: Final = pytest.mark.parametrize("over", ["ws", "tcp"])
TWO_ITEMS: Final = '{"do":"generate","n":2}'


@OVER
def test_a_stream_is_served_as_the_code_writes_it(serving: Serving, over: str) -> None:
    mount = "raffel-envelopes"
    asked = f"{mount}/server" if over == "tcp" else "server"

    async def story(talk: Talk) -> None:
        await talk.client.write(begins("server", TWO_ITEMS, over=over, mount=mount))
        assert await read(talk, 4) == [
            f'{{"id":"s1:stream:start","procedure":"{asked}","type":"stream:start","payload":null,"metadata":{{}}}}',
            f'{{"id":"s1:stream:data:0","procedure":"{asked}","type":"stream:data","payload":{{"n":1}},"metadata":{{}}}}',
            f'{{"id":"s1:stream:data:1","procedure":"{asked}","type":"stream:data","payload":{{"n":2}},"metadata":{{}}}}',
            f'{{"id":"s1:stream:end","procedure":"{asked}","type":"stream:end","payload":null,"metadata":{{}}}}',
        ]
        fails = '{"do":"fail","code":"RESOURCE_EXHAUSTED","message":"too much"}'
        await talk.client.write(begins("server", fails, over=over, mount=mount, stream="s2"))
        assert (await read(talk, 2))[1] == (
            f'{{"id":"s2:stream:error","procedure":"{asked}","type":"stream:error","payload":'
            '{"code":"RESOURCE_EXHAUSTED","status":429,"message":"too much"},"metadata":{}}'
        )
        # a word for nobody is passed over, what is asked for and is not there is refused, a cancel is answered
        await talk.client.write('{"id":"nobody","type":"cancel"}')
        await talk.client.write(begins("sideways", over=over, mount=mount, stream="s3"))
        [refused] = await read(talk, 1)
        assert refused.startswith(
            f'{{"id":"s3:error","procedure":"{asked.replace("server", "sideways")}","type":"error","payload":'
            '{"code":"NOT_FOUND","status":404,"message":'
        )
        await talk.client.write(begins("server", '{"do":"gate","name":"g"}', over=over, mount=mount, stream="s4"))
        assert "s4:stream:start" in (await read(talk, 1))[0]
        await talk.client.write('{"id":"s4","type":"cancel"}')
        assert await read(talk, 1) == [BY_CODE["cancel"][1].replace("s1:", "s4:")]

    conversed(serving, over, mount, story)


@OVER
def test_a_stream_is_served_as_the_page_shows_it(serving: Serving, over: str) -> None:
    mount = "raffel-docs-envelopes"

    async def story(talk: Talk) -> None:
        await talk.client.write(begins("server", TWO_ITEMS, over=over, mount=mount))
        assert await read(talk, 3) == [
            '{"type":"stream:data","id":"s1","payload":{"n":1}}',
            '{"type":"stream:data","id":"s1","payload":{"n":2}}',
            '{"type":"stream:end","id":"s1"}',
        ]
        # both ways: a client's items and its end are what a server's are
        await talk.client.write(begins("bidi", '{"do":"echo"}', over=over, mount=mount, stream="s2"))
        await talk.client.write('{"type":"stream:data","id":"s2","payload":{"a": 1.50}}')
        await talk.client.write('{"type":"stream:end","id":"s2"}')
        assert await read(talk, 2) == [
            '{"type":"stream:data","id":"s2","payload":{"a": 1.50}}',
            '{"type":"stream:end","id":"s2"}',
        ]
        fails = '{"do":"fail","code":"NOT_FOUND","message":"no"}'
        await talk.client.write(begins("server", fails, over=over, mount=mount, stream="s3"))
        assert await read(talk, 1) == [BY_PAGE["unknown stream"][1].replace('"s1"', '"s3"')]
        await talk.client.write('{"id":"s4"}')
        assert [*json.loads(*await read(talk, 1))] == ["type", "payload"]

    conversed(serving, over, mount, story)


@pytest.mark.parametrize(
    ("mount", "profile", "directions"),
    [
        ("raffel-envelopes", "raffel", ["server"]),
        ("raffel-docs-envelopes", "raffel-docs", ["server", "client", "bidi"]),
    ],
)
def test_what_is_declared_is_what_the_dialect_can_say(
    serving: Serving, exchange: Exchange, mount: str, profile: str, directions: list[str]
) -> None:
    async def features(port: int, path: str) -> dict[str, Any]:
        answer = await exchange(port, f"{path}/script/features")
        return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))

    async def story() -> None:
        async with serving(App(ROLES)) as port:
            ours, said = await features(port, ""), await features(port, f"/{mount}")
            assert (said["profile"], said["directions"]) == (profile, directions)
            assert said["streams"] == {"ws": "ws", "tcp": f":{port}/{mount}"}
            assert set(ours["options"]) - set(said["options"]) == {"heartbeat_ms"}
            assert set(ours["declares"]) - set(said["declares"]) == {"credit", "priority", "starvation_bound"}
            same = ("contract", "steps", "witness")
            assert {name: said[name] for name in same} == {name: ours[name] for name in same}

    asyncio.run(story())
