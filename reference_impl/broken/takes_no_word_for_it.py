"""A cancel that nobody hears.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _pass_over(_stream: ItemStream) -> None:
    pass


VARIANT = Variant(
    name="takes-no-word-for-it",
    sentence="A cancel that is said in an envelope is passed over.",
    where="app",
    on=("ws",),
    kills="WS-05",
    because=("sends more", "after the cancel"),
    seams=Seams(on_cancel_word=_pass_over),
)
