"""A script with no item that is not over.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.script import Complete, Wait
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script

LONG_MS: Final = 60_000


def _read(script: Script) -> Script:
    if script.steps == (Complete(),):
        return replace(script, steps=(Wait(LONG_MS), *script.steps))
    return script


VARIANT = Variant(
    name="waits-where-nothing-is-sent",
    sentence="A script that sends nothing and completes does not complete for a minute.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="LC-08",
    because=("a stream that stays open",),
    seams=Seams(reads=_read),
)
