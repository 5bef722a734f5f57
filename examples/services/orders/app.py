"""A shop's orders, streamed: an export for the accountants, live events for the dashboard, an array for everybody else.

`python app.py` serves them on a free port; `python app.py 8000` on that one. Clients need the token "example", or what
$ORDERS_TOKEN says. Its own of the application: the orders it begins with, and an archive that is not in the database.
"""

import argparse
import contextlib
import os
import secrets
from dataclasses import replace

from streamspec.reference_impl.server import serve
from streamspec.reference_impl.services.orders.application import Settings, application
from streamspec.reference_impl.services.orders.desk import Desk
from streamspec.reference_impl.services.orders.order import STATUSES, Change, Order, Unreadable
from streamspec.reference_impl.services.orders.store import Database

TOKEN = os.environ.get("ORDERS_TOKEN", "example")
ORDERS = 2_000
FIRST_NOTE = 1_001
NOTES = ["one line", "two\nlines", "from\r\nWindows", "ends with a line feed\n", "№ 7 😀", "\u2028 and \u2029"]
SPILT = 1_104  # over the paper of this one somebody has spilt coffee
ARCHIVED = 1_000_000  # orders from this number on are in the archive
MOST_STREAMS = 200


class Shop(Database):
    """The orders of the database, and behind them those of the archive. What happened to the spilt one nobody knows."""

    def rows(self, query):
        return Archive(query) if query.first >= ARCHIVED else Paper(super().rows(query))

    def events(self, after, most):
        found = super().events(after, most)
        return [replace(event, name=None) if event.id == SPILT else event for event in found]


class Paper:
    """Orders as they are found: one cannot be read."""

    def __init__(self, rows):
        self._rows = rows
        self.count, self.interrupt, self.close = rows.count, rows.interrupt, rows.close

    def take(self, most):
        return [Unreadable(SPILT) if order.number == SPILT else order for order in self._rows.take(most)]


class Archive:
    """Old orders, scanned; as many as anybody wants."""

    def __init__(self, query):
        self._next = self._first = query.first
        self._end = query.first + (query.limit or 10**9)

    def count(self):
        return self._end - self._first

    def take(self, most):
        numbers = range(self._next, min(self._next + most, self._end))
        self._next = numbers.stop
        return [Order(number, "COMPLETED", 100, secrets.token_urlsafe(690)) for number in numbers]

    def interrupt(self):
        """Nothing here takes long."""

    def close(self):
        """Nothing here is held."""


def opened():
    shop = Shop()
    for number in range(1, ORDERS + 1):
        note = NOTES[number - FIRST_NOTE] if FIRST_NOTE <= number < FIRST_NOTE + len(NOTES) else ""
        shop.create(Change(STATUSES[number % 3], 995 + number, note))
    return shop


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, nargs="?", default=0)
    settings = Settings(tokens=(TOKEN,), most_streams=MOST_STREAMS)
    with contextlib.closing(Desk(opened())) as desk:
        serve(application(desk, settings), "127.0.0.1", parser.parse_args().port, over_grpc=False)


if __name__ == "__main__":
    main()
