"""An abort that looks like success.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.producing import end_after_handler
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _end(stream: ItemStream, raised: Exception) -> None:
    if getattr(raised, "code", None) in {Code.CANCELLED, Code.UNAVAILABLE}:
        stream.complete()
    else:
        end_after_handler(stream, raised)


VARIANT = Variant(
    name="ends-well-when-aborted",
    sentence="A handler that is stopped from the server's own side completes its stream.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="CN-15",
    because=("an error, or an end that is visibly broken", "the end, as after success"),
    seams=Seams(on_exception=_end),
)
