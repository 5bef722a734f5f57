"""Messages of one line.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.frame import Failed
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    return lambda frame: (
        replace(frame, message=" ".join(frame.message.split())) if isinstance(frame, Failed) else frame,
    )


VARIANT = Variant(
    name="folds-messages",
    sentence="The message of a failure has its tabs and line ends replaced by blanks.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="ER-05",
    because=(r"expected a\ttab, got a tab", r"expected one\r\ntwo, got one two"),
    seams=Seams(rewrite=_rewrite),
)
