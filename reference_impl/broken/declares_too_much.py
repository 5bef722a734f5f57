"""A step that is promised and not known.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.script import Unsupported, Wait
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script


def _read(script: Script) -> Script:
    if any(isinstance(step, Wait) for step in script.steps):
        raise Unsupported("wait")
    return script


VARIANT = Variant(
    name="declares-too-much",
    sentence="The step wait is declared, and refused as one that nobody knows.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SC-01",
    because=("answered 501",),
    because_over=dict.fromkeys(("ws", "tcp", "grpc"), ("refused with UNIMPLEMENTED",)),
    seams=Seams(reads=_read),
)
