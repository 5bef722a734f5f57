"""A note about everybody who leaves, that is never done.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.leaks import Leak, a_file
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream

LEAK = Leak()


def _cancel(stream: ItemStream) -> None:
    LEAK.keep(a_file())
    stream.cancel()


VARIANT = Variant(
    name="notes-who-left",
    sentence="For each cancel a file is opened and never closed, and over gRPC whoever leaves has cancelled.",
    where="app",
    on=("grpc",),
    kills="RL-04",
    because=("descriptors in batches of", "left abruptly"),
    also={"RL-03": "however the client left"},
    not_over=dict.fromkeys(("ws", "tcp"), "who vanishes says no word, and a word is what is noted"),
    seams=Seams(on_cancel_word=_cancel),
)
