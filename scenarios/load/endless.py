"""Streams that never end, of which each client reads some items and leaves. Never here: how a server learns of that."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.load import Load
from streamspec.harness.core.script import Ask, Cancel, Read

SOME: Final = 20

ENDLESS = Load(
    name="endless",
    sentence=f"read {SOME} items of endless streams and leave, many a second",
    role="endless",
    acts=(Ask(), Read(items=SOME, budget="item_ms", quiet=True), Cancel("rst")),
    promises=("OI-01", "OI-03", "SSE-01", "SSE-03", "SSE-24", "ND-01", "ND-02", "ND-03", "CJ-02"),
)
