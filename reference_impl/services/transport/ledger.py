"""`Call`, one request at work, and `Ledger`: what a service tells of all of them, as totals since it began.

A batch costs the ledger nothing: each stream counts its own, and they are added up when somebody asks, and for good
when its handler has left. Never here: a judgement, or a stream's rules.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from streamspec.reference_impl.services.transport.channel import Sent, TransportChannel
    from streamspec.reference_impl.services.transport.tasks import Task
    from streamspec.reference_impl.services.transport.watermark import WatermarkStream


@dataclass(frozen=True, slots=True)
class Call:
    """One request at work: the stream of its answer, and its handler's channel there."""

    task: Task
    stream: WatermarkStream[Sent]
    channel: TransportChannel

    @property
    def status(self) -> str:
        """How its stream ended, by code."""
        match self.stream.ended_as:
            case Phase.CANCELLED:
                return "CANCELLED"
            case Phase.EXPIRED:
                return "TIMED_OUT"
            case _:
                return self.channel.failure.error_code.name if self.channel.failure else "OK"


class Ledger:
    """It is told of each request for an action: that it was `refused`; or that it `began`, that its handler has `left`,
    and that its stream has `ended`. What HTTP refuses before an action is looked for never comes here."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a forgotten answer may end a stream in the middle of anything
        self._calls: dict[int, Call] = {}
        self._totals: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()

    def refused(self, code: str) -> None:
        """A request came to nothing before its handler was called."""
        with self._lock:
            self._totals["refused"] += 1
            self._statuses[code] += 1

    def began(self, call: Call) -> None:
        with self._lock:
            self._totals["calls"] += 1
            self._calls[call.task.id] = call

    def left(self, call: Call) -> None:
        """Its handler is over, or was never called."""
        with self._lock:
            del self._calls[call.task.id]
            self._totals.update(_of(call))

    def unended(self) -> None:
        """A handler left its stream open."""
        with self._lock:
            self._totals["unended"] += 1

    def ended(self, call: Call) -> None:
        with self._lock:
            self._totals["ended"] += 1
            self._statuses[call.status] += 1

    def calls(self) -> tuple[Call, ...]:
        """Those at work, or waiting for a thread, the oldest first."""
        with self._lock:
            return tuple(self._calls.values())

    def call(self, number: int) -> Call | None:
        with self._lock:
            return self._calls.get(number)

    def figures(self) -> dict[str, Any]:
        """`calls` and `refused` requests; `open` handlers; `sending`: producers that wait for a consumer now;
        `produced`: batches handed to a channel; `bytes`: octets of those that were accepted; `ended` streams, whose
        `cleanups` ran;
        `cancelled`: handlers that learnt that their client had left; `unended`: those that forgot their ending;
        `statuses`: how streams and refused requests ended, by code."""
        with self._lock:
            calls, totals, statuses = self.calls(), Counter(self._totals), dict(self._statuses)
        for call in calls:
            totals.update(_of(call))
        counted = ("calls", "refused", "ended", "unended", "produced", "bytes", "cancelled")
        return {
            **{name: totals[name] for name in counted},
            "cleanups": totals["ended"],
            "open": len(calls),
            "sending": sum(call.stream.sending for call in calls),
            "statuses": statuses,
        }


def _of(call: Call) -> dict[str, int]:
    return {"produced": call.stream.handed, "bytes": call.stream.accepted_bytes, "cancelled": int(call.task.knows)}
