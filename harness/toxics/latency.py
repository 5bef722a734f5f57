"""Everything comes later, and in order; the end does not.

What has waited before, in our buffers or under another toxic, counts: two latencies add up. Never here: a bound on
what waits (that is the queue before it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import WAIT_MS_MAX, Attribute, Chance, End, Send, Toxic, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Flow, NowNs, Piece, Values


@dataclass(frozen=True, slots=True)
class _Late:
    latency_ms: int
    jitter_ms: int
    chance: Chance
    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:
        if piece is None:
            yield End()
            return
        delay_ms = self.latency_ms
        if self.jitter_ms:
            delay_ms += self.chance.randrange(-self.jitter_ms, self.jitter_ms)
        rest_ns = delay_ms * 1_000_000 - (now_ns() - piece.stamp_ns)
        yield Wait(max(0.0, rest_ns / 1e6))
        yield Send(replace(piece, stamp_ns=piece.stamp_ns + rest_ns))


def _flow(values: Values, chance: Chance, _before: Flow | None) -> Flow:
    return _Late(values.get("latency", 0), values.get("jitter", 0), chance)


LATENCY: Final = Toxic(
    "latency",
    "every piece comes later by latency, more or less by up to jitter",
    _flow,
    {"latency": Attribute("ms", most=WAIT_MS_MAX), "jitter": Attribute("ms", most=WAIT_MS_MAX)},
    queue_pieces=1_024,
)
