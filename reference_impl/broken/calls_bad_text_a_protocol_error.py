"""A reason that is another one.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

CLOSE = 0x88  # with which its frame begins; the code stands behind the length
NOT_TEXT, PROTOCOL_ERROR = (1007).to_bytes(2), (1002).to_bytes(2)


def _written(octets: bytes) -> bytes:
    if octets[:1] == bytes((CLOSE,)) and octets[2:4] == NOT_TEXT:
        return octets[:2] + PROTOCOL_ERROR + octets[4:]
    return octets


VARIANT = Variant(
    name="calls-bad-text-a-protocol-error",
    sentence="The connection of a text that is no UTF-8 is closed with 1002.",
    where="app",
    on=("ws",),
    kills="WS-17",
    because=("a Close with the code 1007", "code 1002"),
    seams=Seams(written=_written),
)
