"""A script that takes items of its client, in virtual time: each step, its figures, and what ends a wait for one."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from virtual_target import in_virtual_time

from streamspec.reference_impl import session
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Item
from streamspec.reference_impl.mount import Mount, mounted
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.routing import Asked
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.witness import Runs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.witness import Figures

GATE = {"do": "gate", "name": "g"}
RECEIVE = {"do": "receive"}
ECHO = {"do": "echo"}
COLLECT = {"do": "collect"}


class Call:
    """One stream of a mount of its own, asked for in a message."""

    def __init__(self, direction: str, *steps: Any, **options: Any) -> None:
        seams, clock = Seams(), asyncio.get_running_loop().time
        self.mount = Mount(seams, ROLES, mounted(seams, ROLES).bindings, runs=Runs(clock))
        wish = {"run": "r", "script": {"steps": steps, **options}}
        asked = self.mount.opened(direction, json.dumps(wish), ())
        assert isinstance(asked, Asked), asked
        assert asked.inlet is not None
        self.asked = asked
        self.inlet: Inlet = asked.inlet
        self.shown: list[Frame] = []
        self.stream: asyncio.Future[ItemStream] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        async def show(frame: Frame) -> None:
            self.shown.append(frame)

        async with session.producing(self.asked, self.mount) as stream:
            self.stream.set_result(stream)
            await session.show_all(stream, self.asked, self.mount.seams, show)

    @property
    def items(self) -> list[str]:
        return [frame.text for frame in self.shown if isinstance(frame, Item)]

    @property
    def end(self) -> str:
        last = self.shown[-1]
        return last.code if isinstance(last, Failed) else type(last).__name__

    @property
    def figures(self) -> Figures:
        run = self.mount.runs.begun("r")
        assert run is not None
        return run.figures()

    def open(self) -> None:
        self.mount.runs.named("r").gates.open("g")


def story(tell: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await tell()

    in_virtual_time(main())


def played(direction: str, *steps: Any, said: tuple[str, ...] = (), **options: Any) -> Call:
    """The call when it is over; its client said this at once, and half-closed."""

    async def main() -> Call:
        call = Call(direction, *steps, **options)
        running = asyncio.create_task(call.run())
        for item in said:
            await call.inlet.put(item)
        if direction != "server":
            call.inlet.end()
        await running
        return call

    result: Call = in_virtual_time(main())
    return result


def test_it_echoes_what_comes_as_it_came() -> None:
    call = played("bidi", ECHO, said=("1.10", '{"a" : 1}'))
    assert (call.items, call.end) == (["1.10", '{"a" : 1}'], "Completed")
    assert {**call.figures, "received": 2, "sent": 2, "receiving": 0, "input": "ended"} == call.figures


@pytest.mark.parametrize(("n", "taken"), [(0, 0), (1, 1), (3, 3), (4, 3)])
@pytest.mark.parametrize("do", ["echo", "receive"])
def test_it_takes_so_many_or_all_there_are(do: str, n: int, taken: int) -> None:
    call = played("bidi", {"do": do, "n": n}, said=("1", "2", "3"))
    assert {**call.figures, "received": taken, "input": "ended" if n > 3 else "open"} == call.figures
    assert call.items == (["1", "2", "3"][:taken] if do == "echo" else [])


def test_it_counts_what_it_collects_in_octets_and_goes_on_counting_its_own_items() -> None:
    assert played("client", COLLECT, said=('"é"', "1")).items == ['{"n":1,"count":2,"bytes":5}']
    call = played("bidi", {"do": "generate", "n": 2}, COLLECT)
    assert call.items == ['{"n":1}', '{"n":2}', '{"n":3,"count":0,"bytes":0}']


def test_it_pauses_behind_each_item() -> None:
    async def tell() -> None:
        call = Call("bidi", {"do": "receive", "every_ms": 1_000})
        running = asyncio.create_task(call.run())
        for item in "123":
            await call.inlet.put(item)
        call.inlet.end()
        for received in (1, 2, 3):
            await asyncio.sleep(0.5)
            assert call.figures["received"] == received
            await asyncio.sleep(0.5)
        await running
        assert call.figures["input"] == "ended"

    story(tell)


def test_it_drains_beside_what_it_does() -> None:
    async def tell() -> None:
        call = Call("bidi", {"do": "drain"}, GATE, {"do": "generate", "n": 1})
        running = asyncio.create_task(call.run())
        for n in range(100):
            await call.inlet.put(str(n))
        call.inlet.end()
        await asyncio.sleep(1)
        assert {**call.figures, "received": 100, "input": "ended", "state": "playing", "sent": 0} == call.figures
        call.open()
        await running
        assert call.items == ['{"n":1}']

    story(tell)


def test_a_client_that_has_nothing_to_say_is_at_its_end() -> None:
    call = played("server", RECEIVE, ECHO, COLLECT)
    assert call.items == ['{"n":1,"count":0,"bytes":0}']
    assert call.figures["input"] == "ended"


def test_what_is_not_taken_is_held_back() -> None:
    async def tell() -> None:
        call = Call("bidi", {"do": "receive", "n": 1}, GATE)
        running = asyncio.create_task(call.run())
        putting = [asyncio.create_task(call.inlet.put(str(n))) for n in range(20)]
        await asyncio.sleep(1)
        assert [task.done() for task in putting] == [True] * 17 + [False] * 3
        assert {**call.figures, "received": 1, "receiving": 0} == call.figures
        call.open()
        await running
        await asyncio.gather(*putting)
        assert call.figures["input"] == "open"  # nobody broke anything off: it was enough

    story(tell)


@pytest.mark.parametrize("step", [RECEIVE, ECHO, COLLECT, {"do": "receive", "n": 9}])
def test_a_cancel_wakes_whoever_waits_for_an_item(step: dict[str, Any]) -> None:
    async def tell() -> None:
        call = Call("bidi", step)
        running = asyncio.create_task(call.run())
        await call.inlet.put("1")
        await asyncio.sleep(1)
        assert call.figures["receiving"] == 1
        (await call.stream).cancel()
        await running
        wanted = {"receiving": 0, "input": "broken", "cancel_seen": 1, "cancel_code": "CANCELLED", "cleanups": 1}
        assert {**call.figures, **wanted, "terminals": 1} == call.figures
        assert not any(isinstance(frame, Completed | Failed) for frame in call.shown)

    story(tell)


@pytest.mark.parametrize("option", ["deadline_ms", "idle_ms"])
def test_time_wakes_whoever_waits_for_an_item_and_nobody_has_left(option: str) -> None:
    async def tell() -> None:
        call = Call("bidi", RECEIVE, **{option: 1_000})
        await call.run()
        assert call.end == Code.TIMED_OUT
        assert {**call.figures, "input": "broken", "cancel_seen": 0, "cleanups": 1} == call.figures

    story(tell)


def test_a_server_that_stops_wakes_whoever_waits_for_an_item() -> None:
    async def tell() -> None:
        call = Call("bidi", RECEIVE)
        running = asyncio.create_task(call.run())
        await asyncio.sleep(1)
        call.mount.seams.go_away(await call.stream)
        await running
        assert call.end == Code.UNAVAILABLE
        assert {**call.figures, "input": "broken", "cancel_seen": 0, "cleanups": 1} == call.figures

    story(tell)


def test_behind_an_end_of_its_own_it_waits_for_nobody() -> None:
    call = played("bidi", {"do": "complete"}, RECEIVE, ECHO, COLLECT, said=())
    assert call.end == "Completed"
    assert {**call.figures, "terminals": 1, "cancel_seen": 0} == call.figures


def test_the_one_item_has_to_be_whole_before_a_handler_begins() -> None:
    async def tell() -> None:
        call = Call("unary", ECHO)
        running = asyncio.create_task(call.run())
        await call.inlet.put("7")
        await asyncio.sleep(1)
        assert ([type(frame) for frame in call.shown], call.figures["called"]) == ([Begun], 0)
        call.inlet.end()
        await running
        assert (call.items, call.end) == (["7"], "Completed")
        assert {**call.figures, "called": 1, "received": 1, "input": "ended"} == call.figures

    story(tell)


@pytest.mark.parametrize("items", [0, 2])
def test_none_and_two_where_one_is_due_call_no_handler(items: int) -> None:
    async def tell() -> None:
        call = Call("unary", ECHO)
        running = asyncio.create_task(call.run())

        async def say() -> None:
            for n in range(items):
                await call.inlet.put(str(n))
            call.inlet.end()

        with pytest.raises(StreamError) as wrong:
            await say()
        (await call.stream).error(wrong.value)
        await running
        assert call.end == Code.INVALID_ARGUMENT
        assert {**call.figures, "called": 0, "cleanups": 1, "input": "broken"} == call.figures

    story(tell)
