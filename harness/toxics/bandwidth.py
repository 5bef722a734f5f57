"""So many kilobytes a second (1 KB = 1,000 octets), and no more.

A large piece goes out in slices of a tenth of a second; how much a wait was too long is taken off the next one.
Never here: a burst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import FOR_EVER_MS, Attribute, End, Piece, Send, Toxic, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Chance, Flow, NowNs, Values

_SLICE_MS: Final = 100
_RATE_MAX: Final = 10_000_000


@dataclass(slots=True)
class _Narrow:
    rate: int  # KB/s, which is octets a millisecond
    debt_ns: int = 0
    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:
        if piece is None:
            yield End()
            return
        if not self.rate:
            yield Wait(FOR_EVER_MS)
            yield Send(piece)
            return
        data, most = piece.data, self.rate * _SLICE_MS
        self.debt_ns += len(data) * 1_000_000 // self.rate
        while len(data) > most:
            yield Wait(_SLICE_MS)
            yield Send(Piece(data[:most], piece.stamp_ns))
            data = data[most:]
            self.debt_ns -= _SLICE_MS * 1_000_000
        began_ns = now_ns()
        yield Wait(max(0.0, self.debt_ns / 1e6))
        self.debt_ns -= now_ns() - began_ns
        yield Send(Piece(data, piece.stamp_ns))


def _flow(values: Values, _chance: Chance, _before: Flow | None) -> Flow:
    return _Narrow(values.get("rate", 0))


BANDWIDTH: Final = Toxic(
    "bandwidth",
    "no more than rate passes in a second; 0 stalls for ever",
    _flow,
    {"rate": Attribute("KB/s", most=_RATE_MAX)},
)
