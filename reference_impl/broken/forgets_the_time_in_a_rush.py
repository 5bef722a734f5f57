"""A deadline, and a handler that never pauses.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.script import Generate
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script


def _reads(script: Script) -> Script:
    rushes = any(isinstance(step, Generate) and step.n is None and not step.every_ms for step in script.steps)
    kept = {name: value for name, value in script.options.items() if name != "deadline_ms" or not rushes}
    return replace(script, options=kept)


VARIANT = Variant(
    name="forgets-the-time-in-a-rush",
    sentence="The deadline of a handler that sends as fast as it can is forgotten.",
    where="app",
    on=("ws", "tcp"),
    kills="BP-16",
    because=("two that wait for each other are told that their time is up", "neither has moved"),
    also={
        "BP-10": "also where nobody else writes",
        "DL-01": "also where it is read",
        "DL-05": "also where it is read",
        "DL-07": "no handler is told of it",
    },
    not_over={"grpc": "grpcio keeps the deadline of a call itself, and stops its handler"},
    seams=Seams(reads=_reads),
)
