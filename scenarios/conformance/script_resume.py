"""Scripted servers: resuming while the stream that gave the id is still at work, open or just left.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Act, Ask, Await, Cancel, Read, Script, Session
from streamspec.harness.core.steps import Generate

_STEPS: Final = (Generate(every_ms=10),)  # without end: it is at work as long as somebody is there
_SOME: Final[tuple[Act, ...]] = (Ask(), Read(items=5, budget="item_ms", needed=True))
_ON: Final = Read(items=20, budget="item_ms")

RESUME_RUNNING: Final = Scenario(
    id="conformance/script-resume-running",
    sentence="resume a stream that is still open, and one that was left right before",
    script=Script(
        (
            Session("script-runs", SCRIPT, (*_SOME, Await("script-resumes-open", 3)), steps=_STEPS),
            Session(
                "script-resumes-open",
                SCRIPT,
                (Await("script-runs", 2), Ask(after="script-runs"), _ON),
                beside="script-runs",
                steps=_STEPS,
            ),
            Session("script-leaves", SCRIPT, (*_SOME, Cancel("rst")), steps=_STEPS),
            Session("script-resumes-left", SCRIPT, (Ask(after="script-leaves"), _ON), steps=_STEPS),
        )
    ),
    promises=("RC-10",),
    needs=("concurrent", "feature:resume"),
    by_hand="while the command above runs, run it again with -H 'Last-Event-ID: …' of one of its items",
    order=4,
)
