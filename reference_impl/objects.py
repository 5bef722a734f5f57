"""The reference as objects to be judged in their own process: factories of streams, with what no look could find out.

The good shells are constants, the broken ones are asked for by name: `aio.drops_when_full`, `threads.reorders`.
Never here: a stream, a defect, or a judgement; all of them live elsewhere and meet here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl import broken
from streamspec.reference_impl.stream.aio import Stream as FastAsyncStream
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.scheduler import STARVATION_BOUND, AsyncScheduler, ThreadScheduler
from streamspec.reference_impl.stream.tabled import AsyncStream, ThreadStream
from streamspec.reference_impl.stream.threads import Stream as FastThreadStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.variant import Variant

CLAIMS: Final = frozenset({"concurrent-senders", "rendezvous"})


@dataclass(frozen=True, slots=True)
class Shell:
    """Called, it makes a stream. Its options are written out because a judge reads them off the signature.

    `scheduler(streams, starvation_bound)` receives from several of its streams.
    """

    make: Callable[..., Any]
    scheduler: Callable[..., Any]
    starvation_bound: int = STARVATION_BOUND
    claims: frozenset[str] = CLAIMS

    def __call__(
        self,
        capacity: int | None = None,
        *,
        dialect: Dialect = DEFAULT,
        send_timeout_s: float | None = None,
        deadline_s: float | None = None,
        idle_s: float | None = None,
        priority: int = 0,
    ) -> Any:
        given = {} if capacity is None else {"capacity": capacity}  # each stream has a default of its own
        return self.make(
            **given,
            dialect=dialect,
            send_timeout_s=send_timeout_s,
            deadline_s=deadline_s,
            idle_s=idle_s,
            priority=priority,
        )


AIO: Final = Shell(FastAsyncStream, AsyncScheduler)
THREADS: Final = Shell(FastThreadStream, ThreadScheduler)
AIO_TABLED: Final = Shell(AsyncStream, AsyncScheduler)
THREADS_TABLED: Final = Shell(ThreadStream, ThreadScheduler)


@dataclass(frozen=True, slots=True)
class _Broken:
    """The variants of the stream as attributes, each the good tabled shell but for that defect."""

    good: Shell

    def __getattr__(self, name: str) -> Shell:
        # Python itself asks objects for dunders; that must not load every variant.
        known = {} if name.startswith("__") else _broken_streams()
        if name not in known:
            raise AttributeError(f"no broken stream is named {name!r}; there is {', '.join(sorted(known))}")
        seams = known[name].seams
        return Shell(partial(self.good.make, parts=seams.parts), partial(self.good.scheduler, choose=seams.choose))

    def __dir__(self) -> list[str]:
        return sorted(_broken_streams())


def _broken_streams() -> dict[str, Variant]:
    found = (variant for variant in broken.variants() if variant.where == "stream")
    return {variant.name.replace("-", "_"): variant for variant in found}


aio: Final = _Broken(AIO_TABLED)
threads: Final = _Broken(THREADS_TABLED)
