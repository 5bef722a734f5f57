"""A send that waits for room, and for nothing else.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.unreleased import PATIENCE_S, unreleased_by
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="stays-blocked-past-its-deadline",
    sentence="When the time is up the client is told so, and a handler that waits for room waits on for half a minute.",
    where="stream",
    on=("grpc",),
    kills="DL-05",
    because=("the blocked send", "raises", "still blocked"),
    also={
        "BP-10": "a send that waits for room goes on waiting",
        "DL-02": "a handler may be what sends",
    },
    seams=Seams(parts=unreleased_by(Call.EXPIRE), patience_s=PATIENCE_S),
)
