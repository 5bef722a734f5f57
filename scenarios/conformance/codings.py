"""What a client that offers gzip is given, beside one that does not: the same items, as soon."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Ask, Read, Script, Session

_GZIP: Final = Ask(coding="gzip")
_TO_ITS_END: Final = Read(items=0, budget="finite_ms")
_PAIR: Final = (Read(items=1, budget="item_ms"), Read(items=1, budget="prompt_ms"))
_BY_HAND: Final = "add -H 'Accept-Encoding: gzip' --compressed to the command above, in place of identity"

# The coded answer stands between two without a coding: what changes with time, or with each answer, shows there.
GZIP = Scenario(
    id="conformance/gzip",
    sentence="read a finite stream without a coding, under gzip, and without again",
    script=Script(
        (
            Session("finite-1", "finite", (Ask(), _TO_ITS_END)),
            Session("finite-2", "finite", (_GZIP, _TO_ITS_END)),
            Session("finite-3", "finite", (Ask(), _TO_ITS_END)),
        )
    ),
    promises=("OI-13",),
    by_hand=_BY_HAND,
    order=1,
)

GZIP_PROMPT = Scenario(
    id="conformance/gzip-prompt",
    sentence="time two items that are produced apart, once without a coding and three times under gzip",
    script=Script(
        (
            Session("prompt-1", "prompt", (Ask(), *_PAIR)),
            *(Session(f"prompt-{n}", "prompt", (_GZIP, *_PAIR)) for n in (2, 3, 4)),
        )
    ),
    promises=("CJ-05", "ND-10", "SSE-08"),
    by_hand=_BY_HAND,
    order=1,
)
