"""A `StreamTransportService` for clients outside of its process: over HTTP, in the envelopes of a WebSocket or of
framed TCP, and over gRPC.

An action is asked for at `/stream/ACTION`, or as a message's procedure; a handler's thread and the tasks of the loop
meet in the stream, and no thread waits for the loop. Never here: a socket, an encoder, or what an action does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import asgi_answers
from streamspec.reference_impl.conformance import DIRECTIONS, STATUSES
from streamspec.reference_impl.inlet import no_items
from streamspec.reference_impl.mount import Answer
from streamspec.reference_impl.roles import Role
from streamspec.reference_impl.routing import MOST_FIELDS, Asked, Limits, Page, Refused, header
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.services import crossing, hosting
from streamspec.reference_impl.services.transport import wire
from streamspec.reference_impl.services.transport.exceptions import StreamErrorCode, StreamException
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.services.transport.channel import Sent
    from streamspec.reference_impl.services.transport.ledger import Call
    from streamspec.reference_impl.services.transport.service import Action, StreamTransportService
    from streamspec.reference_impl.services.transport.tasks import Task

STREAM: Final = "/stream/"
TOLD: Final = "/told"
TASKS: Final = "/_tasks"
SOCKET: Final = "/ws"
MOST_REQUEST_BYTES: Final = 1024 * 1024
JSON: Final = "application/json"
CALLED: Final = "server"  # the procedure whose message names its action itself: gRPC's method has no other place for it


class Malformed(ValueError):
    """What came is no request."""


def application(service: StreamTransportService, heartbeat_ms: int = 0) -> hosting.Service:
    """All of it on one port; `heartbeat_ms` of silence are followed by a sign of life, 0: never."""
    node = _Node(service, heartbeat_ms)
    # What is beside the watermark is one batch for each of the two tasks that a batch goes through.
    mount = hosting.mount_of(node.opened, Seams(capacity=0))
    node.mount = mount
    return hosting.Service(node.answer, mount, (SOCKET,))


@dataclass(slots=True)
class _Node:
    service: StreamTransportService
    heartbeat_ms: int
    mount: Mount | None = None

    # Over HTTP.

    async def answer(self, scope: Message, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path.startswith(STREAM):
            await self._stream(scope, receive, send)
        elif path == TOLD and method == "GET":
            await asgi_answers.tell(Page(payload.to_json(self.service.figures()), JSON), send)
        elif path == TASKS and method == "GET":
            tasks = {"tasks": [_shown(task) for task in self.service.tasks()]}
            await asgi_answers.tell(Page(payload.to_json(tasks), JSON), send)
        elif path.startswith(f"{TASKS}/"):
            await self._cancel(path.removeprefix(f"{TASKS}/"), method, send)
        elif path in {TOLD, TASKS}:
            await asgi_answers.refuse(Refused(405, "this is asked for with GET", (("allow", "GET"),)), send)
        else:
            await asgi_answers.refuse(Refused(404, "streams are asked for at /stream/ACTION"), send)

    async def _stream(self, scope: Message, receive: Receive, send: Send) -> None:
        fields = asgi_answers.decoded(scope.get("headers", ()))
        asked = await _asked(scope, receive)
        if asked is None:
            return
        binding = wire.accepted(header(fields, "accept"))
        if isinstance(asked, Refused) or binding is None:
            refused = asked if isinstance(asked, Refused) else Refused(406, "there are NDJSON and Server-Sent Events")
            await asgi_answers.refuse(refused, send)
            return
        try:
            call = self.service.begin(*self.service.read(scope["path"].removeprefix(STREAM), asked[0]))
        except StreamException as refusal:
            await asgi_answers.refuse(_refused(refusal), send)
            return
        try:
            show = Answer(self._carrying(call), binding, gzip=False)
            assert self.mount is not None, "it is there before anybody asks"
            await asgi_answers.show(show, self.mount, receive, send)
        finally:
            call.stream.cancel("the client has left")  # of one that has ended it changes nothing

    async def _cancel(self, rest: str, method: str, send: Send) -> None:
        """`POST /_tasks/NUMBER/_cancel`."""
        number, _, what = rest.partition("/")
        if what != "_cancel" or not (number.isascii() and number.isdigit() and len(number) < 19):
            await asgi_answers.refuse(Refused(404, "a task is cancelled at /_tasks/NUMBER/_cancel"), send)
        elif method != "POST":
            await asgi_answers.refuse(Refused(405, "a task is cancelled with POST", (("allow", "POST"),)), send)
        elif self.service.cancel_task(int(number), "by user request"):
            await asgi_answers.tell(Page('{"cancelled":true}', JSON), send)
        else:
            await asgi_answers.refuse(_refused(_missing("there is no such task at work")), send)

    # In messages.

    def opened(self, procedure: str, text: str, _headers: Headers, deadline_s: float | None) -> Asked | StreamError:
        """What becomes of a message that asks for a stream. Its handler has no thread before the stream begins."""
        try:
            name, request = _called(text) if procedure == CALLED else (procedure, _json(text))
            if procedure != CALLED and procedure in DIRECTIONS:  # no action has such a name
                return StreamError(Code.UNIMPLEMENTED, "only the server streams here")
            action, read = self.service.read(name, request)
        except Malformed as reason:
            return StreamError(Code.INVALID_ARGUMENT, str(reason))
        except StreamException as refused:
            return StreamError(refused.code, refused.message)
        return self._beginning(action, read, deadline_s)

    def _beginning(self, action: Action, request: Any, deadline_s: float | None) -> Asked:
        async def produce(outlet: Outlet, _values: Values) -> None:
            try:
                call = self.service.begin(action, request, deadline_s)
            except StreamException as refused:
                raise StreamError(refused.code, refused.message) from None
            await _carry(call, outlet)

        return self._asked(action.name, produce, deadline_s)

    def _carrying(self, call: Call) -> Asked:
        async def produce(outlet: Outlet, _values: Values) -> None:
            await _carry(call, outlet)

        return self._asked(call.task.action, produce, None)

    def _asked(self, name: str, produce: Any, deadline_s: float | None) -> Asked:
        role = Role(name, (), produce)
        return Asked(role, {"heartbeat_ms": self.heartbeat_ms}, Limits(deadline_s), inlet=no_items())


async def _carry(call: Call, outlet: Outlet) -> None:
    answer: crossing.Source[Sent] = call.stream
    await crossing.carry(answer, outlet, wire.framed)


async def _asked(scope: Message, receive: Receive) -> tuple[Any] | Refused | None:
    """The JSON value that a request carries; None when its client has left meanwhile."""
    try:
        if scope["method"] == "GET":
            return (_queried(scope["query_string"].decode("latin-1")),)
        if scope["method"] != "POST":
            return Refused(405, "streams are asked for with GET or POST", (("allow", "GET, POST"),))
        came = await asgi_answers.body(receive, MOST_REQUEST_BYTES)
        return came if came is None or isinstance(came, Refused) else (_json(came.decode() if came else "null"),)
    except (Malformed, UnicodeDecodeError) as reason:
        text = str(reason) if isinstance(reason, Malformed) else "a request is JSON in UTF-8"
        return _refused(StreamException(StreamErrorCode.INVALID_ARGUMENT, text))


def _queried(query: str) -> Any:
    """A request in a query: `source` is its JSON; without one, an object of its parameters, each a text."""
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Malformed(f"a query has at most {MOST_FIELDS} parameters") from None
    return _json(given["source"]) if "source" in given else given


def _called(text: str) -> tuple[str, Any]:
    """An action and its request, of `{"action": …, "request": …}`."""
    called = _json(text)
    if not isinstance(called, dict) or not isinstance(called.get("action"), str):
        raise Malformed("a stream is asked for with an object that has an action")
    return called["action"], called.get("request")


def _json(text: str) -> Any:
    try:
        return payload.repeatable(text)  # a handler may send back whatever it was sent
    except (ValueError, RecursionError):
        raise Malformed("a request is one JSON value that can be written again") from None


def _missing(text: str) -> StreamException:
    return StreamException(StreamErrorCode.NOT_FOUND, text)


def _refused(refusal: StreamException) -> Refused:
    error = {"error": {"code": refusal.error_code.name, "message": refusal.message}}
    return Refused(STATUSES.get(refusal.code, 500), payload.to_json(error), kind=JSON)


def _shown(task: Task) -> Mapping[str, object]:
    parent = None if task.parent is None else task.parent.id
    return {"id": task.id, "action": task.action, "description": task.description, "parent": parent}
