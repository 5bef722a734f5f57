"""A limit that is not kept.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="takes-everybody-in",
    sentence="A connection may have far more streams than is declared.",
    where="app",
    on=("ws", "tcp"),
    kills="MX-08",
    because=("at most 128 streams at once",),
    seams=Seams(most_streams=10_000),
)
