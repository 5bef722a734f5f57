"""A queue that takes whatever comes.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Final

from streamspec.reference_impl.roles import MOST_LARGE_ITEMS
from streamspec.reference_impl.seams import Features, Seams
from streamspec.reference_impl.variant import Variant
from streamspec.reference_impl.witness import FIGURES

COUNTS: Final = frozenset({"sent", "sending"})


def _features(features: Features) -> Features:
    # Where items are counted, BP-05 speaks first.
    return {**features, "witness": [name for name in FIGURES if name not in COUNTS]}


VARIANT = Variant(
    name="queues-without-end",
    sentence="The queue between producer and wire has no bound, and nobody counts what is in it.",
    where="app",
    kills="BP-06",
    because=("it grew by", "while nobody read"),
    seams=Seams(features=_features, capacity=MOST_LARGE_ITEMS),
)
