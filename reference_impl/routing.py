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
    from streamspec.reference_impl.roles import Param, Role

BROKEN: Final = "/broken/"
TOLD: Final = "/told"
PLAIN_BINDING: Final = "sse"  # of a path that names none
MOST_FIELDS: Final = 32
MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Asked:
    """An accepted request: this role, with these numbers."""

    role: Role
    values: Mapping[str, int]

    @property
    def total(self) -> int | None:
        """How many items it will have, if that is known."""
        return None if self.role.total is None else self.role.total(self.values)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused one: a status and a one-line text."""

    status: int
    text: str
    headers: Headers = ()

    def body(self) -> bytes:
        return f"{self.text}\n".encode()

    def all_headers(self) -> Headers:
        length = str(len(self.body()))
        return (("content-type", "text/plain; charset=utf-8"), ("content-length", length), *self.headers)


def split_variant(path: str) -> tuple[str, str]:
    """`/broken/NAME/finite` -> (`NAME`, `/finite`); any other path -> (``, path)."""
    name, slash, rest = path.removeprefix(BROKEN).partition("/")
    if path.startswith(BROKEN) and name and slash:
        return name, f"/{rest}"
    return "", path


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
