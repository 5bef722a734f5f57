"""WS: the handshake of a WebSocket connection, and the frames that a server sends on it (RFC 6455 §4, §5).

What the observer saw of octets is judged here. Never here: what a Close frame says (`websocket_closes`), or what stands
in messages (`websocket_envelopes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Failed, Farewell, Heartbeat, Item, Meta, Pong
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, head, item, told
from streamspec.harness.rules._carriers import (
    EOF,
    PONG,
    WS,
    carried,
    connections,
    over,
    switched,
    why_not,
    writes,
)
from streamspec.harness.rules._wire import deviations, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_FRAMED: Final = (Item, Completed, Failed, Heartbeat, Meta, Pong, Farewell)
# Not `ws.message-too-long`, which is our limit (standing condition 1), nor `ws.cut`: a connection that breaks off
# shows a failure. `ws.inflate` is WS-11's; what is in a Close frame, and behind it, is WS-13's.
_FRAMES: Final = (
    *("ws.masked", "ws.reserved-bit", "ws.opcode", "ws.length", "ws.control-long", "ws.control-fragmented"),
    *("ws.continuation", "ws.interrupted", "ws.utf8"),
)
_HANDSHAKE: Final = ("ws.upgrade", "ws.accept", "ws.extension", "ws.subprotocol")


def frames_are_legal(h: History) -> Iterator[Finding]:
    """Whatever we wrote: nothing that a client says makes a frame of the server's legal that is not."""
    for session in connections(h):
        answer = switched(h, session)
        if not answer:
            yield unknown(why_not(h, session))
        elif bad := deviations(h, session, *_FRAMES):
            yield broken(bad[:3], expected="frames as in RFC 6455 §5", got=worded(bad[0]))
        elif seen := standing.theirs(h, _FRAMED, session):
            yield held(answer, seen[0], seen[-1])
        else:
            yield unknown("no frame came while we looked")


_OPEN: Final = (ASK, WS, item(0))

WS_12 = Rule(
    id="WS-12",
    level=Level.MUST,
    sentence="A server's frames are unmasked, of known kinds, of the shortest length, and its text is UTF-8.",
    source="RFC 6455 §5.1 to §5.6, §8.1",
    why="A client that keeps the specification must close the connection at the first such frame, in mid-stream.",
    after=("WS-09",),
    on=("ws",),
    check=frames_are_legal,
    good=(
        carried(*told("look", *_OPEN, *CLOSE)),
        # it breaks off inside a frame: a failure that shows itself; and our limit is ours
        carried(*told("look", *_OPEN, Deviation("ws.cut", 90), EOF)),
        carried(*told("look", *_OPEN, Deviation("ws.message-too-long", 90), *CLOSE)),
        carried(*told("look", *_OPEN, *over())),
        # only a Pong, or only a Close
        carried(*told("look", ASK, WS, PONG, *CLOSE)),
        carried(*told("look", ASK, WS, Farewell(), EOF)),
        # behind our own end nothing counts
        carried(*told("endless", *_OPEN, *CANCEL, Deviation("ws.masked", 90))),
        # an answer that is no switch
        carried(*told("look", ASK, head(status=404), ENDED, EOF)),
    ),
    bad=(
        *(carried(*told("look", *_OPEN, Deviation(code, 90), *CLOSE)) for code in _FRAMES),
        # whatever we wrote before
        carried(*told("look", *_OPEN, writes("ws-unmasked"), Deviation("ws.masked", 90), EOF)),
    ),
)


def handshake_is_answered_right(h: History) -> Iterator[Finding]:
    """Any other status refuses the switch, and is legal."""
    for session in connections(h):
        answer = switched(h, session)
        if not answer:
            yield unknown(why_not(h, session))
        elif bad := deviations(h, session, *_HANDSHAKE):
            yield broken(answer, bad, expected="an answer as in RFC 6455 §4.2.2", got=worded(bad[0]))
        else:
            yield held(answer)


WS_14 = Rule(
    id="WS-14",
    level=Level.MUST,
    sentence="The handshake is answered with the upgrade and the right accept, and with nothing that was not offered.",
    source="RFC 6455 §4.2.2, §4.1, §9.1",
    why="A client must fail such a connection: it may have been answered by a cache, or by no WebSocket server at all.",
    on=("ws",),
    check=handshake_is_answered_right,
    good=(
        carried(*told("look", *_OPEN, *CLOSE)),
        carried(*told("look", ASK, WS, *CLOSE)),
        # refused, or a page
        carried(*told("look", ASK, head(status=403), ENDED, EOF)),
        carried(*told("look", ASK, head(), ENDED, EOF)),
    ),
    bad=tuple(carried(*told("look", ASK, WS, Deviation(code, 0), *CLOSE)) for code in _HANDSHAKE),
)
