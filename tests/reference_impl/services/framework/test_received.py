"""What a client sends, over every protocol that carries it: an item that is no good ends its stream at once, whatever
the handler does meanwhile, and a read that nobody waits for any more spoils nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest
from framework_desk import ENDED, Desk, opened, over_tcp, told

from streamspec.reference_impl.services.framework.context import Context
from streamspec.reference_impl.services.framework.playing import play
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from framework_desk import Ports

EVERYWHERE: Final = pytest.mark.parametrize("over", ["ws", "tcp", "grpc"])


@EVERYWHERE
@pytest.mark.parametrize("schema", [None, int])
def test_an_item_that_nothing_can_hold_is_never_a_success(over: str, schema: Any) -> None:
    desk = Desk()
    declared = desk.router.stream("desk.lenient").direction("client")

    @(declared if schema is None else declared.input(schema)).handler
    async def lenient(items: Any) -> Any:
        count = 0
        try:
            async for _ in items:
                count += 1
        except StreamError as raised:
            desk.seen.put_nowait(raised.message.partition(":")[0])
        async for _ in items:
            count += 1
        return {"count": count}

    async def tell(ports: Ports) -> None:
        async with opened(over, ports, "desk.lenient") as stream:
            await stream.say(1)
            await stream.say("\ud800")
            assert await stream.hear() == ([], "error INVALID_ARGUMENT")
        assert await desk.next() == "item 2"

    told(desk, tell)


@EVERYWHERE
def test_a_read_that_is_left_pending_spoils_no_stream(over: str) -> None:
    desk = Desk()

    @desk.router.stream("desk.reads_aside").direction("bidi").handler
    async def reads_aside(items: Any) -> Any:
        async def read() -> None:
            async for item in items:
                desk.seen.put_nowait(str(item))

        reader = asyncio.create_task(read())
        try:
            while await desk.seen.get() != "2":
                pass
            yield {"done": True}
        finally:
            reader.cancel()

    async def tell(ports: Ports) -> None:
        async with opened(over, ports, "desk.reads_aside") as stream:
            await stream.say(1)
            await stream.say(2)
            assert await stream.hear() == ([{"done": True}], ENDED)

    told(desk, tell)


@EVERYWHERE
def test_a_read_with_a_timeout_takes_no_silence_for_the_end(over: str) -> None:
    desk = Desk()

    @desk.router.stream("desk.patient").direction("bidi").handler
    async def patient(items: Any) -> Any:
        first = await anext(items)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await anext(items)
        yield first
        async for item in items:
            yield item

    async def tell(ports: Ports) -> None:
        async with opened(over, ports, "desk.patient") as stream:
            await stream.say(1)
            assert await stream.hear(1) == ([1], "")
            await stream.say(2)
            assert await stream.hear(1) == ([2], "")

    told(desk, tell)


@EVERYWHERE
@pytest.mark.parametrize("bad", ["two", "\ud800"])
def test_an_item_that_does_not_fit_ends_its_stream_while_the_handler_waits(over: str, bad: str) -> None:
    desk = Desk()

    @desk.router.stream("desk.waits").direction("bidi").input(int).handler
    async def waits(items: Any, ctx: Context) -> Any:
        async def read() -> None:
            async for _ in items:
                pass

        reader = asyncio.create_task(read())
        yield {"begun": True}
        await ctx.signal.wait()
        desk.seen.put_nowait(ctx.signal.reason)
        with pytest.raises(StreamError, match="item 2"):
            await reader

    async def tell(ports: Ports) -> None:
        async with opened(over, ports, "desk.waits") as stream:
            await stream.say(1)
            assert await stream.hear(1) == ([{"begun": True}], "")
            await stream.say(bad)
            assert await stream.hear() == ([], "error INVALID_ARGUMENT")
        assert await desk.next() == "Stream failed"

    told(desk, tell)


def test_an_item_that_does_not_fit_aborts_the_signal_of_whoever_reads_it() -> None:
    desk = Desk()

    @desk.router.stream("desk.told").direction("client").input(int).handler
    async def reads(items: Any, ctx: Context) -> Any:
        try:
            return [item async for item in items]
        finally:
            desk.seen.put_nowait(ctx.signal.reason)

    async def tell(ports: Ports) -> None:
        assert await over_tcp(ports, "desk.told", None, [1, "two"]) == ([], "error INVALID_ARGUMENT")
        assert await desk.next() == "Stream failed"

    told(desk, tell)


@pytest.mark.parametrize("failure", [StreamError(Code.CANCELLED, "the client's items broke off"), OSError("gone")])
def test_what_broke_off_once_is_broken_off_for_ever(failure: Exception) -> None:
    async def story() -> None:
        router, said = Router(), []

        async def breaks_off() -> AsyncIterator[int]:
            yield 1
            raise failure

        async def stubborn(items: AsyncIterator[int]) -> int:
            for _ in range(3):
                try:
                    async for item in items:
                        said.append(str(item))  # noqa: PERF401 -- what came before counts
                except type(failure):
                    said.append("broke off")
            return 1

        async def send(_output: object) -> None:
            raise AssertionError("nothing is answered")

        router.stream("s").direction("client").handler(stubborn)
        (procedure,) = router.procedures()
        with pytest.raises(type(failure)):
            await play(procedure, None, breaks_off(), Context("s1"), send)
        assert said == ["1", "broke off", "broke off", "broke off"]

    asyncio.run(story())
