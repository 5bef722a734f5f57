"""Senders that wait for room and are not told that there will be none: what several variants share.

Never here: which of them is whose defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step

PATIENCE_S: Final = 30.0  # for a producer that nobody has told: longer than anybody watches


def unreleased_by(deaf_to: Call) -> Parts:
    """A stream whose waiting senders never hear of this call."""

    def step(state: State, call: Call, dialect: Dialect) -> Step:
        if call is Call.ABANDON_SEND and not state.senders:
            return state, ()  # who was forgotten leaves
        after, effects = table.step(state, call, dialect)
        if call is deaf_to:
            return after, tuple(effect for effect in effects if effect is not Effect.CANCEL_SENDERS)
        return after, effects

    return Parts(step=step)
