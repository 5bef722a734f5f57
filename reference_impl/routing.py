"""From a request's head to a role, its numbers and a binding, or to a refusal: pure, and shared by both HTTP writers.

Never here: reading or writing a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.roles import Param, Role
    from streamspec.reference_impl.witness import Witness

BROKEN: Final = "/broken/"
PROTECTED: Final = "/protected"
LOSSY: Final = "/lossy"
FIN: Final = "/fin-half-closes"
RAFFEL: Final = "/raffel-envelopes"
RAFFEL_DOCS: Final = "/raffel-docs-envelopes"
APART: Final = (PROTECTED, LOSSY, FIN, RAFFEL, RAFFEL_DOCS)  # mounts that are good, and not the good one itself
TOLD: Final = "/told"
SCRIPT: Final = "/script/"
# What a mount says of itself and of its streams: none of them is a stream.
SCRIPT_PAGES: Final = ("features", "witness", "gate")
PAGES: Final = (TOLD, *(SCRIPT + name for name in SCRIPT_PAGES))
PLAIN_BINDING: Final = "sse"  # of a path that names none
UPLOADS: Final = ("/upload", "/chat")  # client and bidi streams, which no binding here carries (seed 002)
MOST_FIELDS: Final = 32
MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a stream is asked to keep to, in seconds; None where nothing was asked."""

    deadline_s: float | None = None
    idle_s: float | None = None
    send_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An accepted request: this role, with these numbers. A stream that plays a script has a witness, and an inlet for
    what its client sends. `priority` is that of a stream whose client names none."""

    role: Role
    values: Mapping[str, int]
    limits: Limits = Limits()
    witness: Witness | None = None
    inlet: Inlet | None = None
    priority: int = 0

    @property
    def total(self) -> int | None:
        """How many items it will have, if that is known."""
        return None if self.role.total is None else self.role.total(self.values)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused one: a status and a one-line text, or a status that leaves no room for one."""

    status: int
    text: str
    headers: Headers = ()
    kind: str = "text/plain; charset=utf-8"

    def body(self) -> bytes:
        return f"{self.text}\n".encode() if self.text else b""

    def all_headers(self) -> Headers:
        if not self.text:  # a 204 has no Content-Length (RFC 9110 8.6)
            return self.headers
        length = str(len(self.body()))
        return (("content-type", self.kind), ("content-length", length), *self.headers)


OVER: Final = Refused(204, "")  # a client that is told so does not come back (HTML 9.2.1)


def is_over(asked: Asked) -> bool:
    """Whether a client comes back that has had the last item."""
    return asked.role.resumes and 0 < asked.values["after"] == asked.values["n"]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole answer that is no stream."""

    text: str
    kind: str


def split_variant(path: str) -> tuple[str, str]:
    """`/broken/NAME/finite` -> (`NAME`, `/finite`), `/protected/finite` -> (`/protected`, `/finite`), and so for the
    other `APART`; any other path -> (``, path)."""
    for mount in APART:
        if path.startswith(f"{mount}/"):
            return mount, path.removeprefix(mount)
    name, slash, rest = path.removeprefix(BROKEN).partition("/")
    if path.startswith(BROKEN) and name and slash:
        return name, f"/{rest}"
    return "", path


def prefix_of(name: str) -> str:
    """The inverse: the path prefix of a mount, with no slash at its end."""
    return f"{BROKEN}{name}" if name and not name.startswith("/") else name


def split_binding(path: str, names: Collection[str]) -> tuple[str, str]:
    """`/ndjson/finite` -> (`ndjson`, `/finite`) for the names given; any other path -> (`sse`, path)."""
    name, slash, rest = path.removeprefix("/").partition("/")
    return (name, f"/{rest}") if slash and name in names else (PLAIN_BINDING, path)


def header(headers: Headers, name: str) -> str:
    """The values of a field, as one (RFC 9110 5.3); empty if it is not there."""
    return ", ".join(value for found, value in headers if found == name)


def route(
    roles: Iterable[Role], method: str, path: str, query: str, resume: Callable[[int], int | None]
) -> Asked | Refused:
    """Find the role of `path` (the prefixes already taken off) and read its numbers. `resume(n)` says behind which item
    of so many the client wants to go on, None behind one that there is not."""
    role = next((role for role in roles if role.path == path), None)
    if path in UPLOADS:
        return Refused(501, "an answer over HTTP carries what the server streams, and nothing else")
    if role is None:
        return Refused(404, "there is no such stream")
    if method != "GET":
        return Refused(405, "streams are asked for with GET", (("allow", "GET"),))
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        values = {param.name: _number(param, given.get(param.name)) for param in role.params}
    except ValueError as error:
        return Refused(400, str(error))
    if role.resumes:
        after = resume(values["n"])
        if after is None:
            # Or the client would take a new start for what it had missed (RC-04).
            return Refused(412, "Last-Event-ID is no id of this stream")
        values["after"] = after
    return Asked(role, values)


def _number(param: Param, text: str | None) -> int:
    if text is None:
        return param.default
    # int() alone would take "1_000", " 7 " and other scripts' digits.
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        value = int(text)
        if param.least <= value <= param.most:
            return value
    raise ValueError(f"{param.name} must be a whole number from {param.least} to {param.most}")
