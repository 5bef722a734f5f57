"""The database: what is written is there, what happened has an id for good, and an export sees one moment."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.services.orders.order import Change, Conflict, Order, Unreadable
from streamspec.reference_impl.services.orders.store import LOOK_STEPS, Database, Event, Kept
from streamspec.reference_impl.services.orders.terms import Query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAFT = Change("CREATED", 9995, "")
LONGEST_S = 10.0
COUNTLESS = """
    DROP TABLE orders;
    CREATE VIEW orders AS WITH RECURSIVE numbers (number) AS
        (SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT 20000000)
        SELECT number, 'CREATED' AS status, 995 AS cents, '' AS note FROM numbers;
"""  # no test counts so far


@pytest.fixture
def store() -> Iterator[Database]:
    with closing(Database()) as made:
        yield made


def test_an_order_is_there_once_it_is_made(store: Database) -> None:
    made = store.create(DRAFT)
    assert made == store.order(1) == Order(1, "CREATED", 9995)
    assert store.order(2) is None


def test_every_change_is_an_event_and_ids_have_no_gap(store: Database) -> None:
    store.create(DRAFT)
    store.change(1, Change(status="COMPLETED"))
    with pytest.raises(Conflict):
        store.change(1, Change(status="PENDING"))
    store.change(1, Change(status="COMPLETED"))  # which changes nothing
    store.change(1, Change(note="paid"))  # which completes nothing
    assert store.change(7, Change(note="nobody")) is None
    store.create(DRAFT)
    assert [(event.id, event.name) for event in store.events(0, 10)] == [
        (1, "order-created"),
        (2, "order-completed"),
        (3, "order-updated"),
        (4, "order-created"),
    ]
    assert store.events(0, 1)[0] == Event(1, "order-created", '{"orderId":"order-1","status":"CREATED"}')
    assert (store.events(4, 10), store.kept()) == ([], Kept(1, 4))


def test_ids_go_on_where_they_were_when_the_file_is_opened_again(tmp_path: Path) -> None:
    file = str(tmp_path / "orders.db")
    with closing(Database(file)) as first:
        first.create(DRAFT)
    with closing(Database(file)) as again:
        assert again.create(DRAFT).number == 2
        assert [event.id for event in again.events(0, 10)] == [1, 2]


def test_the_oldest_events_expire(store: Database) -> None:
    with closing(Database(most_events=2)) as few:
        assert few.kept() == Kept(1, 0)
        for _ in range(5):
            few.create(DRAFT)
        assert (few.kept(), [event.id for event in few.events(0, 10)]) == (Kept(4, 5), [4, 5])
    with pytest.raises(ValueError, match="at least 1 event"):
        Database(most_events=0)


def test_what_is_kept_is_known_without_reading_all_of_it(store: Database) -> None:
    with store._transaction() as writer:
        writer.executemany("INSERT INTO events (name, data) VALUES (?, '{}')", [("order-created",)] * 5_000)
    steps: list[int] = []
    store._reader.set_progress_handler(lambda: steps.append(1), 100)
    assert store.kept() == Kept(1, 5_000)
    assert steps == []


def test_a_database_in_memory_is_one_for_all_its_connections() -> None:
    with closing(Database(":memory:")) as store:
        store.create(DRAFT)
        assert store.order(1) == Order(1, "CREATED", 9995)
        with closing(store.rows(Query())) as rows:
            assert rows.count() == 1


def test_an_export_sees_the_orders_as_they_were_when_it_began(store: Database) -> None:
    for _ in range(5):
        store.create(DRAFT)
    with closing(store.rows(Query())) as rows:
        assert len(rows.take(2)) == 2
        store.create(DRAFT)
        store.change(5, Change(status="CANCELLED"))
        assert rows.count() == 5
        assert list(rows.take(10)) == [Order(n, "CREATED", 9995) for n in (3, 4, 5)]
        assert list(rows.take(10)) == []
    with closing(store.rows(Query())) as later:
        assert (later.count(), later.take(10)[4]) == (6, Order(5, "CANCELLED", 9995))


def test_orders_are_chosen(store: Database) -> None:
    for status in ("CREATED", "PENDING", "CREATED", "CREATED"):
        store.create(Change(status, 1, ""))
    with closing(store.rows(Query("CREATED", 2, 1))) as rows:
        assert (rows.count(), list(rows.take(10))) == (1, [Order(3, "CREATED", 1)])


def test_a_damaged_row_spoils_nothing_but_itself(tmp_path: Path) -> None:
    file = str(tmp_path / "orders.db")
    with closing(Database(file)) as store:
        store.create(DRAFT)
        with closing(sqlite3.connect(file)) as other, other:
            other.execute("INSERT INTO orders (status, cents, note) VALUES ('CREATED', 1, CAST(x'ff' AS TEXT))")
            other.execute("INSERT INTO events (name, data) VALUES ('a\nb', '{}')")
        store.create(DRAFT)
        with closing(store.rows(Query())) as rows:
            assert [type(row) for row in rows.take(10)] == [Order, Unreadable, Order]
        assert store.change(2, Change(note="")) == Unreadable(2)
        assert [event.name for event in store.events(0, 9)] == ["order-created", None, "order-created"]


def test_rows_that_are_closed_hold_nothing_and_bear_everything(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    with closing(Database(str(file))) as store:
        store.create(DRAFT)
        rows = store.rows(Query())
        rows.take(1)
        rows.close()
        rows.close()
        rows.interrupt()
        with closing(sqlite3.connect(file)) as other:
            busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert busy == 0, "a reader holds the log"


def test_a_query_at_work_is_interrupted(store: Database) -> None:
    store.create(DRAFT)
    with closing(store.rows(Query())) as rows:
        rows.interrupt()  # the cursor is open, so its query counts as one at work
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            rows.take(1)


def test_a_count_is_interrupted_at_work_and_its_connection_can_still_be_closed(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    with closing(Database(str(file))) as store:
        with closing(sqlite3.connect(file)) as other:
            other.executescript(COUNTLESS)
        rows, at_work, ended = store.rows(Query()), threading.Event(), list[str]()
        watched: Any = rows

        def is_unwanted() -> bool:
            at_work.set()
            return bool(watched._unwanted.is_set())

        watched._connection.set_progress_handler(is_unwanted, LOOK_STEPS)

        def count() -> None:
            try:
                ended.append(f"counted {rows.count()}")
            except sqlite3.OperationalError as failure:
                ended.append(str(failure))

        counting = threading.Thread(target=count)
        counting.start()
        assert at_work.wait(LONGEST_S)
        rows.interrupt()
        counting.join(LONGEST_S)
        assert ended == ["interrupted"]
        rows.close()
        rows.interrupt()
        with closing(sqlite3.connect(file)) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "a reader holds the log"


def test_an_interrupt_that_comes_before_its_query_is_not_forgotten(store: Database) -> None:
    store.create(DRAFT)
    for call in ("count", "take"):
        with closing(store.rows(Query())) as rows:
            rows.interrupt()
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                rows.count() if call == "count" else rows.take(1)


def test_who_is_interrupted_disturbs_nobody_else(store: Database) -> None:
    store.create(DRAFT)
    with closing(store.rows(Query())) as left, closing(store.rows(Query())) as stays:
        assert stays.count() == 1
        left.interrupt()
        assert len(stays.take(10)) == 1
        assert store.create(DRAFT) == store.order(2)
        assert store.kept() == Kept(1, 2)
    with closing(store.rows(Query())) as later:
        assert (later.count(), len(later.take(10))) == (2, 2)


def test_rows_are_of_the_moment_at_which_they_were_made_though_nobody_has_counted_yet(store: Database) -> None:
    store.create(DRAFT)
    with closing(store.rows(Query())) as rows:
        store.create(DRAFT)
        assert (rows.count(), len(rows.take(10))) == (1, 1)


def test_writers_in_many_threads_lose_nothing(store: Database) -> None:
    threads = [threading.Thread(target=lambda: [store.create(DRAFT) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.kept() == Kept(1, 80)
    with closing(store.rows(Query())) as rows:
        assert rows.count() == 80
