"""An input that is no number, taken for none at all.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send


def _around(app: Asgi) -> Asgi:
    async def lenient(scope: Message, receive: Receive, send: Send) -> None:
        fields = scope["query_string"].split(b"&")
        numbers = [field for field in fields if field.rpartition(b"=")[2].isdigit()]
        await app({**scope, "query_string": b"&".join(numbers)}, receive, send)

    return lenient


VARIANT = Variant(
    name="overlooks-bad-input",
    sentence="A parameter that is no number is ignored, and the stream has its usual items.",
    where="app",
    kills="ER-08",
    because=("a refusal", "an item"),
    seams=Seams(around=_around),
)
