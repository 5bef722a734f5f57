"""Whole numbers that have been through a double.

Never here: a second defect.
"""

from __future__ import annotations

import re
from dataclasses import replace

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

LONG = re.compile(r'(?<=":)-?[0-9]{16,}(?=[,}])')


def _rounded(number: re.Match[str]) -> str:
    return str(int(float(number[0])))


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        if isinstance(frame, Item) and frame.json:
            return (replace(frame, text=LONG.sub(_rounded, frame.text)),)
        return (frame,)

    return rewrite


VARIANT = Variant(
    name="rounds-numbers",
    sentence="Whole numbers in items are rounded to what a double holds.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="OI-12",
    because=("9007199254740993, got 9007199254740992",),
    seams=Seams(rewrite=_rewrite),
)
