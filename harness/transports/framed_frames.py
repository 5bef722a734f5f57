"""Length-prefixed frames taken apart: octets in, whole messages out. Sans-IO.

It must never raise, judge, or hold more than one message within the limit: a length is what a target says, so nothing
is set aside for it, and what is beyond the limit is counted and let go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.harness.core.event import Deviation, Elided
from streamspec.harness.core.ports import Body

if TYPE_CHECKING:
    from streamspec.harness.core.event import Event
    from streamspec.harness.core.frame import Frame
    from streamspec.harness.core.limits import Limits


class FrameObserver:
    """One direction of a connection. `size` counts the octets of all whole messages so far, without their lengths."""

    def __init__(self, frame: Frame, limits: Limits) -> None:
        self._frame = frame
        self._limits = limits
        self._held = bytearray()  # of the frame that is not whole yet
        self._at = 0  # offset of that frame
        self._length = -1  # of its message; -1 before its prefix is whole
        self._skipped = -1  # octets of its message that were let go; -1 of one that is held
        self.size = 0

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> list[Event | Body]:
        out: list[Event | Body] = []
        if self._skipped >= 0:
            data = self._skip(data)
        self._held += data
        while self._begun(out) and len(self._held) >= self._length:
            message = bytes(memoryview(self._held)[: self._length])
            del self._held[: self._length]
            out.append(Body(message) if message else Deviation("tcp.empty", self._at))
            self._next()
        return out

    def end(self) -> list[Event | Body]:
        """The connection is over; says whether that was inside a frame."""
        if self._length >= 0:
            came = len(self._held) if self._skipped < 0 else self._skipped
            return [Deviation("tcp.cut", self._at, f"{came} octets of a message of {self._length}")]
        if self._held:
            detail = f"{len(self._held)} octets of a length that has {self._frame.width}"
            return [Deviation("tcp.cut", self._at, detail)]
        return []

    def _begun(self, out: list[Event | Body]) -> bool:
        """Whether the length of the next message that is held is known. One beyond the limit is said, once, and let
        go."""
        width = self._frame.width
        while self._length < 0 and len(self._held) >= width:
            self._length = self._frame.length(bytes(self._held[:width]))
            del self._held[:width]
            if self._length > self._limits.message_bytes:
                detail = f"{self._length} octets, limit {self._limits.message_bytes}"
                out += [Deviation("tcp.frame-too-long", self._at, detail), Elided("Item", 1, self._length)]
                self._skipped = 0
                rest = self._skip(bytes(self._held))
                self._held[:] = rest
        return self._length >= 0 and self._skipped < 0

    def _skip(self, data: bytes) -> bytes:
        """Let go what belongs to a message beyond the limit; what is left is behind it."""
        due = self._length - self._skipped
        self._skipped += min(due, len(data))
        if self._skipped == self._length:
            self._next()
        return data[due:]

    def _next(self) -> None:
        self.size += self._length
        self._at += self._frame.width + self._length
        self._length = self._skipped = -1
