"""`Task`: one request at work, as its handler and whoever wants it ended see it. What is cancelled is its stream.

Never here: a list of tasks (`service`), or how listeners are kept out of an event loop's thread (`listening`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.services.transport import exceptions
from streamspec.reference_impl.services.transport.exceptions import StreamException
from streamspec.reference_impl.services.transport.listening import Listeners
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.table import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.services.transport.watermark import WatermarkStream


class Task:
    """Handed to every handler; any thread may call it. With a parent's cancel its own comes, for the same reason. To a
    handler a stop, by whoever is neither its client nor itself, is a cancel."""

    __slots__ = ("_children", "_knows", "_listeners", "_stop", "_stream", "action", "description", "id", "parent")

    def __init__(
        self,
        id: int,  # noqa: A002 -- the field is called id
        action: str,
        description: str,
        stream: WatermarkStream[Any],
        parent: Task | None = None,
    ) -> None:
        self.id: Final = id
        self.action: Final = action
        self.description: Final = description
        self.parent: Final = parent
        self._stream = stream
        self._knows = False
        self._stop: StreamException | None = None
        self._listeners: Final = Listeners()
        self._children: dict[Task, None] | None = None  # whose streams have not ended
        if parent is not None:
            parent.adopt(self)

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants its answer any more. A handler that asks has learnt of it."""
        if self._stream.state in GIVEN_UP:
            self.learn()
            return True
        return self._is_stopped

    @property
    def reason_cancelled(self) -> str | None:
        """Why, as far as that was said; None while it is not cancelled."""
        if self._stream.state in GIVEN_UP:
            return self._stream.reason
        return self._stop.message if self._stop is not None and self._is_stopped else None

    @property
    def _is_stopped(self) -> bool:
        return self._stop is not None and self._stream.failure is self._stop

    def stop_with(self, failure: StreamException) -> None:
        """If it is with this failure that its stream ends, that is no ending of its handler's."""
        self._stop = failure

    def cancel(self, reason: str = "") -> bool:
        """End the task and its stream; whether that ended anything. Never raises."""
        return bool(self._stream.cancel(reason))

    def on_cancel(self, listener: Callable[[], None]) -> None:
        """Call the listener once, when the task is cancelled; now if it is. One that raises disturbs no other.

        It runs in the thread that cancels, but never in that of an event loop, which serves everybody else: where a
        client on a port leaves, the listeners of its task have a thread of their own, in which they run in order.
        """
        self._listeners.add(listener)
        self._stream.on_end(self._tell)

    def _tell(self) -> None:
        if self._stream.state in GIVEN_UP or self._is_stopped:
            self._listeners.run(f"cancelled-{self.id}")
        else:
            self._listeners.forget()

    def sleep(self, seconds: float) -> None:
        """A handler's pause, which the end of its stream ends. Raises CANCELLED once nobody wants more, or somebody
        else has ended its stream."""
        try:
            self._stream.sleep(seconds)
        except StreamError as refused:
            self.learn()
            raise exceptions.of(refused) from None
        if self._is_stopped:
            raise StreamException.cancelled(self.reason_cancelled or "")

    def learn(self) -> None:
        """The handler has learnt that its client has left."""
        self._knows = self._knows or not self._stream.is_late

    def adopt(self, child: Task) -> None:
        """From now on the cancel of this task is the child's as well, until the child's stream has ended."""
        if self._children is None:
            self._children = {}
            self._stream.on_end(self._cancel_children)
        self._children[child] = None
        child._stream.on_end(partial(self._children.pop, child, None))
        if self._stream.state in GIVEN_UP or self._is_stopped:
            child.cancel(self.reason_cancelled or "")

    def _cancel_children(self) -> None:
        # At once, whatever listeners do: and it is none that takes long.
        if self._stream.state not in GIVEN_UP and not self._is_stopped:
            return
        for child in tuple(self._children or ()):
            child.cancel(self.reason_cancelled or "")

    @property
    def knows(self) -> bool:
        return self._knows
