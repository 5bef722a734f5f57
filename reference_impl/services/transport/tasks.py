"""`Task`: one request at work, as its handler and whoever wants it ended see it. What is cancelled is its stream.

Never here: a list of tasks (`service`), or a thread.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.services.transport import exceptions
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.table import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.services.transport.watermark import WatermarkStream


class Task:
    """Handed to every handler; any thread may call it. With a parent's cancel its own comes, for the same reason."""

    __slots__ = ("__weakref__", "_knows", "_stream", "action", "description", "id", "parent")

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
        if parent is not None:
            child = weakref.ref(self)  # a parent does not keep all the children that it ever had

            def follow() -> None:
                if (task := child()) is not None:
                    task.cancel(parent.reason_cancelled or "")

            parent.on_cancel(follow)

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants its answer any more. A handler that asks has learnt of it."""
        if self._stream.state not in GIVEN_UP:
            return False
        self.learn()
        return True

    @property
    def reason_cancelled(self) -> str | None:
        """Why, as far as that was said; None while it is not cancelled."""
        return self._stream.reason if self._stream.state in GIVEN_UP else None

    def cancel(self, reason: str = "") -> bool:
        """End the task and its stream; whether that ended anything. Never raises."""
        return bool(self._stream.cancel(reason))

    def on_cancel(self, listener: Callable[[], None]) -> None:
        """Call the listener once, when the task is cancelled; at once if it is. One that raises disturbs no other."""
        stream = self._stream

        def tell() -> None:
            if stream.state in GIVEN_UP:
                listener()

        stream.on_end(tell)

    def sleep(self, seconds: float) -> None:
        """A handler's pause, which the end of its stream ends. Raises CANCELLED once nobody wants more."""
        try:
            self._stream.sleep(seconds)
        except StreamError as refused:
            self.learn()
            raise exceptions.of(refused) from None

    def learn(self) -> None:
        """The handler has learnt that its client has left."""
        self._knows = self._knows or not self._stream.is_late

    @property
    def knows(self) -> bool:
        return self._knows
