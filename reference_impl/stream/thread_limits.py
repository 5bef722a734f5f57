"""The time limits of all thread streams: one timer looks at each when it may have come to its end.

A stream is held weakly, and lives only as long as its users have it; but while somebody is to be told of its end, until
that has come. A stream whose lock somebody holds is looked at again a little later, and what is foreign is left to
helpers: nobody's slow listener, and no item's slow finaliser, makes another stream late.

Never here: when a time is up (thread_guarded.py), or a thread's affairs (timer.py, thread_helpers.py).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.stream.holder import TIME_IS_UP
from streamspec.reference_impl.stream.table import ENDED, Phase
from streamspec.reference_impl.stream.thread_helpers import Helpers
from streamspec.reference_impl.stream.thread_parked import tell
from streamspec.reference_impl.stream.timer import Timer

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.thread_guarded import Guarded
    from streamspec.reference_impl.stream.thread_parked import News

BUSY_S: Final = 0.001  # a lock is held for microseconds


def watch_the_time(guarded: Guarded[Any]) -> None:
    """Of a stream that has just been made: expire it if it is time to, else have it looked at when it may be."""
    news: News = ()
    with guarded.lock:
        left_s = guarded.left_s()
        if left_s > 0:
            guarded.limit = TIMER.add(guarded, left_s)
        else:
            news = expired(guarded)
    tell(news)


def keep(guarded: Guarded[Any]) -> None:
    """Somebody is to be told, of whom the stream knows and who need not have the stream."""
    if guarded.limit is not None:
        guarded.limit.kept = guarded


def look(guarded: Guarded[Any]) -> float | None:
    """Expire the stream if it is time to. In how many seconds to look again; None: no more. It never waits."""
    if not guarded.lock.acquire(blocking=False):
        return BUSY_S
    try:
        if guarded.phase in ENDED:
            return None
        left_s = guarded.left_s()
        if left_s > 0:
            return left_s
        guarded.begin()
        is_foreign = bool(guarded.listeners or guarded.watchers or guarded.buffered())
        news = expired(guarded)
    finally:
        guarded.lock.release()
    if is_foreign:
        HELPERS.run(partial(tell, news))
    else:
        tell(news)
    return None


def expired(guarded: Guarded[Any]) -> News:
    """End it because its time is up; whoever calls holds its lock, and tells what is returned without it."""
    guarded.begin()
    guarded.give_up(Phase.EXPIRED, TIME_IS_UP)
    return guarded.finish()


HELPERS: Final = Helpers("stream-endings")
TIMER: Final[Timer[Guarded[Any]]] = Timer(look, time.monotonic, "stream-limits")
