"""An error that tells everything.

Never here: a second defect.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _tell_everything(stream: ItemStream, raised: Exception) -> None:
    stream.error(StreamError(Code.INTERNAL, "".join(traceback.format_exception(raised))))


VARIANT = Variant(
    name="spills-traceback",
    sentence="The error's message is the handler's traceback, with its paths and what the exception says.",
    where="app",
    kills="ER-10",
    because=("traceback",),
    seams=Seams(on_exception=_tell_everything),
)
