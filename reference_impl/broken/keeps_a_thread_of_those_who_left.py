"""A thread too many, after a client that left.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.leaks import KeptAfter, a_thread
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="keeps-a-thread-of-those-who-left",
    sentence="Each stream has a thread, which waits for ever where the client leaves.",
    where="app",
    on=("ws", "tcp"),
    kills="RL-04",
    because=("threads in batches of", "left abruptly"),
    also={
        "RL-03": "however the client left",
    },
    seams=Seams(arrange=KeptAfter(Phase.CANCELLED, a_thread)),
)
