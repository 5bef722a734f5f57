"""The two producers: an export, batch by batch, and the events from one on, as they come.

A slow reader holds both back where they send: nothing is read ahead of it but one batch and what the stream buffers.
Never here: how a record looks, a status, SQL.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from streamspec.reference_impl.frame import Item, RecordFailed
from streamspec.reference_impl.services.orders.order import Unreadable
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Produce, Values
    from streamspec.reference_impl.services.orders.desk import Desk
    from streamspec.reference_impl.services.orders.order import Order, Write
    from streamspec.reference_impl.services.orders.store import Event, Rows
    from streamspec.reference_impl.services.orders.terms import Flow, Follow, Rate

T = TypeVar("T")

BEHIND_S: Final = 0.1  # that a stream may make up for, when it was slower than its rate allows
CODE: Final = "PROCESSING_ERROR"
UNREADABLE: Final = "this order cannot be read"
NO_EVENT: Final = "Failed to process item"  # the guide's own words


@dataclass(slots=True)
class Pace:
    """When the next record of a stream is due, if it has a rate. `now` is a clock in seconds."""

    rate: Rate | None
    now: Callable[[], float]
    _due_s: float | None = None

    def wait_s(self) -> float:
        """How long until one more may go; it is taken to go then. 0: at once."""
        if self.rate is None:
            return 0.0
        now = self.now()
        at = now if self._due_s is None else max(self._due_s, now - BEHIND_S)
        self._due_s = at + self.rate.interval_s
        return max(0.0, at - now)


def export(desk: Desk, rows: Rows, flow: Flow, write: Write, *, stops: bool) -> Produce:
    """Sends every order, and fails with the first that cannot be read if it `stops` there."""

    def batch() -> Sequence[Produced]:
        return [_shown(row, write) for row in rows.take(flow.batch)]

    async def produce(outlet: Outlet, _values: Values) -> None:
        outlet.on_end(rows.interrupt)
        pace = Pace(flow.rate, asyncio.get_running_loop().time)
        try:
            while records := await _looked_up(desk, batch, outlet):
                for record in records:
                    if pace.rate is not None:
                        await _until_due(pace, outlet)
                    if stops and isinstance(record, RecordFailed):
                        raise StreamError(Code.INTERNAL, UNREADABLE)
                    await outlet.send(record)
            outlet.complete()
        finally:
            await desk.read(rows.close)  # now: the answer may wait much longer for a client that does not read

    return produce


def events(desk: Desk, after: int, wanted: Follow) -> Produce:
    """Sends every event behind one, in order and without a gap, and completes after so many, if that is limited."""
    flow, stops = wanted.flow, wanted.on_error == "stop"

    async def produce(outlet: Outlet, _values: Values) -> None:
        turn = asyncio.Event()
        outlet.on_end(turn.set)
        pace = Pace(flow.rate, asyncio.get_running_loop().time)
        last, left = after, wanted.limit
        with desk.following(turn):
            while outlet.is_open:
                turn.clear()
                most = flow.batch if left is None else min(flow.batch, left)
                found = await _looked_up(desk, partial(desk.store.events, last, most), outlet)
                for event in found:
                    if event.id != last + 1:
                        # They were thrown away meanwhile: a client must not take the rest for all there is.
                        raise StreamError(Code.RESOURCE_EXHAUSTED, "events were not read before they expired")
                    if pace.rate is not None:
                        await _until_due(pace, outlet)
                    if stops and event.name is None:
                        raise StreamError(Code.INTERNAL, NO_EVENT)
                    await outlet.send(_told(event))
                    last = event.id
                if left is not None and not (left := left - len(found)):
                    outlet.complete()
                elif not found:
                    await turn.wait()
        if outlet.is_cancelled:
            outlet.learn()

    return produce


async def _looked_up(desk: Desk, call: Callable[[], Sequence[T]], outlet: Outlet) -> Sequence[T]:
    try:
        return await desk.read(call)
    except StreamError:
        if outlet.is_cancelled:  # so the query was interrupted
            outlet.learn()
        raise


async def _until_due(pace: Pace, outlet: Outlet) -> None:
    if wait_s := pace.wait_s():
        await outlet.sleep(wait_s)


def _shown(row: Order | Unreadable, write: Write) -> Produced:
    """`n` is the order's own number here: its record has an id."""
    if isinstance(row, Unreadable):
        return RecordFailed(row.number, CODE, UNREADABLE)
    return Item(row.number, write(row), json=True)


def _told(event: Event) -> Produced:
    """`n` is the event's id; its name and its data are the first line of the text and the second."""
    if event.name is None:
        return RecordFailed(event.id, CODE, NO_EVENT)
    return Item(event.id, f"{event.name}\n{event.data}", bare=True)
