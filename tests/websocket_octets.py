"""WebSocket frames as a server sends them, well or badly, written without the encoder that is under test."""

from __future__ import annotations

import struct
import zlib
from itertools import cycle

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    key: bytes = b"",
    form: int = 0,
    says: int | None = None,
) -> bytes:
    """One frame: `rsv` as a number of three bits, `key` masks, `form` (126, 127) forces a longer length, `says` is the
    length that its head names."""
    length = len(payload) if says is None else says
    form = form or (127 if length > 65_535 else 126 if length > 125 else 0)
    sized = {126: struct.pack(">H", length & 65_535), 127: struct.pack(">Q", length)}.get(form, b"")
    head = bytes([fin << 7 | rsv << 4 | opcode, bool(key) << 7 | (form or length)])
    return head + sized + key + (bytes(a ^ b for a, b in zip(payload, cycle(key), strict=False)) if key else payload)


def text(message: str, **odd: int) -> bytes:
    return frame(TEXT, message.encode(), **odd)  # type: ignore[arg-type]


def close(code: int = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason)


class Deflater:
    """permessage-deflate as RFC 7692 §7.2.1 describes it."""

    def __init__(self, *, takeover: bool = True, bits: int = 15) -> None:
        self._takeover, self._bits = takeover, bits
        self._coder = zlib.compressobj(wbits=-bits)

    def __call__(self, message: bytes) -> bytes:
        if not self._takeover:
            self._coder = zlib.compressobj(wbits=-self._bits)
        out = self._coder.compress(message) + self._coder.flush(zlib.Z_SYNC_FLUSH)
        return out.removesuffix(b"\x00\x00\xff\xff")
