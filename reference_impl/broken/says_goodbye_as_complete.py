"""A shutdown that looks like a success.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _complete(stream: ItemStream) -> None:
    if stream.state is Phase.OPEN:
        stream.complete()


VARIANT = Variant(
    name="says-goodbye-as-complete",
    sentence="When the server stops, every open stream ends as if it were complete.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="LC-15",
    because=("a cut, or UNAVAILABLE", "success"),
    seams=Seams(go_away=_complete),
)
