"""So many octets of a connection pass, and then it ends: the one exact cut that Toxiproxy knows.

The count is of the raw octets of this direction since the toxic is there, and outlives a change of its limit. Never
here: an end by RST (that is `cut_at`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import Attribute, End, Piece, Send, Toxic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Chance, Flow, NowNs, Values


@dataclass(slots=True)
class Limited:
    """A flow that lets `limit_bytes` pass and ends; `reset`: by RST."""

    limit_bytes: int
    passed_bytes: int = 0
    reset: bool = False
    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:  # noqa: ARG002 -- a flow's shape
        if piece is None:
            yield End()
            return
        left = max(0, self.limit_bytes - self.passed_bytes)
        if data := piece.data[:left]:
            self.passed_bytes += len(data)
            yield Send(Piece(data, piece.stamp_ns))
        if self.passed_bytes >= self.limit_bytes:
            yield End(cut=True, reset=self.reset)


def passed_by(before: Flow | None) -> int:
    """The octets that the flow before has let pass."""
    return before.passed_bytes if isinstance(before, Limited) else 0


def _flow(values: Values, _chance: Chance, before: Flow | None) -> Flow:
    return Limited(values.get("bytes", 0), passed_by(before))


LIMIT_DATA: Final = Toxic(
    "limit_data",
    "so many bytes of a connection pass, then it ends",
    _flow,
    {"bytes": Attribute("octets")},
    cuts=True,
)
