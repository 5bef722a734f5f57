"""An upload, and an answer that has lost an item of it.

Never here: a second defect.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.seams import Rewrite

_COUNT = re.compile(r'"count":([1-9]\d*)')


def _one_less(found: re.Match[str]) -> str:
    return f'"count":{int(found[1]) - 1}'


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return (replace(frame, text=_COUNT.sub(_one_less, frame.text)),) if isinstance(frame, Item) else (frame,)

    return rewrite


VARIANT = Variant(
    name="counts-one-too-few",
    sentence="What was made of an upload says that one item fewer came.",
    where="app",
    on=("grpc",),
    kills="DR-02",
    because=('an item with "count": 20', '"count":19'),
    also={"DR-12": "a large upload is counted so as well"},
    seams=Seams(rewrite=_rewrite),
)
