"""A cancel that nobody hears of who does not send.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step

PATIENCE_S: Final = 30.0  # longer than anybody watches, and still not for ever


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    return (state, ()) if call is Call.CANCEL and not state.senders else table.step(state, call, dialect)


VARIANT = Variant(
    name="tells-only-who-sends",
    sentence="A client's leaving ends the send that waits for room, and nothing else: who sleeps sleeps on.",
    where="stream",
    on=("ws", "tcp", "grpc"),
    kills="CN-02",
    because=("is told that its client has left", "it had not learnt of it"),
    because_over=dict.fromkeys(
        ("sse", "ndjson", "json_array"), ("is told that its client has left", "tells of none of them")
    ),
    seams=Seams(parts=Parts(step=_step), patience_s=PATIENCE_S),
)
