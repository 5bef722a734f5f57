"""Envelopes: how a dialect tells the streams of one connection apart, and how we speak in it. Data and pure functions.

A message of a connection is one JSON object that carries an id, a type and a payload. Never here: a socket, or what a
message means (`profile` says which type is which kind).
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)  # only to find ends
_TOKEN: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)  # a whole string, or a bracket
_PLACE: Final = re.compile(r"\{([a-z]+)\}")
# A member whose name and value need no reading to find their ends: a string without escapes, a number, a word.
_PLAIN: Final = re.compile(
    r'[ \t\n\r]*+"([^"\\\x00-\x1f]*+)"[ \t\n\r]*+:[ \t\n\r]*+'
    r'("[^"\\\x00-\x1f]*+"|-?(?:0|[1-9][0-9]*+)|true|false|null)[ \t\n\r]*+(?:,|(?=\}))'
)
# What a client may have a message for, and which places it may have. They stand for JSON texts; `metadata` is an object
# of the credentials that a request would have as headers.
SAYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "start": ("id", "procedure", "payload", "metadata"),
        "item": ("id", "payload"),
        "end": ("id",),
        "cancel": ("id",),
        "credit": ("id", "payload"),
    }
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """`id`, `type` and `payload` name fields of a message. A server may add one of `suffixes` to the id that a stream
    was opened with (`*` stands for digits). `notices` are types that are about the connection or a message of ours, and
    no word of the stream whose id they may carry. The others are what we say, as JSON with places (`SAYS`); an empty
    one is no message. `item` and `end` are items and the half-close of a client."""

    id: str = "id"
    type: str = "type"
    payload: str = "payload"
    suffixes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    start: str = ""
    item: str = ""
    end: str = ""
    cancel: str = ""
    credit: str = ""

    def stream_of(self, told: str) -> str:
        """The id under which the stream was opened, of one that a server gave."""
        match = _suffix(self.suffixes).search(told) if self.suffixes else None
        return told[: match.start()] if match else told


@functools.lru_cache(maxsize=64)
def _suffix(suffixes: tuple[str, ...]) -> re.Pattern[str]:
    words = ("[0-9]+".join(map(re.escape, suffix.split("*"))) for suffix in suffixes)
    return re.compile(rf"(?:{'|'.join(words)})\Z")


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with these JSON texts in their places, in one go: what a text itself holds stays. A place without
    a value stands as it is."""
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), template)


def places_of(template: str) -> tuple[str, ...]:
    """The places that a template has, in order."""
    return tuple(match[1] for match in _PLACE.finditer(template))


def member_text(text: str, name: str) -> str | None:
    """The text of the first member of that name of a JSON object, as it stands; None if there is none, or the text is
    no object. What is read loses digits, so whoever shows a payload shows its text. The object may nest as deep as it
    likes; what stands behind the member is not looked at."""
    try:
        at = _skip(text, 0)
        if text[at] != "{":
            return None
        at = _skip(text, at + 1)
        while True:
            while plain := _PLAIN.match(text, at):
                if plain[1] == name:
                    return plain[2]
                at = plain.end()
            at = _skip(text, at)
            if text[at] != '"':
                return None
            key, at = _DECODER.raw_decode(text, at)
            start = _skip(text, _skip(text, at) + 1)
            at = _behind(text, start)
            if key == name:
                return text[start:at]
            at = _skip(text, at)
            at = at + 1 if text[at] == "," else at
    except (ValueError, IndexError):
        return None


def _behind(text: str, at: int) -> int:
    """The place behind the value that begins here. Raises `ValueError` where none does."""
    try:
        return _DECODER.raw_decode(text, at)[1]
    except RecursionError:
        level = 0
        for token in _TOKEN.finditer(text, at):
            mark = token[0][0]
            level += (mark in "[{") - (mark in "]}")
            if level == 0:
                return token.end()
        raise ValueError("it does not end") from None


def _skip(text: str, at: int) -> int:
    while text[at] in json_text.BLANKS:
        at += 1
    return at


def id_text(value: Any) -> str:
    """An id as text: servers that were given a number may answer with one. Empty for what is no id."""
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, str | int) else ""
