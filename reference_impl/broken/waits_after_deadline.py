"""A deadline that waiting senders never hear of.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.unreleased import unreleased_by
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="waits-after-deadline",
    sentence="A send that waits for room goes on waiting when the deadline passes.",
    where="stream",
    on=("inprocess", "sse"),
    kills="BP-10",
    because=("no send waits any more when", "deadline", "still waiting"),
    also={
        "DL-02": "a handler is such a sender",
        "DL-05": "it never learns of the deadline",
    },
    not_over={"grpc": "grpcio keeps the deadline of a call itself, and stops its handler"},
    seams=Seams(parts=unreleased_by(Call.EXPIRE)),
)
