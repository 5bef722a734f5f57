"""Data that clients never see.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Completed, Frame
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _encode(frame: Frame) -> bytes:
    block = sse.encode(frame)
    if isinstance(frame, Completed):
        # After the terminal, so that the terminal itself stays whole: clients drop a block cut off by the end
        # (HTML 9.2.6), hence no item follows the terminal and none is lost.
        return block + sse.event("{}").removesuffix(b"\n")
    return block


VARIANT = Variant(
    name="unfinished-block",
    sentence="The response ends cleanly in the middle of an event block that has data.",
    where="app",
    kills="SSE-04",
    because=("blank line", "inside an event block"),
    also={"LC-02": "whoever takes the cut-off block for an item sees it after the terminal"},
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
