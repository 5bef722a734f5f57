"""What a request is cut into on its way: segments of a few octets, down to one.

Never here: the cutting (the transport's), or what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Ask, Read, Script, Session

_TO_ITS_END: Final = Read(items=0, budget="finite_ms")
_CUTS: Final = (1, 1, 1, 7, 61)  # one octet three times: once a server may refuse for another reason
_ASKS: Final = (Ask(), *(Ask(pieces=octets) for octets in _CUTS), Ask())  # the first and the last are the control

SEGMENTS: Final = Scenario(
    id="conformance/segments",
    sentence="ask for a finite stream in one piece, in segments of 1, 7 and 61 octets, and in one piece again",
    script=Script(tuple(Session(f"finite-{n}", "finite", (ask, _TO_ITS_END)) for n, ask in enumerate(_ASKS, 1))),
    promises=("OI-05",),
    by_hand="send the request of the command above slowly: `while read -rn1 octet; do …; done | nc HOST PORT`",
    order=3,
)
