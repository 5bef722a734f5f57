"""A cleaning that nobody asked for.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

SEPARATORS = str.maketrans("", "", "\u2028\u2029")  # which some JavaScript of old could not read


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return (replace(frame, text=frame.text.translate(SEPARATORS)) if isinstance(frame, Item) else frame,)

    return rewrite


VARIANT = Variant(
    name="loses-separators",
    sentence="Separators of lines and paragraphs (U+2028, U+2029) are taken out of every text.",
    where="app",
    on=("ndjson",),
    kills="OI-04",
    because=("the text number", "separators"),
    seams=Seams(rewrite=_rewrite),
)
