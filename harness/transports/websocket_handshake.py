"""The opening handshake of WebSocket (RFC 6455 §4): our request, and what its answer agrees on. Pure.

Never here: the grammar of the answer's head (`http1_head` observes it), or what an answer is worth.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Deviation
from streamspec.harness.core.inert import octets, printable
from streamspec.harness.transports.http1 import request_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.ports import Request

KEY_BYTES: Final = 16  # of the nonce in Sec-WebSocket-Key (§4.1)
DEFLATE: Final = "permessage-deflate"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # §1.3
_NO_TAKEOVER: Final = frozenset({"server_no_context_takeover", "client_no_context_takeover"})
_WINDOW_BITS: Final = frozenset({"server_max_window_bits", "client_max_window_bits"})
_BITS: Final = frozenset(str(bits) for bits in range(8, 16))
_SHOWN: Final = 80

Extension = tuple[str, tuple[tuple[str, str | None], ...]]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the answer says: whether the server may compress its messages, and go on in one window with each of them."""

    faults: tuple[Deviation, ...] = ()
    deflate: bool = False
    takeover: bool = True


def handshake_of(request: Request, nonce: bytes) -> tuple[bytes, str]:
    """The request as it goes out, and the key that it names. Headers that the request brings itself stand as they are.
    Raises `UsageError` for what would break out of its line."""
    given = {name.lower(): value for name, value in request.headers}
    key = given.get("sec-websocket-key", base64.b64encode(nonce).decode())
    ours = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
        *([("Sec-WebSocket-Extensions", request.offers)] if request.offers else []),
    ]
    headers = (*request.headers, *(header for header in ours if header[0].lower() not in given))
    scheme, colon, rest = request.url.partition(":")
    http = {"ws": "http", "wss": "https"}[scheme.lower()]
    return request_bytes(replace(request, url=http + colon + rest, headers=headers, body=b"")), key


def agreed(opened: Opened, request: Request, key: str) -> Agreed:
    """What a 101 agrees on (§4.1, §4.2.2). What it agrees on without our offer is read all the same."""
    faults: list[Deviation] = []
    upgrade, connection = opened.header("upgrade") or "", opened.header("connection") or ""
    if upgrade.lower() != "websocket" or "upgrade" not in {word.strip().lower() for word in connection.split(",")}:
        faults.append(Deviation("ws.upgrade", 0, _shown(f"Upgrade: {upgrade}, Connection: {connection}")))
    accept = opened.header("sec-websocket-accept")
    if accept != accept_of(key):
        faults.append(Deviation("ws.accept", 0, "missing" if accept is None else _shown(accept)))
    offered = dict(extensions(request.offers))
    deflate, takeover = False, True
    for name, parameters in extensions(opened.header("sec-websocket-extensions") or ""):
        if name not in offered or (name == DEFLATE and deflate):
            faults.append(Deviation("ws.extension", 0, _shown(name)))
        if name != DEFLATE:
            continue
        deflate = True
        takeover = takeover and "server_no_context_takeover" not in dict(parameters)
        wrong = _unoffered(parameters, dict(offered.get(DEFLATE, ())))
        faults += [Deviation("ws.extension", 0, _shown(f"{DEFLATE}: {parameter}")) for parameter in wrong]
    protocol = opened.header("sec-websocket-protocol")
    if protocol is not None and protocol not in _subprotocols(request):
        faults.append(Deviation("ws.subprotocol", 0, _shown(protocol)))
    return Agreed(tuple(faults), deflate, takeover)


def accept_of(key: str) -> str:
    """The answer to a key (§4.2.2 number 5.4)."""
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def extensions(value: str) -> Iterator[Extension]:
    """The extensions of a header and their parameters (§9.1), values without their quotes."""
    for part in value.split(","):
        name, *rest = (piece.strip() for piece in part.split(";"))
        if not name:
            continue
        pairs = (piece.partition("=") for piece in rest)
        yield name, tuple((key.strip(), text.strip().strip('"') if equals else None) for key, equals, text in pairs)


def _unoffered(parameters: tuple[tuple[str, str | None], ...], offered: dict[str, str | None]) -> Iterator[str]:
    """Parameters of an answer that RFC 7692 §7.1 does not know, or lets stand behind an offer only."""
    seen: set[str] = set()
    for name, value in parameters:
        plain = (name in _NO_TAKEOVER and value is None) or (name in _WINDOW_BITS and value in _BITS)
        if not plain or name in seen or (name == "client_max_window_bits" and name not in offered):
            yield name if value is None else f"{name}={value}"
        seen.add(name)


def _subprotocols(request: Request) -> set[str]:
    values = [value for name, value in request.headers if name.lower() == "sec-websocket-protocol"]
    return {word.strip() for value in values for word in value.split(",")}


def _shown(text: str) -> str:
    return printable(octets(text.encode("latin-1", "replace")), _SHOWN)
