"""Room for whatever is announced.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

MOST = 2**30


VARIANT = Variant(
    name="waits-for-16-mib",
    sentence="Over TCP a frame of a gibibyte is waited for, whatever limit is declared.",
    where="app",
    on=("tcp",),
    kills="TC-03",
    because=("before the body", "after tcp-prefix-16m1"),
    seams=Seams(most_frame_bytes=MOST),
)
