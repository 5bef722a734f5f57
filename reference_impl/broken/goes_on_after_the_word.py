"""A cancel in words that changes nothing.

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
    name="goes-on-after-the-word",
    sentence="A stream whose client cancels it goes on for that client.",
    where="app",
    on=("tcp", "ws"),
    kills="CN-08",
    because=("no items some time after a cancel", "after it had read the cancel"),
    also={
        "CN-03": "it goes on to its end",
        "CN-09": "half-closed or not",
        "CN-19": "from its beginning",
        "WS-05": "its handler learns of no cancel",
    },
    because_over={"grpc": ("items in", "after the client had left")},
    seams=Seams(on_cancel_word=_pass_over),
)
