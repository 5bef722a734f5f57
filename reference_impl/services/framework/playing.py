"""`play`: one stream from its interceptors to the last item of its handler, over whatever sends and receives.

Never here: buffering and cancelling (`send` blocks and raises), an ending (that is the caller's), a wire.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.services.framework.faults import Unfit
from streamspec.reference_impl.stream.errors import StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.services.framework.context import Context
    from streamspec.reference_impl.services.framework.procedure import Interceptor, Procedure

    Items = AsyncIterator[Any]
    Rest = Callable[[Items | None], Awaitable[Any]]


async def play(
    procedure: Procedure,
    payload: object,
    items: AsyncIterator[object] | None,
    context: Context,
    send: Callable[[object], Awaitable[None]],
) -> None:
    """Run the interceptors and the handler, and hand each validated output to `send`, which waits as it likes.

    `payload` is what `procedure.validated` answered. Returns when the handler is over and everything that it left open
    is closed, raises what it raised: that is the stream's error. An item that does not fit is an error whatever the
    handler makes of it.
    """
    received = None if items is None or procedure.direction == "server" else _Received(procedure, items)
    async with contextlib.AsyncExitStack() as closing:
        answer = await _asked(procedure, payload, received, context, closing)
        if procedure.direction == "client":
            _refuse_misfit(received)
            await send(procedure.validated_output(answer))
            return
        if not isinstance(answer, AsyncIterable):
            raise Unfit(f"{procedure.name}: its handler answers no stream but {type(answer).__name__}")
        async for output in answer:
            _refuse_misfit(received)
            await send(procedure.validated_output(output))
        _refuse_misfit(received)


async def _asked(
    procedure: Procedure,
    payload: object,
    received: _Received | None,
    context: Context,
    closing: contextlib.AsyncExitStack,
) -> Any:
    """What the outermost interceptor answers, or without one the handler."""

    async def handle(items: Items | None) -> Any:
        answer = procedure.handler(payload if procedure.direction == "server" else items, context)
        if inspect.isawaitable(answer):
            answer = await answer
        return _closed_by(closing, answer)

    rest: Rest = handle
    for interceptor in reversed(procedure.interceptors):
        rest = _around(interceptor, rest, payload, context, closing)
    return await rest(received)


def _around(
    interceptor: Interceptor, rest: Rest, payload: object, context: Context, closing: contextlib.AsyncExitStack
) -> Rest:
    async def intercepted(items: Items | None) -> Any:
        return _closed_by(closing, await interceptor(context, _Next(payload, items, rest)))

    return intercepted


def _closed_by(closing: contextlib.AsyncExitStack, answer: Any) -> Any:
    # An iterator around another one leaves that open when it is closed itself: so each is closed, the outermost first.
    close = getattr(answer, "aclose", None)
    if close is not None:
        closing.push_async_callback(close)
    return answer


@dataclass(frozen=True, slots=True)
class _Next:
    """A `procedure.Next`."""

    payload: Any
    items: Items | None
    _rest: Rest

    async def __call__(self, items: Items | None = None) -> Any:
        return await self._rest(self.items if items is None else items)


class _Received:
    """What the client sends, each item validated. After one that does not fit there is none."""

    __slots__ = ("_items", "_number", "_procedure", "misfit")

    def __init__(self, procedure: Procedure, items: Items) -> None:
        self._procedure = procedure
        self._items = items
        self._number = 0
        self.misfit: StreamError | None = None

    def __aiter__(self) -> _Received:
        return self

    async def __anext__(self) -> Any:
        _refuse_misfit(self)
        item = await anext(self._items)
        self._number += 1
        try:
            return self._procedure.validated_item(item, self._number)
        except StreamError as misfit:
            self.misfit = misfit
            raise


def _refuse_misfit(received: _Received | None) -> None:
    if received is not None and received.misfit is not None:
        raise received.misfit
