"""`message Text { string json = 1; }`, the one message of the scripted contract over gRPC, in octets.

Pure and without protobuf: six lines of it are needed. Never here: a service, or what the JSON says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH_DELIMITED: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}  # wire types of a fixed size
_JSON_TAG: Final = 1 << 3 | _LENGTH_DELIMITED
_MOST_VARINT_BYTES: Final = 10


def encoded(json: str) -> bytes:
    """The message that says this text. Half a surrogate pair has no UTF-8: raises `UnicodeEncodeError`."""
    text = json.encode()
    return b"".join((bytes((_JSON_TAG,)), _varint(len(text)), text))


def decoded(message: bytes) -> str:
    """The text of a message: the last one, if there are several; fields that are not known here are passed over
    (protobuf.dev/programming-guides/encoding). Raises `ValueError` for what is no such message."""
    text = b""
    for tag, value in _fields(message):
        if tag >> 3 == 0:
            raise ValueError("there is no field 0")
        if tag == _JSON_TAG:
            text = value
    return text.decode()


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        kind = tag & 7
        if kind == 0:
            _, end = _read_varint(message, place)
        elif kind == _LENGTH_DELIMITED:
            length, place = _read_varint(message, place)
            end = place + length
        elif kind in _FIXED_BYTES:
            end = place + _FIXED_BYTES[kind]
        else:  # groups, which proto3 does not have, or nothing at all
            raise ValueError(f"no field has the wire type {kind}")
        if end > len(message):
            raise ValueError("a field is longer than its message")
        yield tag, message[place:end]
        place = end


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    number = 0
    for count, octet in enumerate(message[place : place + _MOST_VARINT_BYTES]):
        number |= (octet & 0x7F) << 7 * count
        if octet < 0x80:
            return number, place + count + 1
    raise ValueError("a number has no end")
