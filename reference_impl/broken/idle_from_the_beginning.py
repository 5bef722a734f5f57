"""An idle limit that takes no notice of items.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import times
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant


def _left_s(known: times.Times) -> float | None:
    return times.left_s(replace(known, accepted_s=known.made_s))


VARIANT = Variant(
    name="idle-from-the-beginning",
    sentence="The idle limit counts from the making of a stream, as if it were a deadline.",
    where="stream",
    on=("inprocess", "json_array"),
    kills="DL-08",
    because=("no idle end within", "was sent"),
    seams=Seams(parts=Parts(left=_left_s)),
)
