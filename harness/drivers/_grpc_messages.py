"""Messages of gRPC as octets: the prefix of five, the one field of `Text`, compression, percent-encoding. Pure.

Never here: what a message means (`grpc`), or a frame of HTTP/2.
"""

from __future__ import annotations

import re
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.drivers._protobuf import read_varint

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX_BYTES: Final = 5  # a flag, and the length in four octets (gRPC over HTTP/2, Length-Prefixed-Message)
_TEXT_TAG: Final = 0x0A  # field 1, length-delimited: `message Text { string json = 1; }`
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNENCODED: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[^\x20-\x7e]")  # what stands in no Percent-Encoded value

_WBITS: Final[Mapping[str, int]] = MappingProxyType({"gzip": 31, "deflate": 15})  # of zlib (RFC 1952, RFC 1950)

# Numbers to names (gRPC statuscodes), in the words of docs/contract.md where those are others.
STATUSES: Final[Mapping[int, str]] = MappingProxyType(
    dict(
        enumerate(
            (
                *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "TIMED_OUT", "NOT_FOUND", "ALREADY_EXISTS"),
                *("UNAUTHORIZED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"),
                *("UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
            )
        )
    )
)


def prefixed(message: bytes) -> bytes:
    """The message as it goes out, uncompressed."""
    return b"\0" + len(message).to_bytes(4) + message


def text_message(text: bytes) -> bytes:
    """A `Text` with this JSON; proto3 leaves out what is empty."""
    return bytes((_TEXT_TAG,)) + _varint(len(text)) + text if text else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text_in(message: bytes) -> str | None:
    """The JSON of a `Text`; None for what is none: another field, octets that are no UTF-8, a length that is wrong. The
    last of several fields counts, as proto3 has it."""
    at, found = 0, b""
    while at < len(message):
        tag, at = read_varint(message, at)
        if tag != _TEXT_TAG:
            return None
        size, at = read_varint(message, at)
        if size < 0 or at + size > len(message):
            return None
        found, at = message[at : at + size], at + size
    try:
        return found.decode()
    except UnicodeDecodeError:
        return None


def inflated(message: bytes, coding: str, limit: int) -> bytes:
    """The message without its compression. Raises `OverflowError` beyond the limit, and `ValueError` for what is no
    such coding; both in words."""
    if coding not in _WBITS:
        raise ValueError(f"grpc-encoding {coding!r} is not one that we read")
    inflater = zlib.decompressobj(_WBITS[coding])
    try:
        out = inflater.decompress(message, limit + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(out) > limit:
        raise OverflowError(f"more than {limit} octets")
    if not inflater.eof:
        raise ValueError(f"it is cut behind {len(out)} octets")
    if inflater.unused_data:
        raise ValueError(f"{len(inflater.unused_data)} octets stand behind its end")
    return out


def percent_decoded(text: str) -> tuple[str, str]:
    """A `grpc-message` as it is meant, and what in it is not percent-encoded (empty: nothing). What cannot be decoded
    is kept as it stands: a decoder of it never fails (gRPC over HTTP/2, Responses)."""
    raw = _ENCODED.sub(lambda match: chr(int(match[1], 16)), text)
    fault = _UNENCODED.search(text)
    wrong = repr(text[fault.start() : fault.start() + 3]) if fault else ""
    try:
        return raw.encode("latin-1").decode(), wrong
    except UnicodeError:
        return raw, wrong or "it is no UTF-8"


def status_of(values: list[str]) -> tuple[int | None, str]:
    """The number in the values of `grpc-status`, None where none can be read, and what is wrong with them."""
    first = values[0]
    if len(values) > 1:
        return _number(first), f"it stands {len(values)} times"
    number = _number(first)
    if number is None or first != str(number):
        return number, repr(first[:20])
    return number, ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
