"""A request that is read as if it came in few pieces.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send

MOST_ARRIVALS = 3
LOST = "/lost"


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        late = scope["state"]["connection"].arrivals > MOST_ARRIVALS
        await app({**scope, "path": LOST} if late else scope, receive, send)

    return mount


VARIANT = Variant(
    name="reads-at-a-stretch",
    sentence="What a request asks for is lost when its octets did not come all at once.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="OI-05",
    because=("finite answered 404, in segments of 1 octets",),
    seams=Seams(around=_around),
)
