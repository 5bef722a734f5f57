"""A descriptor too many, after a cancel.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.leaks import KeptAfter, a_file
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="keeps-a-file-of-the-cancelled",
    sentence="Each stream opens a file, and one whose client leaves never closes it.",
    where="app",
    on=("json_array",),
    kills="RL-03",
    because=("descriptors in batches of", "left"),
    also={
        "RL-04": "however the client left",
    },
    seams=Seams(arrange=KeptAfter(Phase.CANCELLED, a_file)),
)
