"""An agent as a service: OpenAI's API under `/v1`, Ollama's under `/api`, and at `/told` what its streams do.

A request is read and judged before anything is done; then it is the agent's, until its answer is over or its client has
left, which cancels it wherever it is. Never here: a body's fields, an answer's JSON, a queue.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload, session
from streamspec.reference_impl.binding import Binding
from streamspec.reference_impl.bindings import asgi_answers
from streamspec.reference_impl.conformance import CHALLENGE
from streamspec.reference_impl.mount import Answer
from streamspec.reference_impl.roles import Role
from streamspec.reference_impl.routing import TOLD, Asked, Page, Refused
from streamspec.reference_impl.services import hosting
from streamspec.reference_impl.services.agent import endpoints_answers as answers
from streamspec.reference_impl.services.agent import endpoints_submitting as submitting
from streamspec.reference_impl.services.agent import ollama_answers, ollama_api, openai_answers, openai_api
from streamspec.reference_impl.services.agent.endpoints_reading import Invalid, fields_of
from streamspec.reference_impl.services.agent.endpoints_wanted import Limits, Wanted
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.outlet import ItemStream, Outlet
    from streamspec.reference_impl.roles import Values
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.services.agent.endpoints_answers import Writer
    from streamspec.reference_impl.services.agent.endpoints_reading import Fields
    from streamspec.reference_impl.services.agent.ports import Agent, StreamChunk
    from streamspec.reference_impl.services.agent.tool_calls import Part
    from streamspec.reference_impl.stream.threads import Stream

MODEL: Final = "/v1/models/"  # and a name
SHOW: Final = "/api/show"
_TEXT: Final = "text/plain; charset=utf-8"
_ID_BYTES: Final = 12


def _new_id() -> str:
    return secrets.token_hex(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of requests; after which silence of the model a stream of OpenAI's gets a comment (0: never); whose bearer
    tokens are good (none: nobody needs one). Then what comes from outside: the time of day, a clock, and ids."""

    limits: Limits = field(default_factory=Limits)
    heartbeat_ms: int = 0
    tokens: tuple[str, ...] = field(default=(), repr=False)
    now_s: Callable[[], float] = time.time
    clock_s: Callable[[], float] = time.monotonic
    new_id: Callable[[], str] = _new_id


@dataclass(frozen=True, slots=True)
class Api:
    """How an API says that a request is refused, or that its answer has failed before it began."""

    refused: Callable[[Invalid, Headers], Refused]
    failed: Callable[[StreamError], Refused]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """From a body to what is wanted, and what writes the answer. `loaded` answers who wants nothing."""

    api: Api
    read: Callable[[Fields, Sequence[str], Limits], Wanted | ollama_api.Loaded]
    writer: Callable[[Wanted, Settings], Writer]
    loaded: Callable[[str, float], object] | None = None


def _chat(wanted: Wanted, settings: Settings) -> Writer:
    return openai_answers.Chat(settings.new_id(), int(settings.now_s()), wanted.model, wanted.usage)


def _completion(wanted: Wanted, settings: Settings) -> Writer:
    return openai_answers.Completion(settings.new_id(), int(settings.now_s()), wanted.model, wanted.usage)


def _message(wanted: Wanted, settings: Settings) -> Writer:
    return ollama_answers.Answer(wanted.model, ollama_answers.message, settings.now_s, settings.clock_s)


def _response(wanted: Wanted, settings: Settings) -> Writer:
    return ollama_answers.Answer(wanted.model, ollama_answers.response, settings.now_s, settings.clock_s)


def _no_message(model: str, now_s: float) -> object:
    return ollama_answers.loaded(model, ollama_answers.message("", ()), now_s)


def _no_response(model: str, now_s: float) -> object:
    return ollama_answers.loaded(model, ollama_answers.response("", ()), now_s)


OPENAI: Final = Api(openai_api.refused, openai_api.failed)
OLLAMA: Final = Api(ollama_api.refused, ollama_api.failed)
ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "/v1/chat/completions": Endpoint(OPENAI, openai_api.chat, _chat),
    "/v1/completions": Endpoint(OPENAI, openai_api.completion, _completion),
    "/api/chat": Endpoint(OLLAMA, ollama_api.chat, _message, _no_message),
    "/api/generate": Endpoint(OLLAMA, ollama_api.generate, _response, _no_response),
}
PAGES: Final[Mapping[str, Callable[[Sequence[str]], object]]] = {
    "/v1/models": openai_api.models,
    "/api/tags": ollama_api.tags,
    "/api/ps": ollama_api.tags,
    "/api/version": lambda _: {"version": ollama_api.VERSION},
}


def service(agent: Agent, settings: Settings | None = None) -> hosting.Service:
    """The agent as an application for `server.serve`. Its streams are all HTTP."""
    settings = settings or Settings()
    mount = replace(hosting.mount_of(), tokens=settings.tokens)
    return hosting.Service(Endpoints(agent, mount, settings), mount)


class Endpoints:
    """The HTTP of it, an ASGI application."""

    def __init__(self, agent: Agent, mount: Mount, settings: Settings) -> None:
        self._agent = agent
        self._mount = mount
        self._settings = settings

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        api = OLLAMA if path.startswith("/api") else OPENAI
        try:
            self._admit(asgi_answers.decoded(scope["headers"]))
            if method in {"GET", "HEAD"}:
                await asgi_answers.tell(self._page(path), send)
            elif method == "POST" and (path in ENDPOINTS or path == SHOW):
                await self._answer(path, api, receive, send)
            else:
                raise _not_for(path, method)
        except Invalid as invalid:
            await asgi_answers.refuse(api.refused(invalid, _headers_of(invalid, path)), send)

    def _admit(self, headers: Headers) -> None:
        if self._mount.unauthenticated(headers) is not None:
            raise Invalid("a bearer token that is known here is needed", status=401, code="invalid_api_key")

    def _page(self, path: str) -> Page:
        names = self._agent.models
        if path == "/":
            return Page(ollama_api.RUNNING, _TEXT)
        if path == TOLD:
            return _json(self._mount.told.figures())
        if path in PAGES:
            return _json(PAGES[path](names))
        if path.startswith(MODEL):
            return _json(openai_api.model(openai_api.known(path.removeprefix(MODEL), names)))
        raise _not_for(path, "GET")

    async def _answer(self, path: str, api: Api, receive: Receive, send: Send) -> None:
        """To a request with a body."""
        body = await asgi_answers.body(receive, self._settings.limits.most_body_bytes)
        if body is None:
            return
        if isinstance(body, Refused):
            await asgi_answers.refuse(api.refused(Invalid(body.text, status=body.status), body.headers), send)
            return
        fields = fields_of(body)
        if path == SHOW:
            await asgi_answers.tell(_json(ollama_api.show(fields, self._agent.models)), send)
            return
        endpoint = ENDPOINTS[path]
        wanted = endpoint.read(fields, self._agent.models, self._settings.limits)
        if isinstance(wanted, Wanted):
            await self._generate(endpoint, wanted, receive, send)
        else:
            assert endpoint.loaded is not None, "it was this endpoint that read it"
            await asgi_answers.tell(_json(endpoint.loaded(wanted.model, self._settings.now_s())), send)

    async def _generate(self, endpoint: Endpoint, wanted: Wanted, receive: Receive, send: Send) -> None:
        writer = endpoint.writer(wanted, self._settings)
        try:
            submitted = await submitting.submitted(self._agent, wanted.request)
        except StreamError as refused:
            await asgi_answers.refuse(endpoint.api.failed(refused), send)
            return
        source = submitted.source
        parts = answers.Parts(wanted.calls, submitted.prompt_tokens, self._settings.clock_s)
        try:
            if wanted.streams:
                await self._stream(source, parts, writer, receive, send)
            else:
                await self._whole(source, parts, writer, endpoint.api, receive, send)
        finally:
            source.cancel()  # where nobody has begun to take from it; of one that has ended it changes nothing

    async def _stream(
        self, source: Stream[StreamChunk], parts: answers.Parts, writer: Writer, receive: Receive, send: Send
    ) -> None:
        async def produce(outlet: Outlet, _values: Values) -> None:
            await answers.stream(source, outlet, parts, writer)

        asked = Asked(Role("", (), produce), {"heartbeat_ms": self._settings.heartbeat_ms})
        binding = Binding("", writer.headers, lambda: writer.encode)
        await asgi_answers.show(Answer(asked, binding, gzip=False), self._mount, receive, send)

    async def _whole(
        self, source: Stream[StreamChunk], parts: answers.Parts, writer: Writer, api: Api, receive: Receive, send: Send
    ) -> None:
        """The same as one page. Whoever leaves before it is there cancels it as well."""
        found: list[Part] = []

        async def produce(outlet: Outlet, _values: Values) -> None:
            await answers.collect(source, outlet, parts, found)

        asked = Asked(Role("", (), produce), {})
        async with session.producing(asked, self._mount) as stream, asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(asgi_answers.cancel_on_disconnect(receive, stream))
            failure = await _end_of(stream)
            watcher.cancel()
        if failure is None:
            await asgi_answers.tell(_json(writer.whole(found, parts.finish())), send)
        elif stream.state is not Phase.CANCELLED:
            await asgi_answers.refuse(api.failed(failure), send)


async def _end_of(stream: ItemStream) -> StreamError | None:
    """How a stream without items ends."""
    try:
        await stream.receive()
    except StreamError as failure:
        return failure
    return None


def _not_for(path: str, method: str) -> Invalid:
    if _methods(path):
        return Invalid(f"{path} is not for {method}", status=405)
    return Invalid("there is no such path", status=404, code="unknown_url")


def _headers_of(invalid: Invalid, path: str) -> Headers:
    if invalid.status == 401:
        return CHALLENGE
    return (("allow", _methods(path)),) if invalid.status == 405 else ()


def _methods(path: str) -> str:
    if path in ENDPOINTS or path == SHOW:
        return "POST"
    return "GET, HEAD" if path in {"/", TOLD, *PAGES} or path.startswith(MODEL) else ""


def _json(value: object) -> Page:
    return Page(payload.to_json(value), "application/json")
