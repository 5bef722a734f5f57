"""Compression that nobody can undo.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

COMPRESSED = 0xC1  # a text frame with the bit that permessage-deflate has given a meaning
NO_SUCH_BLOCK = 0x06  # a type of block that DEFLATE does not have


def _written(octets: bytes) -> bytes:
    if octets[:1] != bytes((COMPRESSED,)):
        return octets
    at = 2 if octets[1] < 126 else 4 if octets[1] == 126 else 10
    return octets[:at] + bytes((octets[at] | NO_SUCH_BLOCK,)) + octets[at + 1 :]


VARIANT = Variant(
    name="deflates-badly",
    sentence="A message that is compressed cannot be inflated.",
    where="app",
    on=("ws",),
    kills="WS-11",
    because=("what can be inflated", "cannot be inflated"),
    seams=Seams(written=_written),
)
