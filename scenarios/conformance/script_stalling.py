"""Scripted servers: a client that stands still for so long that a handler's send is blocked, and what ends that.

The small receive buffer of these clients fills at once. Never here: a client that leaves (`script_leaving`), or how far
a server runs ahead (`pressure`).
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Cancel, Open, Read, Script, Session, Watch
from streamspec.harness.core.steps import Complete, Gate, Generate, Wait

_LIMIT_MS: Final = 1_500  # long enough for a send to be seen to wait, and short enough to be waited for
_ITEM_BYTES: Final = 16_000  # few of them are to be read afterwards
_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_STALL: Final = Watch("learn_ms", moved=("ended",), freed="sending")
_ENDLESS: Final = (Generate(bytes=_ITEM_BYTES),)
_BY_HAND: Final = (
    "run the command above through `| (sleep 6; cat >/dev/null)`, and ask the witness of its run whether it is "
    "inside a send"
)


def _blocked(option: str, *acts: Act) -> Script:
    """Three at once, since each takes its time."""
    sessions = [
        Session(
            f"script-blocked-{n}",
            SCRIPT,
            (Ask(narrow=True), Account(), _STALL, *acts),
            beside=f"script-blocked-{n - 1}" if n > 1 else "",
            options={option: _LIMIT_MS},
            steps=_ENDLESS,
        )
        for n in _ROUNDS
    ]
    return Script(tuple(sessions))


DEADLINE: Final = Scenario(
    id="conformance/script-blocked-deadline",
    sentence="stand still before three streams without end until their deadline is over",
    script=_blocked("deadline_ms", Cancel("rst")),
    promises=("BP-10",),
    needs=("concurrent", "told:sending"),
    by_hand=_BY_HAND,
    order=6,
)

EXPIRY: Final = Scenario(
    id="conformance/script-blocked-expiry",
    sentence="stand still before three streams without end until their client's credentials are over",
    script=_blocked("expires_ms", Cancel("rst")),
    promises=("BP-10",),
    needs=("concurrent", "told:sending", "feature:expiry=end"),
    by_hand=_BY_HAND,
    order=6,
)

SEND_TIMEOUT: Final = Scenario(
    id="conformance/script-blocked-timeout",
    sentence="stand still before three streams without end until a send has given up, and read what is left",
    script=_blocked("send_timeout_ms", Read(items=0, budget="large_ms")),
    promises=("BP-21",),
    needs=("concurrent", "told:sending"),
    by_hand=_BY_HAND,
    order=6,
)

_MUCH: Final = Generate(n=500, bytes=_ITEM_BYTES)  # more than two kernels hold, or few of them
_BEAT_MS: Final = 100

HEARTBEATS: Final = Scenario(
    id="conformance/script-stalled-heartbeats",
    sentence="stand still for two seconds before a stream with heartbeats, and count those that come with what waited",
    script=Script(
        (
            Session(
                "script-beats-1",
                SCRIPT,
                (Ask(narrow=True), Account(), Watch("look_ms"), Read(items=0, budget="large_ms")),
                options={"heartbeat_ms": _BEAT_MS},
                steps=(_MUCH, Complete()),
            ),
        )
    ),
    promises=("BP-19",),
    needs=("told:sending", "told:sent"),
    by_hand="run the command above through `| (sleep 2; cat)`, and count the heartbeats between the first items",
    order=6,
)

# By the time at which the last of them are sent the client has read again: what a gap is marked in is an item.
_LATER: Final = (Gate("go"), Wait(500), Generate(n=20, every_ms=20), Complete())

DROPS: Final = Scenario(
    id="conformance/script-drops",
    sentence="stand still before a server that leaves items out for slow clients, and read on",
    script=Script(
        (
            Session(
                "script-drops-1",
                SCRIPT,
                (Ask(narrow=True), Watch("stall_ms", still="sent"), Open("go"), Read(items=0, budget="large_ms")),
                steps=(_MUCH, *_LATER),
            ),
        )
    ),
    promises=("BP-17",),
    needs=("feature:lossy", "told:sent"),
    by_hand="run the command above through `| (sleep 2; cat)`, open its gate meanwhile, and look for the gaps",
    order=6,
)
