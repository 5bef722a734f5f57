"""Toxics by hand: a flow driven with a clock of its own, as a proxy would drive it. Never here: a socket."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streamspec.harness.core.toxic import End, Piece, Send, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.toxic import Flow, Toxic

MS = 1_000_000


@dataclass(slots=True)
class Driven:
    """What came out: pieces with the time at which they did, in milliseconds; and how it ended."""

    flow: Flow
    now_ns: int = 0
    came: list[tuple[float, bytes]] = field(default_factory=list)
    end: End | None = None
    ended_ms: float = -1.0

    def take(self, data: bytes | None, *, received_ns: int | None = None) -> Driven:
        stamp = self.now_ns if received_ns is None else received_ns
        piece = None if data is None else Piece(data, stamp)
        for action in self.flow.take(piece, lambda: self.now_ns):
            match action:
                case Wait(ms):
                    self.now_ns += int(ms * MS)
                case Send(sent):
                    self.came.append((self.now_ns / MS, sent.data))
                case End():
                    self.end, self.ended_ms = action, self.now_ns / MS
                    return self
        return self

    @property
    def octets(self) -> bytes:
        return b"".join(data for _, data in self.came)


def driven(toxic: Toxic, *, seed: int = 0, before: Flow | None = None, **values: int) -> Driven:
    return Driven(toxic.flow(values, random.Random(seed), before))


def through(toxic: Toxic, pieces: Iterable[bytes], *, seed: int = 0, **values: int) -> Driven:
    """Every piece, and then the end, unless the toxic ends before."""
    run = Driven(toxic.flow(values, random.Random(seed), None))
    for piece in pieces:
        run.take(piece)
        if run.end:
            return run
    return run.take(None)
