"""Objects: several streams under one scheduler. Senders are named after their lanes, and one caller takes.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Script, Session, Settle

_TAKEN: Final = Settle(until=("taker",))
_TAKE: Final[tuple[Act, ...]] = (Call("take", "taker"), _TAKEN)

PRIORITY: Final = Scenario(
    id="conformance/object-priority",
    sentence="fill three streams of three priorities, the lowest first, and take four items, one by one",
    script=Script(
        (
            Session(
                "three",
                OBJECT,
                (
                    Call("schedule", "taker", arg="low:1 mid:5 high:9"),
                    _TAKEN,
                    Call("send", "low", n=2),
                    Call("send", "mid", n=2),
                    Call("send", "high", n=2),
                    Settle(until=("low", "mid", "high")),
                    *_TAKE * 4,
                ),
                options={"capacity": 4},
            ),
        )
    ),
    promises=("MX-05",),
    needs=("object", "feature:priority", "feature:capacity"),
)

STARVATION: Final = Scenario(
    id="conformance/object-starvation",
    sentence="take forty items of a busy stream, while one of lower priority has three to give",
    script=Script(
        (
            Session(
                "two",
                OBJECT,
                (
                    Call("schedule", "taker", arg="low:1 high:9"),
                    _TAKEN,
                    Call("send", "low", n=3),
                    Call("send", "high", n=40),
                    Settle(until=("low", "high")),
                    Call("take", "taker", n=43),
                    _TAKEN,
                ),
                options={"capacity": 64},
            ),
        )
    ),
    promises=("MX-06",),
    needs=("object", "feature:priority", "feature:starvation-bound", "feature:capacity"),
)
