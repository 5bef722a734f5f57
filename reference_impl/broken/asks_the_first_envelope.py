"""Credentials that are looked at once for each connection, with the first stream that is asked for on it.

Never here: a second defect.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streamspec.reference_impl.routing import header
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers

MOST_CONNECTIONS = 64  # that are remembered
KEY = "sec-websocket-key"  # new for each connection (RFC 6455 4.1)
FIRST = 2  # the time that a connection is asked: when it is opened, and then for each stream


@dataclass(frozen=True, slots=True)
class _Door:
    """How often each connection was asked for credentials."""

    asked: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_CONNECTIONS))

    def admits(self, right: bool, headers: Headers) -> bool:  # noqa: FBT001 -- the seam's shape
        key = header(headers, KEY)
        if not key:
            return right
        self.asked.append(key)
        return right or self.asked.count(key) != FIRST


VARIANT = Variant(
    name="asks-the-first-envelope",
    sentence="Over WebSocket only the first stream of a connection is refused to strangers.",
    where="app",
    on=("ws",),
    kills="AU-04",
    because=("no stream for no credentials", "in a further envelope of its connection"),
    also={"AU-01": "the second stream is one that strangers get"},
    seams=Seams(admits=_Door().admits),
)
