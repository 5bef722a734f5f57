"""A limit that is not kept.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.player import LIMIT_BYTES, generated
from streamspec.reference_impl.script import Generate, Send
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script, Step


def _read(script: Script) -> Script:
    """Literal items have no limit, since none comes near it."""
    steps: list[Step] = []
    number = 0
    for step in script.steps:
        if isinstance(step, Generate) and step.n == 1 and step.bytes > LIMIT_BYTES:
            steps.append(Send((generated(number + 1, step.bytes),)))
        else:
            steps.append(step)
        match step:
            case Send(items=items):
                number += len(items)
            case Generate(n=int(n)):
                number += n
            case _:
                pass
    return replace(script, steps=tuple(steps))


VARIANT = Variant(
    name="sends-what-is-too-large",
    sentence="An item above the limit is delivered like any other.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="OI-08",
    because=("1048577 octets delivered",),
    seams=Seams(reads=_read),
)
