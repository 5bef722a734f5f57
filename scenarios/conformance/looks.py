"""What a bare URL is asked: the four cases of design 5. They promise only what these can show."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Ask, Await, Cancel, Read, Script, Session

_LOOK: Final = Read(items=100, budget="look_ms", bytes=65_536)
_ITEM: Final = Read(items=1, budget="look_ms")

_SOME: Final = Read(items=20, budget="look_ms", bytes=65_536)
_LASTS: Final = Read(items=0, budget="lasting_ms", bytes=65_536)  # is there something lasting to cancel?

LOOK_ONCE = Scenario(
    id="conformance/look",
    sentence="look at the stream for at most 2 s, 64 KiB or 100 items",
    script=Script((Session("look-1", LOOK, (Ask(), _LOOK)),)),
    promises=(
        *("CJ-02", "CJ-09", "CJ-12", "ND-01", "ND-02", "ND-03", "ND-04", "ND-13"),
        *("SSE-01", "SSE-02", "SSE-03", "SSE-06", "SSE-13", "SSE-24"),
    ),
)

LOOK_BESIDE = Scenario(
    id="conformance/look-beside",
    sentence="look a second time while the first look is open",
    script=Script(
        (
            Session("look-1", LOOK, (Ask(), _ITEM, Await("look-2", 3))),
            Session("look-2", LOOK, (Await("look-1", 2), Ask(), _SOME), beside="look-1"),
        )
    ),
    promises=("ND-01", "ND-03", "SSE-01", "SSE-03"),
    needs=("concurrent",),
)

CANCEL_THEN_LOOK = Scenario(
    id="conformance/cancel-then-look",
    sentence="leave abruptly after one item, then look again",
    script=Script(
        (Session("look-1", LOOK, (Ask(), _ITEM, _LASTS)), Session("look-2", LOOK, (Ask(), _ITEM, Cancel("rst")))),
    ),
    promises=("LC-16",),
    by_hand="stop the command above (Ctrl-C) at its first event, then run it again: it must be answered as before",
    order=8,
    exclusive=True,
)

# Both are such that no server acts on them: a method that is nobody's (RFC 9110 §9.1), a line that is no header.
MALFORMED_THEN_LOOK = Scenario(
    id="conformance/malformed-then-look",
    sentence="send a request with a method that is nobody's, then one with a header line that has no colon, look again",
    script=Script(
        (
            Session("look-1", LOOK, (Ask(), _ITEM)),
            Session("look-2", LOOK, (Ask(method="STREAMSPEC", budget="look_ms"), Read(items=1, budget="lasting_ms"))),
            Session("look-3", LOOK, (Ask(malformed=True, budget="look_ms"), Read(items=1, budget="linger_ms"))),
        ),
    ),
    promises=("LC-16", "SSE-12"),
    needs=("http",),
    by_hand="send a request with a header line that has no colon, then run the command above: it must be answered",
    order=9,
    exclusive=True,
)
