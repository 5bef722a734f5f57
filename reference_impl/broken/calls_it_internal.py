"""Failures that are all one.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.frame import Failed
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    return lambda frame: (replace(frame, code=Code.INTERNAL) if isinstance(frame, Failed) else frame,)


VARIANT = Variant(
    name="calls-it-internal",
    sentence="Whatever a stream fails with, its client is told INTERNAL.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="ER-02",
    because=("expected NOT_FOUND, got INTERNAL",),
    also={
        "DL-01": "a deadline is told by another name",
        "AU-02": "so are credentials that have expired",
        "LC-15": "and a server that goes away",
    },
    seams=Seams(rewrite=_rewrite),
)
