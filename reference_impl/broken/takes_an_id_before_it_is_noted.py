"""Two streams of one id, when both are asked for at once.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _takes_over(stream: ItemStream | None) -> bool:
    return stream is None


VARIANT = Variant(
    name="takes-an-id-before-it-is-noted",
    sentence="An id is in use only once its stream has begun: two starts that come in one write are two streams.",
    where="app",
    on=("ws", "tcp"),
    kills="MX-03",
    because=("the stream that has the id, and no other", "anew, of two starts in one write"),
    seams=Seams(takes_over=_takes_over),
)
