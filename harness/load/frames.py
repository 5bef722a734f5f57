"""How the engine and who commands it talk over a pipe: frames of a length and one JSON object.

Sans-IO: octets in, objects out, any cut of them alike. Whoever reads something else stops: nothing here is skipped or
guessed. Never here: what an object means.
"""

from __future__ import annotations

import json
from typing import Any, Final

VERSION: Final = 1
FRAME_BYTES_MAX: Final = 16_777_216
_LENGTH_BYTES: Final = 4  # big-endian


class FrameError(ValueError):
    """The octets are no frames of ours; the message says why. Nothing more can be read."""


def frame(op: str, **fields: Any) -> bytes:
    """One frame. Raises `FrameError` for what is too long to be read."""
    text = json.dumps({"version": VERSION, "op": op, **fields}, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > FRAME_BYTES_MAX:
        raise FrameError(f"a frame of {len(text)} octets")
    return len(text).to_bytes(_LENGTH_BYTES) + text


class FrameReader:
    """Feed it octets as they come."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.broken = ""  # why nothing more can be read; empty while it can

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The objects that are whole now, up to the first that cannot be read. Raises `FrameError` from there on."""
        if self.broken:
            raise FrameError(self.broken)
        self._held += data
        found: list[dict[str, Any]] = []
        try:
            while (size := self._size()) is not None and len(self._held) >= _LENGTH_BYTES + size:
                text = bytes(self._held[_LENGTH_BYTES : _LENGTH_BYTES + size])
                del self._held[: _LENGTH_BYTES + size]
                found.append(self._object(text))
        except FrameError:
            if not found:
                raise
        return found

    def end(self) -> None:
        """The octets are over. Raises `FrameError` when that is inside a frame, or behind what cannot be read."""
        if self.broken:
            raise FrameError(self.broken)
        if self._held:
            self._fail(f"the octets end inside a frame, after {len(self._held)} of it")

    def _size(self) -> int | None:
        if len(self._held) < _LENGTH_BYTES:
            return None
        size = int.from_bytes(self._held[:_LENGTH_BYTES])
        if size > FRAME_BYTES_MAX:
            self._fail(f"a frame of {size} octets")
        return size

    def _object(self, text: bytes) -> dict[str, Any]:
        try:
            made = json.loads(text)
        except (ValueError, RecursionError) as error:
            self._fail(f"a frame that is no JSON: {error}")
        if not isinstance(made, dict) or not isinstance(made.get("op"), str):
            self._fail("a frame without an op")
        if made.get("version") != VERSION:
            self._fail(f"a frame of version {made.get('version')!r}, and we speak {VERSION}")
        found: dict[str, Any] = made
        return found

    def _fail(self, why: str) -> Any:
        self.broken = why
        self._held.clear()
        raise FrameError(why)
