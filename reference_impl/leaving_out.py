"""`LeavesOut`: which items a stream leaves out for a client that is slow, and how it says so in the next one.

Never here: an item that could not say so, or a stream that waits for its client after all.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.outlet import ItemStream

HELD: Final = 8  # items that wait for a slow client; fewer than a stream accepts, so that no send is blocked
TURNS: Final = 100  # of the loop without room, before a client is slow; it is until there is room again


class LeavesOut:
    """Of one stream. `field` is where an item, which must be a JSON object, says how many were left out before it."""

    __slots__ = ("_field", "_left_out", "_stream")

    def __init__(self, stream: ItemStream, field: str) -> None:
        self._stream = stream
        self._field = field
        self._left_out = 0

    async def __call__(self, produced: Produced) -> Produced | None:
        """The item as it is to be sent; None when it is left out."""
        if not isinstance(produced, Item) or not produced.json or not produced.text.startswith('{"'):
            return produced
        if not self._left_out:
            for _ in range(TURNS):
                if not self._is_full:
                    break
                await asyncio.sleep(0)
        if self._is_full:
            self._left_out += 1
            return None
        said, self._left_out = self._left_out, 0
        return replace(produced, text=f"{{{json.dumps(self._field)}:{said},{produced.text[1:]}") if said else produced

    @property
    def _is_full(self) -> bool:
        return self._stream.state is Phase.OPEN and self._stream.buffered_amount >= HELD
