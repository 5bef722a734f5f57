"""A connection that was torn, and is taken for a slow one.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.disconnects import deaf
from streamspec.reference_impl.seams import Asgi, Message, Seams
from streamspec.reference_impl.variant import Variant


def _to(scope: Message) -> bool:
    # A connection that was closed properly is lost without an error.
    return isinstance(scope["state"]["connection"].lost, OSError)


def _around(app: Asgi) -> Asgi:
    return deaf(app, _to)


VARIANT = Variant(
    name="deaf-to-resets",
    sentence="When its client tore the connection, no producer learns of it for minutes.",
    where="app",
    on=("ndjson",),
    kills="CN-11",
    because=("items in", "after the client had left"),
    also={
        "CN-02": "an idle one neither",
        "CN-04": "nothing is cleaned up before",
        "RL-04": "its streams stay open so long",
    },
    seams=Seams(around=_around),
)
