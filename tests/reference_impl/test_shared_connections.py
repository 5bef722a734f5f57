"""Streams that share a connection, over WebSocket and over TCP: every direction, the words of both sides, and what a
connection survives. Nothing of a stream is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
from envelope_clients import (
    COLLECT,
    DRAIN,
    ECHO,
    GENERATE,
    LONGEST_S,
    RECEIVE,
    connected,
    gate,
    generate,
    in_short,
    send,
)

from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.multiplex import MOST_CLOSED, MOST_ERRORS
from streamspec.reference_impl.roles import ROLES

if TYPE_CHECKING:
    from envelope_clients import Talk

Exchange = Callable[..., Awaitable[bytes]]
Serving = Callable[[App], AbstractAsyncContextManager[int]]
Turns = Callable[[], Awaitable[Any]]


STANDS_STILL: Final = 50


class Server:
    """The good reference while a story is told."""

    def __init__(self, over: str, app: App, port: int, exchange: Exchange) -> None:
        self.app = app
        self.port = port
        self.connect = partial(connected, over, port)
        self._exchange = exchange

    async def witness(self, run: str) -> dict[str, Any]:
        answer = await self._exchange(self.port, f"/script/witness?run={run}")
        return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))

    async def until(self, run: str, **figures: Any) -> dict[str, Any]:
        """Its witness, as soon as it tells these figures."""
        while (told := await self.witness(run)) | figures != told:
            pass
        return told

    async def open(self, run: str, name: str = "g") -> None:
        await self._exchange(self.port, f"/script/gate?run={run}&name={name}", method="POST")

    async def nothing_is_left(self) -> None:
        while self.app.mounts[""].open:
            await self._exchange(self.port, "/told")

    async def stands_still(self, run: str) -> dict[str, Any]:
        """Its witness, when its producer is inside a send and has not come further for many a question."""
        before, same = await self.witness(run), 0
        while same < STANDS_STILL:
            figures = await self.witness(run)
            same = same + 1 if figures["sending"] and figures["sent"] == before["sent"] else 0
            before = figures
        return before


Story = Callable[[Server], Awaitable[None]]
Told = Callable[[Story], None]


@pytest.fixture(params=["ws", "tcp"])
def over(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def told(over: str, serving: Serving, exchange: Exchange) -> Told:
    """Tells a story to a server of its own, and looks afterwards whether anything is left."""

    def tell(story: Story) -> None:
        async def whole() -> None:
            async with asyncio.timeout(2 * LONGEST_S):
                app = App(ROLES)
                async with serving(app) as port:
                    server = Server(over, app, port, exchange)
                    await story(server)
                    await server.nothing_is_left()

        asyncio.run(whole())

    return tell


# -- directions --------------------------------------------------------------------------------------------------------

DIRECTIONS: Final = [
    ("server", [generate(3)], [], [{"n": 1}, {"n": 2}, {"n": 3}, "end"]),
    ("server", [], [], ["end"]),
    ("server", [COLLECT], [], [{"n": 1, "count": 0, "bytes": 0}, "end"]),
    ("server", [generate(1), {"do": "fail", "code": "NOT_FOUND"}], [], [{"n": 1}, "error NOT_FOUND"]),
    ("client", [COLLECT], [{"n": 1}, "é"], [{"n": 1, "count": 2, "bytes": 16}, "end"]),
    ("client", [COLLECT], [], [{"n": 1, "count": 0, "bytes": 0}, "end"]),
    ("client", [RECEIVE, send("thanks")], [1, 2, 3], ["thanks", "end"]),
    ("bidi", [ECHO], [1, None, {"a": [1.5]}], [1, None, {"a": [1.5]}, "end"]),
    ("bidi", [ECHO], [], ["end"]),
    ("bidi", [{"do": "echo", "n": 1}, COLLECT], [7, 8, 9], [7, {"n": 2, "count": 2, "bytes": 2}, "end"]),
    ("bidi", [DRAIN, generate(2), COLLECT], [7, 8], [{"n": 1}, {"n": 2}, {"n": 3, "count": 0, "bytes": 0}, "end"]),
    ("unary", [ECHO], [7], [7, "end"]),
    ("unary", [generate(1)], [7], [{"n": 1}, "end"]),
    ("unary", [ECHO], [], ["error INVALID_ARGUMENT"]),
    ("unary", [ECHO], [7, 8], ["error INVALID_ARGUMENT"]),
]


@pytest.mark.parametrize(("direction", "steps", "items", "answer"), DIRECTIONS)
def test_a_script_is_played_in_every_direction(
    told: Told, direction: str, steps: list[Any], items: list[Any], answer: list[Any]
) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", *steps, direction=direction)
            for item in items:
                await talk.say("a", "data", payload=item)
            if direction != "server":
                await talk.say("a", "end")
            heard = await talk.told("a")
            assert heard[-1] == answer[-1]
            assert heard == answer or DRAIN in steps  # what is drained, the last step may have taken
            figures = await server.until("a", state="ended")
            assert {**figures, "cleanups": 1, "receiving": 0} == figures

    told(story)


def test_an_item_is_echoed_character_by_character(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", ECHO, direction="bidi")
            await talk.hear("a")
            for item in ("1.10", '{"a" : -0.0,  "b":12345678901234567890}', '"\\u00e9\\ud800"', " [ ] ".strip()):
                await talk.client.write(f'{{"id":"a","type":"stream:data","payload":{item}}}')
                assert await talk.client.read() == f'{{"id":"a","type":"stream:data","payload":{item}}}'
            await talk.say("a", "end")
            assert in_short(await talk.hear("a")) == "end"

    told(story)


def test_after_the_half_close_the_server_still_sends(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", COLLECT, gate(), generate(2), direction="bidi")
            await talk.say("a", "end")
            await talk.hear("a")
            assert (await talk.hear("a"))["payload"]["count"] == 0
            assert (await server.until("a", input="ended"))["state"] == "playing"
            await server.open("a")
            assert [(await talk.hear("a")).get("payload") for _ in range(3)] == [{"n": 2}, {"n": 3}, None]

    told(story)


def test_the_server_may_speak_first_and_end_first(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", generate(2), direction="bidi")
            assert await talk.told("a") == [{"n": 1}, {"n": 2}, "end"]
            # Which the client could not know: passed over.
            for kind in ("data", "end", "cancel"):
                await talk.say("a", kind, payload=1)
            await talk.start("b", direction="server")
            assert await talk.told("b") == ["end"]
            assert talk.kept == []
            assert (await server.until("a", state="ended"))["input"] == "open"

    told(story)


# -- the end of a stream -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half_closed", [False, True])
@pytest.mark.parametrize("step", [gate(), {"do": "wait", "ms": 600_000}, RECEIVE, GENERATE])
def test_a_cancel_reaches_the_handler_and_nothing_follows_its_answer(
    told: Told,
    step: dict[str, Any],
    half_closed: bool,  # noqa: FBT001 -- a case
) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", step, gate(), direction="bidi")
            if half_closed:
                await talk.say("a", "end")
            await talk.hear("a")
            await talk.say("a", "cancel")
            while (envelope := await talk.hear("a"))["type"] == "stream:data":
                pass
            assert in_short(envelope) == "error CANCELLED"
            figures = await server.until("a", state="ended")
            assert {**figures, "cancel_seen": 1, "cleanups": 1, "sends_after_cancel": 0} == figures
            assert figures["input"] == ("ended" if half_closed and step is RECEIVE else "broken")
            await talk.start("b")
            assert await talk.told("b") == ["end"]
            assert talk.kept == []

    told(story)


def test_a_cancel_in_the_write_of_its_start_is_honoured(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            for n in range(20):
                await asyncio.gather(talk.start(f"a{n}", GENERATE), talk.say(f"a{n}", "cancel"))
            for n in range(20):
                heard = [await talk.hear(f"a{n}")]
                while heard[-1]["type"] != "stream:error":
                    heard.append(await talk.hear(f"a{n}"))
                assert in_short(heard[-1]) == "error CANCELLED"
                assert (await server.until(f"a{n}", state="ended"))["cleanups"] == 1

    told(story)


@pytest.mark.parametrize("leave", ["leave", "abort"])
def test_a_client_that_leaves_cancels_all_its_streams_and_no_upload_is_at_its_end(told: Told, leave: str) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", COLLECT, direction="client")
            await talk.start("b", GENERATE)
            await talk.start("c", gate())
            await talk.say("a", "data", payload=1)
            await server.until("a", received=1, receiving=1, input="open")
            if leave == "abort":
                talk.client.abort()
            else:
                await talk.client.leave()
            for run in "abc":
                figures = await server.until(run, state="ended")
                assert {**figures, "cancel_seen": 1, "cleanups": 1, "terminals": 1} == figures
            assert (await server.witness("a"))["input"] == "broken"

    told(story)


def test_a_deadline_wakes_a_handler_that_waits_for_items(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", RECEIVE, direction="client", options={"deadline_ms": 30})
            assert await talk.told("a") == ["error TIMED_OUT"]
            figures = await server.until("a", state="ended")
            assert {**figures, "cancel_seen": 0, "input": "broken", "receiving": 0} == figures

    told(story)


def test_a_silent_stream_shows_signs_of_life(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", gate(), options={"heartbeat_ms": 1})
            kinds = [(await talk.hear("a"))["type"] for _ in range(3)]
            assert kinds == ["stream:start", "stream:heartbeat", "stream:heartbeat"]
            talk.client.abort()

    told(story)


REFUSED: Final[list[tuple[dict[str, Any], str]]] = [
    ({"procedure": "fly", "payload": {}}, "NOT_FOUND"),
    ({"procedure": "broken/nobody/server", "payload": {}}, "NOT_FOUND"),
    ({"procedure": "server"}, "INVALID_ARGUMENT"),
    ({"procedure": "server", "payload": {"run": "a b", "script": {"steps": []}}}, "INVALID_ARGUMENT"),
    ({"procedure": "server", "payload": {"script": {"steps": []}}}, "INVALID_ARGUMENT"),
    ({"procedure": "server", "payload": {"run": "x", "script": 1}}, "INVALID_ARGUMENT"),
    ({"procedure": "server", "payload": {"run": "x", "script": {"steps": [{"do": "fly"}]}}}, "UNIMPLEMENTED"),
    ({"procedure": "server", "payload": "x" * 7_000}, "INVALID_ARGUMENT"),
    ({"procedure": 1, "payload": {}}, "INVALID_ARGUMENT"),
    (
        {
            "procedure": "server",
            "payload": {"run": "x", "script": {"steps": [{"do": "refuse", "code": "INTERNAL"}]}},
        },
        "INTERNAL",
    ),
]


def test_what_cannot_be_begun_is_refused_on_its_id(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            for n, (members, code) in enumerate(REFUSED):
                await talk.say(f"a{n}", "start", **members)
                await talk.say(f"a{n}", "data", payload=1)  # on its way already
                assert in_short(await talk.hear()) == f"error {code}", members
                await talk.start(f"a{n}", run=f"y{n}")
                assert await talk.told(f"a{n}") == ["end"]

    told(story)


# -- what a connection survives ----------------------------------------------------------------------------------------

NO_GOOD: Final = [
    *("", "{bad", "null", "[]", "7", '"a"', '{"type":"stream:end"}', '{"id":"a"}', '{"id":7,"type":"stream:end"}'),
    *('{"id":"a","type":"stream:fly"}', '{"id":"","type":"stream:start"}', '{"id":"a\\u0000","type":"stream:start"}'),
    *('{"id":"' + "a" * 100_000 + '","type":"stream:start"}', '{"id":{},"type":"stream:start"}', "[" * 100_000),
    *('{"id":"a","id":"a","type":"stream:end"}', '{"id":"a","type":"stream:end","x":NaN}', "\ufeff{}"),
    '{"id":"a","type":"stream:data","payload":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
    *('{"id":"nobody","type":"stream:data","payload":1}', '{"id":"nobody","type":"stream:end"}'),
    *('{"id":"nobody","type":"stream:cancel"}', '{"id":"nobody","type":"stream:credit","payload":1}'),
]


def test_a_message_that_is_no_good_is_answered_and_disturbs_nobody(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("sibling", ECHO, direction="bidi")
            await talk.hear("sibling")
            for message in NO_GOOD:
                await talk.client.write(message)
                answer = await talk.hear()
                assert in_short(answer) in {"complaint INVALID_ARGUMENT", "complaint NOT_FOUND"}, message[:80]
                assert answer.get("id") in {None, "a", "nobody"}
                assert "Traceback" not in answer["payload"]["message"]
                await talk.say("sibling", "data", payload=1)
                assert (await talk.hear())["payload"] == 1, message[:80]
            await talk.say("sibling", "end")
            assert in_short(await talk.hear()) == "end"

    told(story)


def test_octets_that_are_no_text_are_answered(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk, server.connect() as other:
            await talk.client.write(b'\xff{"id":"a","type":"stream:end"}')
            assert in_short(await talk.hear()) == "complaint INVALID_ARGUMENT"
            await other.start("a")
            assert await other.told("a") == ["end"]

    told(story)


def test_so_many_messages_that_are_no_good_and_the_connection_ends(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", gate())
            assert (await talk.hear("a"))["type"] == "stream:start"
            for n in range(MOST_ERRORS + 1):
                await talk.say(f"nobody{n}", "data", payload=1)
            heard = [await talk.hear() for _ in range(MOST_ERRORS)]
            assert {in_short(envelope) for envelope in heard} == {"complaint NOT_FOUND"}
            assert in_short(await talk.hear()) == "complaint INVALID_ARGUMENT"
            with pytest.raises(EOFError) as end:
                await talk.client.read()
            assert end.value.args in {(), (1008,)}
            assert (await server.until("a", state="ended"))["cancel_seen"] == 1

    told(story)


@pytest.mark.parametrize("kind", ["start", "data", "end"])
def test_what_has_no_place_in_a_stream_leaves_it_as_it_is(told: Told, kind: str) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", RECEIVE, gate(), generate(1), direction="bidi")
            await talk.hear("a")
            if kind != "start":
                await talk.say("a", "end")
                await talk.say("a", kind, payload=1)
            else:
                await talk.start("a", generate(5), run="other")
                await talk.say("a", "end")
            wanted = "complaint ALREADY_EXISTS" if kind == "start" else "complaint INVALID_ARGUMENT"
            assert in_short(await talk.hear("a")) == wanted
            await server.open("a")
            assert [(await talk.hear("a")).get("payload") for _ in range(2)] == [{"n": 1}, None]

    told(story)


def test_an_id_that_is_free_again_begins_a_new_stream(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            for run in ("x", "y"):
                await talk.start("a", ECHO, direction="bidi", run=run)
                await talk.say("a", "data", payload=run)
                await talk.say("a", "end")
                assert await talk.told("a") == [run, "end"]

    told(story)


def test_of_ids_that_are_over_only_so_many_are_known(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            for n in range(MOST_CLOSED + 1):
                await talk.say(f"a{n}", "start", procedure="fly")
                await talk.hear()
            await talk.say("a1", "cancel")  # passed over
            await talk.say("a0", "cancel")
            answer = await talk.hear()
            assert (answer["id"], in_short(answer)) == ("a0", "complaint NOT_FOUND")

    told(story)


# -- many streams ------------------------------------------------------------------------------------------------------


def test_many_streams_go_on_beside_each_other(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            names = [f"s{n}" for n in range(128)]
            for name in names:
                await talk.start(name, ECHO, direction="bidi")
            await talk.start("one-more")
            assert in_short(await talk.hear("one-more")) == "error RESOURCE_EXHAUSTED"
            for n in range(3):
                for name in names:
                    await talk.say(name, "data", payload=[name, n])
            for name in names:
                await talk.say(name, "end")
            for name in names:
                assert await talk.told(name) == [[name, 0], [name, 1], [name, 2], "end"]
            for name in names:
                await server.until(name, state="ended")
            await talk.start("one-more", run="later")
            assert await talk.told("one-more") == ["end"]

    told(story)


def test_a_cancel_a_failure_and_an_end_leave_the_siblings_alone(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("sibling", ECHO, direction="bidi")
            await talk.start("cancelled", GENERATE)
            await talk.start("failed", {"do": "fail", "code": "INTERNAL"})
            await talk.start("ended")
            await talk.say("cancelled", "cancel")
            assert await talk.told("ended") == ["end"]
            assert await talk.told("failed") == ["error INTERNAL"]
            await talk.say("sibling", "data", payload=1)
            await talk.say("sibling", "end")
            assert await talk.told("sibling") == [1, "end"]

    told(story)


def test_cancels_in_a_storm_leave_nothing(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            for n in range(1_000):
                await talk.start(f"s{n}", gate())
                await talk.say(f"s{n}", "cancel")
                if n % 50 == 49:
                    for m in range(n - 49, n + 1):
                        while (envelope := await talk.hear(f"s{m}"))["type"] != "stream:error":
                            pass
                        assert in_short(envelope) in {"error CANCELLED", "error RESOURCE_EXHAUSTED"}
            await server.nothing_is_left()

    told(story)


# -- pressure ----------------------------------------------------------------------------------------------------------

BIG: Final = 65_536


def _pads(talk: Talk, stream: str, n: int) -> Awaitable[None]:
    return talk.say(stream, "data", payload={"n": n, "pad": "x" * BIG})


def test_a_client_that_does_not_read_holds_every_producer_back(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect(compression=None) as talk:
            for name in ("a", "b"):
                await talk.start(name, generate(20_000, bytes=BIG))
            for name in ("a", "b"):
                assert (await server.stands_still(name))["sent"] * BIG < 32_000_000
            talk.client.abort()
            for name in ("a", "b"):
                assert (await server.until(name, state="ended"))["cancel_seen"] == 1

    told(story)


def test_a_handler_that_does_not_take_holds_its_client_back_and_a_reset_is_heard_all_the_same(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect(compression=None) as talk:
            await talk.start("a", gate(), RECEIVE, direction="bidi")
            said = 0
            try:
                while said * BIG < 320_000_000:
                    async with asyncio.timeout(0.5):
                        await _pads(talk, "a", said)
                    said += 1
            except TimeoutError:
                pass
            assert said * BIG < 64_000_000
            assert (await server.witness("a"))["received"] == 0
            talk.client.abort()
            figures = await server.until("a", state="ended")
            assert {**figures, "cancel_seen": 1, "input": "broken"} == figures

    told(story)


def test_with_credit_a_stream_that_is_not_taken_leaves_its_siblings_alone(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("slow", gate(), COLLECT, direction="bidi", credit=10)
            await talk.start("quick", ECHO, direction="bidi", credit=10)
            for name in ("slow", "quick"):
                assert (await talk.hear(name))["type"] == "stream:start"
                assert (await talk.hear(name))["payload"] == 16
            for n in range(16):
                await talk.say("slow", "data", payload=n)
            await talk.say("quick", "data", payload=1)
            assert (await talk.hear("quick"))["payload"] == 1
            await server.open("slow")
            assert (await talk.hear("slow"))["payload"] >= 8  # goes back as it is taken
            await talk.say("slow", "end")
            while (envelope := await talk.hear("slow"))["type"] == "stream:credit":
                pass
            assert envelope["payload"]["count"] == 16

    told(story)


def test_an_item_without_credit_fails_its_stream_and_nothing_else(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", gate(), direction="bidi", credit=1)
            await talk.start("b", gate(), direction="bidi", credit=1)
            await talk.hear("a")
            await talk.hear("a")
            for n in range(17):
                await talk.say("a", "data", payload=n)
            assert in_short(await talk.hear("a")) == "error RESOURCE_EXHAUSTED"
            assert (await server.until("a", state="ended"))["input"] == "broken"
            await server.open("b")
            assert (await talk.told("b"))[-1] == "end"

    told(story)


def test_no_more_is_sent_than_there_is_credit_for(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            await talk.start("a", generate(100), credit=2)
            await talk.hear("a")
            assert [(await talk.hear("a"))["payload"]["n"] for _ in range(2)] == [1, 2]
            figures = await server.until("a", sending=1)
            await talk.start("b", generate(1))
            assert await talk.told("b") == [{"n": 1}, "end"]
            assert talk.kept == []
            assert (await server.witness("a"))["sent"] == figures["sent"] < 30
            await talk.say("a", "credit", payload=3)
            assert [(await talk.hear("a"))["payload"]["n"] for _ in range(3)] == [3, 4, 5]
            await talk.say("a", "cancel")
            assert in_short(await talk.hear("a")) == "error CANCELLED"

    told(story)


@pytest.mark.parametrize(("credit", "payload"), [(None, 1), (1, -1), (1, "x"), (1, None)])
def test_credit_that_means_nothing_is_answered(told: Told, credit: int | None, payload: Any) -> None:
    async def story(server: Server) -> None:
        async with server.connect() as talk:
            counted: dict[str, Any] = {} if credit is None else {"credit": credit}
            await talk.start("a", gate(), **counted)
            await talk.hear("a")
            await talk.say("a", "credit", payload=payload)
            assert in_short(await talk.hear("a")) == "complaint INVALID_ARGUMENT"

    told(story)


def test_the_higher_priority_goes_first_and_the_lowest_goes_on(told: Told) -> None:
    async def story(server: Server) -> None:
        async with server.connect(compression=None) as talk:
            for name, priority in (("low", 0), ("high", 9)):
                await talk.start(name, generate(400, bytes=BIG), priority=priority)
            for name in ("low", "high"):
                await server.stands_still(name)
            order = [(await talk.hear())["id"] for _ in range(800)]
            ends = {name: len(order) - 1 - order[::-1].index(name) for name in ("low", "high")}
            assert ends["high"] < ends["low"]
            ahead = order[200 : ends["high"]]  # without what was on its way before both could send
            assert ahead.count("high") > 4 * ahead.count("low") > 0
            talk.client.abort()

    told(story)


# -- the end of a server -----------------------------------------------------------------------------------------------


def test_a_server_that_stops_tells_its_streams_and_then_ends_the_connection(over: str, serving: Serving) -> None:
    async def story() -> None:
        async with asyncio.timeout(2 * LONGEST_S), contextlib.AsyncExitStack() as clients:
            app = App(ROLES)
            async with serving(app) as port:
                talk, idle = [await clients.enter_async_context(connected(over, port)) for _ in range(2)]
                await idle.start("x")
                assert await idle.told("x") == ["end"]
                await talk.start("a", gate())
                await talk.start("b", RECEIVE, direction="client")
                for name in "ab":
                    assert (await talk.hear(name))["type"] == "stream:start"
            for name in "ab":
                assert in_short(await talk.hear(name)) == "error UNAVAILABLE"
            for one in (talk, idle):
                with pytest.raises(EOFError) as end:
                    await one.client.read()
                assert end.value.args == ((1001,) if over == "ws" else ())
            assert not app.mounts[""].open

    asyncio.run(story())
