"""Work for nobody.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.disconnects import deaf
from streamspec.reference_impl.seams import Asgi, Message, Seams
from streamspec.reference_impl.variant import Variant


def _to(_scope: Message) -> bool:
    return True


def _around(app: Asgi) -> Asgi:
    return deaf(app, _to)


VARIANT = Variant(
    name="deaf",
    sentence="No producer learns for minutes that its client has left.",
    where="app",
    kills="CN-08",
    because=("items in", "after the client had left"),
    also={
        "CN-02": "an idle one neither",
        "CN-11": "however the client left",
        "CN-04": "nothing is cleaned up before",
    },
    seams=Seams(around=_around),
)
