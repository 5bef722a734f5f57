"""A descriptor too many, after a success.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.leaks import KeptAfter, a_file
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="keeps-a-file-of-the-completed",
    sentence="Each stream opens a file, and one that completes never closes it.",
    where="app",
    kills="RL-01",
    because=("descriptors in batches of", "completed"),
    seams=Seams(arrange=KeptAfter(Phase.COMPLETED, a_file)),
)
