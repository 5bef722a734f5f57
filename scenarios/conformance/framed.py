"""Length-framed TCP: frames of every size, and segments as nobody cuts them.

Never here: frames that are in no order (`framed_malformed`).
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.saying import said_item
from streamspec.harness.core.script import SCRIPT, Ask, Finish, Read, Say, Script, Session, Write
from streamspec.harness.core.steps import Echo

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_TO_ITS_END: Final = Read(items=0, budget="look_ms")
# Their envelopes make them longer: around each border of the length's octets there are some on both sides.
_SIZES: Final = (20, 150, 200, 250, 300, 1_000, 32_700, 65_400, 65_500, 65_600, 140_000)
_ITEMS: Final = tuple(said_item(n, size) for n, size in enumerate(_SIZES, 1))

SIZES: Final = Scenario(
    id="conformance/framed-sizes",
    sentence="let items be echoed whose frames are from 60 octets to 140,000 long, three times",
    script=Script(
        tuple(
            Session(
                f"script-sizes-{n}",
                SCRIPT,
                (
                    Ask(),
                    Say(items=_ITEMS),
                    Read(items=len(_ITEMS), budget="item_ms", needed=True),
                    Finish(),
                    _TO_ITS_END,
                ),
                steps=(Echo(),),
                direction="bidi",
            )
            for n in _ROUNDS
        )
    ),
    promises=("TC-01",),
    needs=("carrier:framed",),
    order=2,
)

_CUTS: Final = (0, 1, 1, 1, 3, 0)  # octets of a segment; the first and the last are the control

PIECES: Final = Scenario(
    id="conformance/framed-pieces",
    sentence="open a finite stream in one piece, in segments of 1 and 3 octets, and in one piece again",
    script=Script(
        tuple(
            Session(f"finite-{n}", "finite", (Ask(pieces=octets), Read(items=0, budget="finite_ms")))
            for n, octets in enumerate(_CUTS, 1)
        )
    ),
    promises=("TC-02",),
    needs=("carrier:framed",),
    order=3,
)

_ECHO: Final = Read(items=1, budget="item_ms")
_BETWEEN: Final = Read(items=1, budget="linger_ms")

SEGMENTS: Final = Scenario(
    id="conformance/framed-segments",
    sentence="let items be echoed of which three lie in one segment, and one in three, three times",
    script=Script(
        tuple(
            Session(
                f"script-segments-{n}",
                SCRIPT,
                (
                    *(Ask(), Say(1), Read(items=1, budget="item_ms", needed=True)),
                    *(Write("tcp-three-items"), Read(items=3, budget="item_ms")),
                    *(Write("tcp-item-begins"), _BETWEEN, Write("tcp-item-goes-on"), _BETWEEN),
                    *(Write("tcp-item-ends"), _ECHO, Finish(), _TO_ITS_END),
                ),
                steps=(Echo(),),
                direction="bidi",
            )
            for n in _ROUNDS
        )
    ),
    promises=("TC-02", "TC-07"),
    needs=("carrier:framed",),
    order=3,
)
