"""How many connections one peer has, and may have: no client takes all that there is room for.

Never here: what a connection is for.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

MOST_PER_PEER: Final = 16_384  # connections
SHARE: Final = 3 / 4  # of all descriptors, where those are fewer


def most_per_peer() -> int:
    """So many that others find room beside a peer that has all of them."""
    try:
        import resource
    except ImportError:  # no limit that is known
        return MOST_PER_PEER
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_PER_PEER if limit == resource.RLIM_INFINITY else min(MOST_PER_PEER, int(limit * SHARE))


class Peers:
    """The connections of every peer, by its address. `most` are those that it may have at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._connections: dict[str, weakref.WeakSet[asyncio.Transport]] = {}

    def admits(self, transport: asyncio.Transport) -> bool:
        """Whether its peer may have this one more, which counts from now on until it is closed."""
        address = transport.get_extra_info("peername")
        if not isinstance(address, tuple):
            return True
        peer = str(address[0])
        held = self._connections.setdefault(peer, weakref.WeakSet())
        if len(held) >= self._most:
            for other in tuple(held):  # nobody tells us when one closes: they are counted anew where it matters
                if other.is_closing():
                    held.discard(other)
        admitted = len(held) < self._most
        if admitted:
            held.add(transport)
        if len(self._connections) > self._most:
            self._forget_the_gone()
        return admitted

    def _forget_the_gone(self) -> None:
        self._connections = {peer: held for peer, held in self._connections.items() if len(held)}
