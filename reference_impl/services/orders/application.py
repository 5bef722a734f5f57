"""The service over HTTP: which path leads to what, and what is refused before a first octet.

Everything that goes wrong later is told inside the stream. Never here: a record, a query, SQL, a rule of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import asgi_answers
from streamspec.reference_impl.mount import Answer
from streamspec.reference_impl.roles import Role
from streamspec.reference_impl.routing import TOLD, Asked, Page, Refused, header
from streamspec.reference_impl.services.hosting import Service, mount_of
from streamspec.reference_impl.services.orders import order as orders
from streamspec.reference_impl.services.orders import page, producers, records, terms
from streamspec.reference_impl.services.orders.admission import Admission, Request
from streamspec.reference_impl.services.orders.counting import counted
from streamspec.reference_impl.services.orders.order import Conflict, Order, Unreadable
from streamspec.reference_impl.services.orders.problems import later, problem
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Binding, Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.roles import Produce
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.services.orders.desk import Desk
    from streamspec.reference_impl.services.orders.records import Now
    from streamspec.reference_impl.services.orders.terms import Export, Follow

ORDERS: Final = "/v1/orders"
SESSION: Final = "/v1/session"
STREAM: Final = f"{ORDERS}/stream"
EVENTS: Final = f"{ORDERS}/events"
EXPORT: Final = f"{ORDERS}/export"
KINDS: Final = ((STREAM, records.NDJSON), (EVENTS, records.EVENTS), (EXPORT, records.ARRAY))
JSON: Final = "application/json"
SCRIPT_KIND: Final = "text/javascript; charset=utf-8"
HTML_KIND: Final = "text/html; charset=utf-8"
CHALLENGE: Final = (("www-authenticate", 'Bearer realm="orders"'),)


@dataclass(frozen=True, slots=True)
class Settings:
    """`tokens`: whoever has one of them is a client; without any, everybody is. `most_streams` of one client at a time;
    who wants more is to come again after `retry_after_s`. `allow_origin`: another site whose pages may read streams.
    Raises `ValueError` for an empty token."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    most_streams: int = 5
    retry_after_s: int = 5
    most_body_bytes: int = 16_384
    allow_origin: str = ""

    def __post_init__(self) -> None:
        if "" in self.tokens:
            raise ValueError("a token is empty: anybody could show it")


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer that went well."""

    status: int
    text: str = ""
    headers: Headers = ()


def utc_now() -> datetime:
    return datetime.now(UTC)


def application(desk: Desk, settings: Settings | None = None, now: Now = utc_now) -> Service:
    """The service as an application. The desk stays its maker's to close, when it is served no more."""
    mount = mount_of()
    return Service(Orders(desk, settings or Settings(), now, mount), mount)


class Orders:
    """Every answer of the service: `Service` hands it the requests."""

    def __init__(self, desk: Desk, settings: Settings, now: Now, mount: Mount) -> None:
        self._desk = desk
        self._settings = settings
        self._now = now
        self._mount = mount
        self._admission = Admission(settings.tokens, settings.most_streams)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        request = _request(scope)
        if request.path in {"/", page.SCRIPT_PATH}:
            await _public(request, send)
            return
        client = self._admission.client(request, by_cookie=request.path == EVENTS)
        if client is None:
            await asgi_answers.refuse(problem(401, "a bearer token is needed", CHALLENGE), send)
        elif request.path in dict(KINDS):
            await self._stream(request, client, receive, send)
        else:
            await _say(await self._ordinary(request, receive), send)

    # -- streams -------------------------------------------------------------------------------------------------------

    async def _stream(self, request: Request, client: str, receive: Receive, send: Send) -> None:
        kind = dict(KINDS)[request.path]
        if request.method != "GET":
            await asgi_answers.refuse(_not_allowed("GET"), send)
        elif not terms.accepts(header(request.headers, "accept"), kind):
            await asgi_answers.refuse(problem(406, f"this stream is to be had as {kind}", available=[kind]), send)
        else:
            with self._admission.one_more(client) as room:
                if not room:
                    most = self._settings.most_streams
                    detail = f"{most} streams are open, and one client has no more at a time"
                    await asgi_answers.refuse(later(429, detail, self._settings.retry_after_s), send)
                elif request.path == EVENTS:
                    await self._follow(request, receive, send)
                else:
                    await self._export(request, receive, send)

    async def _export(self, request: Request, receive: Receive, send: Send) -> None:
        as_array = request.path == EXPORT
        fields = ("id", "status") if as_array else ("id", "status", "total")  # what the guide shows of each
        try:
            wanted = terms.export(request.query, request.headers, fields)
            rows = await self._desk.read(partial(self._desk.store.rows, wanted.query))
        except (ValueError, StreamError) as failure:
            await asgi_answers.refuse(_refusal(failure), send)
            return
        try:
            try:
                total = await counted(self._desk, rows, receive)
            except StreamError as failure:
                await asgi_answers.refuse(_refusal(failure), send)
                return
            if total is None:
                return
            # An array has no word for an order that cannot be read: it ends there, and is no JSON.
            stops = as_array or wanted.on_error == "stop"
            produce = producers.export(self._desk, rows, wanted.flow, orders.writer(wanted.fields), stops=stops)
            binding = records.array() if as_array else records.ndjson(wanted, self._now)
            await self._show(request, wanted, binding, produce, total, receive, send)
        finally:
            await self._desk.read(rows.close)

    async def _follow(self, request: Request, receive: Receive, send: Send) -> None:
        try:
            wanted = terms.follow(request.query, request.headers)
            after = await self._after(wanted.after)
        except (ValueError, StreamError) as failure:
            await asgi_answers.refuse(_refusal(failure), send)
            return
        if isinstance(after, Refused):
            await asgi_answers.refuse(after, send)
            return
        produce = producers.events(self._desk, after, wanted)
        await self._show(request, wanted, records.events(), produce, None, receive, send)

    async def _after(self, said: str | None) -> int | Refused:
        """The id behind which a client goes on: what it has had, or all that there is so far."""
        kept = await self._desk.read(self._desk.store.kept)
        if said is None:
            return kept.newest
        known = said.isascii() and said.isdigit() and str(int(said[:20])) == said and int(said) <= kept.newest
        if not known:
            # Or the client would take a new start for what it had missed.
            return problem(412, "this is no id of an event", newest=kept.newest)
        if int(said) < kept.oldest - 1:
            return problem(410, "events behind this id have expired", oldest=kept.oldest, newest=kept.newest)
        return int(said)

    async def _show(
        self,
        request: Request,
        wanted: Export | Follow,
        binding: Binding,
        produce: Produce,
        total: int | None,
        receive: Receive,
        send: Send,
    ) -> None:
        said = (*wanted.flow.headers(self._settings.most_streams), *self._shared_headers())
        counted = () if total is None else (("x-stream-total-items", str(total)),)
        binding = replace(binding, headers=(*binding.headers, *said, *counted))
        role = Role(request.path, (), produce, None if total is None else lambda _: total)
        asked = Asked(role, {"heartbeat_ms": wanted.flow.heartbeat_ms}, wanted.flow.limits)
        seams = replace(self._mount.seams, capacity=wanted.flow.buffer)
        gzip = seams.codes(role, header(request.headers, "accept-encoding"))
        await asgi_answers.show(Answer(asked, binding, gzip), replace(self._mount, seams=seams), receive, send)

    def _shared_headers(self) -> Headers:
        origin = self._settings.allow_origin
        return (("access-control-allow-origin", origin), ("vary", "origin")) if origin else ()

    # -- everything else -----------------------------------------------------------------------------------------------

    async def _ordinary(self, request: Request, receive: Receive) -> Said | Refused | None:
        """None where the client has left before it had asked."""
        parent, _, name = request.path.rpartition("/")
        number = orders.number_of(name) if parent == ORDERS else None
        match request.path, request.method:
            case (path, "GET") if path == TOLD:
                return Said(200, payload.to_json(self._mount.told.figures()))
            case (path, "POST") if path == SESSION:
                return Said(204, "", (("set-cookie", self._admission.cookie(request)),))
            case (path, "POST") if path == ORDERS:
                return await self._write(request, receive, None)
            case (_, "GET") if number is not None:
                return await self._read(number)
            case (_, "PATCH") if number is not None:
                return await self._write(request, receive, number)
        allowed = {TOLD: "GET", SESSION: "POST", ORDERS: "POST"}.get(request.path, "GET, PATCH" if number else "")
        return _not_allowed(allowed) if allowed else problem(404, "there is nothing here")

    async def _read(self, number: int) -> Said | Refused:
        try:
            return _shown(await self._desk.read(partial(self._desk.store.order, number)))
        except StreamError as failure:
            return _refusal(failure)

    async def _write(self, request: Request, receive: Receive, number: int | None) -> Said | Refused | None:
        kind = header(request.headers, "content-type").partition(";")[0].strip().lower()
        if kind != JSON:
            return problem(415, f"an order is written as {JSON}")
        body = await asgi_answers.body(receive, self._settings.most_body_bytes)
        if isinstance(body, Refused):
            return problem(body.status, body.text, body.headers)
        if body is None:
            return None
        store = self._desk.store
        try:
            if number is None:
                made = await self._desk.write(partial(store.create, orders.drafted(body)))
                return Said(201, orders.whole(made), (("location", f"{ORDERS}/{orders.id_of(made.number)}"),))
            return _shown(await self._desk.write(partial(store.change, number, orders.changed(body))))
        except (ValueError, StreamError, Conflict) as failure:
            return _refusal(failure)


def _shown(found: Order | Unreadable | None) -> Said | Refused:
    match found:
        case Order():
            return Said(200, orders.whole(found))
        case Unreadable():
            return problem(500, producers.UNREADABLE)
        case None:
            return problem(404, "there is no such order")


def _refusal(failure: ValueError | StreamError | Conflict) -> Refused:
    match failure:
        case StreamError(code=Code.RESOURCE_EXHAUSTED):
            return later(503, failure.message, 1)
        case StreamError():
            return problem(500, failure.message)
        case Conflict():
            return problem(409, str(failure), code="INVALID_STATUS_TRANSITION")
        case _:
            return problem(400, str(failure))


def _not_allowed(methods: str) -> Refused:
    return problem(405, f"this is asked for with {methods}", (("allow", methods),))


def _request(scope: Message) -> Request:
    address = (scope.get("client") or ("unknown",))[0]
    fields = asgi_answers.decoded(scope.get("headers", ()))
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), fields, address)


async def _public(request: Request, send: Send) -> None:
    if request.method != "GET":
        await asgi_answers.refuse(_not_allowed("GET"), send)
    elif request.path == page.SCRIPT_PATH:
        await asgi_answers.tell(Page(page.SCRIPT, SCRIPT_KIND), send)
    else:
        await asgi_answers.tell(Page(page.HTML, HTML_KIND), send, (("content-security-policy", page.POLICY),))


async def _say(answer: Said | Refused | None, send: Send) -> None:
    match answer:
        case Refused():
            await asgi_answers.refuse(answer, send)
        case Said(status=200):
            await asgi_answers.tell(Page(answer.text, JSON), send, answer.headers)
        case Said():
            text = answer.text.encode()
            kind = (("content-type", JSON), ("content-length", str(len(text)))) if text else ()
            fields = (*kind, ("cache-control", "no-store"), *answer.headers)
            await asgi_answers.whole(answer.status, text, fields, send)
        case None:
            pass
