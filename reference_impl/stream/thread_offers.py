"""`offer`: a send for whoever must not wait. What finds no room is parked as any send, and a call comes in its answer.

Never here: a rule. To everybody else an offered item is a parked send: it has its place in the line, is released by a
receive and refused by an ending, and is not counted as accepted before that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from streamspec.reference_impl.stream.thread_ends import FAR
from streamspec.reference_impl.stream.thread_parked import Parked, run_each, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.stream.errors import StreamError
    from streamspec.reference_impl.stream.threads import Stream

    Answered = Callable[[StreamError | None], None]

T = TypeVar("T")


def offer(stream: Stream[T], item: T, answered: Answered) -> bool:
    """Send the item if that needs no waiting. If it does, False: `answered` is called once, when the item is accepted
    (None) or refused, in the thread that made room or ended the stream, so it should be short. Raises as `send`.

    Of one sender only one item should be on offer at a time: what keeps that in bounds is that it waits.
    """
    try:
        stream._ends.gate.insert(FAR, item)  # noqa: SLF001 -- a call of the stream that has no room in its module
    except IndexError:
        return _offer(stream, item, answered)
    return True


class _Bell:
    """In the place of the lock on which a parked thread sleeps."""

    __slots__ = ("_answered", "_parked")

    def __init__(self, parked: Parked[Any], answered: Answered) -> None:
        self._parked: Parked[Any] | None = parked
        self._answered = answered

    def release(self) -> None:
        parked, self._parked = self._parked, None  # and no circle is left behind
        assert parked is not None, "a parked call is answered once"
        run_each((partial(self._answered, parked.refusal),))


def _offer(stream: Stream[T], item: T, answered: Answered) -> bool:
    guarded = stream._entering()  # noqa: SLF001
    parked: Parked[T] | None = None
    with guarded.lock:
        guarded.ends.collect()
        if not guarded.accept(item):
            parked = Parked(guarded.senders, item)
            parked.wake = cast("Any", _Bell(parked, answered))
            guarded.senders.append(parked)
        news = guarded.finish()
    if news:
        tell(news)
    return parked is None
