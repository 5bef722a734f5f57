"""The first piece, or the end, is answered with an end of the connection: by RST, if it began with this toxic.

Never here: an octet that passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import WAIT_MS_MAX, Attribute, End, Toxic, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Chance, Flow, NowNs, Piece, Values


@dataclass(frozen=True, slots=True)
class _Reset:
    timeout_ms: int
    idle_ms: float = 0.0

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:  # noqa: ARG002 -- a flow's shape
        yield Wait(self.timeout_ms, sure=True)
        yield End(cut=True)


def _flow(values: Values, _chance: Chance, _before: Flow | None) -> Flow:
    return _Reset(values.get("timeout", 0))


RESET_PEER: Final = Toxic(
    "reset_peer",
    "the connection is reset timeout after its first piece, of which nothing passes",
    _flow,
    {"timeout": Attribute("ms", most=WAIT_MS_MAX)},
    cuts=True,
    lingers=True,
)
