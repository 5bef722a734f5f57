"""A source that is read ahead of everybody.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl import bulk
from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.roles import ENVELOPE_BYTES, ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values

DRAUGHT_BYTES = 262_144  # between two breaths


async def _large(outlet: Outlet, values: Values) -> None:
    shelf: asyncio.Queue[Item] = asyncio.Queue()
    reading = asyncio.create_task(_read(shelf, values["n"], values["item_bytes"]))
    try:
        # What is handed to `send` waits as it should: only what is on the shelf does not.
        for _ in range(values["n"]):
            await outlet.send(await shelf.get())
        outlet.complete()
    finally:
        reading.cancel()


async def _read(shelf: asyncio.Queue[Item], items: int, item_bytes: int) -> None:
    drawn_bytes = 0
    for n in range(1, items + 1):
        text = bulk.text(n, item_bytes - ENVELOPE_BYTES)
        # Reading is work, 5 ms for a MiB: what grows at once was perhaps there before, and who rests reads nothing.
        hashlib.sha3_256(text.encode()).digest()
        shelf.put_nowait(Item(n, text))
        drawn_bytes += item_bytes
        if drawn_bytes >= DRAUGHT_BYTES:
            drawn_bytes = 0
            await asyncio.sleep(0)


GOOD = next(role for role in ROLES if role.path == "/large")

VARIANT = Variant(
    name="holds-the-backlog",
    sentence="The large producer reads all of its source into memory, however little its client takes.",
    where="app",
    kills="BP-06",
    because=("it grew by", "while nobody read"),
    seams=Seams(roles=(replace(GOOD, produce=_large),)),
)
