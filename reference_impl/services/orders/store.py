"""Orders and what happened to them, in SQLite: every call blocks, so none is made from an event loop.

One connection writes and one reads, each behind a lock; every export has one of its own, inside one read transaction:
it sees the orders as they were when it began. The database is in WAL mode, so that none of them waits for the others.
Never here: a thread, a stream, JSON that a client sees.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from streamspec.reference_impl.services.orders import order as orders
from streamspec.reference_impl.services.orders.order import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.reference_impl.services.orders.order import Change, Order
    from streamspec.reference_impl.services.orders.terms import Query

MOST_EVENTS: Final = 100_000  # that are kept; an older one cannot be resumed behind
BUSY_S: Final = 5.0  # for another process that writes to the same file
LOOK_STEPS: Final = 10_000  # of SQLite's own machine, after which an export looks whether anybody still wants it
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT, cents INTEGER, note TEXT);
CREATE INDEX IF NOT EXISTS orders_by_status ON orders (status, number);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, data TEXT);
"""
_WHICH: Final = "FROM orders WHERE number >= :first ORDER BY number LIMIT :limit"
_WHICH_OF_STATUS: Final = "FROM orders WHERE number >= :first AND status = :status ORDER BY number LIMIT :limit"
_COLUMNS: Final = "number, status, cents, note"


@dataclass(frozen=True, slots=True)
class Event:
    """`id` counts from 1 without gaps, over all that the database has ever seen. `name` is None, and `data` empty,
    where a row is no event."""

    id: int
    name: str | None
    data: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The ids of the events that can be had: from `oldest` to `newest`. No event yet: 1 and 0."""

    oldest: int
    newest: int


class Rows(Protocol):
    """The orders of one export, as they are when it is made. Its calls may come from any thread."""

    def count(self) -> int:
        """How many there are; to be called before the first `take`. May take long."""

    def take(self, most: int) -> Sequence[Order | Unreadable]:
        """The next ones; none at the end."""

    def interrupt(self) -> None:
        """Nobody wants more: a call that is at work fails soon, and one that comes later at once. May be called again,
        and after `close`."""

    def close(self) -> None:
        """Give back what this holds, once no call is at work. May be called again."""


class Store(Protocol):
    """What the service needs: `Database`, or whatever else fits. Calls may come from any thread, several at once."""

    def create(self, draft: Change) -> Order: ...

    def change(self, number: int, change: Change) -> Order | Unreadable | None:
        """The order as it is now; None if there is none. Raises `Conflict`."""

    def order(self, number: int) -> Order | Unreadable | None: ...

    def rows(self, query: Query) -> Rows: ...

    def events(self, after: int, most: int) -> Sequence[Event]: ...

    def kept(self) -> Kept: ...

    def close(self) -> None: ...


class Database:
    """A `Store`. Without a file, or in ":memory:", the orders are kept in a temporary one, which goes when this is
    closed. Raises `sqlite3.Error` where a file is no database or cannot be opened, `ValueError` if no event is kept.

    What is written to a file of its own is synced before anybody hears of it: no event is ever announced twice.
    """

    def __init__(self, file: str = "", most_events: int = MOST_EVENTS) -> None:
        if most_events < 1:
            raise ValueError(f"at least 1 event is kept, not {most_events}")
        self._most_events = most_events
        self._closing = contextlib.ExitStack()
        if file in {"", ":memory:"}:  # which would be another database for each connection
            folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="orders-"))
            self._file, self._sync = str(Path(folder, "orders.db")), "OFF"
        else:
            self._file, self._sync = file, "FULL"
        with contextlib.ExitStack() as undone:
            undone.enter_context(self._closing)
            self._writer = self._closing.enter_context(contextlib.closing(self._connect()))
            self._writer.executescript(_SCHEMA)
            self._reader = self._closing.enter_context(contextlib.closing(self._connect()))
            undone.pop_all()
        self._writing, self._reading = threading.Lock(), threading.Lock()

    def close(self) -> None:
        with self._writing, self._reading:
            self._closing.close()

    def create(self, draft: Change) -> Order:
        with self._transaction() as writer:
            row = (draft.status, draft.cents, draft.note)
            found = writer.execute("INSERT INTO orders (status, cents, note) VALUES (?, ?, ?)", row)
            made = orders.of_row((found.lastrowid, *row))
            assert not isinstance(made, Unreadable), "a draft has been looked at"
            self._tell(writer, None, made)
        return made

    def change(self, number: int, change: Change) -> Order | Unreadable | None:
        with self._transaction() as writer:
            before = _order(writer, number)
            if before is None or isinstance(before, Unreadable):
                return before
            after = orders.applied(before, change)
            if after != before:
                row = (after.status, after.cents, after.note, number)
                writer.execute("UPDATE orders SET status = ?, cents = ?, note = ? WHERE number = ?", row)
                self._tell(writer, before, after)
        return after

    def order(self, number: int) -> Order | Unreadable | None:
        with self._reading:
            return _order(self._reader, number)

    def rows(self, query: Query) -> Rows:
        return _Rows(self._connect(), query)

    def events(self, after: int, most: int) -> Sequence[Event]:
        with self._reading:
            found = self._reader.execute(
                "SELECT id, name, data FROM events WHERE id > ? ORDER BY id LIMIT ?", (after, most)
            ).fetchall()
        return [_event(*row) for row in found]

    def kept(self) -> Kept:
        with self._reading:
            # Apart: asked for together, they are looked for in every row.
            oldest, newest = self._reader.execute(
                "SELECT (SELECT min(id) FROM events), (SELECT max(id) FROM events)"
            ).fetchone()
        return Kept(oldest or 1, newest or 0)

    def _tell(self, writer: sqlite3.Connection, before: Order | None, order: Order) -> None:
        told = writer.execute("INSERT INTO events (name, data) VALUES (?, ?)", orders.event_of(before, order))
        writer.execute("DELETE FROM events WHERE id <= ?", ((told.lastrowid or 0) - self._most_events,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _connect(self) -> sqlite3.Connection:
        # Transactions are begun here and nowhere else, and locks say which thread is at work.
        made = sqlite3.connect(self._file, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute(f"PRAGMA synchronous = {self._sync}")
        except BaseException:
            made.close()
            raise
        made.text_factory = _text
        return made


class _Rows:
    """Holds a read transaction until it is closed. Its connection is its own, so nobody else is interrupted."""

    def __init__(self, connection: sqlite3.Connection, query: Query) -> None:
        self._connection = connection
        self._using = threading.Lock()
        self._unwanted = threading.Event()
        self._cursor: sqlite3.Cursor | None = None
        limit = -1 if query.limit is None else query.limit
        self._asked = {"first": query.first, "status": query.status, "limit": limit}
        self._which = _WHICH if query.status is None else _WHICH_OF_STATUS
        try:
            # SQLite forgets an interrupt that comes between two queries, perhaps just before the one it was meant for.
            connection.set_progress_handler(self._unwanted.is_set, LOOK_STEPS)
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # a moment is that of the first reading
        except BaseException:
            connection.close()
            raise

    def count(self) -> int:
        with self._using:
            self._look()
            found = self._connection.execute(f"SELECT count(*) FROM (SELECT 1 {self._which})", self._asked)  # noqa: S608
            total: int = found.fetchone()[0]
            return total

    def take(self, most: int) -> Sequence[Order | Unreadable]:
        with self._using:
            self._look()
            if self._cursor is None:
                self._cursor = self._connection.execute(f"SELECT {_COLUMNS} {self._which}", self._asked)
            return [orders.of_row(row) for row in self._cursor.fetchmany(most)]

    def interrupt(self) -> None:
        self._unwanted.set()
        with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed
            self._connection.interrupt()

    def close(self) -> None:
        with self._using:
            self._connection.close()

    def _look(self) -> None:
        if self._unwanted.is_set():
            raise sqlite3.OperationalError("interrupted")


def _order(connection: sqlite3.Connection, number: int) -> Order | Unreadable | None:
    found = connection.execute(f"SELECT {_COLUMNS} FROM orders WHERE number = ?", (number,)).fetchone()  # noqa: S608
    return None if found is None else orders.of_row(found)


def _event(number: int, name: object, data: object) -> Event:
    if isinstance(name, str) and isinstance(data, str) and name and not set(name + data) & set("\r\n\0"):
        return Event(number, name, data)
    return Event(number, None, "")


def _text(octets: bytes) -> str | bytes:
    """A text that is none stays what it is, and makes its row unreadable instead of the whole query."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets
