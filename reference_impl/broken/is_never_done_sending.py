"""A send that returns, and nobody writes it down.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.witness import Figures, Run


def _figures(run: Run) -> Figures:
    return run.figures() | {"sending": int(run.sent > 0)}


VARIANT = Variant(
    name="is-never-done-sending",
    sentence="A witness tells that its handler is inside a send, from the first one on.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SC-04",
    because=("sending 0", "sending 1"),
    seams=Seams(figures=_figures),
)
