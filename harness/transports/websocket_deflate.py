"""permessage-deflate taken off one message at a time, within a limit (RFC 7692 §7.2.2). Pure.

Never here: whether it was agreed on (`websocket_handshake`), or which message is compressed (`websocket_frames`).
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

_WBITS: Final = -15  # raw, and the largest window: it reads what was made with any smaller one
_WINDOW: Final = 32_768
_TAIL: Final = b"\x00\x00\xff\xff"  # what a sender takes off the end of each message (§7.2.1)


class Unreadable(NamedTuple):
    """Why a message was not inflated: the code of a deviation, and words."""

    code: str
    detail: str


class MessageInflater:
    """Compressed payloads in, payloads out. With `takeover` each message goes on in the window of those before it
    (§7.1.1), so that what is lost of one is lost of all that follow."""

    def __init__(self, limit_bytes: int, *, takeover: bool) -> None:
        self._limit_bytes = limit_bytes
        self._takeover = takeover
        self._decoder = zlib.decompressobj(_WBITS)
        self._window = b""  # the last octets of the messages so far, for a stream of blocks that begins anew
        self._lost: Unreadable | None = None

    def lose(self, code: str, detail: str) -> None:
        """A message was not read whole: with it goes the window of the next."""
        if self._takeover and self._lost is None:
            self._lost = Unreadable(code, detail)

    def inflate(self, data: bytes) -> bytes | Unreadable:
        if self._lost is not None:
            return self._lost
        if not self._takeover:
            self._decoder, self._window = zlib.decompressobj(_WBITS), b""
        out = bytearray()
        data += _TAIL
        while data:
            try:
                out += self._decoder.decompress(data, self._limit_bytes + 1 - len(out))
            except zlib.error as error:
                self.lose("ws.inflate", "its window was lost with an earlier message")
                return Unreadable("ws.inflate", str(error))
            if len(out) > self._limit_bytes:
                self.lose("ws.message-too-long", "its window was in an earlier message beyond the limit")
                return Unreadable("ws.message-too-long", f"limit {self._limit_bytes} octets, inflated")
            data = b""
            if self._decoder.eof:  # a last block (BFINAL) ends no window, only this stream of blocks (§7.2.3.4)
                data = self._decoder.unused_data
                window = (self._window + out)[-_WINDOW:]
                self._decoder = zlib.decompressobj(_WBITS, zdict=window) if window else zlib.decompressobj(_WBITS)
        if self._takeover:
            self._window = (self._window + out[-_WINDOW:])[-_WINDOW:]
        return bytes(out)
