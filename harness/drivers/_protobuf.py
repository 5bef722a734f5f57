"""Fields of messages that nobody here has a schema of, found by their numbers (protobuf, Encoding). Pure.

It must never raise on any octets. Never here: what a field means, or how a message is carried (`_grpc_messages`).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VARINT_BYTES: Final = 10
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")  # of a field, in digits
_NUMBERS: Final = 1 << 29  # no field has this number, or a higher one
_NEGATIVE: Final = 1 << 63  # from here on a varint is a negative int64, or the zigzag of a sint: nobody can tell
_VARINT: Final = 0  # wire types, the lowest three bits of a tag
_LENGTH_DELIMITED: Final = 2
_FIXED: Final[Mapping[int, int]] = MappingProxyType({1: 8, 5: 4})  # of which nobody can tell a float from a number


def path_of(seq: str) -> tuple[int, ...]:
    """The numbers in `$.1.3`; empty for a path of names."""
    numbers = seq.split(".")[1:]
    return tuple(map(int, numbers)) if all(map(_NUMBER.fullmatch, numbers)) else ()


def counted(message: bytes, path: Sequence[int]) -> dict[str, Any]:
    """The whole number at this path, under its numbers as if they were names; nothing where there is none."""
    number: Any = number_at(message, path) if path else None
    if number is None:
        return {}
    for name in reversed(path[1:]):
        number = {str(name): number}
    return {str(path[0]): number}


def number_at(message: bytes, path: Sequence[int]) -> int | None:
    """The whole number, 0 or more, in a field of a field of this message; None where there is none. What was left out
    for being 0 is none as well: it cannot be told from a field that the message never has."""
    value: bytes | int | None = message
    for number in path:
        value = _last(value, number) if isinstance(value, bytes) else None
    return value if isinstance(value, int) and value < _NEGATIVE else None


def _last(message: bytes, number: int) -> bytes | int | None:
    """The value of this field, the last one of several; None where it is not there, or the octets are no message."""
    at, found = 0, None
    value: bytes | int | None
    while at < len(message):
        tag, at = read_varint(message, at)
        kind = tag & 0b111
        if not 0 < tag >> 3 < _NUMBERS:
            return None
        if kind == _VARINT:
            value, at = read_varint(message, at)
            if value < 0:
                return None
        else:
            size, at = read_varint(message, at) if kind == _LENGTH_DELIMITED else (_FIXED.get(kind, -1), at)
            if size < 0 or at + size > len(message):
                return None
            value, at = message[at : at + size] if kind == _LENGTH_DELIMITED else None, at + size
        if tag >> 3 == number:
            found = value
    return found


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number and the place behind it; -1 for none."""
    value = 0
    for count, octet in enumerate(data[at : at + _VARINT_BYTES]):
        value |= (octet & 0x7F) << (7 * count)
        if octet < 0x80:
            return value, at + count + 1
    return -1, len(data)
