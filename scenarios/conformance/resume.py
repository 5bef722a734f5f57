"""How a resumable stream goes on: behind an id in its middle, behind its end, behind an id that nobody knows."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Ask, Cancel, Read, Script, Session

_SOME: Final = Read(items=3, budget="item_ms", needed=True)
_MORE: Final = Read(items=8, budget="item_ms")
_ON: Final = Read(items=4, budget="item_ms")
_UNKNOWN_ID: Final = "streamspec-knows-no-such-id"

RESUME = Scenario(
    id="conformance/resume",
    sentence="read on, then read and leave, then resume behind the last id",
    script=Script(
        (
            Session("resumable-1", "resumable", (Ask(), _MORE)),
            Session("resumable-2", "resumable", (Ask(), _SOME, Cancel("rst"))),
            Session("resumable-3", "resumable", (Ask(after="resumable-2"), _ON)),
        )
    ),
    promises=("RC-02", "RC-11"),
    by_hand="stop the command above (Ctrl-C) after some events; run it again with -H 'Last-Event-ID: …' of the last",
    order=2,
)

_TO_ITS_END: Final = Read(items=0, budget="item_ms")


def _behind(n: int, beside: str = "") -> Session:
    return Session(f"resumable-{n}", "resumable", (Ask(after="resumable-1"), _TO_ITS_END), beside=beside)


# The three at once: behind the end of a stream that has none, each would be waited for.
RESUME_FINISHED = Scenario(
    id="conformance/resume-finished",
    sentence="read a resumable stream to its end, then resume behind it, three times at once",
    script=Script(
        (
            Session("resumable-1", "resumable", (Ask(), Read(items=0, budget="look_ms"))),
            _behind(2),
            _behind(3, "resumable-2"),
            _behind(4, "resumable-3"),
        )
    ),
    promises=("RC-05", "SSE-11"),
    needs=("concurrent",),
    by_hand="run the command above to its end, then again with -H 'Last-Event-ID: …' of the last event: it must end",
    order=2,
)

RESUME_UNKNOWN = Scenario(
    id="conformance/resume-unknown",
    sentence="read some items, then resume behind an id that nobody gave",
    script=Script(
        (
            Session("resumable-1", "resumable", (Ask(), _SOME)),
            Session("resumable-2", "resumable", (Ask(behind=_UNKNOWN_ID), Read(items=2, budget="look_ms"))),
        )
    ),
    promises=("RC-04",),
    by_hand=f"add -H 'Last-Event-ID: {_UNKNOWN_ID}' to the command above",
    order=2,
)
