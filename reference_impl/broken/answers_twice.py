"""One answer, and the same once more.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.seams import Rewrite


def _rewrite() -> Rewrite:
    def twice(frame: Frame) -> tuple[Frame, ...]:
        is_sum = isinstance(frame, Item) and '"count":' in frame.text
        return (frame, frame) if is_sum else (frame,)

    return twice


VARIANT = Variant(
    name="answers-twice",
    sentence="What was made of an upload is said twice.",
    where="app",
    on=("ws", "tcp"),
    kills="DR-02",
    because=("one item", "2: "),
    also={"DR-07": "of an empty one as well", "WS-04": "there are two answers to what was said"},
    not_over={"grpc": "where one answer is due, the reference makes a failure of two"},
    seams=Seams(rewrite=_rewrite),
)
