"""A handler whose return is taken for a completion.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.producing import end_after_handler
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.producing import Produced


def _complete_at_return(stream: Produced, raised: BaseException | None) -> None:
    if raised is None and stream.state is Phase.OPEN:
        stream.complete()
    else:
        end_after_handler(stream, raised)


VARIANT = Variant(
    name="return-completes",
    sentence="A handler that returns without ending its stream completes it.",
    where="stream",
    on=("inprocess", "sse", "ndjson", "json_array"),
    kills="LC-06",
    because=("since the handler ended nothing", "the end, as after success"),
    seams=Seams(parts=Parts(after_handler=_complete_at_return)),
)
