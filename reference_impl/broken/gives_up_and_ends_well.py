"""A good ending after a send that gave up.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.producing import end_after_handler
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.producing import Produced


def _after_handler(stream: Produced, raised: BaseException | None) -> None:
    if stream.state is Phase.OPEN and isinstance(raised, StreamError) and raised.code is Code.TIMED_OUT:
        stream.complete()
        return
    end_after_handler(stream, raised)


VARIANT = Variant(
    name="gives-up-and-ends-well",
    sentence="A stream whose handler was stopped by a send's timeout completes.",
    where="stream",
    on=("ndjson",),
    kills="BP-21",
    because=("an error or a close", "the stream ended well"),
    seams=Seams(parts=Parts(after_handler=_after_handler)),
)
