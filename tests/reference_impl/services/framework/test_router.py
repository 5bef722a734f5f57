"""The router and the builder: declared word by word, found by name, grouped, and refused where it makes no sense."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.framework.builder import StreamBuilder
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.procedure import LONGEST_NAME_CHARS, Next, Procedure
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streamspec.reference_impl.services.framework.context import Context


class Tail(msgspec.Struct):
    limit: int = 100
    level: str | None = None


async def nothing() -> AsyncIterator[int]:
    return
    yield


async def first(ctx: Context, call_next: Next) -> Any:
    return await call_next()


async def second(ctx: Context, call_next: Next) -> Any:
    return await call_next()


async def third(ctx: Context, call_next: Next) -> Any:
    return await call_next()


def declared(router: Router, name: str) -> Procedure:
    procedure = router.get(name)
    assert procedure is not None
    return procedure


def test_every_word_of_the_builder_is_kept() -> None:
    router = Router()
    (
        router.stream("logs.tail")
        .input(Tail)
        .output(dict[str, int])
        .description("Stream log entries in real-time")
        .direction("server")
        .use(first)
        .use(second, third)
        .priority(5)
        .content_type("application/x-ndjson")
        .handler(nothing)
    )
    procedure = declared(router, "logs.tail")
    assert (procedure.name, procedure.direction, procedure.description) == (
        "logs.tail",
        "server",
        "Stream log entries in real-time",
    )
    assert (procedure.priority, procedure.content_type) == (5, "application/x-ndjson")
    assert procedure.interceptors == (first, second, third)
    assert procedure.input is not None
    assert procedure.input.read({}) == Tail()
    assert procedure.output is not None
    assert procedure.output.read_output({"n": 1}) == {"n": 1}


def test_what_is_not_said_has_its_default() -> None:
    router = Router()
    router.stream("metrics.live").handler(nothing)
    procedure = declared(router, "metrics.live")
    assert (procedure.direction, procedure.input, procedure.output, procedure.description) == ("server", None, None, "")
    assert (procedure.content_type, procedure.priority, procedure.interceptors) == (None, 0, ())


def test_a_handler_may_be_decorated() -> None:
    router = Router()

    @router.stream("numbers").handler
    async def numbers() -> AsyncIterator[int]:
        yield 1

    assert declared(router, "numbers").name == "numbers"

    async def all_of_them() -> list[int]:
        return [n async for n in numbers()]  # it is still what it was

    assert asyncio.run(all_of_them()) == [1]


def test_half_a_declaration_may_begin_several() -> None:
    router = Router()
    guarded = router.stream("a").use(first)
    assert isinstance(guarded, StreamBuilder)
    guarded.priority(1).handler(nothing)
    with pytest.raises(Misdeclared, match="there is a stream a already"):
        guarded.handler(nothing)
    assert declared(router, "a").priority == 1


def test_what_was_not_finished_is_not_found() -> None:
    router = Router()
    router.stream("half").input(Tail)
    assert router.get("half") is None
    assert router.procedures() == ()


@pytest.mark.parametrize("name", ["", "x" * 10_000, "../metrics", "metrics/live", "\0", "metrics.live "])
def test_an_unknown_name_is_no_stream(name: str) -> None:
    router = Router()
    router.stream("metrics.live").handler(nothing)
    assert router.get(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a/b",
        "..",
        "../x",
        "a b",
        "a\n",
        "a\0",
        "%2e",
        "-a",
        "a.-b",
        "é",
        "a:b",
        "x" * 129,
        5,
    ],
)
def test_an_odd_name_is_refused(name: Any) -> None:
    router = Router()
    with pytest.raises(Misdeclared, match="is no name of a stream"):
        router.stream(name)
    with pytest.raises(Misdeclared, match="is no name of a stream"):
        router.mount(name, Router())


PARTS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,8}", fullmatch=True)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map(".".join)


@given(st.lists(NAMES, unique=True, max_size=8), PARTS)
def test_every_name_leads_to_its_own_stream(names: list[str], prefix: str) -> None:
    inner, outer = Router(), Router()
    for name in names:
        inner.stream(name).description(name).handler(nothing)
    outer.mount(prefix, inner)
    assert [procedure.name for procedure in outer.procedures()] == [f"{prefix}.{name}" for name in names]
    for name in names:
        assert declared(outer, f"{prefix}.{name}").description == name
        assert declared(inner, name).description == name


@given(st.text(max_size=2 * LONGEST_NAME_CHARS))
def test_a_name_is_taken_or_refused_and_found_only_if_taken(name: str) -> None:
    router = Router()
    try:
        router.stream(name).handler(nothing)
    except Misdeclared:
        assert router.get(name) is None
    else:
        assert declared(router, name).name == name
        assert name.isascii()
        assert not set(name) & set("/\\\0 %:")


def test_two_of_one_name_are_refused() -> None:
    router = Router()
    router.stream("twice").handler(nothing)
    with pytest.raises(Misdeclared, match="there is a stream twice already"):
        router.stream("twice").handler(nothing)
    inner = Router()
    inner.stream("b").handler(nothing)
    router.stream("a.b").handler(nothing)
    with pytest.raises(Misdeclared, match="there is a stream a\\.b already"):
        router.mount("a", inner)
    inner.stream("c").handler(nothing)  # it was not mounted


def test_interceptors_are_in_the_order_of_the_document() -> None:
    inner, outer = Router(), Router()
    inner.use(second)
    inner.stream("s").use(third).handler(nothing)
    outer.mount("in", inner, interceptors=[nothing_around])
    outer.use(first)  # also for what was declared before
    assert declared(outer, "in.s").interceptors == (first, nothing_around, second, third)
    assert [procedure.interceptors for procedure in outer.procedures()] == [(first, nothing_around, second, third)]


async def nothing_around(ctx: Context, call_next: Next) -> Any:
    return await call_next()


def test_a_mounted_router_is_done() -> None:
    inner, outer = Router(), Router()
    outer.mount("in", inner)
    for late in (
        lambda: inner.stream("s").handler(nothing),
        lambda: inner.use(first),
        lambda: inner.mount("x", Router()),
    ):
        with pytest.raises(Misdeclared, match="mounted in another"):
            late()
    with pytest.raises(Misdeclared, match="in itself"):
        outer.mount("self", outer)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda stream: stream.direction("both"), "a direction is one of server, client, bidi"),
        (lambda stream: stream.priority(1.5), "a priority is a whole number"),
        (lambda stream: stream.content_type("json"), "is no media type"),
        (lambda stream: stream.description(5), "a description is a text"),
        (lambda stream: stream.use("auth"), "an interceptor is a function"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(wrong: Any, complaint: str) -> None:
    router = Router()
    with pytest.raises(Misdeclared, match=complaint):
        wrong(router.stream("s")).handler(nothing)
    assert router.procedures() == ()


def test_what_is_no_interceptor_is_refused() -> None:
    router: Any = Router()
    with pytest.raises(Misdeclared, match="an interceptor is a function"):
        router.use(first, None)
    router.stream("s").handler(nothing)
    assert declared(router, "s").interceptors == ()


@pytest.mark.parametrize("handler", [None, 5, lambda a, b, c: None, lambda *, named: None])
def test_what_is_no_handler_is_refused(handler: Any) -> None:
    router = Router()
    with pytest.raises(Misdeclared, match="handler"):
        router.stream("s").handler(handler)
    assert router.get("s") is None


def test_input_is_checked_before_anything_runs() -> None:
    router = Router()
    router.stream("logs.tail").input(Tail).handler(nothing)
    procedure = declared(router, "logs.tail")
    assert procedure.validated(None, from_query=False) == Tail()
    assert procedure.validated({"level": "error", "limit": "5"}, from_query=True) == Tail(5, "error")
    for payload, from_query in (({"limit": "5"}, False), ({"limit": "many"}, True), ({"limit": None}, False)):
        with pytest.raises(StreamError, match="INVALID_ARGUMENT: limit: ") as refused:
            procedure.validated(payload, from_query=from_query)
        assert refused.value.code is Code.INVALID_ARGUMENT


def test_without_a_schema_anything_goes() -> None:
    router = Router()
    router.stream("s").handler(nothing)
    procedure = declared(router, "s")
    assert procedure.validated({"a": [1]}, from_query=False) == {"a": [1]}
    assert procedure.validated({"a": "1", "b": "x"}, from_query=True) == {"a": 1, "b": "x"}
    assert procedure.validated_item("item", 1) == "item"
    assert procedure.validated_output({"any": 1}) == {"any": 1}


@pytest.mark.parametrize("direction", ["client", "bidi"])
def test_who_sends_items_begins_with_nothing_else(direction: Any) -> None:
    router = Router()
    router.stream("up").direction(direction).input(Tail).handler(nothing)
    procedure = declared(router, "up")
    assert procedure.validated(None, from_query=False) is None
    assert procedure.validated({}, from_query=False) is None
    with pytest.raises(StreamError, match=r"INVALID_ARGUMENT: a \w+ stream takes items, and no payload"):
        procedure.validated({"limit": 1}, from_query=False)
    with pytest.raises(StreamError, match="INVALID_ARGUMENT: item 3: limit: "):
        procedure.validated_item({"limit": "x"}, 3)
