"""A late stream that is a success after all.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Completed, Failed, Frame
from streamspec.reference_impl.grpc_parts import Head, Part, Relay, Retell
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.spoken_arrays import spoken
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.variant import Variant

DEADLINE_EXCEEDED = ("grpc-status", "4")
OK = ("grpc-status", "0")


def _is_late(frame: Frame) -> bool:
    return isinstance(frame, Failed) and frame.code is Code.TIMED_OUT


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return (frame, Completed()) if _is_late(frame) else (frame,)

    return rewrite


def _retell() -> Retell:
    def retell(part: Part) -> tuple[Part, ...]:
        if isinstance(part, Head) and part.ends and DEADLINE_EXCEEDED in part.fields:
            return (Head(part.fields, ends=False), Head((OK,), ends=True))
        return (part,)

    return retell


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
    seams=Seams(rewrite=_rewrite, bindings=(spoken(_is_late),), relay=Relay(_retell)),
)
