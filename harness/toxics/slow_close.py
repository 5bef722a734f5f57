"""The end comes later; what came before it does not.

Never here: an end of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import WAIT_MS_MAX, Attribute, End, Send, Toxic, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Chance, Flow, NowNs, Piece, Values


@dataclass(frozen=True, slots=True)
class _SlowEnd:
    delay_ms: int
    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:  # noqa: ARG002 -- a flow's shape
        if piece is None:
            yield Wait(self.delay_ms)
            yield End()
        else:
            yield Send(piece)


def _flow(values: Values, _chance: Chance, _before: Flow | None) -> Flow:
    return _SlowEnd(values.get("delay", 0))


SLOW_CLOSE: Final = Toxic(
    "slow_close", "the end comes later by delay", _flow, {"delay": Attribute("ms", most=WAIT_MS_MAX)}
)
