"""A descriptor too many, after a request that could not be read.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.leaks import Leak, a_file
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

LEAK = Leak()


def _keep_a_file() -> None:
    LEAK.keep(a_file())


VARIANT = Variant(
    name="keeps-a-file-of-the-misread",
    sentence="Each request that is no HTTP, for a WebSocket or not, opens a file that is never closed.",
    where="app",
    on=("ws",),
    kills="RL-05",
    because=("descriptors in batches of", "were refused"),
    seams=Seams(on_misreading=_keep_a_file),
)
