"""What is refused before the first octet, each with its status: strangers, what cannot be had, what is out of bounds;
and failures of the database, before it and behind it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest
from orders_client import Client, Endless, lines, open_shop
from stream_stories import run

from streamspec.reference_impl.bindings import asgi_answers
from streamspec.reference_impl.routing import Refused
from streamspec.reference_impl.services.orders.admission import Admission, Request
from streamspec.reference_impl.services.orders.application import Settings
from streamspec.reference_impl.services.orders.store import Database

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Message
    from streamspec.reference_impl.services.orders.store import Rows
    from streamspec.reference_impl.services.orders.terms import Query

STREAMS = ("/v1/orders/stream", "/v1/orders/events", "/v1/orders/export")


@pytest.mark.parametrize("path", [*STREAMS, "/v1/orders", "/v1/orders/order-1", "/told", "/v1/session", "/nowhere"])
@pytest.mark.parametrize("shown", [None, "Bearer wrong", "Basic right", "Bearer", "right"])
def test_a_stranger_is_let_in_nowhere(path: str, shown: str | None) -> None:
    async def story() -> None:
        async with open_shop(1, settings=Settings(tokens=("right",))) as shop:
            refused = await shop.ask(path, headers=[("authorization", shown)] if shown else [])
            assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="orders"')
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["title"] == "Unauthorized"

    run(story())


def test_an_empty_token_is_none() -> None:
    with pytest.raises(ValueError, match="a token is empty"):
        Settings(tokens=("right", ""))
    assert Admission(("",), 1).client(Request("GET", "/told", "", (("authorization", "Basic x"),), "here")) is None


@pytest.mark.parametrize("others", ['prefs={"a":1,"b":2}; {}', "{}; a b=c", "=; {}", "{}; x@y=[1,2]", "a;{};b", "{}"])
def test_a_cookie_counts_whatever_stands_beside_it(others: str) -> None:
    async def story() -> None:
        async with open_shop(1, settings=Settings(tokens=("right",))) as shop:
            session = await shop.ask("/v1/session", "POST", headers=[("authorization", "bearer right")])
            cookie = session.headers["set-cookie"].partition(";")[0]
            shown = [("cookie", others.replace("{}", cookie))]
            assert (await shop.ask(f"{STREAMS[1]}?after=0&limit=1", headers=shown)).status == 200
            apart = [("cookie", "a=b"), ("cookie", cookie), ("cookie", "c=d")]
            assert (await shop.ask(f"{STREAMS[1]}?after=0&limit=1", headers=apart)).status == 200

    run(story())


def test_a_token_opens_everything_and_its_cookie_the_events_alone() -> None:
    async def story() -> None:
        async with open_shop(1, settings=Settings(tokens=("right", "other"))) as shop:
            bearer = [("authorization", "bearer right")]
            assert (await shop.ask(STREAMS[2], headers=bearer)).status == 200
            session = await shop.ask("/v1/session", "POST", headers=bearer)
            cookie, *rules = session.headers["set-cookie"].split("; ")
            assert (session.status, set(rules)) == (204, {"HttpOnly", "SameSite=Strict", "Path=/v1/orders/events"})
            assert "right" not in cookie
            shown = [("cookie", f"a=b; {cookie}")]
            assert (await shop.ask(f"{STREAMS[1]}?after=0&limit=1", headers=shown)).status == 200
            assert (await shop.ask(STREAMS[2], headers=shown)).status == 401
            assert (await shop.ask("/v1/session", "POST", headers=shown)).status == 401
            wrong = [("cookie", f"{cookie}0")]
            assert (await shop.ask(STREAMS[1], headers=wrong)).status == 401

    run(story())


@pytest.mark.parametrize(
    ("target", "method", "headers", "status"),
    [
        (STREAMS[0], "GET", [("accept", "text/event-stream")], 406),
        (STREAMS[1], "GET", [("accept", "application/json")], 406),
        (STREAMS[2], "GET", [("accept", "application/x-ndjson")], 406),
        (f"{STREAMS[0]}?batch_size=0", "GET", [], 400),
        (STREAMS[0], "GET", [("x-stream-buffer-size", "9999")], 400),
        (f"{STREAMS[0]}?batch_size=", "GET", [], 400),
        (f"{STREAMS[1]}?limit=0", "GET", [], 400),
        (f"{STREAMS[1]}?after=", "GET", [], 412),
        (STREAMS[0], "POST", [], 405),
        (STREAMS[1], "HEAD", [], 405),
        ("/v1/orders", "GET", [], 405),
        ("/v1/orders/order-1", "DELETE", [], 405),
        ("/told", "POST", [], 405),
        ("/", "POST", [], 405),
        ("/v1/orders/order-7", "GET", [], 404),
        ("/v1/orders/order-7", "PATCH", [("content-type", "application/json")], 400),
        ("/v1/orders/17", "GET", [], 404),
        ("order-1", "GET", [], 404),
        ("/v2", "GET", [], 404),
        ("/v1/orders", "POST", [], 415),
        ("/v1/orders", "POST", [("content-type", "text/plain")], 415),
    ],
)
def test_what_cannot_be_had_is_refused_with_a_status_and_a_problem(
    target: str, method: str, headers: list[tuple[str, str]], status: int
) -> None:
    async def story() -> None:
        async with open_shop(1) as shop:
            refused = await shop.ask(target, method, headers=headers)
            said = refused.json()
            assert (refused.status, said["status"], said["type"]) == (status, status, "about:blank")
            assert int(refused.headers["content-length"]) == len(refused.body)
            assert ("allow" in refused.headers) == (status == 405)
            assert shop.told()["ended"] == 0

    run(story())


def test_writing_an_order_is_refused_before_anything_is_written() -> None:
    async def story() -> None:
        async with open_shop(1) as shop:
            assert (await shop.post("/v1/orders", {"total": -1})).status == 400
            assert (await shop.post("/v1/orders", b'{"\\ud800":1}')).status == 400
            assert (await shop.post("/v1/orders", b'{"total":1,"note":"' + b"x" * 20_000)).status == 413
            assert (await shop.post("/v1/orders/order-9", {"total": 1}, "PATCH")).status == 404
            assert (await shop.post("/v1/orders/order-1", {"status": "CANCELLED"}, "PATCH")).status == 200
            conflict = await shop.post("/v1/orders/order-1", {"status": "PROCESSING"}, "PATCH")
            assert (conflict.status, conflict.json()["code"]) == (409, "INVALID_STATUS_TRANSITION")
            assert (await shop.ask("/v1/orders/order-1")).json()["status"] == "CANCELLED"
            kept = shop.desk.store.kept()
            assert kept.newest == 2

    run(story())


@pytest.mark.parametrize(("pieces", "read"), [(3, 3), (100, 17)])
def test_what_still_comes_of_a_body_that_is_too_long_is_read_up_to_a_bound(pieces: int, read: int) -> None:
    """Or the connection would be closed before it is read, which takes the answer along."""

    async def story() -> None:
        coming = iter(range(pieces, 0, -1))

        async def receive() -> Message:
            return {"type": "http.request", "body": b"x" * 1_048_576, "more_body": next(coming) > 1}

        refused = await asgi_answers.body(receive, 16_384)
        assert isinstance(refused, Refused)
        assert (refused.status, pieces - len([*coming])) == (413, read)

    run(story())


def test_a_body_that_is_too_long_and_comes_no_further_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_answers, "DISCARD_S", 0.01)

    async def story() -> None:
        coming = iter([b"x" * 20_000])

        async def receive() -> Message:
            for body in coming:
                return {"type": "http.request", "body": body, "more_body": True}
            await asyncio.Event().wait()
            raise AssertionError

        refused = await asgi_answers.body(receive, 16_384)
        assert isinstance(refused, Refused)
        assert refused.status == 413

    run(story())


def test_who_leaves_with_a_body_that_is_too_long_is_not_answered() -> None:
    async def story() -> None:
        too_long: Message = {"type": "http.request", "body": b"x" * 20_000, "more_body": True}
        coming: list[Message] = [too_long, {"type": "http.disconnect"}]

        async def receive() -> Message:
            return coming.pop(0)

        assert await asgi_answers.body(receive, 16_384) is None

    run(story())


def test_a_database_that_fails_before_the_first_octet_is_a_status() -> None:
    async def story() -> None:
        class Failing(Database):
            def rows(self, query: Query) -> Rows:
                raise sqlite3.OperationalError("unable to open /srv/orders.db")

        async with open_shop(store=Failing()) as shop:
            refused = await shop.ask(STREAMS[0])
            assert (refused.status, refused.json()["detail"]) == (500, "the order store failed")

    run(story())


def test_a_database_that_fails_later_is_told_in_the_stream() -> None:
    async def story() -> None:
        store = Endless()
        async with open_shop(store=store) as shop:
            client, asking = shop.begin(f"{STREAMS[0]}?batch_size=1&buffer_size=1")
            await client.until(b'"data"')
            store.fails = True
            await asking
            *_, fatal, end = lines(client.body)
            assert fatal == {"type": "error", "code": "INTERNAL", "message": "the order store failed", "fatal": True}
            assert (end["reason"], client.is_whole) == ("error", True)

    run(story())


def test_the_page_brings_nothing_from_elsewhere() -> None:
    async def story() -> None:
        async with open_shop(settings=Settings(tokens=("right",))) as shop:
            page, script = await shop.ask("/"), await shop.ask("/orders.js")
            assert page.headers["content-type"].startswith("text/html")
            assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
            assert script.headers["content-type"].startswith("text/javascript")
            assert b"http" not in page.body + script.body
            assert b"innerHTML" not in script.body
            assert b"right" not in page.body + script.body

    run(story())


def test_another_site_reads_streams_where_it_is_allowed_to() -> None:
    async def story() -> None:
        async with open_shop(1) as shop:
            assert "access-control-allow-origin" not in (await shop.ask(STREAMS[0])).headers
        async with open_shop(1, settings=Settings(allow_origin="https://shop.example")) as shop:
            answer = await shop.ask(STREAMS[0])
            assert answer.headers["access-control-allow-origin"] == "https://shop.example"

    run(story())


def test_a_request_whose_client_leaves_before_it_has_asked_is_not_answered() -> None:
    async def story() -> None:
        async with open_shop() as shop:
            client = Client("/v1/orders", "POST", [("content-type", "application/json")])
            client._body = None
            client.left.set()
            await shop.app(client.scope, client.receive, client.send)
            assert client.sent == []
            assert shop.desk.store.kept().newest == 0

    run(story())
