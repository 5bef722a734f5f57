"""JSON-RPC 2.0 over one HTTP request (jsonrpc.org/specification): calls in, answers out. It carries no streams.

Reading and writing only: what a procedure does is handed in. Never here: HTTP, a stream, or who may call.

The procedure `unary` plays a script that answers with one item; its parameters are `run` and `script`
(docs/contract.md). `server`, `client` and `bidi` are refused with -32601 and a message that says why (DR-09, seed 002).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Mapping

    # From the parameters, as JSON text, to the answer, as JSON text; raises `StreamError`.
    Unary = Callable[[str], Awaitable[str]]

KIND: Final = "application/json"
MOST_BODY_BYTES: Final = 1_048_576
MOST_CALLS: Final = 100  # of one batch
PROCEDURE: Final = "unary"
STREAMS: Final = ("server", "client", "bidi")

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
# What is not reserved by the specification is numbered as Raffel does it (seed 002).
CODES: Final[Mapping[Code, int]] = {
    Code.INVALID_ARGUMENT: INVALID_PARAMS,
    Code.INTERNAL: INTERNAL_ERROR,
    Code.UNAUTHENTICATED: -32001,
    Code.RESOURCE_EXHAUSTED: -32002,
}
OTHER_ERROR: Final = -32000


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it was written: an id and a parameter keep their digits."""

    text: str


@dataclass(frozen=True, slots=True)
class _Served:
    """What the one procedure does, where there is one, and the names of what JSON-RPC does not carry."""

    unary: Unary | None
    streams: Container[str]


class _Invalid(Exception):
    """No call; says why."""


@dataclass(frozen=True, slots=True)
class _Call:
    """`id`: its JSON text; empty for a notification, which is answered with nothing."""

    method: str
    params: object
    id: str


async def answer(body: bytes, unary: Unary | None = None, streams: Container[str] = STREAMS) -> tuple[int, bytes]:
    """The HTTP status and the body of the answer: 200, also for errors; 204 where nothing is to be answered; 413.
    Whoever has no procedure `unary` has streams at most, by these names.

    The calls of a batch are made one after the other.
    """
    if len(body) > MOST_BODY_BYTES:
        return 413, _error("null", INVALID_REQUEST, f"a body has at most {MOST_BODY_BYTES} octets").encode()
    try:
        read = json.loads(body.decode(), parse_int=_Number, parse_float=_Number, parse_constant=payload.no_constant)
    except (ValueError, RecursionError):
        return 200, _error("null", PARSE_ERROR, "the body is no JSON in UTF-8").encode()
    served = _Served(unary, streams)
    if not isinstance(read, list):
        return _whole(await _answered(read, served))
    if not 0 < len(read) <= MOST_CALLS:
        return 200, _error("null", INVALID_REQUEST, f"a batch has from 1 to {MOST_CALLS} calls").encode()
    answers = [said for call in read if (said := await _answered(call, served))]
    return _whole(f"[{','.join(answers)}]" if answers else "")


def _whole(text: str) -> tuple[int, bytes]:
    return (200, text.encode()) if text else (204, b"")


async def _answered(said: object, served: _Served) -> str:
    """The answer to one call; empty to a notification."""
    try:
        call = _read(said)
    except _Invalid as why:
        return _error("null", INVALID_REQUEST, str(why))
    shown = await _called(call, served)
    return shown if call.id else ""


async def _called(call: _Call, served: _Served) -> str:
    if call.method in served.streams:
        return _error(call.id, METHOD_NOT_FOUND, f"{call.method} is a stream, and JSON-RPC carries none")
    if call.method != PROCEDURE or served.unary is None:
        return _error(call.id, METHOD_NOT_FOUND, "there is no such procedure")
    try:
        params = _text(call.params)
    except RecursionError:
        return _error(call.id, INVALID_PARAMS, "the params are nested too deep")
    try:
        result = await served.unary(params)
    except StreamError as failure:
        return _error(call.id, CODES.get(failure.code, OTHER_ERROR), failure.message, failure.code)
    return f'{{"jsonrpc":"2.0","result":{result},"id":{call.id}}}'


def _read(said: object) -> _Call:
    if not isinstance(said, dict) or said.get("jsonrpc") != "2.0":
        raise _Invalid('a call is an object with "jsonrpc": "2.0"')
    method, params, name = said.get("method"), said.get("params", {}), said.get("id")
    if not isinstance(method, str):
        raise _Invalid("a call names a method")
    if not isinstance(params, dict | list):
        raise _Invalid("params are an object or an array")
    if isinstance(name, bool) or not isinstance(name, str | _Number | None):
        raise _Invalid("an id is a text, a number or null")
    return _Call(method, params, _text(name) if "id" in said else "")


def _error(name: str, code: int, message: str, stream_code: Code | None = None) -> str:
    data = {} if stream_code is None else {"data": {"code": stream_code.value}}
    shown = payload.to_json({"code": code, "message": message, **data})
    return f'{{"jsonrpc":"2.0","error":{shown},"id":{name}}}'


def _text(value: Any) -> str:
    """JSON of what was read, its numbers as they were. ASCII: half a surrogate pair has no UTF-8, but an escape."""
    match value:
        case _Number(text=text):
            return text
        case dict():
            return f"{{{','.join(f'{json.dumps(name)}:{_text(held)}' for name, held in value.items())}}}"
        case list():
            return f"[{','.join(map(_text, value))}]"
        case _:
            return json.dumps(value)
