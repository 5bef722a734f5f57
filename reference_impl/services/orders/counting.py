"""How many orders a listing has, counted for as long as its client is there.

Nothing has been sent by then, so no stream tells that a client has left: here it is asked for. Never here: SQL, a
status, what an answer says.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import asgi_answers

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Receive
    from streamspec.reference_impl.services.orders.desk import Desk
    from streamspec.reference_impl.services.orders.store import Rows


async def counted(desk: Desk, rows: Rows, receive: Receive) -> int | None:
    """None where the client has left meanwhile. Raises as `Desk.read`. When this is over no query is at work."""
    counting = asyncio.ensure_future(desk.read(rows.count))
    leaving = asyncio.ensure_future(asgi_answers.left(receive))
    try:
        await asyncio.wait((counting, leaving), return_when=asyncio.FIRST_COMPLETED)
        # What was received is received once: a client that has left is not asked again.
        return None if leaving.done() else counting.result()
    finally:
        leaving.cancel()
        if not counting.done():
            rows.interrupt()
        await asyncio.gather(counting, leaving, return_exceptions=True)
