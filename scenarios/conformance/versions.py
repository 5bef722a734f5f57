"""Clients of an older HTTP, for servers that say that they serve them. Never in a run against a bare URL."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Ask, Read, Script, Session

HTTP10: Final = Scenario(
    id="conformance/http10",
    sentence="ask in HTTP/1.0 and read one item",
    script=Script((Session("look-1", LOOK, (Ask(version="1.0"), Read(items=1, budget="look_ms"))),)),
    promises=("CJ-11",),
    needs=("feature:http10",),
    order=1,
)
