"""A cancel that ends the connection.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _hang_up(_stream: ItemStream) -> NoReturn:
    raise ConnectionResetError("as this variant does it")


VARIANT = Variant(
    name="hangs-up-on-a-cancel",
    sentence="Whoever cancels a stream loses its connection, and every other stream on it.",
    where="app",
    on=("ws", "tcp"),
    kills="CN-14",
    because=("a neighbour untouched by the cancel", "it ended"),
    also={"MX-08": "who leaves one stream of many loses them all"},
    not_over={"grpc": "no handler can end the connection of its call"},
    seams=Seams(on_cancel_word=_hang_up),
)
