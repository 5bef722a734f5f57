"""One turn for all the streams of a server.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.seams import Deliver

_TURN: Final = asyncio.Lock()


def _deliver(deliver: Deliver) -> Deliver:
    async def in_turn(frame: Frame) -> None:
        async with _TURN:
            await deliver(frame)

    return in_turn


VARIANT = Variant(
    name="waits-for-whoever-is-slow",
    sentence="Each item waits until that of whatever other stream has been written, on other connections as well.",
    where="app",
    kills="BP-11",
    because=("not answered for", "three times out of three"),
    seams=Seams(deliver=_deliver),
)
