"""`CancellationToken`: one word for requests that are queued, running or set aside, from any thread.

Never here: what a cancel does to a stream. A token is itself the end of one, that never carries anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

UNSAID: Final = "the request was cancelled"


class CancellationToken:
    """For one request, or for all that are handed it."""

    __slots__ = ("_end", "reason")

    def __init__(self) -> None:
        self._end: Stream[None] = Stream(0)
        self.reason = UNSAID

    def cancel(self, reason: str = UNSAID) -> bool:
        """Whether it was the first to cancel. Never raises."""
        if not self.is_cancelled:
            self.reason = reason
        return bool(self._end.cancel(reason))

    @property
    def is_cancelled(self) -> bool:
        return self._end.state is Phase.CANCELLED

    def on_cancel(self, call: Callable[[], None]) -> None:
        """Run it once: when the token is cancelled, or now if it has been."""
        self._end.on_end(call)
