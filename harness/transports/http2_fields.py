"""Fields of heads and trailers of HTTP/2: those of a request as they go out, those of an answer as they came (RFC 9113
§8).

Pure. Never here: the compression of a block, or its frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.inert import octets
from streamspec.harness.core.redaction import is_secret
from streamspec.harness.transports.http1 import latin1
from streamspec.harness.transports.http1_head import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.ports import Request

Fields = tuple[tuple[str, str], ...]
FAULTS_SAID: Final = 8  # of one block: a thousand more say no more

CONNECTION_FIELDS: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
_BAD_NAME: Final = re.compile(rb"[\x00-\x20A-Z\x7f-\xff]")  # §8.2.1
_BAD_VALUE: Final = re.compile(rb"[\x00\n\r]")
_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_BROKEN: Final = (b"Streamspec", b"a field name in upper case makes a request malformed", False)


class UnreadableBlock(Exception):
    """A block that cannot be decompressed: nothing behind it can be, either. `too_long`: our own limit stood in the
    way."""

    def __init__(self, words: str, *, too_long: bool = False) -> None:
        super().__init__(words)
        self.too_long = too_long


@dataclass(frozen=True, slots=True)
class Block:
    """One block of fields: the regular ones in their order, the status (0 without one), and what is wrong with it, each
    as the code of a deviation and words."""

    fields: Fields
    status: int
    faults: tuple[tuple[str, str], ...]


def block_of(raw: Iterable[tuple[bytes, bytes]], *, trailers: bool) -> Block:
    """Reads the fields of a head, or of trailers, whatever they are."""
    fields: list[tuple[str, str]] = []
    faults: list[tuple[str, str]] = []
    statuses: list[bytes] = []
    for name, value in raw:
        if name.startswith(b":"):
            if name == b":status" and not trailers:
                statuses.append(value)
                if fields:  # §8.3
                    faults.append(("h2.headers", ":status stands behind a regular field"))
            else:
                faults.append(("h2.headers", f"{octets(name)} in {'trailers' if trailers else 'an answer'}"))
            continue
        faults += _faults_of(name, value)
        fields.append((name.decode("latin-1"), value.decode("latin-1")))
    status = 0
    if not trailers:
        if len(statuses) != 1 or not _STATUS.fullmatch(statuses[0]):
            shown = ", ".join(octets(found) for found in statuses[:FAULTS_SAID]) or "none"
            faults.append(("h2.headers", f":status must be one number of three digits: {shown}"))
        status = next((int(found) for found in statuses if _STATUS.fullmatch(found)), 0)
    return Block(tuple(fields), status, tuple(faults[:FAULTS_SAID]))


def _faults_of(name: bytes, value: bytes) -> list[tuple[str, str]]:
    """What is wrong with one regular field (§8.2.1, §8.2.2)."""
    if not name or _BAD_NAME.search(name) or b":" in name:
        return [("h2.headers", f"the field name {octets(name)}")]
    if name.decode() in CONNECTION_FIELDS:
        return [("h2.connection-field", octets(name))]
    if _BAD_VALUE.search(value) or value[:1] in {b" ", b"\t"} or value[-1:] in {b" ", b"\t"}:
        return [("h2.headers", f"the value of {octets(name)} is {octets(value)}")]
    return []


def is_grpc(opened: Opened) -> bool:
    """Whether the body of this answer is followed by the status of a call, always (gRPC over HTTP/2, Responses)."""
    return opened.status == 200 and opened.essence.partition("+")[0] == "application/grpc"


def says_status(opened: Opened | None, fields: Fields) -> bool:
    """Whether fields behind a body say how a call ended. Where they do not end its stream, they say so all the same."""
    return opened is not None and is_grpc(opened) and any(name == "grpc-status" for name, _ in fields)


def wrong_length(opened: Opened, method: str, size: int) -> str:
    """Why Content-Length is not the length of the body that came, in words; empty when it is, or is not there, or is of
    a body that nobody sends (§8.1.1)."""
    value = opened.header("content-length")
    if value is None or method == "HEAD" or opened.status in {204, 304}:
        return ""
    parts = {part.strip(" \t") for part in value.split(",")}
    digits = parts.pop().lstrip("0") or "0"
    return "" if not parts and digits == str(size) else f"{octets(value.encode('latin-1'))}, and {size} octets came"


# -- ours ----------------------------------------------------------------------------------------------------------


def fields_of(
    request: Request, scheme: str, authority: str, path: str, *, grpc: bool
) -> list[tuple[bytes, bytes, bool]]:
    """The fields of a request, each with whether it is a secret that no table may hold (RFC 7541 §7.1.3). What is about
    a connection is left out (§8.2.2). Raises `UsageError` for what would break out of its field."""
    given = {name.lower(): value for name, value in request.headers}
    regular = [
        (name.lower(), value)
        for name, value in request.headers
        if name.lower() not in CONNECTION_FIELDS | {"host"} and (name.lower() != "te" or value == "trailers")
    ]
    method = "POST" if grpc else request.method
    if grpc:
        regular += [(n, v) for n, v in (("content-type", "application/grpc"), ("te", "trailers")) if n not in given]
    elif request.body and request.ends and "content-length" not in given:
        regular.append(("content-length", str(len(request.body))))
    out = [
        (b":method", latin1("the method", method), False),
        (b":scheme", scheme.encode(), False),
        (b":authority", latin1("the header Host", given.get("host", authority)), False),
        (b":path", path.encode(), False),
    ]
    for name, value in regular:
        if not TOKEN.fullmatch(latin1("a header name", name)):
            raise UsageError(f"a header name is no token: {name!r}")
        out.append((name.encode(), latin1(f"the header {name}", value).strip(b" \t"), is_secret(name)))
    return [*out, _BROKEN] if request.malformed else out
