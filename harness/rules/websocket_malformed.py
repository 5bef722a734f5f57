"""WS: messages that are no envelopes: not JSON, no object, without a type, without an id; and frames in no order.

Never here: text that is none (`websocket_messages`), or what a length-framed connection does (`framed_malformed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Deviation, Expired, Farewell, Meta, Refused
from streamspec.harness.core.rule import Finding, Level, Rule
from streamspec.harness.core.written import ASK, CLOSE, item
from streamspec.harness.rules._carriers import EOF, over, waited
from streamspec.harness.rules._neighbours import LIVES, answered, beside, neighbours_live, unread, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

NAMES: Final = ("ws-not-json", "ws-array", "ws-no-type", "ws-no-id")
# Frames that no client may send, and messages that few expect: whoever reads them may end their connection.
FRAMES: Final = (
    *("ws-unmasked", "ws-reserved-bits", "ws-reserved-opcode", "ws-long-ping", "ws-fragmented-ping"),
    *("ws-continuation", "ws-huge", "ws-binary", "ws-nested"),
)


def malformed_messages_hurt_nobody(h: History) -> Iterator[Finding]:
    yield from neighbours_live(h, *NAMES, *FRAMES)


def malformed_messages_are_answered(h: History) -> Iterator[Finding]:
    yield from answered(h, NAMES, "an error, or a Close with an error's code")


_NOTHING: Final = (item(0), waited(), *CLOSE)

WS_03 = Rule(
    id="WS-03",
    level=Level.MUST,
    sentence="A message that is no envelope, or a frame that is none, leaves streams on other connections as they are.",
    source="seed 002 'WebSocket Streaming'; RFC 6455 §7.1.7 (what fails is the connection), §7.4.1",
    why="One client with a mistake must not end the streams of all others.",
    needs=("concurrent", "role:endless"),
    on=("ws",),
    check=malformed_messages_hurt_nobody,
    good=(
        beside(LIVES, LIVES, LIVES),
        # it closes the connection on which that was said, or says nothing: neighbours live
        beside(LIVES, LIVES, LIVES, answer=over()),
        beside(LIVES, LIVES, LIVES, answer=(waited(), *CLOSE)),
        # one end in three may have any cause; silence accuses nobody
        beside(LIVES, (EOF,), LIVES),
        beside(*((Expired("item_ms", 5_000), *CLOSE),) * 3),
    ),
    bad=(
        beside((EOF,), (EOF,), (EOF,)),
        beside(*((Farewell(1011), EOF),) * 3),
        beside(LIVES, LIVES, LIVES, anew=(ASK, Refused("refused"))),
        *(beside((EOF,), (EOF,), (EOF,), name=name) for name in (*NAMES[1:], *FRAMES)),
    ),
)

WS_15 = Rule(
    id="WS-15",
    level=Level.SHOULD,
    sentence="A message that is no envelope is answered by an error, or by a Close with an error's code.",
    source="RFC 6455 §7.4.1 (1003, 1007, 1008); docs/contract.md",
    why="Whoever made the mistake waits for an answer that never comes, and finds nothing to look for.",
    needs=("mux",),
    on=("ws",),
    check=malformed_messages_are_answered,
    good=(
        writing((Meta("error"), waited(), *CLOSE)),
        writing((Farewell(1008), EOF)),
        # about an id that nobody has
        writing((Deviation("envelope.id", 90, "nobody"), waited(), *CLOSE)),
        # silent twice
        writing(_NOTHING, _NOTHING, (Meta("error"), *CLOSE)),
        # nobody reads
        unread(*_NOTHING),
    ),
    bad=tuple(writing(_NOTHING, _NOTHING, _NOTHING, name=name) for name in NAMES),
)
