"""A cancel that waiting senders never hear of.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.unreleased import PATIENCE_S, unreleased_by
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="waits-after-cancel",
    sentence="A send that waits for room goes on waiting when the consumer cancels.",
    where="stream",
    on=("inprocess",),
    kills="BP-09",
    because=("no send waits any more when the consumer cancels", "still waiting"),
    also={
        "CN-16": "a source whose item waits is never closed",
        "CN-18": "leaving an iteration cancels",
    },
    because_over=dict.fromkeys(("ws", "tcp", "grpc"), ("still inside a send",)),
    seams=Seams(parts=unreleased_by(Call.CANCEL), patience_s=PATIENCE_S),
)
