"""A descriptor too many, after a refusal.

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
    name="keeps-a-file-of-the-refused",
    sentence="Each refused request opens a file that is never closed.",
    where="app",
    kills="RL-05",
    because=("descriptors in batches of", "were refused"),
    not_over={"ws": "what we ask its witness meanwhile is refused as well, and one more file is kept"},
    seams=Seams(on_refusal=_keep_a_file),
)
