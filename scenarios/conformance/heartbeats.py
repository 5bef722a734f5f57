"""What an idle stream with declared heartbeats is watched for: three at once, since each watch takes its time."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Act, Ask, Read, Script, Session

_WATCH: Final[tuple[Act, ...]] = (
    Ask(),
    Read(items=1, budget="item_ms", needed=True),
    Read(items=0, budget="silent_ms"),
)

HEARTBEATS = Scenario(
    id="conformance/heartbeats",
    sentence="watch three idle streams at once for some of the heartbeats that are declared",
    script=Script(
        (
            Session("idle-1", "idle", _WATCH),
            Session("idle-2", "idle", _WATCH, beside="idle-1"),
            Session("idle-3", "idle", _WATCH, beside="idle-2"),
        )
    ),
    promises=("HB-01", "HB-02"),
    needs=("concurrent", "role:idle.heartbeat_ms"),
    by_hand="watch the command above for a few heartbeats, with a clock",
    order=5,  # it takes long and costs little
)
