"""A connection that is over without a Close.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

CLOSE = 0x88  # with which its frame begins


def _written(octets: bytes) -> bytes:
    return b"" if octets[:1] == bytes((CLOSE,)) else octets


VARIANT = Variant(
    name="hangs-up",
    sentence="A WebSocket is never closed with a Close frame, not even one that its client has closed.",
    where="app",
    on=("ws",),
    kills="WS-16",
    because=("a Close in answer", "the connection was closed without one"),
    also={"WS-17": "a text that is none has no code then"},
    seams=Seams(written=_written),
)
