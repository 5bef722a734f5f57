"""WebSocket: the handshake, frames of every kind, Pings and Closes, and text that is none.

Sessions are named after what is written in them; rules find them by what was written. Never here: envelopes.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, SCRIPT, Ask, Await, Finish, Ping, Read, Say, Script, Session, Write
from streamspec.harness.core.steps import Echo

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_ITEM: Final = Read(items=1, budget="look_ms")
_MANY: Final = 1_000  # a reading that its budget ends
_WHATEVER: Final = Read(items=_MANY, budget="lasting_ms")
_TO_ITS_END: Final = Read(items=0, budget="look_ms")

LOOK_ONCE: Final = Scenario(
    id="conformance/websocket-look",
    sentence="look at the frames of the stream for at most 2 s or 100 messages",
    script=Script((Session("look-1", LOOK, (Ask(), Read(items=100, budget="look_ms", bytes=65_536))),)),
    promises=("WS-12", "WS-14"),
    needs=("carrier:websocket",),
)


def _closed(role: str) -> Script:
    acts = (Ask(), _ITEM, Ping(), _WHATEVER, Write("ws-close"), _TO_ITS_END)
    return Script(tuple(Session(f"{role}-{n}", role, acts) for n in _ROUNDS))


CLOSE: Final = Scenario(
    id="conformance/websocket-close",
    sentence="ping, and close with 1000 when that had time to be answered, three times",
    script=_closed("endless"),
    promises=("WS-06", "WS-13", "WS-16"),
    needs=("carrier:websocket",),
    order=2,
)

CLOSE_LOOK: Final = Scenario(
    id="conformance/websocket-close-look",
    sentence="ping a look, and close with 1000 when that had time to be answered, three times",
    script=_closed(LOOK),
    promises=("WS-06", "WS-13", "WS-16"),
    needs=("carrier:websocket",),
    order=2,
    spare=True,
)


# -- Pings while nothing moves -----------------------------------------------------------------------------------------

_IDLE: Final = Read(items=1, budget="item_ms")
_QUIET: Final = Read(items=1, budget="lasting_ms")
_PATIENT: Final = Read(items=1, budget="terminal_ms")

PING: Final = Scenario(
    id="conformance/websocket-ping",
    sentence="ping while a stream is idle, and open another one on that connection",
    script=Script(
        (
            Session("idle-1", "idle", (Ask(), _IDLE, Ping(), _QUIET, Await("idle-2", 3), _PATIENT)),
            Session("idle-2", "idle", (Await("idle-1", 4), Ask(on="idle-1"), _IDLE), beside="idle-1"),
        )
    ),
    promises=("WS-10",),
    needs=("carrier:websocket", "concurrent"),
    order=2,
)

PING_ALONE: Final = Scenario(
    id="conformance/websocket-ping-alone",
    sentence="ping while the stream is idle, wait for 2 s, and close with 1000",
    script=Script((Session("idle-1", "idle", (Ask(), _IDLE, Ping(), _ITEM, Write("ws-close"), _TO_ITS_END)),)),
    promises=("WS-10",),
    needs=("carrier:websocket",),
    order=2,
    spare=True,
)


# -- fragments ---------------------------------------------------------------------------------------------------------


def _written(word: str, n: int, name: str, beside: str) -> Session:
    return Session(f"look-{word}-{n}", LOOK, (Ask(), _ITEM, Write(name), _WHATEVER), beside=beside)


FRAGMENTS: Final = Scenario(
    id="conformance/websocket-fragments",
    sentence="send a message for nobody, three times in one frame, three times in fragments with a Ping between them",
    script=Script(
        (
            *(_written("whole", n, "ws-unknown-id", "look-whole-1" if n > 1 else "") for n in _ROUNDS),
            *(_written("parts", n, "ws-fragments", "look-whole-1") for n in _ROUNDS),
        )
    ),
    promises=("WS-08",),
    needs=("carrier:websocket", "concurrent"),
    order=8,
)

FRAGMENTS_ECHOED: Final = Scenario(
    id="conformance/websocket-fragments-echoed",
    sentence="let an item be echoed in one frame, and then one in fragments with a Ping between them",
    script=Script(
        tuple(
            Session(
                f"script-parts-{n}",
                SCRIPT,
                (
                    *(Ask(), Say(1), Read(items=1, budget="item_ms", needed=True)),
                    *(Write("ws-fragmented-item"), Read(items=1, budget="item_ms"), Finish(), _TO_ITS_END),
                ),
                steps=(Echo(),),
                direction="bidi",
            )
            for n in _ROUNDS
        )
    ),
    promises=("WS-08",),
    needs=("carrier:websocket",),
    order=4,
)


# -- text that is none -------------------------------------------------------------------------------------------------

_SPOILT: Final = (Ask(), _ITEM, Write("ws-bad-utf8"), _WHATEVER)

BAD_TEXT: Final = Scenario(
    id="conformance/websocket-bad-text",
    sentence="send text that is no UTF-8, and open another stream on that connection, if it is there",
    script=Script(
        (
            Session("endless-1", "endless", (*_SPOILT, Await("endless-2", 3), _WHATEVER)),
            Session("endless-2", "endless", (Await("endless-1", 4), Ask(on="endless-1"), _ITEM), beside="endless-1"),
        )
    ),
    promises=("WS-09", "WS-17"),
    needs=("carrier:websocket", "concurrent"),
    order=8,
)

BAD_TEXT_ALONE: Final = Scenario(
    id="conformance/websocket-bad-text-alone",
    sentence="send text that is no UTF-8, and read for 2 s",
    script=Script((Session("look-1", LOOK, (*_SPOILT, Read(items=_MANY, budget="look_ms"))),)),
    promises=("WS-09", "WS-17"),
    needs=("carrier:websocket",),
    order=8,
    spare=True,
)
