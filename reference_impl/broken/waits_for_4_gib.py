"""Lengths that nobody has room for.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

MOST = 2**32


VARIANT = Variant(
    name="waits-for-4-gib",
    sentence="Over TCP whatever four octets can announce is waited for.",
    where="app",
    on=("tcp",),
    kills="TC-10",
    because=("nothing,", "after tcp-prefix-"),
    also={"TC-03": "16 MiB are waited for, too"},
    seams=Seams(most_frame_bytes=MOST),
)
