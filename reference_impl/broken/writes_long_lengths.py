"""Lengths in more octets than they need.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

TEXT = 0x81  # with which the frame of a whole text message begins
SHORT = 126  # a length below stands in the second octet


def _written(octets: bytes) -> bytes:
    if octets[:1] != bytes((TEXT,)) or octets[1] >= SHORT:
        return octets
    return bytes((TEXT, SHORT, 0, octets[1])) + octets[2:]


VARIANT = Variant(
    name="writes-long-lengths",
    sentence="The length of a short text frame stands in three octets.",
    where="app",
    on=("ws",),
    kills="WS-12",
    because=("frames as in RFC 6455", "a length is not in its shortest form"),
    seams=Seams(written=_written),
)
