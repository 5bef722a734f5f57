"""Credentials that are looked at once.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.script import Script


def _reads(script: Script) -> Script:
    kept = {name: value for name, value in script.options.items() if name != "expires_ms"}
    return replace(script, options=kept)


VARIANT = Variant(
    name="forgets-the-expiry",
    sentence="A stream goes on when its credentials have expired, which ends it as it says.",
    where="app",
    on=("ndjson",),
    kills="AU-02",
    because=("a failure", "it still goes on"),
    seams=Seams(reads=_reads),
)
