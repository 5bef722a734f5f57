"""A refusal that comes too late to be one.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.script import Fail, Generate, Refuse
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script


def _read(script: Script) -> Script:
    if script.steps and isinstance(refuse := script.steps[0], Refuse):
        return replace(script, steps=(Generate(1, 0, 0), Fail(refuse.code, "refused")))
    return script


VARIANT = Variant(
    name="begins-what-it-refuses",
    sentence="A stream that is refused before it begins has sent an item when it fails.",
    where="app",
    on=("grpc",),
    kills="ER-03",
    because=("a refusal before the stream begins", "a stream that began"),
    because_over=dict.fromkeys(("sse", "ndjson", "json_array"), ("a status of 400 or more", "got 200")),
    seams=Seams(reads=_read),
)
