"""A word of welcome.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Begun, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

HELLO = Item(0, '{"hello":"you"}', json=True)


def _rewrite() -> Rewrite:
    return lambda frame: (frame, HELLO) if isinstance(frame, Begun) else (frame,)


VARIANT = Variant(
    name="greets",
    sentence="An item that nobody sent comes ahead of all others, and says hello.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="DR-01",
    because=("hello",),
    also={
        "LC-08": "an empty stream has an item",
        "SC-03": "it is received, and nobody sent it",
    },
    seams=Seams(rewrite=_rewrite),
)
