"""What is to be refused, and only its user can say so: one scenario a role.

Data only; never here: malformed requests (`looks`), or who is let in.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Ask, Read, Script, Session

# Where an error is a record, a second one and its end tell a refusal from a stream that began.
_ANSWER: Final = (Ask(), Read(items=2, budget="look_ms"))

UNKNOWN = Scenario(
    id="conformance/refused-unknown",
    sentence="ask for what is no stream",
    script=Script((Session("unknown-1", "unknown", _ANSWER),)),
    promises=("ER-07",),
    order=1,
)

INVALID = Scenario(
    id="conformance/refused-invalid",
    sentence="ask with an invalid input",
    script=Script((Session("invalid-1", "invalid", _ANSWER),)),
    promises=("ER-08",),
    order=1,
)

UNSUPPORTED = Scenario(
    id="conformance/refused-direction",
    sentence="ask for a stream in a direction that the binding does not carry",
    script=Script((Session("unsupported-1", "unsupported", _ANSWER),)),
    promises=("DR-09",),
    order=1,
)
