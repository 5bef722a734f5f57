"""What is written on a connection of length-prefixed frames outside any grammar, by name (`core.raw`). Pure.

All of it stands in frames whose length has four octets, the highest first: what another frame would make of them is
another question.
"""

from __future__ import annotations

from json import dumps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.frame import FRAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DEPTH: Final = 100_000  # levels, an octet each to open and to close: many a reader's stack is lower
_BEYOND: Final = 16_777_217  # 16 MiB, which many take for the largest message, and one octet
_PART: Final = 3  # octets, of a length that has four: the first border stands inside it
_NOBODY: Final = "streamspec-nobody-has-this-id"
_NESTED: Final = b'{"id":"%s","type":"stream:data","payload":%s}' % (
    _NOBODY.encode(),
    b"[" * _DEPTH + b"]" * _DEPTH,
)


def _message(**members: Any) -> bytes:
    return FRAME.around(dumps(members, separators=(",", ":")).encode())


def _item(stream: str, n: int) -> bytes:
    """An item of a client's, as most dialects have it."""
    return _message(id=stream, type="stream:data", payload={"n": n})


def _always(octets: bytes) -> Callable[[str], bytes]:
    return lambda _stream: octets


FRAMED: Final[Mapping[str, Callable[[str], bytes]]] = MappingProxyType(
    {
        "tcp-garbage": _always(FRAME.around(b"{bad\xff\x00")),
        "tcp-no-type": lambda stream: _message(id=stream, payload=None),
        "tcp-no-id": _always(_message(type="stream:data", payload=None)),
        "tcp-unknown-id": _always(_message(id=_NOBODY, type="stream:data", payload=None)),
        "tcp-array": _always(FRAME.around(b"[]")),
        "tcp-nested": _always(FRAME.around(_NESTED)),
        "tcp-empty": _always(FRAME.around(b"")),
        # Lengths without a message: signed and unsigned readers differ on the first two.
        "tcp-prefix-80000000": _always(b"\x80\0\0\0"),
        "tcp-prefix-ffffffff": _always(b"\xff\xff\xff\xff"),
        "tcp-prefix-16m1": _always(_BEYOND.to_bytes(4, "big")),
        # Items as they are due, and borders where nobody puts any: three in one write, and one in three.
        "tcp-three-items": lambda stream: b"".join(_item(stream, n) for n in (1, 2, 3)),
        "tcp-item-begins": lambda stream: _item(stream, 1)[:_PART],
        "tcp-item-goes-on": lambda stream: _item(stream, 1)[_PART:-_PART],
        "tcp-item-ends": lambda stream: _item(stream, 1)[-_PART:],
        # What never becomes a frame, or not soon.
        "tcp-slow-frame": _always(FRAME.around(b" " * 64)[:5]),
        "tcp-octet": _always(b" "),
        "tcp-half-prefix": _always(b"\0\0"),
        "tcp-half-frame": _always(FRAME.around(b'{"id":"half","type":')[:-8]),
    }
)
