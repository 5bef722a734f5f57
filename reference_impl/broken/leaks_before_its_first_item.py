"""A cleanup that waits for a first item.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect, State
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import Step


class _Begun(State):
    """The state of a stream that has accepted an item; every step from one makes another."""

    __slots__ = ()


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    after, effects = table.step(state, call, dialect)
    if Effect.ACCEPT in effects or Effect.RELEASE_SENDER in effects:
        after = _Begun(**{field.name: getattr(after, field.name) for field in fields(after)})
    if call is Call.CANCEL and not isinstance(state, _Begun):
        return after, tuple(effect for effect in effects if effect is not Effect.CLEAN_UP)
    return after, effects


VARIANT = Variant(
    name="leaks-before-its-first-item",
    sentence="A stream that is cancelled before anything was sent runs no cleanup.",
    where="stream",
    on=("inprocess", "json_array"),
    kills="CN-05",
    because=("runs once", "it never ran"),
    seams=Seams(parts=Parts(step=_step)),
)
