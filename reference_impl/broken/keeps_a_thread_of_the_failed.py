"""A thread too many, after a failure.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.leaks import KeptAfter, a_thread
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="keeps-a-thread-of-the-failed",
    sentence="Each stream has a thread, and one that fails never ends it.",
    where="app",
    on=("ndjson",),
    kills="RL-02",
    because=("threads in batches of", "failed"),
    seams=Seams(arrange=KeptAfter(Phase.ERRORED, a_thread)),
)
