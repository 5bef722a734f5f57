"""Streams that end by themselves, read whole. The rules about one ordinary stream are judged on each of them."""

from __future__ import annotations

from streamspec.harness.core.load import Load
from streamspec.harness.core.script import Ask, Read

FINITE = Load(
    name="finite",
    sentence="read finite streams to their ends, many a second",
    role="finite",
    acts=(Ask(), Read(items=0, budget="finite_ms")),
    promises=(
        *("LC-01", "LC-02", "LC-14", "OI-01", "OI-02", "OI-03"),
        *("SSE-01", "SSE-03", "SSE-04", "SSE-13", "SSE-24", "ND-01", "ND-02", "ND-03", "CJ-01", "CJ-02"),
    ),
)
