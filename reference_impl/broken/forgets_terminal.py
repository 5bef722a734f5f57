"""A clean end of the transport without a terminal.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Completed, Frame
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return () if isinstance(frame, Completed) else (frame,)

    return rewrite


VARIANT = Variant(
    name="forgets-terminal",
    sentence="A completed stream ends its response properly but never says that it is complete.",
    where="app",
    kills="LC-14",
    because=("terminal marker",),
    not_over={
        "json_array": "an array that is not closed is CJ-01's",
        "ws": "the connection goes on: a stream that says nothing more may be slow",
        "tcp": "as over WebSocket",
        "grpc": "grpcio writes a status for every handler that has returned",
    },
    seams=Seams(rewrite=_rewrite),
)
