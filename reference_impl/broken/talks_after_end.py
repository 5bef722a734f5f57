"""An item after the terminal.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Completed, Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.spoken_arrays import spoken
from streamspec.reference_impl.variant import Variant


def _goes_on(frame: Frame) -> bool:
    return isinstance(frame, Completed)


def _rewrite() -> Rewrite:
    latest = 0

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal latest
        if isinstance(frame, Item):
            latest = frame.n
        # It counts on, so that order and uniqueness stay as they were.
        return (frame, Item(latest + 1, "too late")) if isinstance(frame, Completed) else (frame,)

    return rewrite


VARIANT = Variant(
    name="talks-after-end",
    sentence="One more item follows the completion.",
    where="app",
    kills="LC-02",
    because=("after the terminal",),
    also={"OI-02": "one item more than was asked for arrives, if those after the end are counted"},
    not_over={
        "grpc": "grpcio writes the status last: the item is one more before it",
    },
    seams=Seams(rewrite=_rewrite, bindings=(spoken(_goes_on),)),
)
