"""A stream of the server's where the client was to send one.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.routing import UPLOADS
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send


def _around(app: Asgi) -> Asgi:
    async def one_direction_for_all(scope: Message, receive: Receive, send: Send) -> None:
        binding, slash, name = scope["path"].rpartition("/")
        if f"{slash}{name}" in UPLOADS:
            scope = {**scope, "path": f"{binding}/finite"}
        await app(scope, receive, send)

    return one_direction_for_all


VARIANT = Variant(
    name="talks-into-an-upload",
    sentence="A request for a stream of the client's is answered with one of the server's.",
    where="app",
    kills="DR-09",
    because=("a refusal", "an item"),
    seams=Seams(around=_around),
)
