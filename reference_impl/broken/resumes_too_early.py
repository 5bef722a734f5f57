"""One item that is there already.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.roles import resumed_after
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _resume(last_event_id: str, n: int) -> int | None:
    after = resumed_after(last_event_id, n)
    return after - 1 if after else after


VARIANT = Variant(
    name="resumes-too-early",
    sentence="A resume repeats the item that the client has.",
    where="app",
    kills="RC-02",
    because=("the item right behind id 3", "id 3 again"),
    also={"SSE-11": "behind the last item it repeats that one, and is not over"},
    seams=Seams(resume=_resume),
)
