"""Scripted servers: streams in which the client speaks as well: who speaks when, and what a half-close means.

Rules find the sessions by their names. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Act, Ask, Direction, Finish, Read, Say, Script, Session
from streamspec.harness.core.steps import Collect, Complete, Echo, Generate, Receive, Step

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_ONE: Final = Read(items=1, budget="item_ms")
_TO_ITS_END: Final = Read(items=0, budget="item_ms")
_BY_HAND: Final = "run the replay: its messages, one by one, are what a client of your own would send"


def _thrice(kind: str, direction: Direction, steps: tuple[Step, ...], *acts: Act) -> tuple[Session, ...]:
    """Three at once: what is late costs its time once."""
    return tuple(
        Session(
            f"script-{kind}-{n}",
            SCRIPT,
            (Ask(), *acts),
            beside=f"script-{kind}-{n - 1}" if n > 1 else "",
            steps=steps,
            direction=direction,
        )
        for n in _ROUNDS
    )


COLLECT: Final = Scenario(
    id="conformance/both-collect",
    sentence="say twenty items to a handler that collects them, wait a little, half-close, and read its answer",
    script=Script(
        _thrice("collect", "client", (Collect(),), Say(20), Read(1, "lasting_ms"), Finish(), _TO_ITS_END),
    ),
    promises=("DR-02",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)

PING: Final = Scenario(
    id="conformance/both-ping",
    sentence="say an item to a handler that sends it back, read it, and say the next one",
    script=Script(
        _thrice("ping", "bidi", (Echo(),), Say(1), _ONE, Say(1), _ONE, Say(1), _ONE, Finish(), _TO_ITS_END),
    ),
    promises=("DR-03",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)

FIRST: Final = Scenario(
    id="conformance/both-first",
    sentence="wait for two items of a handler that speaks first, and only then say one",
    script=Script(
        _thrice("first", "bidi", (Generate(2), Echo()), Read(2, "item_ms"), Say(1), _ONE, Finish(), _TO_ITS_END),
    ),
    promises=("DR-04",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)

OUTLIVE: Final = Scenario(
    id="conformance/both-half-closed",
    sentence="half-close, and read three items that are sent only then",
    script=Script(
        _thrice("outlive", "bidi", (Receive(), Generate(3), Complete()), Say(2), Finish(), _TO_ITS_END),
    ),
    promises=("DR-05",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)

NOTHING_BACK: Final = Scenario(
    id="conformance/both-nothing-echoed",
    sentence="half-close a stream that goes both ways, without having said an item",
    script=Script(_thrice("nothing", "bidi", (Echo(),), Finish(), _TO_ITS_END)),
    promises=("DR-07",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)

NOTHING_UP: Final = Scenario(
    id="conformance/both-nothing-collected",
    sentence="half-close an upload, without having said an item",
    script=Script(_thrice("nothing", "client", (Collect(),), Finish(), _TO_ITS_END)),
    promises=("DR-07",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)

ONE_IS_DUE: Final = Scenario(
    id="conformance/both-one-is-due",
    sentence="say no item, and two, where one is due",
    script=Script(
        (
            *_thrice("none", "unary", (Echo(1),), Finish(), _TO_ITS_END),
            *_thrice("two", "unary", (Echo(1),), Say(2), Finish(), _TO_ITS_END),
        )
    ),
    promises=("DR-11",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)
