"""`CancellationToken`: one word for requests that are queued, running or set aside, from any thread.

A token is itself the end of a stream, that never carries anything. Never here: what a cancel does to any other, or a
lock, because a finaliser may cancel.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.thread_parked import run_each
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Calls = dict[object, Callable[[], None]]  # each is run by whoever takes it out

UNSAID: Final = "the request was cancelled"


class CancellationToken:
    """For one request, or for all that are handed it; of those whose streams have ended it keeps nothing."""

    __slots__ = ("_calls", "_end", "reason")

    def __init__(self) -> None:
        self._calls: Calls = {}
        self._end: Stream[None] = Stream(0)
        self._end.on_end(partial(_run_all, self._calls))
        self.reason = UNSAID

    def cancel(self, reason: str = UNSAID) -> bool:
        """Whether it was the first to cancel. Never raises."""
        if not self.is_cancelled:
            self.reason = reason
        return bool(self._end.cancel(reason))

    @property
    def is_cancelled(self) -> bool:
        return self._end.state is Phase.CANCELLED

    def on_cancel(self, call: Callable[[], None]) -> Callable[[], None]:
        """Run it once: when the token is cancelled, or now if it has been. Whoever calls the answer takes it back."""
        name = object()
        self._calls[name] = call
        if self.is_cancelled:  # perhaps only just, and then both may come to run it
            _run_all(self._calls)
        return partial(_forget, self._calls, name)


def _run_all(calls: Calls) -> None:
    run_each(_taken(calls))


def _taken(calls: Calls) -> Iterator[Callable[[], None]]:
    while calls:
        try:
            _, call = calls.popitem()
        except KeyError:  # somebody else has taken the last
            return
        yield call


def _forget(calls: Calls, name: object) -> None:
    calls.pop(name, None)
