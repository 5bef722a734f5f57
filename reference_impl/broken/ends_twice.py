"""Two terminals on one stream.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Completed, Frame
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.spoken_arrays import spoken
from streamspec.reference_impl.variant import Variant


def _goes_on(frame: Frame) -> bool:
    return isinstance(frame, Completed)


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return (frame, frame) if isinstance(frame, Completed) else (frame,)

    return rewrite


VARIANT = Variant(
    name="ends-twice",
    sentence="A stream that completes says so twice.",
    where="app",
    kills="LC-01",
    because=("2 of them",),
    also={"LC-02": "the second terminal follows the first"},
    not_over={
        "grpc": "grpcio writes a status once, whatever is said to it",
    },
    seams=Seams(rewrite=_rewrite, bindings=(spoken(_goes_on),)),
)
