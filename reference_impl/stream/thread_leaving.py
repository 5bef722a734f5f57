"""How a consumer leaves a thread stream without a word: nobody has its end any more, or its time is up.

Never here: a rule, or when a time is up.
"""

from __future__ import annotations

import weakref
from typing import Final, TypeVar

from streamspec.reference_impl.stream.table import ENDED
from streamspec.reference_impl.stream.thread_limits import expired
from streamspec.reference_impl.stream.thread_parked import tell
from streamspec.reference_impl.stream.threads import Stream

T = TypeVar("T")

DROPPED: Final = "the consumer has dropped the stream"


def consumers_end(stream: Stream[T]) -> Stream[T]:
    """The same stream, for its consumer alone: when that one has dropped it, it is cancelled, whoever else has the
    stream. An iterator has it as long as the iteration goes on."""
    end: Stream[T] = Stream(stream.capacity)
    # Two faces of one stream: of what it is, each has all.
    end._options, end._guarded = stream._options, stream._used()  # noqa: SLF001 -- calls of the stream that have no room in its module
    end._ends = stream._ends  # noqa: SLF001
    weakref.finalize(end, stream.cancel, DROPPED).atexit = False  # a process that ends waits for nobody's cleanups
    return end


def expire(stream: Stream[T]) -> None:
    """End it as a deadline does; of one that has ended nothing. Its listeners are called in this thread."""
    guarded = stream._entering()  # noqa: SLF001
    with guarded.lock:
        if guarded.phase in ENDED:
            return
        news = expired(guarded)
    tell(news)
