"""The content coding gzip taken off a body, octet by octet and within a limit (RFC 9110 §8.4.1.3, RFC 1952). Pure.

Everything that can be decoded is handed on at once, so that what a sender flushed shows when it came. Several members
in a row are legal (RFC 1952 §2.2). Never here: the choice whether a coding is read at all.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Deviation

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits

_GZIP_WBITS: Final = 31
_STEP_BYTES: Final = 65_536


class Inflater:
    """Coded octets in, decoded octets and deviations out. After a fault, or beyond the limit, it hands on nothing."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.inflated_bytes
        self._decoder = zlib.decompressobj(_GZIP_WBITS)
        self._size = 0
        self._lost = False
        self._began = False  # of the present member

    def feed(self, data: bytes) -> tuple[bytes, list[Deviation]]:
        """Deviations are offsets of the decoded body."""
        pieces: list[bytes] = []
        faults: list[Deviation] = []
        while data and not self._lost:
            self._began = True
            try:
                piece = self._decoder.decompress(data, _STEP_BYTES)
            except zlib.error as error:
                faults.append(self._lose("coding.invalid", str(error)))
                break
            if self._size + len(piece) > self._limit:
                faults.append(self._lose("coding.too-large", f"limit {self._limit} octets"))
                break
            pieces.append(piece)
            self._size += len(piece)
            data = self._decoder.unconsumed_tail
            if self._decoder.eof:
                data = self._decoder.unused_data
                self._decoder = zlib.decompressobj(_GZIP_WBITS)
                self._began = False
        return b"".join(pieces), faults

    def end(self) -> list[Deviation]:
        """The body is over: says whether its coding was."""
        if self._lost or not self._began:
            return []
        return [self._lose("coding.cut", "")]

    def _lose(self, code: str, detail: str) -> Deviation:
        self._lost = True
        return Deviation(code, self._size, detail)
