"""Streams over HTTP: server streams as server-sent events or NDJSON, all others refused; and the pages beside them.

Never here: a socket, a stream at work (`served_stream`), or what JSON-RPC says (`jsonrpc`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import asgi_answers, jsonrpc, raffel, raffel_docs
from streamspec.reference_impl.conformance import STATUSES
from streamspec.reference_impl.mount import Answer
from streamspec.reference_impl.routing import MOST_FIELDS, Page, Refused, header
from streamspec.reference_impl.services.framework import lines
from streamspec.reference_impl.services.framework.content_types import JSON, NDJSON, SSE, negotiated
from streamspec.reference_impl.services.framework.over_messages import UNKNOWN
from streamspec.reference_impl.services.framework.served_stream import asked
from streamspec.reference_impl.services.framework.usd import usd_document
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.binding import Binding, Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.services.framework.procedure import Procedure
    from streamspec.reference_impl.services.framework.router import Router
    from streamspec.reference_impl.services.framework.served_options import Options

STREAMS: Final = "/streams/"
USD: Final = "/usd.json"
TOLD: Final = "/told"
RPC: Final = "/rpc"
MOST_QUERY_BYTES: Final = 8_192
# What is shown depends on what was asked for (RFC 9110 12.5.5). Proxies that know the other hand items on as they come.
_SHOWN: Final = (("vary", "accept"), ("x-accel-buffering", "no"))
_ALLOW_GET: Final = (("allow", "GET"),)


class Http:
    """The application, as far as HTTP goes."""

    def __init__(self, router: Router, mount: Mount, options: Options) -> None:
        self._router = router
        self._mount = mount
        self._options = options
        events = raffel_docs.BINDING if options.envelopes == "docs" else raffel.BINDING
        self._bindings = {SSE: _shown(events), NDJSON: _shown(lines.BINDING)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == RPC:
            await self._call(scope, receive, send)
            return
        fields = asgi_answers.decoded(scope.get("headers", ()))
        answer = self.answer(scope["method"], scope["path"], scope["query_string"], fields)
        if isinstance(answer, Refused):
            await asgi_answers.refuse(answer, send)
        elif isinstance(answer, Page):
            await asgi_answers.tell(answer, send)
        else:
            await asgi_answers.show(answer, self._mount, receive, send)

    def answer(self, method: str, path: str, query: bytes, fields: Headers) -> Answer | Page | Refused:
        """What becomes of a request, whose path is decoded. Nothing is begun."""
        if path in {USD, TOLD}:
            return self._page(path) if method == "GET" else _not_allowed(_ALLOW_GET)
        procedure = self._router.get(path.removeprefix(STREAMS)) if path.startswith(STREAMS) else None
        if procedure is None:
            return refusal(404, "NOT_FOUND", UNKNOWN)
        return self._shown(procedure, query, fields) if method == "GET" else _not_allowed(_ALLOW_GET)

    def _shown(self, procedure: Procedure, query: bytes, fields: Headers) -> Answer | Refused:
        if procedure.direction != "server":
            return refusal(501, "UNIMPLEMENTED", "over HTTP only the server streams: use WebSocket, TCP or gRPC")
        kinds = self._router.content_types.over_http(procedure)
        kind = negotiated(header(fields, "accept"), kinds)
        if kind is None:
            return refusal(406, "NOT_ACCEPTABLE", f"this stream is shown as {' or '.join(kinds)}")
        try:
            given = procedure.validated(_given(query), from_query=True)
            stream = asked(procedure, given, fields, self._options)
        except StreamError as wrong:
            return refusal(STATUSES.get(wrong.code, 500), wrong.code.value, wrong.message)
        return Answer(stream, self._bindings[kind], gzip=False)

    def _page(self, path: str) -> Page:
        told = usd_document(self._router) if path == USD else self._mount.told.figures()
        return Page(payload.to_json(told), JSON)

    async def _call(self, scope: Message, receive: Receive, send: Send) -> None:
        """JSON-RPC carries no stream of ours, and there is nothing else to call."""
        if scope["method"] != "POST":
            await asgi_answers.refuse(_not_allowed((("allow", "POST"),)), send)
            return
        body = await asgi_answers.body(receive, jsonrpc.MOST_BODY_BYTES)
        if body is None:
            return
        if isinstance(body, Refused):
            await asgi_answers.refuse(refusal(body.status, "PAYLOAD_TOO_LARGE", body.text, body.headers), send)
            return
        names = {procedure.name for procedure in self._router.procedures()}
        status, said = await jsonrpc.answer(body, streams=names)
        if said:
            await asgi_answers.tell(Page(said.decode(), jsonrpc.KIND), send)
        else:
            await asgi_answers.refuse(Refused(status, ""), send)


def refusal(status: int, code: str, message: str, more: Headers = ()) -> Refused:
    """In Raffel's words for what was no stream."""
    return Refused(status, payload.to_json({"error": {"code": code, "message": message}}), more, JSON)


def _not_allowed(allow: Headers) -> Refused:
    return refusal(405, "METHOD_NOT_ALLOWED", f"this is asked for with {allow[0][1]}", allow)


def _shown(binding: Binding) -> Binding:
    return replace(binding, headers=(*binding.headers, *_SHOWN))


def _given(query: bytes) -> Mapping[str, str | list[str]]:
    """The texts of a query by name, several of one name as a list. Raises INVALID_ARGUMENT."""
    if len(query) > MOST_QUERY_BYTES:
        raise StreamError(Code.INVALID_ARGUMENT, f"a query has at most {MOST_QUERY_BYTES} octets")
    try:
        text = query.decode("ascii")
        found = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:  # no ASCII, no UTF-8 behind the percent signs, or too many
        wanted = f"a query is percent-encoded UTF-8, of at most {MOST_FIELDS} parameters"
        raise StreamError(Code.INVALID_ARGUMENT, wanted) from None
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in found.items()}
