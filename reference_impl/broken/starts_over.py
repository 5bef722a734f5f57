"""A new start that looks like a resume.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.roles import resumed_after
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _resume(last_event_id: str, n: int) -> int | None:
    return resumed_after(last_event_id, n) or 0


VARIANT = Variant(
    name="starts-over",
    sentence="A resume behind an id that never was begins at the first item, without a word.",
    where="app",
    kills="RC-04",
    because=("the stream, as if it was new",),
    seams=Seams(resume=_resume),
)
