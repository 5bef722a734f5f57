"""A name on every run, and nobody who reads it.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="shows-runs-to-others",
    sentence="A run is kept for its own client, it says, and any client goes on behind an id of it.",
    where="app",
    kills="AU-05",
    because=("another client", "given to somebody else"),
    seams=Seams(owns=lambda _owner, _client: True),
)
