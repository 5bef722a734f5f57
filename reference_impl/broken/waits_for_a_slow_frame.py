"""All the time in the world.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="waits-for-a-slow-frame",
    sentence="A frame that has begun to come is waited for, for an hour.",
    where="app",
    on=("tcp",),
    kills="TC-06",
    because=("after the first octet", "nothing,"),
    seams=Seams(frame_s=3_600.0),
)
