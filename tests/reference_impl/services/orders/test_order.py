"""An order on its way in and out: its JSON as the guide prints it, and what a client may say of one."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.orders import order as orders
from streamspec.reference_impl.services.orders.order import Change, Conflict, Order, Unreadable

ORDERS = st.builds(
    Order,
    st.integers(1, 10**18 - 1),
    st.sampled_from(orders.STATUSES),
    st.integers(0, orders.MOST_CENTS),
    st.text(st.characters(codec="utf-8"), max_size=50),
)


def test_an_order_is_written_as_the_guide_prints_it() -> None:
    write = orders.writer(("id", "status", "total"))
    assert write(Order(2, "COMPLETED", 14950)) == '{"id":"order-2","status":"COMPLETED","total":149.50}'
    assert orders.writer(("id", "status"))(Order(1, "PROCESSING", 1)) == '{"id":"order-1","status":"PROCESSING"}'


@given(ORDERS, st.permutations(orders.FIELDS))
def test_every_choice_of_fields_says_the_same_of_an_order(order: Order, fields: list[str]) -> None:
    said = json.loads(orders.writer(fields)(order), parse_float=Decimal)
    assert list(said) == fields
    assert (said["id"], said["number"], said["status"]) == (f"order-{order.number}", order.number, order.status)
    assert (said["total"] * 100, said["note"]) == (order.cents, order.note)
    usual = json.loads(orders.writer(("id", "status", "total"))(order), parse_float=Decimal)
    assert usual == {name: said[name] for name in ("id", "status", "total")}
    assert "\n" not in orders.whole(order)


@given(ORDERS)
def test_an_id_leads_back_to_its_number(order: Order) -> None:
    assert orders.number_of(orders.id_of(order.number)) == order.number


@pytest.mark.parametrize(
    "name", ["", "1", "order-", "order-0", "order-01", "order--1", "order-1x", "order-²", "Order-1"]
)
def test_what_is_no_id_has_no_number(name: str) -> None:
    assert orders.number_of(name) is None


@pytest.mark.parametrize(
    "row",
    [
        (1, "LOST", 1, ""),
        (1, None, 1, ""),
        (1, "CREATED", None, ""),
        (1, "CREATED", -1, ""),
        (1, "CREATED", 1.5, ""),
        (1, "CREATED", 1, None),
        (1, "CREATED", 1, b"\xff"),
    ],
)
def test_a_row_that_is_no_order_is_known_as_such(row: tuple[object, ...]) -> None:
    assert orders.of_row(row) == Unreadable(1)


@given(st.integers(0, orders.MOST_CENTS))
def test_money_comes_in_and_goes_out_to_the_cent(cents: int) -> None:
    total = f"{cents // 100}.{cents % 100:02d}"
    draft = orders.drafted(f'{{"total":{total}}}'.encode())
    assert draft == Change("CREATED", cents, "")
    assert f'"total":{total}' in orders.whole(Order(1, "CREATED", cents))


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (b"", "JSON object"),
        (b"[]", "JSON object"),
        (b'{"total":NaN}', "JSON object"),
        (b"[" * 10_000, "JSON object"),
        (b"\xff", "JSON object"),
        (b'{"total":1e99999999999999999999}', "JSON object"),
        (b'{"total":' + b"9" * 5_000 + b"}", "JSON object"),
        (b"{}", "nothing is said"),
        (b'{"status":"CREATED"}', "needs a total"),
        (b'{"total":1,"price":2}', 'no field "price"'),
        (b'{"\\ud800":1}', r'no field "\\ud800"'),
        (b'{"total":"1"}', "total must be"),
        (b'{"total":true}', "total must be"),
        (b'{"total":-0.01}', "total must be"),
        (b'{"total":0.001}', "total must be"),
        (b'{"total":1000000000.01}', "total must be"),
        (b'{"total":1,"status":"LOST"}', "status must be"),
        (b'{"total":1,"status":null}', "status must be"),
        (b'{"total":1,"note":5}', "note must be"),
        (b'{"total":1,"note":"\\ud800"}', "note must be"),
        (b'{"total":1,"note":"' + b"x" * 2_001 + b'"}', "note must be"),
    ],
)
def test_what_is_no_order_is_refused_with_a_reason(body: bytes, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        orders.drafted(body)


def test_a_change_keeps_what_it_does_not_name() -> None:
    before = Order(1, "CREATED", 100, "by hand")
    assert orders.applied(before, orders.changed(b'{"status":"PENDING"}')) == Order(1, "PENDING", 100, "by hand")
    assert orders.applied(before, orders.changed(b'{"total":2,"note":""}')) == Order(1, "CREATED", 200, "")


@pytest.mark.parametrize("status", orders.FINAL)
def test_an_order_that_is_over_stays_as_it_ended(status: str) -> None:
    over = Order(1, status, 100)
    with pytest.raises(Conflict, match=f"from {status} to PROCESSING"):
        orders.applied(over, Change(status="PROCESSING"))
    assert orders.applied(over, Change(status=status, note="paid")).note == "paid"


@pytest.mark.parametrize(
    ("was", "status", "name"),
    [
        (None, "CREATED", "order-created"),
        (None, "COMPLETED", "order-created"),
        ("CREATED", "PROCESSING", "order-updated"),
        ("SHIPPED", "SHIPPED", "order-updated"),
        ("SHIPPED", "COMPLETED", "order-completed"),
        ("SHIPPED", "CANCELLED", "order-cancelled"),
        ("COMPLETED", "COMPLETED", "order-updated"),
        ("CANCELLED", "CANCELLED", "order-updated"),
    ],
)
def test_an_event_is_named_after_what_happened(was: str | None, status: str, name: str) -> None:
    before = None if was is None else Order(123, was, 1)
    found, data = orders.event_of(before, Order(123, status, 2))
    assert (found, json.loads(data)) == (name, {"orderId": "order-123", "status": status})
