"""`StreamTransportService`: actions by name, each with its pool, its reader and its handler; and the requests for them.

Never here: a thread (`pools`), a stream's rules, or a wire (`node`).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from streamspec.reference_impl.conformance import DIRECTIONS
from streamspec.reference_impl.services.transport.channel import Sent, TransportChannel
from streamspec.reference_impl.services.transport.exceptions import StreamErrorCode, StreamException
from streamspec.reference_impl.services.transport.ledger import Call, Ledger
from streamspec.reference_impl.services.transport.pools import Names, ThreadPool
from streamspec.reference_impl.services.transport.response import StreamTransportResponse
from streamspec.reference_impl.services.transport.tasks import Task
from streamspec.reference_impl.services.transport.watermark import WatermarkStream
from streamspec.reference_impl.stream.dialect import OPENSEARCH_LATE
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.producing import produce_blocking
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.reference_impl.stream.dialect import Dialect

    Handler = Callable[[Any, TransportChannel, Task], object]

LONGEST_ACTION_CHARS: Final = 256
WATERMARK_BYTES: Final = 64 * 1024 * 1024  # the transport's own default, for each stream
SEND_TIMEOUT_S: Final = 60.0  # likewise
CLOSE_GRACE_S: Final = 5.0  # likewise, for handlers to notice that their node is going away

_log = logging.getLogger("streamspec.reference")


@dataclass(frozen=True, slots=True)
class Settings:
    """Of every stream: how many octets may be on their way to its consumer, how long a send waits for it, how long a
    request may take in all (None: for ever), and what follows an ending."""

    watermark_bytes: int = WATERMARK_BYTES
    send_timeout_s: float | None = SEND_TIMEOUT_S
    request_timeout_s: float | None = None
    dialect: Dialect = OPENSEARCH_LATE

    def __post_init__(self) -> None:
        if self.watermark_bytes < 1:
            raise ValueError(f"a watermark is 1 octet or more, not {self.watermark_bytes}")


@dataclass(frozen=True, slots=True)
class Action:
    """What was registered under a name."""

    name: str
    executor: str
    reader: Callable[[Any], Any]
    handler: Handler


class StreamTransportService:
    """One node: whoever asks and whoever answers are in this process, or come through a binding."""

    def __init__(self, thread_pool: ThreadPool | None = None, settings: Settings | None = None) -> None:
        self.thread_pool: Final = thread_pool or ThreadPool()
        self.settings: Final = settings or Settings()
        self._actions: dict[str, Action] = {}
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._ledger = Ledger()
        self._closed = False
        self._closing: Final = StreamException.unavailable("the service is closed")  # shown, and never raised

    def register_request_handler(
        self, action: str, executor: str, reader: Callable[[Any], Any], handler: Handler
    ) -> None:
        """From now on `handler(request, channel, task)` answers this action in that pool, with the request that the
        reader makes of its JSON value (in process: of whatever was given).

        Raises `ValueError` for a name that is taken or no name, for the names of directions, which mean something else
        in a message, and for a pool that there is not. SAME is refused: a handler may wait for its consumer, who would
        be the one that it keeps waiting.
        """
        if not 0 < len(action) <= LONGEST_ACTION_CHARS or not action.isprintable():
            raise ValueError(f"an action has a name of 1 to {LONGEST_ACTION_CHARS} characters that can be shown")
        if action in DIRECTIONS:
            raise ValueError(f"{action} is a direction, and no action's name")
        if executor == Names.SAME:
            raise ValueError("a handler that waits for its consumer cannot run in the thread that asks")
        if executor not in self.thread_pool:
            raise ValueError(f"there is no thread pool {executor}")
        with self._lock:
            if action in self._actions:
                raise ValueError(f"{action} is registered already")
            self._actions[action] = Action(action, executor, reader, handler)

    def send_request(
        self, action: str, request: Any = None, *, timeout_s: float | None = None, parent: Task | None = None
    ) -> StreamTransportResponse:
        """Ask for a stream. `timeout_s` is for all of it, `parent` a task whose cancel is this one's.

        Raises `StreamException`, and then nothing has begun: NOT_FOUND for an action that there is not,
        INVALID_ARGUMENT for a request that its reader refuses, RESOURCE_EXHAUSTED where its pool is full, UNAVAILABLE
        once the service is closed.
        """
        call = self.begin(*self.read(action, request), timeout_s, parent)
        return StreamTransportResponse(call.channel, call.stream)

    def read(self, action: str, request: Any) -> tuple[Action, Any]:
        """The action of this name, and the request that its reader makes. Raises as `send_request`."""
        try:
            found = self._found(action)
            return found, _read(found, request)
        except StreamException as refused:
            self._ledger.refused(refused.error_code.name)
            raise

    def _found(self, action: str) -> Action:
        if action not in self._actions:
            raise StreamException(StreamErrorCode.NOT_FOUND, "there is no such action")
        return self._actions[action]

    def begin(self, action: Action, request: Any, timeout_s: float | None = None, parent: Task | None = None) -> Call:
        """Have a request answered that was read. Raises as `send_request`."""
        settings = self.settings
        deadline_s = settings.request_timeout_s if timeout_s is None else timeout_s
        stream: WatermarkStream[Sent] = WatermarkStream(
            settings.watermark_bytes, settings.dialect, settings.send_timeout_s, deadline_s
        )
        number = next(self._ids)
        task = Task(number, action.name, f"request [{number}] for {action.name}", stream, parent)
        channel = TransportChannel(number, task, stream, settings.dialect)
        call = Call(task, stream, channel)
        self._ledger.began(call)
        try:
            if self._closed:
                raise StreamException.unavailable("the service is closed")
            take_back = self.thread_pool.submit(action.executor, partial(self._handle, action, request, call))
        except StreamException as refused:
            self._ledger.left(call)
            self._ledger.refused(refused.error_code.name)
            stream.cancel(refused.message)
            raise
        stream.on_end(partial(self._ended, call, take_back))
        return call

    def _ended(self, call: Call, take_back: Callable[[], bool]) -> None:
        self._ledger.ended(call)
        if take_back():  # it was never called
            self._ledger.left(call)

    def tasks(self) -> tuple[Task, ...]:
        """Those at work, the oldest first."""
        return tuple(call.task for call in self._ledger.calls())

    def cancel_task(self, number: int, reason: str = "") -> bool:
        """Cancel the task of this number; whether there was one that could be."""
        call = self._ledger.call(number)
        return call is not None and call.task.cancel(reason)

    def figures(self) -> Mapping[str, Any]:
        """What `Ledger.figures` says."""
        return self._ledger.figures()

    def close(self, grace_s: float = CLOSE_GRACE_S) -> bool:
        """Take no more requests, end with UNAVAILABLE every stream whose handler is at work, and wait for the handlers;
        whether all have left. What a stream holds its consumer can still take."""
        self._closed = True
        # The youngest first, or children would be cancelled with their parents.
        for call in reversed(self._ledger.calls()):
            call.task.stop_with(self._closing)
            with contextlib.suppress(StreamError):  # of one that has ended by itself
                call.channel.fail(self._closing)
        return self.thread_pool.close(grace_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    # A handler's life.

    def _handle(self, action: Action, request: Any, call: Call) -> None:
        def handle(_: object) -> None:
            action.handler(request, call.channel, call.task)

        def end(stream: WatermarkStream[Sent], raised: BaseException | None) -> None:
            self._end(call, raised)

        try:
            produce_blocking(call.stream, handle, end)
        finally:
            self._ledger.left(call)

    def _end(self, call: Call, raised: BaseException | None) -> None:
        """End what its handler has left open."""
        failure = None if raised is None else call.channel.classified(raised)
        if call.stream.state is not Phase.OPEN:
            return
        if failure is None:
            _log.warning("the handler of %s returned without ending its stream", call.task.action)
            self._ledger.unended()
            failure = StreamException.internal("the handler returned without ending its stream")
        with contextlib.suppress(StreamError):  # another thread has ended it meanwhile
            call.channel.fail(failure)


def _read(action: Action, request: Any) -> Any:
    try:
        return action.reader(request)
    except StreamException:
        raise
    except Exception as wrong:
        _log.info("a request for %s could not be read", action.name, exc_info=wrong)
        text = f"{action.name} cannot read this request"
        raise StreamException(StreamErrorCode.INVALID_ARGUMENT, text, wrong) from wrong
