"""A code that is for those who got none.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

DONE = b"\x88\x02\x03\xe8"  # a Close frame with 1000
NONE_CAME = b"\x88\x02\x03\xed"  # and with 1005


def _written(octets: bytes) -> bytes:
    return octets.replace(DONE, NONE_CAME) if octets.startswith(b"\x88") else octets


VARIANT = Variant(
    name="closes-with-1005",
    sentence="A Close with 1000 is answered with 1005, which is never sent.",
    where="app",
    on=("ws",),
    kills="WS-13",
    because=("a Close frame has a code that is never sent",),
    seams=Seams(written=_written),
)
