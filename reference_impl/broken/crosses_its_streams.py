"""An item of somebody else.

Never here: a second defect.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from weakref import WeakSet

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

CROSSED = 3  # the number of the item ahead of which a stray one comes


class _Stream:
    """That a stream is open; gone with what remembers it."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class _Streams:
    """What is open, and the latest item of any of them."""

    open: WeakSet[_Stream] = field(default_factory=WeakSet)
    latest: deque[tuple[int, Item]] = field(default_factory=lambda: deque(maxlen=1))

    def rewrite(self) -> Rewrite:
        own = _Stream()
        self.open.add(own)

        def rewrite(frame: Frame) -> tuple[Frame, ...]:
            if not isinstance(frame, Item):
                return (frame,)
            stray = [item for owner, item in self.latest if owner != id(own)] if len(self.open) > 1 else []
            self.latest.append((id(own), frame))
            return (*stray, frame) if frame.n == CROSSED else (frame,)

        return rewrite


VARIANT = Variant(
    name="crosses-its-streams",
    sentence="Ahead of the third item comes the latest one of another stream, if one is open.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="OI-14",
    because=("items of", "one of"),
    also={
        "OI-01": "a stray item has another number",
        "OI-03": "or the same number twice",
        "DR-01": "it is one that was not sent to this request",
    },
    seams=Seams(rewrite=_Streams().rewrite),
)
