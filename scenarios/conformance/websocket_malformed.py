"""WebSocket: messages that are no envelopes, frames in no order, and who sits beside.

Three rounds: a neighbour reads, others write, somebody comes anew, and the neighbour reads on. Never here: text
that is none, and what becomes of the connection.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Ask, Await, Read, Script, Session, Write

_ROUNDS: Final = (1, 2, 3)
_MESSAGES: Final = ("ws-not-json", "ws-array", "ws-no-type", "ws-no-id")
_FRAMES: Final = (
    *("ws-unmasked", "ws-reserved-bits", "ws-reserved-opcode", "ws-long-ping", "ws-fragmented-ping"),
    *("ws-continuation", "ws-huge", "ws-binary", "ws-nested"),
)
_TWO: Final = Read(items=2, budget="item_ms", needed=True)
_ONE: Final = Read(items=1, budget="item_ms")
_ITEM: Final = Read(items=1, budget="look_ms")
_ANSWER: Final = Read(items=1_000, budget="terminal_ms")


def _round(n: int, names: tuple[str, ...]) -> tuple[Session, ...]:
    stays, anew = f"endless-beside-{n}", f"look-after-{n}"
    written = tuple(f"endless-{name}-{n}" for name in names)
    writes = (
        Session(session, "endless", (Await(stays, 2), Ask(), _ONE, Write(name), _ANSWER), beside=stays)
        for session, name in zip(written, names, strict=True)
    )
    return (
        Session(stays, "endless", (Ask(), _TWO, Await(anew, len(written) + 2), _TWO)),
        *writes,
        Session(anew, LOOK, (*(Await(session, 5) for session in written), Ask(), _ITEM), beside=stays),
    )


MALFORMED: Final = Scenario(
    id="conformance/websocket-malformed",
    sentence="send messages that are no envelopes beside a stream that goes on, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _round(n, _MESSAGES))),
    promises=("WS-03", "WS-15"),
    needs=("carrier:websocket", "concurrent"),
    by_hand="open the stream twice; in one of them send `{bad`: the other one goes on",
    order=9,
    exclusive=True,
)

HOSTILE: Final = Scenario(
    id="conformance/websocket-hostile",
    sentence="send frames that no client may send beside a stream that goes on, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _round(n, _FRAMES))),
    promises=("WS-03",),
    needs=("carrier:websocket", "concurrent"),
    order=9,
    exclusive=True,
)
