"""The service in process: the paths and shapes of the guide, who is let in, and what follows when a client leaves."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from orders_client import Counted, Endless, events, lines, open_shop
from stream_stories import run

from streamspec.reference_impl.services.orders.application import Settings
from streamspec.reference_impl.services.orders.store import Database

if TYPE_CHECKING:
    from pathlib import Path

STREAMS = ("/v1/orders/stream", "/v1/orders/events", "/v1/orders/export")
MUCH = Settings(most_streams=50)


def noon() -> datetime:
    return datetime(2024, 7, 15, 12, 0, 0, tzinfo=UTC)


def damage(file: Path, number: int) -> None:
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("UPDATE orders SET cents = 'none' WHERE number = ?", (number,))


# -- the three patterns ------------------------------------------------------------------------------------------------


def test_an_export_is_typed_records_with_the_headers_of_the_guide() -> None:
    async def story() -> None:
        async with open_shop(3) as shop:
            answer = await shop.ask("/v1/orders/stream", headers=[("accept", "application/x-ndjson")])
            assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
            assert answer.headers["x-stream-total-items"] == "3"
            first, *data, last = lines(answer.body)
            assert first == {"type": "metadata", "totalRecords": 3}
            assert [order["id"] for order in data] == ["order-1", "order-2", "order-3"]
            assert last == {"type": "stream-end", "reason": "completed", "processed": 3, "errors": 0}

    run(story())


def test_an_export_of_nothing_is_whole_in_every_shape() -> None:
    async def story() -> None:
        async with open_shop() as shop:
            assert [r["type"] for r in lines((await shop.ask(STREAMS[0])).body)] == ["metadata", "stream-end"]
            flat = await shop.ask(f"{STREAMS[0]}?records=flat")
            assert flat.body == b'{"type":"stream-end","totalProcessed":0}\n'
            assert (await shop.ask(STREAMS[2])).json() == []

    run(story())


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_size_of_a_batch_changes_nothing_but_how_it_is_read(batch: int) -> None:
    async def story() -> None:
        async with open_shop(30) as shop:
            asked = f"?from=order-5&limit=20&batch_size={batch}&fields=number"
            array = (await shop.ask(STREAMS[2] + asked)).json()
            assert [order["number"] for order in array] == list(range(5, 25))

    run(story())


def test_a_record_that_cannot_be_made_is_told_and_the_export_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        file = tmp_path / "orders.db"
        async with open_shop(3, store=Database(str(file))) as shop:
            damage(file, 2)
            kinds = [r["type"] for r in lines((await shop.ask(f"{STREAMS[0]}")).body)]
            assert kinds == ["metadata", "data", "error", "data", "stream-end"]
            stopped = lines((await shop.ask(f"{STREAMS[0]}?on_error=stop")).body)
            assert [r["type"] for r in stopped] == ["metadata", "data", "error", "stream-end"]
            assert stopped[-1] == {"type": "stream-end", "reason": "error", "processed": 1, "errors": 1}
            array = await shop.ask(STREAMS[2])
            assert (array.status, array.body) == (200, b'[\n{"id":"order-1","status":"PROCESSING"}')
            assert (await shop.ask("/v1/orders/order-2")).status == 500

    run(story())


def test_a_new_order_comes_at_once_to_whoever_follows_the_events() -> None:
    async def story() -> None:
        async with open_shop(1) as shop:
            followers = [shop.begin("/v1/orders/events") for _ in range(3)]
            for client, _ in followers:
                await client.until(b"retry: 5000\n\n")
            made = await shop.post("/v1/orders", {"total": 99.95})
            assert (made.status, made.headers["location"]) == (201, "/v1/orders/order-2")
            assert made.json() == {"id": "order-2", "status": "CREATED", "total": 99.95, "note": ""}
            await shop.post("/v1/orders/order-2", {"status": "COMPLETED"}, "PATCH")
            for client, asking in followers:
                await client.until(b"data: ", 2)
                client.left.set()
                await asking
                assert events(client.body) == [
                    {"id": "2", "event": "order-created", "data": '{"orderId":"order-2","status":"CREATED"}'},
                    {"id": "3", "event": "order-completed", "data": '{"orderId":"order-2","status":"COMPLETED"}'},
                ]

    run(story())


def test_a_client_resumes_behind_the_last_event_it_had() -> None:
    async def story() -> None:
        async with open_shop(50) as shop:
            resumed = await shop.ask("/v1/orders/events?limit=3", headers=[("last-event-id", "42")])
            *shown, end = events(resumed.body)
            assert [event["id"] for event in shown] == ["43", "44", "45"]
            assert end == {"event": "stream-end", "data": '{"reason":"completed"}'}

    run(story())


@pytest.mark.parametrize(
    ("said", "status"),
    [("0", 410), ("1", 410), ("6", 412), ("05", 412), ("x", 412), ("-1", 412), ("9" * 400, 412), ("²", 412)],
)
def test_an_id_behind_which_nothing_can_be_had_is_refused(said: str, status: int) -> None:
    async def story() -> None:
        async with open_shop(5, store=Database(most_events=3)) as shop:
            header = said.encode().decode("latin-1")
            refused = await shop.ask("/v1/orders/events", headers=[("last-event-id", header)])
            assert (refused.status, refused.json()["newest"]) == (status, 5)
            resumed = await shop.ask("/v1/orders/events?limit=3", headers=[("last-event-id", "2")])
            assert [event.get("id") for event in events(resumed.body)] == ["3", "4", "5", None]

    run(story())


def test_events_that_expire_before_they_are_read_are_a_failure_and_no_gap() -> None:
    async def story() -> None:
        async with open_shop(50, store=Database(most_events=50)) as shop:
            client, asking = shop.begin("/v1/orders/events?after=0&batch_size=1&buffer_size=1")
            await client.until(b"id: 1\n")
            client.room.clear()
            await shop.told_that(lambda told: told["sending"])
            for _ in range(60):
                await shop.post("/v1/orders", {"total": 1})
            client.room.set()
            await asking
            *shown, error, end = events(client.body)
            assert [int(event["id"]) for event in shown] == list(range(1, len(shown) + 1))
            assert json.loads(error["data"])["code"] == "RESOURCE_EXHAUSTED"
            assert json.loads(end["data"]) == {"reason": "error"}

    run(story())


def test_an_event_that_cannot_be_told_is_an_error_with_its_id_or_the_end(tmp_path: Path) -> None:
    async def story() -> None:
        file = tmp_path / "orders.db"
        async with open_shop(3, store=Database(str(file))) as shop:
            with closing(sqlite3.connect(file)) as other, other:
                other.execute("UPDATE events SET data = NULL WHERE id = 2")
            goes_on = events((await shop.ask(f"{STREAMS[1]}?after=0&limit=3")).body)
            assert [event.get("id") for event in goes_on] == ["1", "2", "3", None]
            said = '{"type":"processing-error","message":"Failed to process item"}'
            assert (goes_on[1]["event"], goes_on[1]["data"]) == ("error", said)
            stopped = events((await shop.ask(f"{STREAMS[1]}?after=0&on_error=stop")).body)
            assert [event["event"] for event in stopped] == ["order-created", "error", "stream-end"]
            assert json.loads(stopped[1]["data"])["type"] == "stream-error"
            assert stopped[2]["data"] == '{"reason":"error"}'

    run(story())


def test_an_idle_stream_shows_signs_of_life() -> None:
    async def story() -> None:
        async with open_shop(2, now=noon) as shop:
            follower, following = shop.begin("/v1/orders/events?heartbeat_ms=100")
            await follower.until(b": heartbeat\n\n", 2)
            slow, exporting = shop.begin("/v1/orders/stream?rate_limit=1/hour&heartbeat_ms=100")
            await slow.until(b'{"type":"heartbeat","timestamp":"2024-07-15T12:00:00Z","processed":1}\n', 2)
            for client, asking in ((follower, following), (slow, exporting)):
                client.left.set()
                await asking

    run(story())


def test_a_stream_that_takes_too_long_ends_with_its_time() -> None:
    async def story() -> None:
        async with open_shop(2) as shop:
            late = lines((await shop.ask("/v1/orders/stream?rate_limit=1/hour&deadline_ms=50")).body)
            assert late[-1] == {"type": "stream-end", "reason": "timeout", "processed": 1, "errors": 1}

    run(story())


def test_a_reader_that_does_not_read_is_given_up_after_the_block_timeout() -> None:
    async def story() -> None:
        store = Endless()
        async with open_shop(store=store) as shop:
            client, asking = shop.begin("/v1/orders/stream?block_timeout=1s&buffer_size=1&batch_size=1")
            await client.until(b"metadata")
            client.room.clear()
            await shop.told_that(lambda told: told["sending"])
            await shop.told_that(lambda told: not told["open"])
            assert store.is_closed, "a client that reads nothing holds the query"
            client.room.set()
            await asking
            assert lines(client.body)[-1]["reason"] == "timeout"

    run(story())


def test_what_a_client_takes_is_compressed() -> None:
    async def story() -> None:
        async with open_shop(3) as shop:
            answer = await shop.ask(STREAMS[2], headers=[("accept-encoding", "gzip")])
            assert answer.headers["content-encoding"] == "gzip"
            assert len(json.loads(gzip.decompress(answer.body))) == 3

    run(story())


# -- slow, leaving, too many -------------------------------------------------------------------------------------------


def test_a_slow_reader_holds_the_query_back() -> None:
    async def story() -> None:
        store = Endless()
        async with open_shop(store=store) as shop:
            client, asking = shop.begin("/v1/orders/stream?batch_size=10&buffer_size=5&fields=note")
            await client.until(b"metadata")
            client.room.clear()
            await shop.told_that(lambda told: told["sending"])
            stood = store.taken
            for _ in range(50):
                await shop.ask("/told")
            assert (store.taken, shop.told()["sending"]) == (stood, 1)
            ahead = shop.told()["produced"] - client.body.count(b'"data"')
            assert ahead <= 5 + 2  # the buffer, what is being written, and what waits to be sent
            client.room.set()
            await client.until(b'"data"', stood + 20)
            client.left.set()
            await asking

    run(story())


def test_whoever_writes_fast_lets_the_loop_see_that_its_client_has_left() -> None:
    """asyncio warns of every write after the fifth that it learns of too late."""

    async def story() -> None:
        async with open_shop(store=Endless()) as shop:
            client, asking = shop.begin(f"{STREAMS[0]}?buffer_size=1000&batch_size=1000")
            sent = [0]
            while sent[-1] < 3_000:
                await asyncio.sleep(0)
                sent.append(len(client.sent))
            client.left.set()
            await asking
            assert max(after - before for before, after in pairwise(sent)) <= 5

    run(story())


@pytest.mark.parametrize("doing", ["sending", "waiting", "sleeping"])
def test_a_client_that_leaves_ends_its_query(doing: str) -> None:
    async def story() -> None:
        store = Endless() if doing == "sending" else Database()
        async with open_shop(0 if doing == "sending" else 2, store=store) as shop:
            path = {"sending": STREAMS[0], "waiting": STREAMS[1], "sleeping": f"{STREAMS[0]}?rate_limit=1/hour"}[doing]
            client, asking = shop.begin(path)
            await client.until({"sending": b'"data"', "waiting": b"retry", "sleeping": b'"data"'}[doing])
            client.left.set()
            await asking
            told = shop.told()
            assert (told["open"], told["ended"], told["cancelled"], told["cleanups"]) == (0, 1, 1, 1)
            assert not client.is_whole
            if isinstance(store, Endless):
                assert store.is_closed

    run(story())


def test_a_client_that_leaves_gives_its_read_transaction_back(tmp_path: Path) -> None:
    async def story() -> None:
        file = tmp_path / "orders.db"
        async with open_shop(3, store=Database(str(file))) as shop:
            client, asking = shop.begin(f"{STREAMS[0]}?rate_limit=1/hour")
            await client.until(b'"data"')
            await shop.post("/v1/orders", {"total": 1})
            with closing(sqlite3.connect(file, timeout=0)) as other:
                checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
                assert other.execute(checkpoint).fetchone()[0] == 1, "the export holds no moment"
                client.left.set()
                await asking
                assert other.execute(checkpoint).fetchone()[0] == 0

    run(story())


@pytest.mark.parametrize("how", ["its client leaves", "its server stops"])
def test_orders_that_nobody_waits_for_are_counted_no_longer(tmp_path: Path, how: str) -> None:
    async def story() -> None:
        file = tmp_path / "orders.db"
        store = Counted(str(file))
        async with open_shop(2, store=store, settings=Settings(most_streams=1)) as shop:
            client, asking = shop.begin(STREAMS[0])
            await asyncio.to_thread(store.counts.wait)
            assert (await shop.ask("/v1/orders/order-1")).status == 200
            if how == "its client leaves":
                client.left.set()
                await asking
            else:
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
            assert (store.ended, client.sent) == (["interrupted"], [])
            with closing(sqlite3.connect(file, timeout=0)) as other:
                assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            follower, following = shop.begin(STREAMS[1])  # there is room for another of this client's
            await follower.until(b"retry")
            assert (await shop.post("/v1/orders", {"total": 1})).status == 201
            await follower.until(b"order-created")
            follower.left.set()
            await following

    run(story())


def test_a_database_that_fails_at_counting_is_a_status(tmp_path: Path) -> None:
    async def story() -> None:
        file = tmp_path / "orders.db"
        async with open_shop(store=Database(str(file))) as shop:
            with closing(sqlite3.connect(file)) as other:
                other.executescript("DROP TABLE orders")
            refused = await shop.ask(STREAMS[0])
            assert (refused.status, refused.json()["detail"]) == (500, "the order store failed")

    run(story())


def test_one_client_has_so_many_streams_and_another_has_its_own() -> None:
    async def story() -> None:
        async with open_shop(settings=Settings(most_streams=2, retry_after_s=7)) as shop:
            open_ones = [shop.begin(STREAMS[1]) for _ in range(2)]
            for client, _ in open_ones:
                await client.until(b"retry")
            refused = await shop.ask(STREAMS[0])
            assert (refused.status, refused.headers["retry-after"], refused.json()["retryAfter"]) == (429, "7", 7)
            assert (await shop.ask(STREAMS[0], address="127.0.0.2")).status == 200
            open_ones[0][0].left.set()
            await open_ones[0][1]
            assert (await shop.ask(STREAMS[0])).status == 200
            open_ones[1][0].left.set()
            await open_ones[1][1]

    run(story())


def test_who_is_connected_when_the_service_stops_is_told() -> None:
    async def story() -> None:
        async with open_shop(2, settings=MUCH) as shop:
            follower, following = shop.begin(STREAMS[1])
            slow, exporting = shop.begin(f"{STREAMS[0]}?rate_limit=1/hour")
            await follower.until(b"retry")
            await slow.until(b'"data"')
            shop.app.close()
            await asyncio.gather(following, exporting)
            assert events(follower.body)[-1]["data"] == '{"reason":"server-shutdown"}'
            assert lines(slow.body)[-1]["reason"] == "server-shutdown"

    run(story())
