"""Playing a procedure: the handlers of the document as they stand, interceptors around them, and what must not pass."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec
import pydantic
import pytest

from streamspec.reference_impl.services.framework.context import Context
from streamspec.reference_impl.services.framework.faults import Unfit
from streamspec.reference_impl.services.framework.playing import play
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.services.framework.schema import to_json
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable

    from streamspec.reference_impl.services.framework.procedure import Next, Procedure

    Turns = Callable[[], Awaitable[Any]]


def played(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


def only(router: Router) -> Procedure:
    (procedure,) = router.procedures()
    return procedure


async def sent_by(items: Iterable[object]) -> AsyncIterator[object]:
    for item in items:
        yield item


async def shown(
    router: Router,
    payload: object = None,
    items: Iterable[object] | None = None,
    context: Context | None = None,
    most: int = 1_000,
) -> list[Any]:
    """What a client gets to see of the one stream of a router, up to its end or to so many items."""
    procedure, got = only(router), []

    async def send(output: object) -> None:
        got.append(msgspec.json.decode(to_json(output)))
        if len(got) == most:
            raise StreamError(Code.CANCELLED, "enough")

    validated = procedure.validated(payload, from_query=False)
    try:
        await play(procedure, validated, None if items is None else sent_by(items), context or Context("s1"), send)
    except StreamError as ended:
        if ended.code is not Code.CANCELLED:
            raise
    return got


class Tail(msgspec.Struct):
    level: str | None = None
    limit: int = 100


class Entry(msgspec.Struct):
    timestamp: dt.datetime
    message: str
    level: str


class PydanticTail(pydantic.BaseModel):
    level: str | None = None
    limit: int = 100


class PydanticEntry(pydantic.BaseModel):
    timestamp: dt.datetime
    message: str
    level: str


def test_the_basic_example() -> None:
    async def story() -> None:
        router = Router()

        async def live() -> AsyncIterator[dict[str, float]]:
            while True:
                yield {"cpu": 0.5, "memory": 1.0}
                await asyncio.sleep(0)

        router.stream("metrics.live").handler(live)
        assert await shown(router, most=3) == [{"cpu": 0.5, "memory": 1.0}] * 3

    played(story)


@pytest.mark.parametrize(("given", "sent"), [(Tail, Entry), (PydanticTail, PydanticEntry)])
def test_the_sample_of_the_builder(given: Any, sent: Any) -> None:
    async def story() -> None:
        router, admitted = Router(), []

        async def auth_interceptor(ctx: Context, call_next: Next) -> Any:
            admitted.append(ctx.metadata["authorization"])
            return await call_next()

        async def tail_logs(asked: Any) -> AsyncIterator[dict[str, object]]:
            for n in range(asked.limit):
                stamp = dt.datetime(2024, 1, 1, 0, 0, n, tzinfo=dt.UTC)
                yield {"timestamp": stamp, "message": f"Error {n}", "level": asked.level}

        async def tail(asked: Any, ctx: Context) -> AsyncIterator[dict[str, object]]:
            async for log in tail_logs(asked):
                if ctx.signal.aborted:
                    break
                yield log

        (
            router.stream("logs.tail")
            .input(given)
            .output(sent)
            .description("Stream log entries in real-time")
            .direction("server")
            .use(auth_interceptor)
            .handler(tail)
        )
        context = Context("s1", metadata={"authorization": "Bearer x"})
        assert await shown(router, {"level": "error", "limit": 2}, context=context) == [
            {"timestamp": "2024-01-01T00:00:00Z", "message": "Error 0", "level": "error"},
            {"timestamp": "2024-01-01T00:00:01Z", "message": "Error 1", "level": "error"},
        ]
        assert admitted == ["Bearer x"]

    played(story)


def test_the_sample_of_a_server_stream() -> None:
    async def story() -> None:
        router = Router()

        async def watch(asked: dict[str, Any]) -> AsyncIterator[dict[str, int]]:
            while True:
                yield dict.fromkeys(asked["symbols"], 1)

        router.stream("prices.watch").direction("server").handler(watch)
        assert await shown(router, {"symbols": ["A", "B"]}, most=2) == [{"A": 1, "B": 1}] * 2

    played(story)


def test_the_sample_of_a_client_stream() -> None:
    async def story() -> None:
        router, saved = Router(), []

        async def upload(chunks: AsyncIterator[bytes], ctx: Context) -> dict[str, object]:
            file = b"".join([chunk async for chunk in chunks])
            saved.append(file)
            return {"size": len(file), "success": True}

        router.stream("files.upload").direction("client").input(bytes).handler(upload)
        assert await shown(router, items=["aGVs", "bG8="]) == [{"size": 5, "success": True}]
        assert saved == [b"hello"]

    played(story)


def test_the_sample_of_a_bidi_stream() -> None:
    async def story() -> None:
        router = Router()

        async def conversation(messages: AsyncIterator[Any], ctx: Context) -> AsyncIterator[dict[str, object]]:
            async for msg in messages:
                yield {"echo": msg["content"], "processed": True}
                if msg["content"] == "status":
                    yield {"type": "status", "online": True}

        router.stream("chat.conversation").direction("bidi").handler(conversation)
        assert await shown(router, items=[{"content": "hi"}, {"content": "status"}]) == [
            {"echo": "hi", "processed": True},
            {"echo": "status", "processed": True},
            {"type": "status", "online": True},
        ]

    played(story)


def test_the_sample_of_cancellation() -> None:
    async def story() -> None:
        router, context, said = Router(), Context("s1"), []

        async def running(asked: object, ctx: Context) -> AsyncIterator[dict[str, int]]:
            n = 0
            while True:
                if ctx.signal.aborted:
                    said.append(f"Stream cancelled: {ctx.signal.reason}")
                    break
                n += 1
                yield {"data": n}
                if n == 2:
                    ctx.signal.abort("Client disconnected")

        router.stream("long.running").handler(running)
        assert await shown(router, context=context) == [{"data": 1}, {"data": 2}]
        assert said == ["Stream cancelled: Client disconnected"]

    played(story)


def test_the_best_practice_of_cleaning_up() -> None:
    async def story() -> None:
        router, closed = Router(), []

        async def handler(asked: object, ctx: Context) -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
            finally:
                await asyncio.sleep(0)
                closed.append("connection")

        router.stream("s").handler(handler)
        await shown(router, most=3)
        assert closed == ["connection"]

    played(story)


def test_nothing_is_made_ahead_of_what_is_sent(turns: Turns) -> None:
    async def story() -> None:
        router, made, stream = Router(), [], Stream[object](2)

        async def numbers() -> AsyncIterator[int]:
            for n in range(100):
                made.append(n)
                yield n

        router.stream("s").handler(numbers)
        playing = asyncio.create_task(play(only(router), None, None, Context("s1"), stream.send))
        await turns()
        assert made == [0, 1, 2]  # two that are buffered, and one that waits
        await stream.receive()
        await turns()
        assert made == [0, 1, 2, 3]
        stream.cancel()
        with pytest.raises(StreamError, match="CANCELLED"):
            await playing

    played(story)


def test_a_task_that_is_cancelled_closes_what_its_handler_left_open(turns: Turns) -> None:
    async def story() -> None:
        router, closed = Router(), []

        async def waits() -> AsyncIterator[int]:
            try:
                await asyncio.Event().wait()
                yield 1
            finally:
                closed.append("handler")

        async def around(ctx: Context, call_next: Next) -> Any:
            inner = await call_next()

            async def wrapped() -> AsyncIterator[int]:
                try:
                    async for item in inner:
                        yield item
                finally:
                    closed.append("interceptor")

            return wrapped()

        router.stream("s").use(around).handler(waits)

        async def send(_output: object) -> None:
            raise AssertionError("nothing is sent")

        playing = asyncio.create_task(play(only(router), None, None, Context("s1"), send))
        await turns()
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert closed == ["handler", "interceptor"]

    played(story)


def test_a_wrapped_handler_is_closed_at_once_when_its_client_leaves() -> None:
    async def story() -> None:
        router, closed = Router(), []

        async def numbers() -> AsyncIterator[int]:
            try:
                while True:
                    yield 1
            finally:
                closed.append("handler")

        async def around(ctx: Context, call_next: Next) -> Any:
            inner = await call_next()

            async def wrapped() -> AsyncIterator[int]:
                try:
                    async for item in inner:
                        yield item
                finally:
                    closed.append("interceptor")

            return wrapped()

        router.stream("s").use(around).handler(numbers)
        await shown(router, most=2)
        assert closed == ["interceptor", "handler"]  # the outer one first: it may still use the inner one

    played(story)


def test_what_a_handler_answers_is_closed_though_only_its_iterator_can_be() -> None:
    async def story() -> None:
        router, closed = Router(), []

        class Numbers:
            async def __aiter__(self) -> AsyncIterator[int]:
                try:
                    while True:
                        yield 1
                finally:
                    closed.append("iterator")

        async def handler() -> Numbers:
            return Numbers()

        router.stream("s").handler(handler)
        await shown(router, most=2)
        assert closed == ["iterator"]

    played(story)


def test_items_that_an_interceptor_puts_in_place_are_closed_behind_the_handler() -> None:
    async def story() -> None:
        router, closed = Router(), []

        async def filtered(name: str, items: AsyncIterator[Any] | None) -> AsyncIterator[Any]:
            assert items is not None
            try:
                async for item in items:
                    yield item
            finally:
                closed.append(name)

        def named(name: str) -> Any:
            async def around(ctx: Context, call_next: Next) -> Any:
                return await call_next(filtered(name, call_next.items))

            return around

        async def echo(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
            try:
                async for item in items:
                    yield item
            finally:
                closed.append("handler")

        router.stream("s").direction("bidi").use(named("outer"), named("inner")).handler(echo)
        assert await shown(router, items=range(5), most=2) == [0, 1]
        assert closed == ["handler", "inner", "outer"]

    played(story)


def test_items_that_a_task_still_reads_spoil_no_answer(turns: Turns) -> None:
    async def story() -> None:
        router, readers = Router(), []

        async def never(items: AsyncIterator[Any] | None) -> AsyncIterator[Any]:
            await asyncio.Event().wait()
            yield items

        async def around(ctx: Context, call_next: Next) -> Any:
            return await call_next(never(call_next.items))

        async def handler(items: AsyncIterator[Any]) -> str:
            async def read() -> None:
                await anext(items)

            readers.append(asyncio.create_task(read()))
            await turns()
            return "answer"

        router.stream("s").direction("client").use(around).handler(handler)
        assert await shown(router, items=[]) == ["answer"]
        readers[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await readers[0]

    played(story)


def test_interceptors_run_as_declared_around_start_items_and_end() -> None:
    async def story() -> None:
        router, order = Router(), []

        def named(name: str) -> Any:
            async def interceptor(ctx: Context, call_next: Next) -> Any:
                order.append(f"{name} begins")
                outputs = await call_next(incoming(call_next.items))
                order.append(f"{name} began")
                return outgoing(outputs)

            async def incoming(items: AsyncIterator[Any] | None) -> AsyncIterator[Any]:
                assert items is not None
                async for item in items:
                    yield f"{item} in {name}"

            async def outgoing(outputs: AsyncIterator[Any]) -> AsyncIterator[Any]:
                async for output in outputs:
                    yield f"{output} out {name}"
                order.append(f"{name} ends")

            return interceptor

        async def echo(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
            async for item in items:
                yield item

        router.use(named("global"))
        router.stream("s").direction("bidi").use(named("one"), named("two")).handler(echo)
        assert await shown(router, items=["x"]) == ["x in global in one in two out two out one out global"]
        assert order == [
            *("global begins", "one begins", "two begins"),
            *("two began", "one began", "global began"),
            *("two ends", "one ends", "global ends"),
        ]

    played(story)


def test_an_interceptor_sees_the_input_and_may_answer_by_itself() -> None:
    async def story() -> None:
        router, called = Router(), []

        async def cached(ctx: Context, call_next: Next) -> Any:
            assert call_next.payload == Tail("error", 1)
            assert call_next.items is None
            return sent_by(["from the cache"])

        async def handler(asked: Tail) -> AsyncIterator[str]:
            called.append(asked)
            yield "fresh"

        router.stream("s").input(Tail).use(cached).handler(handler)
        assert await shown(router, {"level": "error", "limit": 1}) == ["from the cache"]
        assert called == []

    played(story)


def test_an_interceptor_that_refuses_ends_the_stream_before_the_handler() -> None:
    async def story() -> None:
        router, called = Router(), []

        async def refuses(ctx: Context, call_next: Next) -> Any:
            raise StreamError(Code.UNAUTHENTICATED, "who are you?")

        async def inner(ctx: Context, call_next: Next) -> Any:
            called.append("interceptor")
            return await call_next()

        async def handler() -> AsyncIterator[int]:
            called.append("handler")
            yield 1

        router.stream("s").use(refuses, inner).handler(handler)
        with pytest.raises(StreamError, match="UNAUTHENTICATED: who are you"):
            await shown(router)
        assert called == []

    played(story)


def test_an_interceptor_of_a_client_stream_sees_its_answer() -> None:
    async def story() -> None:
        router = Router()

        async def counted(ctx: Context, call_next: Next) -> Any:
            return {"answer": await call_next()}

        async def count(items: AsyncIterator[Any]) -> int:
            return len([item async for item in items])

        router.stream("s").direction("client").use(counted).handler(count)
        assert await shown(router, items=[1, 2, 3]) == [{"answer": 3}]

    played(story)


def test_what_a_handler_raises_is_the_streams_error_after_what_it_sent() -> None:
    async def story() -> None:
        router, got = Router(), []

        async def handler() -> AsyncIterator[int]:
            yield 1
            raise ValueError("boom")

        async def send(output: object) -> None:
            got.append(output)

        router.stream("s").handler(handler)
        with pytest.raises(ValueError, match="boom"):
            await play(only(router), None, None, Context("s1"), send)
        assert got == [1]

    played(story)


@pytest.mark.parametrize("direction", ["server", "client", "bidi"])
def test_an_output_that_does_not_fit_is_not_sent(direction: Any) -> None:
    async def story() -> None:
        router, got, closed = Router(), [], []

        async def send(output: object) -> None:
            got.append(output)

        async def streams() -> AsyncIterator[object]:
            try:
                yield {"n": 1}
                yield {"n": "secret"}
                yield {"n": 3}
            finally:
                closed.append(True)

        async def answers() -> object:
            return {"n": "secret"}

        router.stream("s").direction(direction).output(dict[str, int]).handler(
            answers if direction == "client" else streams
        )
        with pytest.raises(Unfit, match="s: ") as unfit:
            await play(only(router), None, sent_by([]), Context("s1"), send)
        assert (unfit.value.code, "secret" in unfit.value.message) == (Code.INTERNAL, False)
        assert got == ([] if direction == "client" else [{"n": 1}])
        assert closed == ([] if direction == "client" else [True])

    played(story)


@pytest.mark.parametrize("answer", [None, 5, [1, 2]])
def test_a_handler_that_answers_no_stream_is_unfit(answer: object) -> None:
    async def story() -> None:
        router = Router()

        async def handler() -> object:
            return answer

        router.stream("s").handler(handler)
        with pytest.raises(Unfit, match="its handler answers no stream"):
            await shown(router)

    played(story)


def test_a_handler_may_be_a_coroutine_that_answers_a_stream() -> None:
    async def story() -> None:
        router = Router()

        async def handler(asked: object) -> AsyncIterator[object]:
            return sent_by([asked, 2])

        router.stream("s").handler(handler)
        assert await shown(router, "first") == ["first", 2]

    played(story)


@pytest.mark.parametrize("direction", ["client", "bidi"])
def test_an_item_that_does_not_fit_is_an_error_whatever_the_handler_makes_of_it(direction: Any) -> None:
    async def story() -> None:
        router, taken, got = Router(), [], []

        async def lenient(items: AsyncIterator[Tail]) -> list[Tail]:
            try:
                async for item in items:
                    taken.append(item)  # noqa: PERF401 -- what came before counts
            except StreamError:
                pass
            with pytest.raises(StreamError, match="INVALID_ARGUMENT: item 2"):
                await anext(items)
            return taken

        async def lenient_stream(items: AsyncIterator[Tail]) -> AsyncIterator[Tail]:
            for item in await lenient(items):
                yield item

        async def send(output: object) -> None:
            got.append(output)

        router.stream("s").direction(direction).input(Tail).handler(
            lenient if direction == "client" else lenient_stream
        )
        items = sent_by([{"limit": 1}, {"limit": "x"}, {"limit": 3}])
        with pytest.raises(StreamError, match="INVALID_ARGUMENT: item 2: limit: "):
            await play(only(router), None, items, Context("s1"), send)
        assert taken == [Tail(limit=1)]
        assert got == []

    played(story)


def test_items_that_break_off_are_no_end() -> None:
    async def story() -> None:
        router, whole = Router(), []

        async def upload(items: AsyncIterator[int]) -> int:
            total = sum([item async for item in items])
            whole.append(total)
            return total

        async def breaks_off() -> AsyncIterator[int]:
            yield 1
            raise StreamError(Code.CANCELLED, "the client's items broke off")

        async def send(_output: object) -> None:
            raise AssertionError("nothing is answered")

        router.stream("s").direction("client").handler(upload)
        with pytest.raises(StreamError, match="CANCELLED"):
            await play(only(router), None, breaks_off(), Context("s1"), send)
        assert whole == []

    played(story)
