"""From a request line to a role and its numbers, or to a refusal: pure, and shared by both HTTP writers.

Never here: reading or writing a connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streamspec.reference_impl.roles import Param, Role

BROKEN = "/broken/"
MOST_FIELDS = 32
MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Asked:
    """An accepted request: this role, with these numbers."""

    role: Role
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused one: a status and a one-line text."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()

    def body(self) -> bytes:
        return f"{self.text}\n".encode()

    def all_headers(self) -> tuple[tuple[str, str], ...]:
        length = str(len(self.body()))
        return (("content-type", "text/plain; charset=utf-8"), ("content-length", length), *self.headers)


def split_variant(path: str) -> tuple[str, str]:
    """`/broken/NAME/finite` -> (`NAME`, `/finite`); any other path -> (``, path)."""
    name, slash, rest = path.removeprefix(BROKEN).partition("/")
    if path.startswith(BROKEN) and name and slash:
        return name, f"/{rest}"
    return "", path


def route(roles: Iterable[Role], method: str, path: str, query: str) -> Asked | Refused:
    """Find the role of `path` (its variant's prefix already taken off) and read its numbers."""
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
