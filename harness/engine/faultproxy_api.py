"""The HTTP API of Toxiproxy for our fault proxy: its paths, documents, codes and words, on this machine only.

What differs on purpose is in docs/faults.md. Never here: sockets of a stream, or what a toxic does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from streamspec.harness.core.toxic import problem_of
from streamspec.harness.engine.faultproxy import (
    HOST,
    PROXIES_MAX,
    STREAMS,
    TOXICS_MAX,
    Dose,
    NotLocalError,
    Proxies,
    Proxy,
    local,
    written,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from streamspec.harness.core.toxic import Toxic

HEAD_BYTES_MAX: Final = 16_384
BODY_BYTES_MAX: Final = 65_536
REQUEST_S: Final = 5.0  # one request, from its connection to its last octet
AT_ONCE_MAX: Final = 32  # requests
NAME_CHARS_MAX: Final = 200
_JSON: Final = "application/json"
_PLAIN: Final = "text/plain; charset=utf-8"


class ApiError(Exception):
    """A request that is not carried out: the status and the words of its answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a JSON document, or none."""

    status: int
    document: Any = None


@asynccontextmanager
async def serving(proxies: Proxies, version: str, port: int = 0) -> AsyncIterator[int]:
    """The port at which the API is served while the block runs; then every proxy is stopped. Raises `OSError` when the
    port is taken."""
    api = Api(proxies, version)
    server = await asyncio.start_server(api.serve, HOST, port, limit=HEAD_BYTES_MAX)
    try:
        found: int = server.sockets[0].getsockname()[1]
        yield found
    finally:
        server.close()
        await proxies.stop()


class Api:
    """What each request does. One at a time changes anything: a change is over before the next begins."""

    def __init__(self, proxies: Proxies, version: str) -> None:
        self._proxies = proxies
        self._version = version
        self._turn = asyncio.Lock()
        self._serving = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self._serving += 1
        try:
            if self._serving <= AT_ONCE_MAX:
                async with asyncio.timeout(REQUEST_S):
                    writer.write(await self._answered(reader))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, asks too slowly, or does not speak HTTP
        finally:
            self._serving -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answered(self, reader: asyncio.StreamReader) -> bytes:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = fields.get("content-length", "0")
        if not size.isdigit() or int(size) > BODY_BYTES_MAX or "transfer-encoding" in fields:
            return _error(413, "the body is too large, or of unknown length")
        body = await reader.readexactly(int(size))
        if fields.get("user-agent", "").startswith("Mozilla/"):  # a page that a browser shows must not control us
            return _error(403, "User agent not allowed")
        try:
            async with self._turn:
                reply = await self._done(method, [unquote(part) for part in path.strip("/").split("/")], body)
        except ApiError as error:
            return _error(error.status, str(error))
        return _whole(reply)

    async def _done(self, method: str, path: list[str], body: bytes) -> Reply:  # noqa: PLR0911 -- one line a path
        match path:
            case ["version"] if method == "GET":
                return Reply(200, {"version": self._version})
            case ["reset"] if method == "POST":
                await self._reset()
                return Reply(204)
            case ["populate"] if method == "POST":
                return await self._populate(body)
            case ["proxies"]:
                return await self._all(method, body)
            case ["proxies", name]:
                return await self._one(method, self._proxy(name), body)
            case ["proxies", name, "toxics"]:
                return self._toxics(method, self._proxy(name), body)
            case ["proxies", name, "toxics", toxic]:
                return self._toxic(method, self._proxy(name), toxic, body)
            case ["version"] | ["reset"] | ["populate"]:
                raise ApiError(405, "")
        raise ApiError(404, "404 page not found")

    # -- proxies -------------------------------------------------------------------------------------------------------

    def _proxy(self, name: str) -> Proxy:
        if name not in self._proxies.by_name:
            raise ApiError(404, "proxy not found")
        return self._proxies.by_name[name]

    async def _reset(self) -> None:
        try:
            await self._proxies.reset()
        except OSError as error:
            raise ApiError(500, _words(error)) from error

    async def _all(self, method: str, body: bytes) -> Reply:
        if method == "GET":
            return Reply(200, {name: _shown(proxy) for name, proxy in self._proxies.by_name.items()})
        if method != "POST":
            raise ApiError(405, "")
        return Reply(201, _shown(await self._create(_object(body))))

    async def _create(self, said: Mapping[str, Any], place: str = "") -> Proxy:
        name, upstream = _text(said, "name"), _text(said, "upstream")
        for field, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise ApiError(400, f"missing required field: {field}{place}")
        if len(name) > NAME_CHARS_MAX or len(self._proxies.by_name) >= PROXIES_MAX:
            raise ApiError(400, f"at most {PROXIES_MAX} proxies, with names of {NAME_CHARS_MAX} characters")
        if name in self._proxies.by_name:
            raise ApiError(409, "proxy already exists")
        proxy = Proxy(name, _listen(_text(said, "listen")), _upstream(upstream), self._proxies.seed)
        if _flag(said, "enabled", otherwise=True):
            await _started(proxy)
        self._proxies.by_name[name] = proxy
        return proxy

    async def _populate(self, body: bytes) -> Reply:
        """As Toxiproxy: a proxy that listens and leads as before stays, another of this name is replaced."""
        said = _value(body)
        if not isinstance(said, list):
            raise ApiError(400, "bad request body: an array is needed")
        entries = [_lowered(entry) for entry in said]
        for number, entry in enumerate(entries, 1):
            for field in ("name", "upstream"):
                if not _text(entry, field):
                    raise ApiError(400, f"missing required field: {field} at proxy {number}")
        made = []
        for entry in entries:
            there = self._proxies.by_name.get(_text(entry, "name"))
            if there and (there.listen, there.upstream) != (_text(entry, "listen"), _text(entry, "upstream")):
                await there.stop()
                del self._proxies.by_name[there.name]
                there = None
            made.append(there or await self._create(entry))
        return Reply(201, {"proxies": [_shown(proxy) for proxy in made] or None})

    async def _one(self, method: str, proxy: Proxy, body: bytes) -> Reply:
        if method == "DELETE":
            await proxy.stop()
            del self._proxies.by_name[proxy.name]
            return Reply(204)
        if method in {"POST", "PATCH"}:
            await self._change(proxy, _object(body))
        elif method != "GET":
            raise ApiError(405, "")
        return Reply(200, _shown(proxy))

    async def _change(self, proxy: Proxy, said: Mapping[str, Any]) -> None:
        listen = _listen(_text(said, "listen") or proxy.listen)
        upstream = _upstream(_text(said, "upstream") or proxy.upstream)
        enabled = _flag(said, "enabled", otherwise=proxy.enabled)
        if (listen, upstream) != (proxy.listen, proxy.upstream):
            await proxy.stop()
            proxy.listen, proxy.upstream = listen, upstream
        if enabled:
            await _started(proxy)
        else:
            await proxy.stop()

    # -- toxics --------------------------------------------------------------------------------------------------------

    def _toxics(self, method: str, proxy: Proxy, body: bytes) -> Reply:
        if method == "GET":
            return Reply(200, _doses(proxy))
        if method != "POST":
            raise ApiError(405, "")
        dose = self._dose(_object(body))
        if proxy.dose(dose.name) is not None:
            raise ApiError(409, "toxic already exists")
        if len(proxy.doses) >= TOXICS_MAX:
            raise ApiError(400, f"at most {TOXICS_MAX} toxics on a proxy")
        proxy.add(dose)
        return Reply(200, _dose(dose))

    def _dose(self, said: Mapping[str, Any]) -> Dose:
        stream = (_text(said, "stream") or "downstream").lower()
        kind = _text(said, "type")
        found = next((name for name in STREAMS if name == stream), None)
        if found is None:
            raise ApiError(400, "stream was invalid, can be either upstream or downstream")
        toxic = self._proxies.toxics.get(kind)
        if toxic is None:
            raise ApiError(400, "invalid toxic type")
        name = _text(said, "name") or f"{kind}_{stream}"
        return Dose(name, toxic, found, _share(said, 1.0), _values(toxic, said, {}))

    def _toxic(self, method: str, proxy: Proxy, name: str, body: bytes) -> Reply:
        dose = proxy.dose(name)
        if dose is None:
            raise ApiError(404, "toxic not found")
        if method == "DELETE":
            proxy.remove(name)
            return Reply(204)
        if method in {"POST", "PATCH"}:
            said = _object(body)
            dose = replace(dose, toxicity=_share(said, dose.toxicity), values=_values(dose.toxic, said, dose.values))
            proxy.change(dose)
        elif method != "GET":
            raise ApiError(405, "")
        return Reply(200, _dose(dose))


async def _started(proxy: Proxy) -> None:
    try:
        await proxy.start()
    except OSError as error:
        raise ApiError(500, f"listen tcp {proxy.listen}: bind: {_words(error)}") from error


# -- documents ---------------------------------------------------------------------------------------------------------


def _shown(proxy: Proxy) -> dict[str, Any]:
    return {
        "name": proxy.name,
        "listen": proxy.listen,
        "upstream": proxy.upstream,
        "enabled": proxy.enabled,
        "Logger": {},  # a field that clients of Toxiproxy are given
        "toxics": _doses(proxy),
    }


def _doses(proxy: Proxy) -> list[dict[str, Any]]:
    return [_dose(dose) for stream in STREAMS for dose in proxy.doses if dose.stream == stream]


def _dose(dose: Dose) -> dict[str, Any]:
    return {
        "attributes": {name: dose.values.get(name, 0) for name in dose.toxic.attributes},
        "name": dose.name,
        "type": dose.toxic.name,
        "stream": dose.stream,
        "toxicity": dose.toxicity,
    }


# -- what was said -----------------------------------------------------------------------------------------------------


def _value(body: bytes) -> Any:
    """The first JSON value; what follows it is not looked at. Raises `ApiError`."""
    text = body.decode("utf-8", "replace").lstrip()
    if not text:
        raise ApiError(400, "bad request body: EOF")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"bad request body: {error}") from error
    return value


def _object(body: bytes) -> dict[str, Any]:
    return _lowered(_value(body))


def _lowered(value: Any) -> dict[str, Any]:
    """An object whose keys are alike in any case, and null is as good as nothing."""
    if not isinstance(value, dict):
        raise ApiError(400, "bad request body: an object is needed")
    return {key.lower(): entry for key, entry in value.items() if entry is not None}


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise ApiError(400, f"bad request body: {name} must be a string")
    return value


def _flag(said: Mapping[str, Any], name: str, *, otherwise: bool) -> bool:
    value = said.get(name, otherwise)
    if not isinstance(value, bool):
        raise ApiError(400, f"bad request body: {name} must be true or false")
    return value


def _share(said: Mapping[str, Any], otherwise: float) -> float:
    value = said.get("toxicity", otherwise)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ApiError(400, "bad request body: toxicity must be a number from 0 to 1")
    return value


def _values(toxic: Toxic, said: Mapping[str, Any], before: Mapping[str, int]) -> dict[str, int]:
    """The attributes of a toxic, those that were not said as before. Raises `ApiError`."""
    given = _lowered(said.get("attributes", {}))
    for name in toxic.attributes:
        value = given.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ApiError(400, f"bad request body: attributes.{name} must be a whole number")
    values = {name: given.get(name, before.get(name, 0)) for name in toxic.attributes}
    if problem := problem_of(toxic, values):
        raise ApiError(400, problem)
    return values


def _listen(listen: str) -> str:
    try:
        return written(*local(listen))
    except NotLocalError as error:
        raise ApiError(400, str(error)) from error
    except ValueError as error:
        raise ApiError(500, str(error)) from error


def _upstream(upstream: str) -> str:
    host, _, port = upstream.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ApiError(400, f"upstream {upstream}: write host:port")
    return upstream


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


# -- answers -----------------------------------------------------------------------------------------------------------


def _whole(reply: Reply) -> bytes:
    body = b"" if reply.document is None else _json(reply.document)
    return _http(reply.status, _JSON if body else "", body)


def _error(status: int, words: str) -> bytes:
    if not words or (status == 404 and words.startswith("404")):
        return _http(status, _PLAIN if words else "", f"{words}\n".encode() if words else b"")
    body = _json({"error": words, "status": status})
    return _http(status, _PLAIN, body)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _http(status: int, kind: str, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close", "X-Content-Type-Options: nosniff"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
