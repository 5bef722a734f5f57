"""Figures that make a producer look well.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.witness import Figures, Run


def _figures(run: Run) -> Figures:
    return run.figures() | {"sent": run.sent // 2, "sending": 0}


VARIANT = Variant(
    name="tells-half",
    sentence="A witness tells half of the items that were sent.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SC-03",
    because=("items sent, or being sent",),
    also={
        "SC-04": "half of a whole stream is not all of it",
    },
    seams=Seams(figures=_figures),
)
