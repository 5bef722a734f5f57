"""WebSocket: streams in envelopes, what is said on them, cancels in an envelope, and connections that are closed.

Never here: frames (`websocket_frames`), or messages that are no envelopes (`websocket_malformed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import (
    SCRIPT,
    Account,
    Ask,
    Await,
    Cancel,
    Finish,
    Read,
    Say,
    Script,
    Session,
    Watch,
    Write,
)
from streamspec.harness.core.steps import Collect, Echo, Generate

if TYPE_CHECKING:
    from streamspec.harness.core.script import Act

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_WHOLE: Final = Read(items=0, budget="finite_ms")
_STEADILY: Final = Read(items=0, budget="item_ms", quiet=True)  # what cannot be inflated never ends
_TO_ITS_END: Final = Read(items=0, budget="look_ms")
_SENDING: Final = Generate(every_ms=5)

ENVELOPES: Final = Scenario(
    id="conformance/envelopes",
    sentence="read two finite streams to their ends, the second one on the connection of the first, and beside it",
    script=Script(
        (
            Session("finite-1", "finite", (Ask(), Read(items=1, budget="finite_ms"), _WHOLE)),
            Session("finite-2", "finite", (Await("finite-1", 2), Ask(on="finite-1"), _WHOLE), beside="finite-1"),
        )
    ),
    promises=("WS-01", "WS-02", "MX-01"),
    needs=("concurrent",),
    order=2,
)

_OFFERS: Final = ("", "permessage-deflate", "")  # what may change with time must show in the controls

COMPRESSED: Final = Scenario(
    id="conformance/websocket-compressed",
    sentence="read a finite stream without compression, with it, and without it again",
    script=Script(
        tuple(Session(f"finite-{n}", "finite", (Ask(offers=o), _STEADILY)) for n, o in enumerate(_OFFERS, 1)),
    ),
    promises=("WS-11",),
    needs=("carrier:websocket",),
    order=2,
)

COMPRESSED_TEXT: Final = Scenario(
    id="conformance/websocket-compressed-text",
    sentence="read texts with line ends without compression, with it, and without it again",
    script=Script(
        tuple(Session(f"text-{n}", "text", (Ask(offers=o), _STEADILY)) for n, o in enumerate(_OFFERS, 1)),
    ),
    promises=("WS-11",),
    needs=("carrier:websocket",),
    order=2,
)


# -- what we say -------------------------------------------------------------------------------------------------------

SAYS: Final = Scenario(
    id="conformance/websocket-says",
    sentence="let three items be echoed, and say the end, three times",
    script=Script(
        tuple(
            Session(
                f"script-says-{n}",
                SCRIPT,
                (Ask(), Say(3), Read(items=3, budget="item_ms"), Finish(), _TO_ITS_END),
                steps=(Echo(),),
                direction="bidi",
            )
            for n in _ROUNDS
        )
    ),
    promises=("WS-04",),
    needs=("carrier:websocket",),
    order=2,
)

COUNTS: Final = Scenario(
    id="conformance/websocket-counts",
    sentence="say three items and the end, and read how many they were, three times",
    script=Script(
        tuple(
            Session(
                f"script-counts-{n}",
                SCRIPT,
                (Ask(), Say(3), Finish(), _TO_ITS_END),
                steps=(Collect(),),
                direction="client",
            )
            for n in _ROUNDS
        )
    ),
    promises=("WS-04",),
    needs=("carrier:websocket",),
    order=2,
)


# -- who leaves --------------------------------------------------------------------------------------------------------

CANCEL: Final = Scenario(
    id="conformance/websocket-cancel",
    sentence="cancel a handler that keeps sending by an envelope, three times, and see whether it stops",
    script=Script(
        tuple(
            Session(
                f"script-calls-off-{n}",
                SCRIPT,
                (Ask(), _ITEM, Account(), Cancel("word"), Watch("learn_ms", moved=("cancel_seen", "ended"))),
                steps=(_SENDING,),
            )
            for n in _ROUNDS
        )
    ),
    promises=("WS-05",),
    needs=("carrier:websocket", "told:cancel_seen"),
    order=4,
)

_CLOSES: Final[tuple[Act, ...]] = (Cancel("fin"), Cancel("rst"), Write("ws-close"))
_CLEANED: Final = Watch("learn_ms", moved=("cleanups",))


def _shared(n: int, close: Act) -> tuple[Session, Session]:
    """Two streams on one connection, which is closed when both have begun."""
    one, other = f"script-shares-{n}", f"script-shares-{n}-2"
    first = (Ask(), _ITEM, Account(), Await(other, 4), close, _CLEANED)
    second = (Await(one, 3), Ask(on=one), _ITEM, Account(), Await(one, 5), _CLEANED)
    return (
        Session(one, SCRIPT, first, steps=(_SENDING,)),
        Session(other, SCRIPT, second, beside=one, steps=(_SENDING,)),
    )


SHARED: Final = Scenario(
    id="conformance/websocket-shared",
    sentence="close a connection with two streams on it, in three ways, and count the cleanups of their handlers",
    script=Script(tuple(session for n, close in enumerate(_CLOSES, 1) for session in _shared(n, close))),
    promises=("WS-07",),
    needs=("carrier:websocket", "concurrent", "told:cleanups"),
    order=4,
)
