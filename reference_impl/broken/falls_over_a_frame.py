"""One frame that nobody understands, and everybody is gone.

Never here: a second defect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from streamspec.reference_impl.seams import Seams, framed
from streamspec.reference_impl.variant import Variant

GARBAGE = b"{bad"
ID = re.compile(rb'"id":"([^"]*)"')
MOST = 1_000  # ids that are remembered


@dataclass(slots=True)
class _Connections:
    """Whose streams have begun; those that had when garbage came fall as soon as they say something."""

    begun: set[bytes] = field(default_factory=set)
    falling: set[bytes] = field(default_factory=set)

    def heard(self, octets: bytes) -> bytes:
        if GARBAGE in octets:
            self.falling |= self.begun
            self.begun.clear()
        return octets

    def frame(self, body: bytes) -> bytes:
        found = ID.search(body)
        stream = found[1] if found else b""
        if stream in self.falling:
            self.falling.discard(stream)
            raise ConnectionResetError("as this variant does it")
        if len(self.begun) < MOST:
            self.begun.add(stream)
        return framed(body)


_CONNECTIONS = _Connections()

VARIANT = Variant(
    name="falls-over-a-frame",
    sentence="A frame whose body is no JSON takes all connections along that have something to send.",
    where="app",
    on=("tcp",),
    kills="TC-05",
    because=("streams on other connections go on", "one ended after"),
    seams=Seams(heard=_CONNECTIONS.heard, frame=_CONNECTIONS.frame),
)
