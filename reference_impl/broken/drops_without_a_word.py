"""A gap that nobody can see.

Never here: a second defect.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

FIELD: Final = "dropped"
_MARK: Final = re.compile(rf'^{{"{FIELD}":\d+,')


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return (replace(frame, text=_MARK.sub("{", frame.text)),) if isinstance(frame, Item) else (frame,)

    return rewrite


VARIANT = Variant(
    name="drops-without-a-word",
    sentence="A server that is declared to leave items out for slow clients does so, and does not say it.",
    where="app",
    kills="BP-17",
    because=("since the beginning", "no dropped"),
    seams=Seams(lossy=FIELD, rewrite=_rewrite),
)
