"""A late stream that is a success after all.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Completed, Failed, Frame
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        late = isinstance(frame, Failed) and frame.code is Code.TIMED_OUT
        return (frame, Completed()) if late else (frame,)

    return rewrite


VARIANT = Variant(
    name="times-out-and-completes",
    sentence="The client is told that the time is up, and then that all is well.",
    where="app",
    kills="DL-06",
    because=("one outcome", "TIMED_OUT and then the success terminal"),
    also={
        "LC-01": "these are two terminals",
        "LC-02": "and the second follows the first",
    },
    not_over={
        "json_array": "what stands behind an array is CJ-01's",
        "grpc": "grpcio writes a status once, whatever is said to it",
    },
    seams=Seams(rewrite=_rewrite),
)
