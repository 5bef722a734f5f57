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
from streamspec.reference_impl.services.framework.received import Received

if TYPE_CHECKING:
    from streamspec.reference_impl.services.framework.context import Context
    from streamspec.reference_impl.services.framework.procedure import Interceptor, Procedure

    Items = AsyncIterator[Any]
    Rest = Callable[[Items | None], Awaitable[Any]]


def _no_matter(_failure: Exception) -> None:
    """To whoever waits for `play` to raise it."""


async def play(
    procedure: Procedure,
    payload: object,
    items: AsyncIterator[object] | None,
    context: Context,
    send: Callable[[object], Awaitable[None]],
    on_failure: Callable[[Exception], None] = _no_matter,
) -> None:
    """Run the interceptors and the handler, and hand each validated output to `send`, which waits as it likes.

    `payload` is what `procedure.validated` answered. Returns when the handler is over and everything that it left open
    is closed, raises what it raised: that is the stream's error. So is an item that does not fit, and whatever else
    `items` raise, whatever the handler makes of it; `on_failure` learns of it at once.
    """
    received = None if items is None or procedure.direction == "server" else Received(procedure, items, on_failure)
    async with contextlib.AsyncExitStack() as closing:
        answer = await _asked(procedure, payload, received, context, closing)
        if procedure.direction == "client":
            _refuse_failure(received)
            await send(procedure.validated_output(answer))
            return
        if not isinstance(answer, AsyncIterable):
            raise Unfit(f"{procedure.name}: its handler answers no stream but {type(answer).__name__}")
        outputs = aiter(answer)
        if outputs is not answer:
            _closed_by(closing, outputs)
        async for output in outputs:
            _refuse_failure(received)
            await send(procedure.validated_output(output))
        _refuse_failure(received)


async def _asked(
    procedure: Procedure,
    payload: object,
    received: Received | None,
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
        return _closed_by(closing, await interceptor(context, _Next(payload, items, rest, closing)))

    return intercepted


def _closed_by(closing: contextlib.AsyncExitStack, opened: Any) -> Any:
    # An iterator around another one leaves that open when it is closed itself: so each is closed, the outermost first.
    if hasattr(opened, "aclose"):
        closing.push_async_callback(_close, opened)
    return opened


async def _close(opened: Any) -> None:
    # A generator that another task still reads cannot be closed, and ends with that read.
    if not getattr(opened, "ag_running", False):
        await opened.aclose()


@dataclass(frozen=True, slots=True)
class _Next:
    """A `procedure.Next`."""

    payload: Any
    items: Items | None
    _rest: Rest
    _closing: contextlib.AsyncExitStack

    async def __call__(self, items: Items | None = None) -> Any:
        return await self._rest(self.items if items is None else _closed_by(self._closing, items))


def _refuse_failure(received: Received | None) -> None:
    if received is not None:
        received.refuse_failure()
