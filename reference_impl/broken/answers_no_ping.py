"""Pings into the void.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

PONG = 0x8A  # with which its frame begins


def _written(octets: bytes) -> bytes:
    return b"" if octets[:1] == bytes((PONG,)) else octets


VARIANT = Variant(
    name="answers-no-ping",
    sentence="A Ping on a WebSocket is not answered.",
    where="app",
    on=("ws",),
    kills="WS-10",
    because=("no Pong, and an answer to what was said later",),
    also={"WS-16": "and not later either"},
    seams=Seams(written=_written),
)
