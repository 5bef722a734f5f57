"""`ItemStore`: items in SQLite, a file or memory, in a thread of their own so that no loop waits for a disk.

Never here: a message, gRPC, a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from streamspec.reference_impl.services.patterns import cursor as cursors
from streamspec.reference_impl.services.patterns.model import Item
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

T = TypeVar("T")

MOST_BATCH_ITEMS: Final = 1_000
MOST_BATCH_BYTES: Final = 4 * 1024 * 1024  # of a batch with more than one item
IN_MEMORY: Final = ":memory:"
_TABLE: Final = "CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, data BLOB)"
# Of a text `substr` sees only what is ahead of a U+0000; of its octets it sees all, and of none it makes NULL.
_BATCH: Final = (
    "SELECT id, name, data FROM items WHERE id > :after"
    " AND (:octets = 0 OR substr(CAST(name AS BLOB), 1, :octets) = :prefix) ORDER BY id LIMIT :most"
)
_INSERT: Final = "INSERT INTO items (name, data) VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class Batch:
    """`cursor` is empty where nothing follows."""

    items: tuple[Item, ...]
    cursor: str


class ItemStore:
    """Every call waits for those before it and for nothing else. A call of SQLite's that fails is INTERNAL, and says
    nothing of the file."""

    def __init__(self, path: str = IN_MEMORY) -> None:
        self._thread = ThreadPoolExecutor(1, "item-store")
        self._news: set[asyncio.Event] = set()
        self._connection = self._thread.submit(_opened, path).result()

    def close(self) -> None:
        """Waits for what has begun."""
        self._thread.submit(self._connection.close)
        self._thread.shutdown()

    @contextlib.contextmanager
    def watched(self, news: asyncio.Event) -> Iterator[None]:
        """`news` is set whenever items were created or updated, of the loop in which that was asked for."""
        self._news.add(news)
        try:
            yield
        finally:
            self._news.discard(news)

    async def list_batch(self, cursor: str, most_items: int, prefix: str = "") -> Batch:
        """The next items, in the order of their ids. INVALID_ARGUMENT for a cursor that is none."""
        after = cursors.last_id(cursor)
        if not 1 <= most_items <= MOST_BATCH_ITEMS:
            raise StreamError(Code.INVALID_ARGUMENT, f"a batch has from 1 to {MOST_BATCH_ITEMS} items")
        begin = prefix.encode()
        values = {"after": after, "prefix": begin, "octets": len(begin), "most": most_items + 1}
        return await self._asked("failed to fetch items", lambda db: _batch(db.execute(_BATCH, values), most_items))

    async def get(self, item_id: int) -> Item:
        """Raises NOT_FOUND."""
        found = await self._asked("failed to fetch the item", lambda db: _get(db, item_id))
        return _known(found)

    async def create(self, item: Item) -> Item:
        return await self._changed("failed to save the item", lambda db: _create(db, item))

    async def update(self, item: Item) -> Item:
        """Raises NOT_FOUND."""
        return _known(await self._changed("failed to save the item", lambda db: _update(db, item)))

    async def delete(self, item_id: int) -> None:
        """Raises NOT_FOUND."""
        _known(await self._asked("failed to delete the item", lambda db: _delete(db, item_id)))

    async def bulk_create(self, items: Sequence[Item], is_wanted: Callable[[], bool] = lambda: True) -> int:
        """All of them or none, in one transaction; how many. `is_wanted` is asked, in the store's thread, when all is
        ready to be committed: if it is not, nothing is, and this raises CANCELLED."""
        return await self._changed("failed to save items", lambda db: _bulk_create(db, items, is_wanted))

    async def _changed(self, failure: str, change: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()

        def done(future: Future[T]) -> None:
            # Whoever asked may have gone meanwhile: what is committed is news all the same.
            if not future.cancelled() and future.exception() is None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches
                    loop.call_soon_threadsafe(self._tell)

        return await self._asked(failure, change, done)

    async def _asked(
        self,
        failure: str,
        ask: Callable[[sqlite3.Connection], T],
        done: Callable[[Future[T]], None] | None = None,
    ) -> T:
        try:
            future = self._thread.submit(ask, self._connection)
        except RuntimeError:
            raise StreamError(Code.UNAVAILABLE, "the store is closed") from None
        if done is not None:
            future.add_done_callback(done)
        try:
            return await asyncio.wrap_future(future)
        except (sqlite3.Error, OverflowError) as reason:
            raise StreamError(Code.INTERNAL, failure) from reason

    def _tell(self) -> None:
        for news in self._news:
            news.set()


def _opened(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)  # transactions are begun by name
    connection.execute(_TABLE)
    return connection


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _batch(rows: Iterable[tuple[int, str, bytes]], most_items: int) -> Batch:
    """As many of the rows as a batch may have; there is one more where something follows."""
    items: list[Item] = []
    held_bytes = 0
    for row in rows:
        item = Item(*row)
        held_bytes += item.octets
        if len(items) == most_items or (items and held_bytes > MOST_BATCH_BYTES):
            return Batch(tuple(items), cursors.behind(items[-1].id))
        items.append(item)
    return Batch(tuple(items), "")


def _get(db: sqlite3.Connection, item_id: int) -> Item | None:
    row = db.execute("SELECT id, name, data FROM items WHERE id = ?", (item_id,)).fetchone()
    return None if row is None else Item(*row)


def _create(db: sqlite3.Connection, item: Item) -> Item:
    made = db.execute(_INSERT, (item.name, item.data)).lastrowid
    assert made is not None, "an insert has a row"
    return Item(made, item.name, item.data)


def _update(db: sqlite3.Connection, item: Item) -> Item | None:
    done = db.execute("UPDATE items SET name = ?, data = ? WHERE id = ?", (item.name, item.data, item.id))
    return item if done.rowcount else None


def _delete(db: sqlite3.Connection, item_id: int) -> Item | None:
    done = db.execute("DELETE FROM items WHERE id = ?", (item_id,))
    return Item(item_id) if done.rowcount else None


def _bulk_create(db: sqlite3.Connection, items: Sequence[Item], is_wanted: Callable[[], bool]) -> int:
    with _transaction(db):
        db.executemany(_INSERT, ((item.name, item.data) for item in items))
        if not is_wanted():
            raise StreamError(Code.CANCELLED, "the upload was cancelled")
    return len(items)


def _known(item: Item | None) -> Item:
    if item is None:
        raise StreamError(Code.NOT_FOUND, "there is no such item")
    return item
