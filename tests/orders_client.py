"""The orders service talked to in process: a client of ASGI that reads as slowly as it likes and leaves when it wants,
and what it reads taken apart by the standard library. Never here: a test.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.services.orders.application import Settings, application
from streamspec.reference_impl.services.orders.desk import Desk
from streamspec.reference_impl.services.orders.order import Change, Order, Unreadable
from streamspec.reference_impl.services.orders.store import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from streamspec.reference_impl.services.hosting import Service
    from streamspec.reference_impl.services.orders.records import Now
    from streamspec.reference_impl.services.orders.store import Rows, Store
    from streamspec.reference_impl.services.orders.terms import Query

Message = dict[str, Any]
LONGEST_S: Final = 10.0
PAID: Final = Change("PROCESSING", 9995, "")


class Client:
    """One request. `left` is its leaving; while there is no `room`, it reads nothing."""

    def __init__(
        self,
        target: str,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        address: str = "127.0.0.1",
    ) -> None:
        path, _, query = target.partition("?")
        fields = [(name.lower().encode(), value.encode()) for name, value in headers]
        self.scope: Message = {"type": "http", "path": path, "query_string": query.encode(), "method": method}
        self.scope |= {"headers": fields, "client": (address, 1)}
        self.sent: list[Message] = []
        self.left = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self._news = asyncio.Event()
        self._body: bytes | None = body

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.room.wait()
        self.sent.append(dict(message))
        self._news.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_whole(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False

    def json(self) -> Any:
        return json.loads(self.body)

    async def until(self, piece: bytes, times: int = 1) -> None:
        """Wait until this has come so often."""
        while self.body.count(piece) < times:
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def open_desk(store: Store | None = None) -> AsyncIterator[Desk]:
    desk = Desk(store or Database())
    try:
        yield desk
    finally:
        await asyncio.to_thread(desk.close)


@dataclass(frozen=True, slots=True)
class Shop:
    """A service at work in this loop."""

    desk: Desk
    app: Service

    async def ask(self, target: str, method: str = "GET", **more: Any) -> Client:
        """A request, and all of its answer."""
        client = Client(target, method, **more)
        await self.app(client.scope, client.receive, client.send)
        return client

    async def post(self, target: str, said: object, method: str = "POST") -> Client:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return await self.ask(target, method, headers=[("content-type", "application/json")], body=body)

    def begin(self, target: str, **more: Any) -> tuple[Client, asyncio.Task[None]]:
        """A request whose answer may go on and on."""
        client = Client(target, **more)

        async def asking() -> None:
            await self.app(client.scope, client.receive, client.send)

        return client, asyncio.create_task(asking())

    def told(self) -> dict[str, int]:
        return next(iter(self.app.mounts.values())).told.figures()

    async def told_that(self, holds: Callable[[dict[str, int]], object]) -> None:
        """Wait until what is told is so: no event says it."""
        while not holds(self.told()):  # noqa: ASYNC110
            await asyncio.sleep(0)


@asynccontextmanager
async def open_shop(
    orders: int = 0, settings: Settings | None = None, store: Store | None = None, now: Now | None = None
) -> AsyncIterator[Shop]:
    """With so many orders, all alike."""
    async with open_desk(store) as desk:
        for _ in range(orders):
            desk.store.create(PAID)
        given = {} if now is None else {"now": now}
        yield Shop(desk, application(desk, settings, **given))


class Counted(Database):
    """Counting takes until somebody interrupts it, and only then comes to the database. `counts` is set when somebody
    begins to, and `ended` has how each count ended."""

    def __init__(self, file: str = "") -> None:
        super().__init__(file)
        self.counts = threading.Event()
        self.ended: list[str] = []

    def rows(self, query: Query) -> Rows:
        return _Counted(self, super().rows(query))


class _Counted:
    def __init__(self, store: Counted, rows: Rows) -> None:
        self._store, self._rows = store, rows
        self._interrupted = threading.Event()
        self.take, self.close = rows.take, rows.close

    def count(self) -> int:
        self._store.counts.set()
        self._interrupted.wait(LONGEST_S)
        try:
            total = self._rows.count()
        except sqlite3.OperationalError as failure:
            self._store.ended.append(str(failure))
            raise
        self._store.ended.append("counted")
        return total

    def interrupt(self) -> None:
        self._rows.interrupt()
        self._interrupted.set()


class Endless(Database):
    """Its exports never end, until it `fails`; it counts what is taken of them."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.is_closed = False
        self.fails = False

    def rows(self, query: Query) -> Rows:
        return _Endless(self)


class _Endless:
    def __init__(self, counts: Endless) -> None:
        self._counts = counts

    def count(self) -> int:
        return 10**9

    def take(self, most: int) -> Sequence[Order | Unreadable]:
        if self._counts.fails:
            raise sqlite3.OperationalError("disk I/O error in /srv/orders.db")
        first = self._counts.taken + 1
        self._counts.taken += most
        return [Order(n, "CREATED", n, "x" * 500) for n in range(first, first + most)]

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        self._counts.is_closed = True


def lines(body: bytes) -> list[Any]:
    """The records of NDJSON: every line is whole, and none is empty."""
    *whole, rest = body.split(b"\n")
    assert rest == b"", "the last line has no end"
    return [json.loads(line) for line in whole]


def events(body: bytes) -> list[dict[str, str]]:
    """The whole blocks of server-sent events that have fields."""
    blocks = body.decode().split("\n\n")[:-1]
    fields = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    return [found for found in fields if "data" in found]
