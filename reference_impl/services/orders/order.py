"""What an order is: its statuses, its JSON, and what a client may write of one. Pure.

Never here: a database, HTTP, a stream.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.payload import has_utf8, no_constant, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Write = Callable[["Order"], str]

STATUSES: Final = ("CREATED", "PENDING", "PROCESSING", "SHIPPED", "COMPLETED", "CANCELLED")
FINAL: Final = ("COMPLETED", "CANCELLED")  # an order that has come to one of these keeps it
MOST_CENTS: Final = 100_000_000_000
MOST_DECIMALS: Final = 2
MOST_NOTE_CHARS: Final = 2_000
PREFIX: Final = "order-"
_MOST_DIGITS: Final = 18  # of an order's number: what fits in a column of integers


@dataclass(frozen=True, slots=True)
class Order:
    """`number` is the database's, from 1 on; money is in cents."""

    number: int
    status: str
    cents: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is no order: somebody else has written it, or something has damaged it."""

    number: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a client wants an order to be; None where it says nothing of that."""

    status: str | None = None
    cents: int | None = None
    note: str | None = None


class Conflict(Exception):
    """An order cannot become what is asked. The message is safe to show."""


def id_of(number: int) -> str:
    return f"{PREFIX}{number}"


def number_of(name: str) -> int | None:
    """The number in an order's id; None if it is no such id."""
    digits = name.removeprefix(PREFIX)
    if digits == name or not digits.isascii() or not digits.isdigit() or len(digits) > _MOST_DIGITS:
        return None
    return None if digits[0] == "0" else int(digits)


def of_row(row: Sequence[Any]) -> Order | Unreadable:
    """The order of `(number, status, cents, note)`: nothing in a database is taken on trust."""
    number, status, cents, note = row
    if status in STATUSES and type(cents) is int and 0 <= cents <= MOST_CENTS and type(note) is str:
        return Order(number, status, cents, note)
    return Unreadable(number)


# -- written -----------------------------------------------------------------------------------------------------------


def _total(order: Order) -> str:
    return f'"total":{order.cents // 100}.{order.cents % 100:02d}'


_MEMBERS: Final[Mapping[str, Write]] = MappingProxyType(
    {
        "id": lambda order: f'"id":"{PREFIX}{order.number}"',
        "number": lambda order: f'"number":{order.number}',
        "status": lambda order: f'"status":"{order.status}"',
        "total": _total,
        "note": lambda order: f'"note":{to_json(order.note)}',
    }
)
FIELDS: Final = tuple(_MEMBERS)


def _usual(order: Order) -> str:
    cents = order.cents
    return f'{{"id":"{PREFIX}{order.number}","status":"{order.status}","total":{cents // 100}.{cents % 100:02d}}}'


def writer(fields: Sequence[str]) -> Write:
    """What writes these fields of an order, in this order, as a JSON object on one line."""
    if tuple(fields) == ("id", "status", "total"):  # what nearly everybody asks for, in one piece
        return _usual
    members = [_MEMBERS[name] for name in fields]
    return lambda order: f"{{{','.join([member(order) for member in members])}}}"


def whole(order: Order) -> str:
    """All that a client may know of one order."""
    return writer(("id", "status", "total", "note"))(order)


def event_of(before: Order | None, order: Order) -> tuple[str, str]:
    """The name of the event that tells what this order became, and its data. A new one was nothing before."""
    if before is None:
        name = "order-created"
    elif order.status in FINAL and order.status != before.status:
        name = f"order-{order.status.lower()}"
    else:
        name = "order-updated"
    return name, to_json({"orderId": id_of(order.number), "status": order.status})


# -- asked for ---------------------------------------------------------------------------------------------------------


def drafted(body: bytes) -> Change:
    """A new order. Raises `ValueError` with a message for whoever asked."""
    change = changed(body)
    if change.cents is None:
        raise ValueError("an order needs a total")
    return Change(change.status or STATUSES[0], change.cents, change.note or "")


def changed(body: bytes) -> Change:
    """What is to be changed of an order. Raises `ValueError` with a message for whoever asked."""
    said = _object(body)
    if not said:
        raise ValueError("nothing is said of the order: there is status, total and note")
    if unknown := sorted(set(said) - {"status", "total", "note"}):
        # In ASCII: half of a surrogate pair could not be sent back.
        raise ValueError(f"an order has no field {json.dumps(unknown[0])[:40]}: there is status, total and note")
    status, note = said.get("status"), said.get("note")
    if "status" in said and status not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}")
    if "note" in said and not _is_note(note):
        raise ValueError(f"note must be a text of at most {MOST_NOTE_CHARS} characters")
    return Change(status, _cents(said["total"]) if "total" in said else None, note)


def applied(order: Order, change: Change) -> Order:
    """The order as it is to be. Raises `Conflict`."""
    status = change.status or order.status
    if order.status in FINAL and status != order.status:
        raise Conflict(f"an order cannot go from {order.status} to {status}")
    cents = order.cents if change.cents is None else change.cents
    return Order(order.number, status, cents, order.note if change.note is None else change.note)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body.decode(), parse_float=Decimal, parse_constant=no_constant)
    except (ValueError, ArithmeticError, RecursionError):  # also what is no UTF-8, and numbers beyond Decimal
        raise ValueError("the body must be a JSON object") from None
    if not isinstance(said, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 -- what a client says has no types
    return said


def _is_note(value: object) -> bool:
    # What has no UTF-8 no database takes.
    return isinstance(value, str) and len(value) <= MOST_NOTE_CHARS and has_utf8(value)


def _cents(value: object) -> int:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        exact = Decimal(value)
        exponent = exact.as_tuple().exponent
        fits = isinstance(exponent, int) and exponent >= -MOST_DECIMALS
        if fits and 0 <= exact <= MOST_CENTS // 100:
            return int(exact * 100)
    raise ValueError(f"total must be a number from 0 to {MOST_CENTS // 100} with at most {MOST_DECIMALS} decimals")
