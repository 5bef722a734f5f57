"""A handler's whole life around a stream, and feeding a stream from a source: each once for tasks, once for threads.

However a handler or a source ends, its stream ends, and a source is closed. Never here: how a stream keeps its rules,
or anything a binding knows; a stream is only called.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

_log = logging.getLogger("streamspec.reference")


class Produced(Protocol):
    """What this module needs of a stream, for tasks or for threads."""

    @property
    def state(self) -> Phase: ...

    def send(self, item: Any, /) -> Any: ...  # awaited by the functions for tasks

    def complete(self) -> object: ...

    def error(self, failure: BaseException, /) -> object: ...

    def cancel(self, reason: str = "", /) -> object: ...

    def on_end(self, cleanup: Callable[[], None], /) -> object: ...


S = TypeVar("S", bound=Produced)
T = TypeVar("T")
Source = AsyncIterable[Any] | Iterable[Any]
End = Callable[[S, BaseException | None], None]


def is_open(stream: Produced) -> bool:
    """Whether anybody would take what a handler sends: of a stream that has ended none is called."""
    return stream.state is Phase.OPEN


def end_after_handler(stream: Produced, raised: BaseException | None) -> None:
    """End the stream that a handler has left, having raised this or nothing; one that has ended stays as it is."""
    if stream.state is not Phase.OPEN:
        return
    if raised is None:
        raised = StreamError(Code.INTERNAL, "the handler returned without ending its stream")
    # Another thread may end it between the look and the call: then there is nobody left to tell.
    with contextlib.suppress(StreamError):
        stream.error(raised)


async def produce_async(
    stream: S,
    handler: Callable[[S], Awaitable[object] | object],
    end: End[S] = end_after_handler,
    begins: Callable[[S], bool] = is_open,
) -> None:
    """Run `handler(stream)`, a coroutine function or a plain one, and end the stream if it did not.

    Raises nothing of the handler's. When this task is cancelled the stream is UNAVAILABLE, and the cancel goes on.
    """
    if not begins(stream):
        return
    try:
        result = handler(stream)
        if inspect.isawaitable(result):
            await result
    except asyncio.CancelledError as cancelled:
        if _asked_to_stop():
            end(stream, _stopped())
            raise
        _ended_by(stream, cancelled, end)  # the handler's own: something that it awaited had been cancelled
    except Exception as raised:  # noqa: BLE001 -- whatever a handler raises becomes the stream's error (LC-07)
        _ended_by(stream, raised, end)
    except BaseException:
        end(stream, _stopped())
        raise
    else:
        end(stream, None)


def produce_blocking(
    stream: S,
    handler: Callable[[S], object],
    end: End[S] = end_after_handler,
    begins: Callable[[S], bool] = is_open,
) -> None:
    """Run `handler(stream)` in this thread, and end the stream if it did not. Raises nothing of the handler's."""
    if not begins(stream):
        return
    try:
        handler(stream)
    except Exception as raised:  # noqa: BLE001 -- whatever a handler raises becomes the stream's error (LC-07)
        _ended_by(stream, raised, end)
    except BaseException:
        end(stream, _stopped())
        raise
    else:
        end(stream, None)


async def feed_async(stream: S, source: Source, end: End[S] = end_after_handler) -> None:
    """Send every item of the source and complete; then, however it went, close the source.

    The stream ends before the closing, so that a slow or broken close keeps no consumer waiting.
    """
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(_close_async, source)

        async def send_all(stream: S) -> None:
            if isinstance(source, AsyncIterable):
                awaited = aiter(source)
                if awaited is not source:
                    closing.push_async_callback(_close_async, awaited)
                await _send_awaited(stream, awaited)
            else:
                items = iter(source)
                if items is not source:
                    closing.push_async_callback(_close_async, items)
                for item in items:
                    await stream.send(item)
            stream.complete()

        await produce_async(stream, send_all, end)


def feed_blocking(stream: S, source: Iterable[Any], end: End[S] = end_after_handler) -> None:
    """Send every item of the source and complete; then, however it went, close the source.

    A thread that waits for the source cannot be called away: that the stream has ended, the next send tells.
    """
    with contextlib.ExitStack() as closing:
        closing.callback(_close_blocking, source)

        def send_all(stream: S) -> None:
            items = iter(source)
            if items is not source:
                closing.callback(_close_blocking, items)
            for item in items:
                stream.send(item)
            stream.complete()

        produce_blocking(stream, send_all, end)


async def _send_awaited(stream: Produced, iterator: AsyncIterator[Any]) -> None:
    awaiting = _Awaiting()
    stream.on_end(awaiting.call_away)
    while (item := await awaiting.item_of(iterator)) is not _NOTHING:
        await stream.send(item)


_NOTHING: Final = object()


class _Awaiting:
    """A task that waits for its source, until the stream ends. Called away as `asyncio.timeout` does it: this very task
    is cancelled and the cancel taken back, so a source runs in one task all its life and no second one is left behind.

    It keeps no source: a stream that is still being drained holds it as a listener when the feeding is long over.
    """

    __slots__ = ("_called_away", "_loop", "_over", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = False
        self._called_away = False
        self._waiting: asyncio.Task[Any] | None = None

    def call_away(self) -> None:
        self._over = True
        # Not at once: the source itself may have ended the stream, and a task that runs is cancelled at its next
        # await, wherever that is.
        if self._waiting is not None and not self._loop.is_closed():
            self._loop.call_soon(self._cancel)

    def _cancel(self) -> None:
        if self._waiting is not None:
            self._called_away = True
            self._waiting.cancel()

    async def item_of(self, iterator: AsyncIterator[Any]) -> Any:
        """The next item, or `_NOTHING` when the source or the stream is over."""
        if self._over:
            return _NOTHING
        task = self._waiting = asyncio.current_task()
        assert task is not None, "a coroutine of asyncio runs in a task"
        try:
            return await anext(iterator)
        except StopAsyncIteration:
            return _NOTHING
        except asyncio.CancelledError:
            # Somebody else may have cancelled the task as well: that one is not ours to take back.
            if not self._called_away or task.cancelling() > 1:
                raise
            return _NOTHING
        finally:
            self._waiting = None
            if self._called_away:
                task.uncancel()


def _asked_to_stop() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _stopped() -> StreamError:
    return StreamError(Code.UNAVAILABLE, "the producer was stopped")


def _ended_by(stream: S, raised: BaseException, end: End[S]) -> None:
    # The consumer may see no more than "the handler failed"; whoever runs the handler must be able to find out why.
    if not isinstance(raised, StreamError):
        _log.info("a producer failed", exc_info=raised)
    end(stream, raised)


async def _close_async(closing: object) -> None:
    close = getattr(closing, "aclose", None) or getattr(closing, "close", None)
    if close is None:
        return
    try:
        result = close()
        if inspect.isawaitable(result):
            await result
    except asyncio.CancelledError as raised:
        if _asked_to_stop():
            raise
        _complain_to_loop(raised)
    except Exception as raised:  # noqa: BLE001 -- a source that cannot be closed is not the consumer's affair
        _complain_to_loop(raised)


def _complain_to_loop(raised: BaseException) -> None:
    context = {"message": "a stream's source could not be closed", "exception": raised}
    asyncio.get_running_loop().call_exception_handler(context)


def _close_blocking(closing: object) -> None:
    close = getattr(closing, "close", None)
    if close is None:
        return
    try:
        close()
    except Exception as raised:  # noqa: BLE001 -- a source that cannot be closed is not the consumer's affair
        seen = (type(raised), raised, raised.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(seen))
