"""The recorder: the one mutable object of a case. It stamps, bounds and appends records, and seals them.

It never judges and never touches the network; what it drops it says (`Elided`).
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from streamspec.harness.core.event import Deviation, Elided, Event, Item, Opened, Record
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.redaction import redacted_answer, without_echo
from streamspec.harness.engine.clock import now_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.event import SeenBy
    from streamspec.harness.core.limits import Limits


class Recorder:
    """Collects the records of one case; time counts from its making, by the running loop's clock or the given one.
    Several threads may add. `secrets` are values that a target may repeat and nobody may read."""

    def __init__(self, limits: Limits, clock: Callable[[], int] = now_ns, secrets: tuple[str, ...] = ()) -> None:
        self._limits = limits
        self._clock = clock
        self._secrets = secrets
        self._lock = threading.Lock()
        self._began_ns = clock()
        self._records: list[Record] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._dropped_bytes: Counter[tuple[str, str]] = Counter()

    def add(self, session: str, event: Event, seen_by: SeenBy = "driver") -> None:
        """Append one event, unless its session has too many of its kind already."""
        kind = event.code if isinstance(event, Deviation) else type(event).__name__
        key = (session, kind)
        if isinstance(event, Opened):
            event = redacted_answer(event)
        if self._secrets:
            event = without_echo(event, self._secrets)
        with self._lock:
            self._seen[key] += 1
            if self._seen[key] > self._limits.records_of_a_kind:
                self._dropped[key] += 1
                self._dropped_bytes[key] += event.size if isinstance(event, Item) else 0
                return
            self._records.append(Record(len(self._records), self.now_ns(), session, seen_by, event))

    def now_ns(self) -> int:
        """Nanoseconds since the case began."""
        return self._clock() - self._began_ns

    def __len__(self) -> int:
        return len(self._records)

    def seal(self, header: Header) -> History:
        """The history so far, with what was dropped named at its end."""
        records = list(self._records)
        at_ns = self.now_ns()
        for (session, kind), n in self._dropped.items():
            event = Elided(kind, n, self._dropped_bytes[session, kind])
            records.append(Record(len(records), at_ns, session, "harness", event))
        return History(header, tuple(records))
