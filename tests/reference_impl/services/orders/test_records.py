"""The four shapes on the wire: those of the guide, octet for octet, and what their counters promise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders_client import lines

from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.services.orders import order as orders
from streamspec.reference_impl.services.orders import records, terms
from streamspec.reference_impl.services.orders.order import Order
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.reference_impl.binding import Binding

WRITE = orders.writer(("id", "status", "total"))


def noon() -> datetime:
    return datetime(2024, 7, 15, 12, 0, 0, tzinfo=UTC)


def item(number: int, status: str, cents: int) -> Item:
    return Item(number, WRITE(Order(number, status, cents)), json=True)


def shown(binding: Binding, frames: Iterable[Frame]) -> bytes:
    encode = binding.encoder()
    return b"".join(encode(frame) for frame in frames)


def ndjson(query: str = "") -> Binding:
    return records.ndjson(terms.export(query, (), ("id", "status", "total")), noon)


TWO = (item(1, "PROCESSING", 9995), item(2, "COMPLETED", 14950))


def test_flat_records_are_those_of_the_guides_first_example() -> None:
    assert shown(ndjson("records=flat"), [Begun(2), *TWO, Completed()]) == (
        b'{"id":"order-1","status":"PROCESSING","total":99.95}\n'
        b'{"id":"order-2","status":"COMPLETED","total":149.50}\n'
        b'{"type":"stream-end","totalProcessed":2}\n'
    )


def test_typed_records_are_those_of_the_guides_essential_format() -> None:
    failed = RecordFailed(2, "PROCESSING_ERROR", "this order cannot be read")
    assert shown(ndjson(), [Begun(2), TWO[0], failed, Completed()]) == (
        b'{"type":"metadata","totalRecords":2}\n'
        b'{"type":"data","id":"order-1","status":"PROCESSING","total":99.95}\n'
        b'{"type":"error","code":"PROCESSING_ERROR","recordId":"order-2","message":"this order cannot be read"}\n'
        b'{"type":"stream-end","reason":"completed","processed":1,"errors":1}\n'
    )


def test_events_are_those_of_the_guide() -> None:
    created = Item(1, 'order-created\n{"orderId":"order-123","status":"CREATED"}', bare=True)
    failed = RecordFailed(2, "PROCESSING_ERROR", "Failed to process item")
    assert shown(records.events(), [Begun(), created, failed]) == (
        b"retry: 5000\n\n"
        b'id: 1\nevent: order-created\ndata: {"orderId":"order-123","status":"CREATED"}\n\n'
        b'id: 2\nevent: error\ndata: {"type":"processing-error","message":"Failed to process item"}\n\n'
    )


def test_an_array_is_that_of_the_guide() -> None:
    write = orders.writer(("id", "status"))
    frames = [Item(n, write(Order(n, status, 0))) for n, status in ((1, "PROCESSING"), (2, "COMPLETED"))]
    assert shown(records.array(), [Begun(2), *frames, Completed()]) == (
        b'[\n{"id":"order-1","status":"PROCESSING"},\n{"id":"order-2","status":"COMPLETED"}\n]\n'
    )
    assert json.loads(shown(records.array(), [Begun(0), Heartbeat(), Completed()])) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [(Code.INTERNAL, "error"), (Code.TIMED_OUT, "timeout"), (Code.UNAVAILABLE, "server-shutdown")],
)
def test_a_failure_is_told_with_its_reason_in_every_form_but_the_array(code: Code, reason: str) -> None:
    frames: list[Frame] = [Begun(2), TWO[0], Failed(code, "why")]
    *_, fatal, end = lines(shown(ndjson(), frames))
    assert fatal == {"type": "error", "code": code.value, "message": "why", "fatal": True}
    assert end == {"type": "stream-end", "reason": reason, "processed": 1, "errors": 1}
    *_, flat_fatal, flat_end = lines(shown(ndjson("records=flat"), frames))
    assert flat_fatal == fatal
    assert flat_end == {"type": "stream-end", "reason": reason, "totalProcessed": 1, "totalErrors": 1}
    told = shown(records.events(), [Begun(), Failed(code, "why")]).decode()
    assert told.endswith(f'event: stream-end\ndata: {{"reason":"{reason}"}}\n\n')
    assert f'event: error\ndata: {{"type":"stream-error","code":"{code.value}","message":"why"}}\n\n' in told
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(shown(records.array(), frames))


def test_signs_of_life_are_no_data() -> None:
    beat = {"type": "heartbeat", "timestamp": "2024-07-15T12:00:00Z"}
    assert lines(shown(ndjson(), [Begun(1), TWO[0], Heartbeat()]))[-1] == beat | {"processed": 1}
    assert lines(shown(ndjson("records=flat"), [Begun(1), Heartbeat()])) == [beat]
    assert shown(records.events(), [Heartbeat()]) == b": heartbeat\n\n"
    assert shown(records.array(), [Heartbeat()]).strip() == b""


def test_progress_is_told_on_the_way_and_not_at_the_end() -> None:
    frames: list[Frame] = [Begun(6), *(item(n, "CREATED", n) for n in range(1, 7)), Completed()]
    found = [r for r in lines(shown(ndjson("progress_every=2"), frames)) if r["type"] == "progress"]
    assert found == [
        {"type": "progress", "processed": 2, "errors": 0, "remaining": 4, "percentage": 33},
        {"type": "progress", "processed": 4, "errors": 0, "remaining": 2, "percentage": 66},
    ]
    assert b"progress" not in shown(ndjson("progress_every=0"), frames)


PRODUCED = st.lists(
    st.one_of(
        st.builds(item, st.integers(1, 9999), st.sampled_from(orders.STATUSES), st.integers(0, 10**6)),
        st.builds(RecordFailed, st.integers(1, 9999), st.just("PROCESSING_ERROR"), st.just("no")),
        st.just(Heartbeat()),
    ),
    max_size=30,
)


def counted(records_shown: Sequence[Any]) -> tuple[int, int]:
    errors = sum(record.get("type") == "error" for record in records_shown)
    return sum("id" in record for record in records_shown), errors


@given(PRODUCED, st.integers(0, 5), st.booleans())
def test_the_last_record_counts_what_was_sent(frames: list[Frame], every: int, fails: bool) -> None:  # noqa: FBT001
    total = sum(isinstance(frame, Item | RecordFailed) for frame in frames)
    ended = [Begun(total), *frames, Failed(Code.INTERNAL, "why") if fails else Completed()]
    typed = lines(shown(ndjson(f"progress_every={every}"), ended))
    flat = lines(shown(ndjson("records=flat"), ended))
    assert (typed[-1]["processed"], typed[-1]["errors"]) == counted(typed)
    assert (flat[-1]["totalProcessed"], flat[-1].get("totalErrors", 0)) == counted(flat)
    if not fails:
        assert typed[0]["totalRecords"] == typed[-1]["processed"] + typed[-1]["errors"]


@given(PRODUCED)
def test_every_shape_carries_the_same_orders(frames: list[Frame]) -> None:
    ended = [Begun(len(frames)), *frames, Completed()]
    typed = [r for r in lines(shown(ndjson(), ended)) if r["type"] == "data"]
    flat = [r for r in lines(shown(ndjson("records=flat"), ended)) if "type" not in r]
    only_items = [frame for frame in ended if not isinstance(frame, RecordFailed)]
    assert [{**order, "type": "data"} for order in flat] == typed
    assert json.loads(shown(records.array(), only_items)) == flat
