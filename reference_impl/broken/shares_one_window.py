"""One window for all.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.seams import Deliver

_WINDOWS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


def _deliver(deliver: Deliver) -> Deliver:
    async def in_turn(frame: Frame) -> None:
        async with _WINDOWS.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            await deliver(frame)

    return in_turn


VARIANT = Variant(
    name="shares-one-window",
    sentence="While a message waits for its reader, no other stream is written.",
    where="app",
    on=("grpc",),
    kills="BP-12",
    because=("items of the one that is read", "until the wait was over"),
    also={"BP-11": "on other connections neither"},
    seams=Seams(deliver=_deliver),
)
