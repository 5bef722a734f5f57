"""A stream for every name, also for those that nobody gave one.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.routing import TOLD, UPLOADS
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send

_KNOWN = frozenset({TOLD, *UPLOADS, *(role.path for role in ROLES)})


def _around(app: Asgi) -> Asgi:
    async def any_name(scope: Message, receive: Receive, send: Send) -> None:
        binding, slash, name = scope["path"].rpartition("/")
        if f"{slash}{name}" not in _KNOWN:
            scope = {**scope, "path": f"{binding}/finite"}
        await app(scope, receive, send)

    return any_name


VARIANT = Variant(
    name="answers-to-any-name",
    sentence="A path that names no stream is answered with a finite one.",
    where="app",
    kills="ER-07",
    because=("a refusal", "an item"),
    seams=Seams(around=_around),
)
