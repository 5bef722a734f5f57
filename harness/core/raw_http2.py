"""What is written on a connection of HTTP/2 outside any grammar, or at its edges, by name (`core.raw`). Pure.

Each stands between two frames of ours, and none of them needs the compression of fields, whose tables both ends share.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIMES: Final = 100  # of a flood: no server may mind fewer, and some end a connection for more
_TEXT: Final = b'\x0a\x07{"n":1}'  # `message Text { string json = 1; }`
_IDLE: Final = 2**31 - 1  # a stream that nobody has opened, and that nobody will


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame (RFC 9113 §4.1)."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _constant(octets: bytes) -> Callable[[str], bytes]:
    return lambda _stream: octets


HTTP2: Final[Mapping[str, Callable[[str], bytes]]] = MappingProxyType(
    {
        # legal, and a server answers each (§6.7, §6.5): its answers must be bounded, and its streams go on
        "h2-ping-flood": _constant(b"".join(_frame(6, 0, 0, n.to_bytes(8)) for n in range(2**32, 2**32 + _TIMES))),
        "h2-settings-flood": _constant(_frame(4, 0, 0) * _TIMES),
        # legal: a frame of a type that nobody knows is ignored (§4.1)
        "h2-unknown-frame": _constant(_frame(0xEE, 0xFF, 0, b"streamspec")),
        # legal for HTTP/2, on the first stream of its connection; to gRPC a message that is flagged as compressed
        "h2-flagged-message": _constant(_frame(0, 0, 1, b"\x01" + len(_TEXT).to_bytes(4) + _TEXT)),
        # errors of the connection: a server may end it, and serves others as before (§5.1, §6.9, §6.10)
        "h2-data-on-idle": _constant(_frame(0, 0, _IDLE, b"streamspec")),
        "h2-window-zero": _constant(_frame(8, 0, 0, bytes(4))),
        "h2-continuation-alone": _constant(_frame(9, 0x4, 1)),
    }
)
