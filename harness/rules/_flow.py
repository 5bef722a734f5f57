"""One session of an object, counted: what was accepted, asked for and taken, at least or at most, up to any record.

A call's effect lies between its two records, so every count is a bound and says which. Never here: a finding.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls, standing
from streamspec.harness.core.event import Item, Record, Settled
from streamspec.harness.core.history import History

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streamspec.harness.core.calls import Span

# What ends a stream at once, by itself or by what it runs, or takes items in a way that cannot be counted: an iteration
# asks for as much as it likes. From the first such call on, counts accuse nobody.
UNCOUNTED: Final = ("cancel", "error", "iterate", "produce", "feed")
_SEVERAL_STREAMS: Final = frozenset({"schedule", "take", "cycle"})


@dataclass(frozen=True, slots=True)
class Flow:
    """One session with one object. `h` holds its records alone; the tuples of numbers are indices of records."""

    h: History
    session: str
    calls: tuple[Span, ...]
    sends: tuple[Span, ...]
    receives: tuple[Span, ...]
    items: tuple[Record, ...]
    settled: tuple[Record, ...]
    returns: tuple[int, ...]  # where sends returned: each is known to be accepted from there on
    offers: tuple[int, ...]  # where sends began that were not refused: before that they are not accepted
    asks: tuple[int, ...]  # where receives began: before that they took nothing
    arrivals: tuple[int, ...]  # where items of ours were written down: each was taken before

    def accepted(self, at: int) -> int:
        """How many items were accepted up to this record, at least."""
        return bisect_right(self.returns, at)

    def offered(self, at: int, parked: Iterable[Span] = ()) -> int:
        """How many were accepted, at most, with these known to wait still. Some of them may be refused later on."""
        return bisect_left(self.offers, at) - sum(not _was_refused(span) for span in parked)

    def taken(self, at: int) -> int:
        """How many were taken, at least."""
        return bisect_right(self.arrivals, at)

    def asked(self, at: int) -> int:
        """How many were taken, at most: a receive that was dropped counts, for what it was given it gave back."""
        return bisect_left(self.asks, at)

    def held(self, at: int) -> int:
        """How many were accepted and not taken, at least."""
        return self.accepted(at) - self.asked(at)

    def waiting(self, settled: Record) -> tuple[Span, ...]:
        """The sends that were open at this moment."""
        return tuple(span for span in self.sends if span.open_at(settled))

    def first(self, *ops: str) -> int:
        """Where the first call of one of these operations began; beyond all records when there is none."""
        return next((span.called.index for span in self.calls if span.op in ops), END_OF_TIME)

    def only(self, *ops: str) -> bool:
        return all(span.op in ops for span in self.calls)

    @property
    def options(self) -> Mapping[str, int | str]:
        return self.h.options(self.session)

    def option(self, name: str, feature: str) -> int | None:
        """The number with which the object was made, if its factory takes such a thing at all."""
        return calls.option(self.h, self.session, name) if calls.has(self.h, feature) else None

    @property
    def capacity(self) -> int | None:
        """As asked for, else as declared. Without the claim that it is a rendezvous, 0 may mean no bound."""
        asked = self.option("capacity", "capacity")
        found = declared(self.h, "capacity") if asked is None else asked
        if found is None or found < 0 or (found == 0 and not calls.has(self.h, "rendezvous")):
            return None
        return found

    @property
    def timed(self) -> bool:
        """Whether the object may end by itself."""
        limits = (self.option("deadline_ms", "deadline"), self.option("idle_ms", "idle"))
        return any(limit is not None for limit in limits)

    def since_ms(self, record: Record) -> float:
        """The time since the session's first record, by which the object had been made."""
        return (record.t_ns - self.h.records[0].t_ns) / 1e6


END_OF_TIME: Final = 1 << 62


def flows(h: History) -> Iterator[Flow]:
    """Every session that shows all of one object's life."""
    yield from h.kept("flows", lambda: tuple(_flows(h)))


def _flows(h: History) -> Iterator[Flow]:
    for session in calls.objects(h):
        part = History(h.header, h.records_of(session))
        found = calls.spans(part, session)
        if standing.seen_whole(part, session) and not any(span.op in _SEVERAL_STREAMS for span in found):
            yield _flow(part, session, found)


def _flow(h: History, session: str, found: tuple[Span, ...]) -> Flow:
    sends = tuple(span for span in found if span.op == "send")
    receives = tuple(span for span in found if span.op == "receive")
    items = h.of(Item, session)
    return Flow(
        h,
        session,
        found,
        sends,
        receives,
        items,
        h.of(Settled, session),
        returns=tuple(sorted(span.ended.index for span in sends if span.ended and span.returned)),
        offers=tuple(span.called.index for span in sends if not _was_refused(span)),
        asks=tuple(span.called.index for span in receives),
        arrivals=tuple(record.index for record in items if key(record)),
    )


def _was_refused(send: Span) -> bool:
    """A send that was dropped may have been accepted all the same."""
    return send.raised is not None and not calls.dropped(send)


def declared(h: History, name: str) -> int | None:
    """A figure that the object gives of itself."""
    value = h.header.declared.get(f"object.{name}")
    return value if isinstance(value, int) else None


def windows(flow: Flow, limit: int) -> Iterator[tuple[Record, Record]]:
    """Each moment at which nothing moved, with the next one, as far as this record."""
    before = [record for record in flow.settled if record.index < limit]
    yield from itertools.pairwise(before)


def exact(settled: Record) -> bool:
    return isinstance(settled.event, Settled) and settled.event.exact


def name(span: Span) -> str:
    """Which item a send brings: `producer:3`."""
    return span.arg.partition(" ")[0]


def names(spans: Iterable[Span]) -> str:
    """At most five of them, for people."""
    found = [name(span) for span in spans]
    return ", ".join(found[:5]) + (", …" if len(found) > 5 else "")


def key(item: Record) -> str:
    """The same of an item that came; empty for one that is none of ours, or no longer."""
    event = item.event
    return f"{event.kind}:{event.seq}" if isinstance(event, Item) and event.kind and event.seq is not None else ""


def got_item(span: Span) -> bool:
    """Whether a receive came back with an item."""
    return span.returned and span.value != calls.END


def lasted_ms(span: Span) -> float:
    return (span.ended.t_ns - span.called.t_ns) / 1e6 if span.ended else 0.0


def count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"
