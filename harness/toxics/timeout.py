"""Nothing passes any more; when nothing came for `timeout`, the connection ends. With 0 it never does: a black hole.

The clock starts anew with every piece, so that a stream faster than that is dropped for ever. Taking the toxic away
ends the connection: what was lost is lost. Never here: an octet that passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.toxic import WAIT_MS_MAX, Attribute, End, Toxic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.toxic import Action, Chance, Flow, NowNs, Piece, Values


@dataclass(frozen=True, slots=True)
class _Hole:
    idle_ms: float

    def take(self, piece: Piece | None, now_ns: NowNs) -> Iterator[Action]:  # noqa: ARG002 -- a flow's shape
        if piece is None:
            yield End()


def _flow(values: Values, _chance: Chance, _before: Flow | None) -> Flow:
    return _Hole(float(values.get("timeout", 0)))


TIMEOUT: Final = Toxic(
    "timeout",
    "nothing passes; the connection ends when nothing came for timeout, or the toxic is taken away",
    _flow,
    {"timeout": Attribute("ms", most=WAIT_MS_MAX)},
    cuts=True,
    removal_cuts=True,
)
