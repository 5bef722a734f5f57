"""One item that nobody gets.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.roles import resumed_after
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _resume(last_event_id: str, n: int) -> int | None:
    after = resumed_after(last_event_id, n)
    return min(n, after + 1) if after else after


VARIANT = Variant(
    name="resumes-too-late",
    sentence="A resume begins one item too late.",
    where="app",
    kills="RC-02",
    because=("the item right behind id 3", "id 5"),
    seams=Seams(resume=_resume),
)
