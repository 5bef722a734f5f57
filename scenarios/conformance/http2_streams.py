"""HTTP/2, whatever the binding: the fields of an answer, and windows that nobody gives back for a while.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Ask, Cancel, Pass, Read, Script, Session

_BY_HAND: Final = "run the replay: what counts is how many octets came while nobody gave a window back"
_STALL_MS: Final = 500  # loopback and most networks carry a window in far less
_SOME: Final = Read(items=0, budget="look_ms", bytes=262_144)

LOOK_ONCE: Final = Scenario(
    id="conformance/http2-look",
    sentence="look at the stream for at most 2 s or 100 items",
    script=Script((Session("look-1", LOOK, (Ask(), Read(items=100, budget="look_ms"))),)),
    promises=("CJ-10",),
    needs=("carrier:http2",),
)

WINDOW: Final = Scenario(
    id="conformance/http2-window",
    sentence="ask for 1 MiB, read nothing for half a second, then 256 KiB",
    script=Script(
        (Session("large-1", "large", (Ask(), Pass(_STALL_MS), _SOME, Cancel("rst")), options={"backlog_mib": 1}),)
    ),
    promises=("BP-20",),
    needs=("carrier:http2", "role:large.item_bytes"),
    by_hand=_BY_HAND,
    order=4,
)

WINDOW_LOOK: Final = Scenario(
    id="conformance/http2-window-look",
    sentence="look, read nothing for half a second, then 256 KiB",
    script=Script((Session("look-1", LOOK, (Ask(), Pass(_STALL_MS), _SOME, Cancel("rst"))),)),
    promises=("BP-20",),
    needs=("carrier:http2",),
    by_hand=_BY_HAND,
    order=4,
    spare=True,
)
