"""A stream that is over, and begins again and again.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="lets-them-come-back",
    sentence="A resume behind the last item is answered with one more stream, without an item.",
    where="app",
    kills="SSE-11",
    because=("204", "200"),
    seams=Seams(is_over=lambda _: False),
)
