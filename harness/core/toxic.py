"""A toxic: what a proxy may do to the octets of one direction of a connection, as data and a pure machine.

A machine is told what came and answers what is to be done, in order; whoever drives it waits, sends and closes. Never
here: sockets, clocks, chance of its own, or a toxic (one a file in `harness/toxics`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

PIECE_BYTES_MAX: Final = 32_768  # of one read, as Toxiproxy copies them
VALUE_MAX: Final = 2**62  # of an attribute; every wait has its own bound below
WAIT_MS_MAX: Final = 3_600_000
FOR_EVER_MS: Final = math.inf  # until the toxics change, or the connection is closed from outside

Values = Mapping[str, int]
NowNs = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets that came together, and when, in nanoseconds; the stamp moves on with the delays that were added."""

    data: bytes
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many milliseconds pass. A change of the toxics ends a wait, unless it is `sure`."""

    ms: float
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Hand this piece on."""

    piece: Piece


@dataclass(frozen=True, slots=True)
class End:
    """Hand the end on, and take nothing more. `cut`: of the toxic's own making; else the source had ended. `reset`: by
    an RST on both sides."""

    cut: bool = False
    reset: bool = False


Action = Wait | Send | End


class Chance(Protocol):
    """What a toxic draws from: `random.Random` fits."""

    def randrange(self, start: int, stop: int, /) -> int: ...


class Flow(Protocol):
    """One toxic at work on one direction of one connection. `idle_ms`: it ends the connection when nothing came for so
    long; 0: never."""

    @property
    def idle_ms(self) -> float: ...

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:
        """What becomes of this piece, None being the end of the source. Each action is done before the next is asked
        for, so that the clock may be read in between."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A whole number that a toxic is told, 0 when it is not said. `unit` is for people."""

    unit: str
    least: int = 0
    most: int = VALUE_MAX


@dataclass(frozen=True, slots=True)
class Toxic:
    """A kind of toxic. `flow(values, chance, before)` sets one to work, `before` being the same toxic's flow until its
    attributes changed. `refuses` says in words why values do not fit together. `cuts`: it may end a connection or lose
    octets of it. `lingers`: a connection that begins with it ends by RST. `removal_cuts`: when it is taken away, the
    connection ends. `queue_pieces` may wait before it. `ours`: Toxiproxy knows no such toxic."""

    name: str
    sentence: str
    flow: Callable[[Values, Chance, Flow | None], Flow]
    attributes: Mapping[str, Attribute] = field(default_factory=lambda: MappingProxyType({}))
    refuses: Callable[[Values], str] = lambda _: ""
    cuts: bool = False
    lingers: bool = False
    removal_cuts: bool = False
    queue_pieces: int = 1
    ours: bool = False


def problem_of(toxic: Toxic, values: Values) -> str:
    """Why these attributes are none for this toxic, in words; empty when they are."""
    for name, attribute in toxic.attributes.items():
        if not attribute.least <= values.get(name, 0) <= attribute.most:
            return f"{toxic.name}: {name} must be {attribute.least} to {attribute.most} {attribute.unit}".rstrip()
    return toxic.refuses(values)


@dataclass(frozen=True, slots=True)
class Through:
    """The flow of no toxic: everything passes as it is."""

    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:  # noqa: ARG002 -- a flow's shape
        yield End() if piece is None else Send(piece)
