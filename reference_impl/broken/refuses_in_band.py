"""A refusal inside a stream.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.script import Fail, Refuse
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script


def _read(script: Script) -> Script:
    if script.steps and isinstance(refuse := script.steps[0], Refuse):
        return replace(script, steps=(Fail(refuse.code, "refused"),))
    return script


VARIANT = Variant(
    name="refuses-in-band",
    sentence="A stream that is refused before it begins is opened with 200, and fails at once.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="ER-03",
    because=("a status of 400 or more", "got 200"),
    because_over=dict.fromkeys(("ws", "tcp"), ("a refusal before the stream begins", "a stream that began")),
    not_over={"grpc": "a refusal is a status, as is a failure at once"},
    seams=Seams(reads=_read),
)
