"""Two streams of one id.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _takes_over(_stream: ItemStream | None) -> bool:
    return True


VARIANT = Variant(
    name="takes-an-id-from-others",
    sentence="A stream is begun under an id that is in use, beside the one that has it.",
    where="app",
    on=("ws", "tcp"),
    kills="MX-03",
    because=("the stream that has the id, and no other", "anew"),
    seams=Seams(takes_over=_takes_over),
)
