"""Streams in envelopes, over WebSocket and over TCP: the document's conversation, all directions on one connection,
what clients say wrongly, who goes first, and how handlers learn that nobody wants more."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
from envelope_clients import connected, in_short
from framework_desk import Desk, served
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.multiplex import Multiplex
from streamspec.reference_impl.services.framework.served import stream_server
from streamspec.reference_impl.services.framework.served_options import Options
from streamspec.reference_impl.stream.scheduler import STARVATION_BOUND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from envelope_clients import Talk

    from streamspec.reference_impl.services.hosting import Service
    from streamspec.reference_impl.stream.errors import Code

    Tell = Callable[[Desk, Talk], Awaitable[None]]

OVER: Final = ("ws", "tcp")


def told(over: str, tell: Tell, options: Options | None = None) -> Desk:
    async def story() -> Desk:
        desk = Desk()
        async with served(desk.service(options)) as ports, connected(over, ports.http, "/") as talk:
            await tell(desk, talk)
        return desk

    return asyncio.run(story())


async def _end(talk: Talk, stream: str) -> str:
    """How a stream ends, whatever comes before."""
    while (envelope := await talk.hear(stream))["type"] == "stream:data":
        pass
    return in_short(envelope)


@pytest.mark.parametrize("over", OVER)
def test_the_documents_conversation_is_had_word_for_word(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        @desk.router.stream("logs.tail").handler
        async def tail(wanted: Any) -> Any:
            assert wanted == {"level": "error"}
            yield {"message": "Error..."}
            yield {"message": "Another..."}

        payload = '{ "level": "error" }'
        start = f'{{ "type": "stream:start", "id": "stream_1", "procedure": "logs.tail", "payload": {payload} }}'
        await talk.client.write(start)
        assert [await talk.client.read() for _ in range(3)] == [
            '{"type":"stream:data","id":"stream_1","payload":{"message":"Error..."}}',
            '{"type":"stream:data","id":"stream_1","payload":{"message":"Another..."}}',
            '{"type":"stream:end","id":"stream_1"}',
        ]

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_streams_of_all_directions_share_a_connection(over: str) -> None:
    async def tell(_desk: Desk, talk: Talk) -> None:
        for stream, procedure in (("s", "desk.count"), ("c", "desk.sum"), ("b", "desk.echo")):
            await talk.say(stream, "start", procedure=procedure)
        for n in (1, 2):
            await talk.say("c", "data", payload=n)
            await talk.say("b", "data", payload={"content": n})
            assert (await talk.hear("b"))["payload"] == {"content": n}
        await talk.say("c", "end")
        assert (await talk.hear("c"))["payload"] == {"sum": 3}
        assert [await _end(talk, stream) for stream in ("c", "s")] == ["end", "end"]
        await talk.say("b", "end")
        assert await _end(talk, "b") == "end"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("word", ["stream:cancel", "cancel"])
def test_a_cancel_aborts_the_signal_and_the_handler_closes_once(over: str, word: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("s", "start", procedure="desk.wait")
        await talk.hear("s")
        await talk.client.write(json.dumps({"id": "s", "type": word}))
        assert in_short(await talk.hear("s")) == "error CANCELLED"
        assert [await desk.next(), await desk.next()] == ["Client cancelled", "closed"]

    assert told(over, tell).seen.empty()


@pytest.mark.parametrize("over", OVER)
def test_a_cancel_right_behind_its_start_is_heeded(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("s", "start", procedure="desk.wait")
        await talk.say("s", "cancel")
        assert await _end(talk, "s") == "error CANCELLED"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_a_client_that_leaves_aborts_all_of_its_streams(over: str) -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk.service()) as ports:
            async with connected(over, ports.http, "/") as talk:
                for stream in ("a", "b"):
                    await talk.say(stream, "start", procedure="desk.wait")
                    await talk.hear(stream)
            seen = sorted([str(await desk.next()) for _ in range(4)])
            assert seen == ["Client disconnected", "Client disconnected", "closed", "closed"]

    asyncio.run(story())


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("leaves", ["cancel", "connection"])
def test_an_upload_that_is_left_is_never_taken_for_whole(over: str, leaves: str) -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk.service()) as ports:
            async with connected(over, ports.http, "/") as talk:
                await talk.say("c", "start", procedure="desk.sum")
                await talk.say("c", "data", payload=1)
                await desk.summing.wait()
                if leaves == "cancel":
                    await talk.say("c", "cancel")
                    assert await _end(talk, "c") == "error CANCELLED"
                else:
                    talk.client.abort()
            assert await desk.next() == "broken off"

    asyncio.run(story())


@pytest.mark.parametrize("over", OVER)
def test_a_deadline_aborts_the_signal(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("s", "start", procedure="desk.wait", metadata={"X-Deadline-Ms": "20"})
        assert await _end(talk, "s") == "error TIMED_OUT"
        assert "deadline" in (await desk.next() or "")

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_what_a_start_says_of_its_client_goes_before_what_the_connection_said(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        metadata = {"User-Agent": "a person", "X-Request-Id": "r-1"}
        await talk.say("s", "start", procedure="desk.count", payload={"n": 0}, metadata=metadata)
        assert await _end(talk, "s") == "end"
        (context,) = desk.contexts
        assert (context.id, context.metadata["user-agent"]) == ("r-1", "a person")
        assert ("sec-websocket-key" in context.metadata) == (over == "ws")

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize(
    ("start", "code"),
    [
        ({"procedure": "desk.nothing"}, "NOT_FOUND"),
        ({"procedure": "../desk.count"}, "NOT_FOUND"),
        ({"procedure": "desk.count\0"}, "NOT_FOUND"),
        ({"procedure": "a" * 100_000}, "NOT_FOUND"),
        ({}, "NOT_FOUND"),
        ({"procedure": 7}, "INVALID_ARGUMENT"),
        ({"procedure": ["desk.count"]}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "payload": {"n": "3"}}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "payload": {"n": 1.5}}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "payload": []}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "payload": {"word": "\ud800"}}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.sum", "payload": {"n": 1}}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "metadata": "none"}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "priority": 10}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "metadata": {"x-deadline-ms": "never"}}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "metadata": {"x-deadline-ms": 500}}, "INVALID_ARGUMENT"),
        ({"procedure": "desk.count", "metadata": {"x-trace": True}}, "INVALID_ARGUMENT"),
    ],
)
def test_what_cannot_begin_is_refused_and_the_connection_goes_on(over: str, start: dict[str, Any], code: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("s", "start", **start)
        assert in_short(await talk.hear("s")) == f"error {code}"
        assert not desk.called
        await talk.say("s", "start", procedure="desk.count", payload={"n": 0})
        assert await _end(talk, "s") == "end"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("payload", ["1" * 5_000, "1e400", "[" * 5_000 + "]" * 5_000])
def test_a_payload_that_nothing_can_hold_is_refused(over: str, payload: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        start = '{"type":"stream:start","id":"s","procedure":"desk.count","payload":'
        await talk.client.write(f"{start}{payload}}}")
        # Too deep, it is no envelope at all, and what is said of that bears no id.
        assert (await talk.hear())["payload"]["code"] == "INVALID_ARGUMENT"
        assert not desk.called
        await talk.say("s", "start", procedure="desk.count", payload={"n": 0})
        assert await _end(talk, "s") == "end"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("message", ["{bad", "null", "[]", '{"id":"a"}', '{"id":"a","type":"request"}', '{"type":"x"}'])
def test_what_is_no_envelope_is_answered_and_ends_nothing(over: str, message: str) -> None:
    async def tell(_desk: Desk, talk: Talk) -> None:
        await talk.say("b", "start", procedure="desk.echo")
        await talk.client.write(message)
        complaint = await talk.hear()
        assert "id" not in complaint
        assert in_short(complaint) == "error INVALID_ARGUMENT"
        await talk.say("b", "data", payload=1)
        assert (await talk.hear("b"))["payload"] == 1

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_an_id_in_use_is_refused_and_its_stream_goes_on(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("b", "start", procedure="desk.echo")
        await talk.say("b", "start", procedure="desk.count")
        assert in_short(await talk.hear()) == "error ALREADY_EXISTS"
        await talk.say("b", "data", payload=1)
        assert (await talk.hear("b"))["payload"] == 1
        assert not desk.called

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
@pytest.mark.parametrize("kind", ["data", "end", "cancel"])
def test_an_id_that_nobody_has_is_answered(over: str, kind: str) -> None:
    async def tell(_desk: Desk, talk: Talk) -> None:
        await talk.say("x", kind, payload=1)
        assert in_short(await talk.hear()) == "error NOT_FOUND"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_an_item_that_does_not_fit_ends_its_stream_alone(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("b", "start", procedure="desk.echo")
        await talk.say("c", "start", procedure="desk.sum")
        await talk.say("c", "data", payload=1)
        await talk.say("c", "data", payload="two")
        error = await talk.hear("c")
        assert in_short(error) == "error INVALID_ARGUMENT"
        assert "item 2" in error["payload"]["message"]
        assert await desk.next() == "broken off"
        await talk.say("b", "data", payload=1)
        assert (await talk.hear("b"))["payload"] == 1

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_a_server_stream_takes_no_items(over: str) -> None:
    async def tell(_desk: Desk, talk: Talk) -> None:
        await talk.say("s", "start", procedure="desk.wait")
        await talk.hear("s")
        await talk.say("s", "data", payload=1)
        assert in_short(await talk.hear()) == "error INVALID_ARGUMENT"
        await talk.say("s", "cancel")
        assert await _end(talk, "s") == "error CANCELLED"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_a_message_that_is_too_large_ends_the_connection_and_what_was_open(over: str) -> None:
    async def tell(desk: Desk, talk: Talk) -> None:
        await talk.say("c", "start", procedure="desk.sum")
        await talk.say("c", "data", payload=1)
        await desk.summing.wait()
        await talk.say("c", "data", payload="x" * 1_048_577)
        assert await talk.is_over()
        assert await desk.next() == "broken off"

    told(over, tell)


@pytest.mark.parametrize("over", OVER)
def test_a_server_that_stops_says_so_to_every_stream(over: str) -> None:
    async def story() -> None:
        desk = Desk()
        service = desk.service()
        async with served(service) as ports, connected(over, ports.http, "/") as talk:
            await talk.say("s", "start", procedure="desk.wait")
            await talk.hear("s")
            service.close()
            assert await _end(talk, "s") == "error UNAVAILABLE"
            assert [await desk.next(), await desk.next()] == ["Stream failed", "closed"]

    asyncio.run(story())


@pytest.mark.parametrize("over", OVER)
def test_in_the_words_of_the_code_each_message_has_an_id_of_its_own(over: str) -> None:
    async def tell(_desk: Desk, talk: Talk) -> None:
        await talk.say("s", "start", procedure="desk.count", payload={"n": 1})
        rest = '"metadata":{}}'
        assert [await talk.client.read() for _ in range(3)] == [
            f'{{"id":"s:stream:start","procedure":"desk.count","type":"stream:start","payload":null,{rest}',
            f'{{"id":"s:stream:data:0","procedure":"desk.count","type":"stream:data","payload":{{"n":1}},{rest}',
            f'{{"id":"s:stream:end","procedure":"desk.count","type":"stream:end","payload":null,{rest}',
        ]

    told(over, tell, Options(envelopes="code"))


class Line:
    """A `multiplex.Carrier` whose client reads so many messages as there is `room` for."""

    def __init__(self, service: Service) -> None:
        self.said: asyncio.Queue[str | None] = asyncio.Queue()
        self.heard: list[dict[str, Any]] = []
        self.room = 0
        self.read_all = asyncio.Event()
        self._news = asyncio.Event()
        self.task = asyncio.create_task(Multiplex(service.find, service.seams_of("")).converse(self))

    async def read(self) -> str | None:
        return await self.said.get()

    async def write(self, message: str | bytes) -> None:
        while not self.room:
            self._news.clear()
            await self._news.wait()
        self.room -= 1
        self.heard.append(json.loads(message))
        if not self.room:
            self.read_all.set()

    def take(self, messages: int) -> None:
        self.room = messages
        self.read_all.clear()
        self._news.set()

    def is_gone(self) -> bool:
        return False

    async def close(self, code: Code) -> None: ...


@pytest.mark.parametrize(("said", "first"), [({}, "eager"), ({"priority": 9}, "plain")])
def test_the_priority_is_the_procedures_unless_the_start_names_one(
    said: dict[str, int], first: str, turns: Callable[[], Awaitable[None]]
) -> None:
    async def story() -> None:
        desk = Desk()
        for name, priority in (("plain", 0), ("eager", 5)):

            async def numbers() -> Any:
                for n in itertools.count():
                    yield n

            desk.router.stream(f"desk.{name}").priority(priority).handler(numbers)
        service = stream_server(desk.router)
        line = Line(service)
        line.said.put_nowait(json.dumps({"type": "stream:start", "id": "plain", "procedure": "desk.plain", **said}))
        line.said.put_nowait(json.dumps({"type": "stream:start", "id": "eager", "procedure": "desk.eager"}))
        while service.mounts[""].told.sending < 2:
            await turns()
        line.take(200)
        await line.read_all.wait()
        served_ids = [envelope["id"] for envelope in line.heard][10:]
        (leader, most), (_, least) = Counter(served_ids).most_common()
        assert leader == first
        assert most > 2 * least > 0
        places = [place for place, who in enumerate(served_ids) if who != first]
        assert max(after - before for before, after in itertools.pairwise(places)) <= STARVATION_BOUND + 2
        line.said.put_nowait(None)
        line.take(10**6)
        await line.task
        assert not service.mounts[""].open

    asyncio.run(asyncio.wait_for(story(), 20))


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=40))
def test_a_conversation_carries_any_json_in_order(items: list[Any]) -> None:
    async def story() -> None:
        line = Line(Desk().service())
        line.take(len(items) + 1)
        line.said.put_nowait('{"type":"stream:start","id":"b","procedure":"desk.echo"}')
        for item in items:
            line.said.put_nowait(json.dumps({"type": "stream:data", "id": "b", "payload": item}))
        line.said.put_nowait('{"type":"stream:end","id":"b"}')
        await line.read_all.wait()
        line.said.put_nowait(None)
        await line.task
        assert [envelope["type"] for envelope in line.heard] == ["stream:data"] * len(items) + ["stream:end"]
        assert [envelope["payload"] for envelope in line.heard[:-1]] == items

    asyncio.run(asyncio.wait_for(story(), 20))
