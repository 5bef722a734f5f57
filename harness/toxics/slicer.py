"""Every piece is cut into small ones: halves of halves, until they are about as small as wanted.

Never here: an octet lost, or another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import PIECE_BYTES_MAX, Attribute, Chance, End, Piece, Send, Toxic, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Flow, NowNs, Values

_DELAY_US_MAX: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class _Slices:
    average: int
    variation: int
    delay_us: int
    chance: Chance
    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:  # noqa: ARG002 -- a flow's shape
        if piece is None:
            yield End()
            return
        for start, end in self._cut(0, len(piece.data)):
            yield Send(Piece(piece.data[start:end], piece.stamp_ns))
            yield Wait(self.delay_us / 1_000)

    def _cut(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        if end - start - self.average <= self.variation:
            yield start, end
            return
        middle = start + (end - start) // 2
        if self.variation:
            middle += self.chance.randrange(-self.variation, self.variation)
        yield from self._cut(start, middle)
        yield from self._cut(middle, end)


def _flow(values: Values, chance: Chance, _before: Flow | None) -> Flow:
    return _Slices(values.get("average_size", 0), values.get("size_variation", 0), values.get("delay", 0), chance)


def _refuses(values: Values) -> str:
    """An average of 0 and a variation as large as the average crash Toxiproxy: its halves never become small."""
    if values.get("size_variation", 0) >= values.get("average_size", 0):
        return "slicer: size_variation must be less than average_size"
    return ""


SLICER: Final = Toxic(
    "slicer",
    "every piece is cut into pieces of about average_size, with a delay after each",
    _flow,
    {
        "average_size": Attribute("octets", least=1, most=PIECE_BYTES_MAX),
        "size_variation": Attribute("octets", most=PIECE_BYTES_MAX),
        "delay": Attribute("us", most=_DELAY_US_MAX),
    },
    _refuses,
)
