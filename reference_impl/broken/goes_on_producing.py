"""A producer that was too long at work to stop.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect, Phase, State
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import Step


@dataclass(frozen=True, slots=True)
class _Counted(State):
    """A state that knows how many items were given to the consumer."""

    given: int = 0


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    given = state.given if isinstance(state, _Counted) else 0
    if state.phase is Phase.CANCELLED and call is Call.SEND and given > state.capacity > 0:
        return state, ()
    after, effects = table.step(state, call, dialect)
    given += sum(effect in {Effect.GIVE, Effect.HAND_OVER} for effect in effects)
    known = {field.name: getattr(after, field.name) for field in fields(State)}
    return _Counted(**known, given=given), effects


VARIANT = Variant(
    name="goes-on-producing",
    sentence="Once more items were delivered than fit into the buffer, sends go on succeeding after a cancel.",
    where="stream",
    on=("inprocess",),
    kills="CN-08",
    because=("neither production nor delivery after a cancel at item 5", "more items accepted"),
    also={
        "CN-01": "a send that succeeds after the cancel tells nobody of it",
    },
    seams=Seams(parts=Parts(step=_step)),
)
