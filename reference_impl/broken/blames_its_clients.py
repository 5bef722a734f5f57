"""A Close with the code of a mistake that nobody made.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

DONE = b"\x88\x02\x03\xe8"  # a Close frame with 1000
PROTOCOL_ERROR = b"\x88\x02\x03\xea"  # and with 1002


def _written(octets: bytes) -> bytes:
    return octets.replace(DONE, PROTOCOL_ERROR) if octets.startswith(b"\x88") else octets


VARIANT = Variant(
    name="blames-its-clients",
    sentence="A Close with 1000 is answered with 1002.",
    where="app",
    on=("ws",),
    kills="WS-06",
    because=("1002", "all that we said was in order"),
    seams=Seams(written=_written),
)
