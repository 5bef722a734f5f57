"""A handler that is over and at work by turns.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.witness import Figures, Run


TURNS_PER_S = 7  # not in step with anybody who asks ten times a second


def _figures(run: Run) -> Figures:
    figures = run.figures()
    turn = int(run.clock() * TURNS_PER_S) % 2
    return figures | {"state": "playing"} if turn else figures


VARIANT = Variant(
    name="comes-back-to-life",
    sentence="Of a handler that is over its witness tells by turns that it is playing.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="LC-11",
    because=("ended, then playing",),
    seams=Seams(figures=_figures),
)
