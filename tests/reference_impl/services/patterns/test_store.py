"""The store: batches that make up the whole, bulk creates that are all or nothing, and a loop that never waits."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_patterns import LONGEST_S, items

from streamspec.reference_impl.services.patterns import store as stores
from streamspec.reference_impl.services.patterns.model import Item
from streamspec.reference_impl.services.patterns.store import Batch, ItemStore
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


def told(story: Callable[[ItemStore], Awaitable[Any]], path: str = stores.IN_MEMORY) -> Any:
    """What a story with a store of its own comes to."""

    async def whole() -> Any:
        with contextlib.closing(ItemStore(path)) as store:
            return await asyncio.wait_for(story(store), LONGEST_S)

    return asyncio.run(whole())


async def listed(store: ItemStore, batch_items: int, prefix: str = "") -> list[Batch]:
    batches = [await store.list_batch("", batch_items, prefix)]
    while batches[-1].cursor:
        batches.append(await store.list_batch(batches[-1].cursor, batch_items, prefix))
    return batches


def named(batches: list[Batch]) -> list[str]:
    return [item.name for batch in batches for item in batch.items]


@given(st.lists(NAMES, max_size=30), st.integers(1, 12), NAMES)
def test_batches_of_any_size_are_the_whole_in_order(names: list[str], batch_items: int, prefix: str) -> None:
    async def story(store: ItemStore) -> None:
        await store.bulk_create([Item(name=name) for name in names])
        batches = await listed(store, batch_items, prefix)
        assert named(batches) == [name for name in names if name.startswith(prefix)]
        assert all(len(batch.items) == batch_items for batch in batches[:-1])
        assert all(batch.items for batch in batches[1:]), "a cursor always leads to something"
        ids = [item.id for batch in batches for item in batch.items]
        assert ids == sorted(set(ids))

    told(story)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("", ["a\0b", "a", "a\0", "\0", "", "№"]),
        ("a", ["a\0b", "a", "a\0"]),
        ("a\0", ["a\0b", "a\0"]),
        ("a\0b", ["a\0b"]),
        ("\0", ["\0"]),
        ("№", ["№"]),
        ("№\0", []),
    ],
)
def test_a_prefix_is_compared_whole_whatever_is_in_it(prefix: str, found: list[str]) -> None:
    async def story(store: ItemStore) -> None:
        await store.bulk_create([Item(name=name) for name in ("a\0b", "a", "a\0", "\0", "", "№")])
        assert named(await listed(store, 2, prefix)) == found

    told(story)


def test_what_is_created_and_deleted_in_between_changes_no_other_item() -> None:
    async def story(store: ItemStore) -> None:
        await store.bulk_create(items(6))
        first = await store.list_batch("", 3)
        await store.delete(first.items[-1].id)
        await store.delete(4)
        await store.create(Item(name="late"))
        rest = await store.list_batch(first.cursor, 10)
        assert [item.name for item in rest.items] == ["item 5", "item 6", "late"]

    told(story)


def test_a_batch_is_bounded_in_octets_and_has_one_item_at_least() -> None:
    async def story(store: ItemStore) -> None:
        half = stores.MOST_BATCH_BYTES // 2
        await store.bulk_create([Item(data=bytes(octets)) for octets in (half, half, 1, 2 * half + 1, 3)])
        assert [len(batch.items) for batch in await listed(store, 100)] == [2, 1, 1, 1]

    told(story)


@pytest.mark.parametrize("most", [0, -1, stores.MOST_BATCH_ITEMS + 1])
def test_a_batch_of_no_size_is_refused(most: int) -> None:
    async def story(store: ItemStore) -> None:
        with pytest.raises(StreamError) as raised:
            await store.list_batch("", most)
        assert raised.value.code is Code.INVALID_ARGUMENT

    told(story)


def test_an_item_is_created_found_changed_and_deleted() -> None:
    async def story(store: ItemStore) -> None:
        made = await store.create(Item(name="a\0№", data=b"\0\xff"))
        assert made == Item(1, "a\0№", b"\0\xff")
        assert await store.get(1) == made
        changed = Item(1, "b", b"")
        assert await store.update(changed) == changed
        assert await store.get(1) == changed
        await store.delete(1)
        for asked in (store.get(1), store.update(changed), store.delete(1)):
            with pytest.raises(StreamError) as raised:
                await asked
            assert raised.value.code is Code.NOT_FOUND
        assert (await store.create(Item())).id == 2, "an id is never given twice"

    told(story)


def test_nothing_of_a_bulk_create_is_kept_that_nobody_wants_any_more() -> None:
    async def story(store: ItemStore) -> None:
        await store.create(Item(name="before"))
        with pytest.raises(StreamError) as raised:
            await store.bulk_create(items(3), lambda: False)
        assert raised.value.code is Code.CANCELLED
        assert await store.bulk_create(items(2), lambda: True) == 2
        assert named(await listed(store, 10)) == ["before", "item 1", "item 2"]

    told(story)


def test_nothing_of_a_bulk_create_is_kept_that_fails_in_the_midst() -> None:
    async def story(store: ItemStore) -> None:
        bad: Any = Item(name="bad", data=object())  # type: ignore[arg-type]
        with pytest.raises(StreamError) as raised:
            await store.bulk_create([*items(3), bad])
        assert (raised.value.code, raised.value.message) == (Code.INTERNAL, "failed to save items")
        assert await store.bulk_create([]) == 0
        assert named(await listed(store, 10)) == []

    told(story)


def test_a_file_keeps_items_and_a_failure_says_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.db"

    async def fill(store: ItemStore) -> None:
        await store.bulk_create(items(2))

    async def fail(store: ItemStore) -> StreamError:
        assert named(await listed(store, 10)) == ["item 1", "item 2"]
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE items")
        with pytest.raises(StreamError) as raised:
            await store.list_batch("", 10)
        return raised.value

    told(fill, str(path))
    failure: StreamError = told(fail, str(path))
    assert (failure.code, failure.message) == (Code.INTERNAL, "failed to fetch items")


def test_the_loop_goes_on_while_the_store_is_busy() -> None:
    async def story(store: ItemStore) -> None:
        go_on = threading.Event()
        store._thread.submit(go_on.wait)
        waiting = asyncio.create_task(store.create(Item(name="late")))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        go_on.set()
        assert (await waiting).name == "late"

    told(story)


def test_a_call_that_is_given_up_before_its_turn_changes_nothing() -> None:
    async def story(store: ItemStore) -> None:
        go_on = threading.Event()
        store._thread.submit(go_on.wait)
        waiting = asyncio.create_task(store.create(Item(name="never")))
        await asyncio.sleep(0)
        waiting.cancel()
        try:
            with pytest.raises(asyncio.CancelledError):
                await waiting
        finally:
            go_on.set()
        assert named(await listed(store, 10)) == []

    told(story)


def test_who_watches_is_told_of_what_was_created_even_if_its_creator_has_gone() -> None:
    async def story(store: ItemStore) -> None:
        begun, go_on, news = threading.Event(), threading.Event(), asyncio.Event()

        def is_wanted() -> bool:
            begun.set()
            return go_on.wait(LONGEST_S)

        with store.watched(news):
            creating = asyncio.create_task(store.bulk_create(items(1), is_wanted))
            await asyncio.to_thread(begun.wait)
            creating.cancel()
            go_on.set()
            await news.wait()
            assert named(await listed(store, 10)) == ["item 1"]
        news.clear()
        await store.create(Item())
        await asyncio.sleep(0)
        assert not news.is_set()

    told(story)


def test_a_closed_store_is_unavailable() -> None:
    async def story() -> None:
        store = ItemStore()
        store.close()
        with pytest.raises(StreamError) as raised:
            await store.get(1)
        assert raised.value.code is Code.UNAVAILABLE

    asyncio.run(story())
