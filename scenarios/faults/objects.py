"""Objects: the same faults inside a process. A pause for a slow way, a cancel for a cut, a dropped call for a consumer
that is gone; each at a moment that the seed draws.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

_TRIALS: Final = 50
_CANCELS: Final = 20  # each takes its time with threads
_ITEMS: Final = 12
_CAPACITY: Final = 3
_JITTER: Final = 10
_BOTH: Final = Settle(until=("producer", "consumer"))

_SLOW: Final[tuple[Act, ...]] = (
    Call("pause", "way", jitter=_JITTER),
    Settle(until=("way",)),
    Pass(20),
    Call("resume", "way"),
    Settle(until=("way",)),
)

PAUSED: Final = Scenario(
    id="faults/pause/object",
    sentence=f"send {_ITEMS} items through pauses that come at any moment, {_TRIALS} times",
    script=Script(
        (
            Session(
                "paused",
                OBJECT,
                (
                    Call("send", "producer", n=_ITEMS, jitter=2),
                    Call("receive", "consumer", n=_ITEMS, jitter=2),
                    *(*_SLOW, *_SLOW, *_SLOW),
                    _BOTH,
                    Call("complete", "producer"),
                    Call("receive", "consumer", n=2, on=True),
                    _BOTH,
                ),
                options={"capacity": _CAPACITY},
                times=_TRIALS,
            ),
        )
    ),
    promises=("LC-01", "OI-01", "OI-02", "OI-03"),
    needs=("object", "feature:capacity", "feature:pause", "feature:complete"),
)

CANCELLED: Final = Scenario(
    id="faults/cancel/object",
    sentence=f"cancel a stream that is being sent to at any moment, {_CANCELS} times, and send on",
    script=Script(
        (
            Session(
                "cancelled",
                OBJECT,
                (
                    Call("send", "producer", n=_ITEMS, jitter=2),
                    Call("receive", "consumer", n=_ITEMS // 2, jitter=2),
                    Call("cancel", "way", jitter=_JITTER),
                    Settle(until=("way",)),
                    Pass(270),
                    Call("send", "producer", n=2, on=True),
                    Call("receive", "consumer", n=2, on=True),
                    _BOTH,
                ),
                options={"capacity": _CAPACITY},
                times=_CANCELS,
            ),
        )
    ),
    promises=("CN-01", "CN-03"),
    needs=("object", "feature:capacity", "feature:cancel"),
)

DROPPED: Final = Scenario(
    id="faults/drop/object",
    sentence=f"drop a consumer that waits or receives, {_TRIALS} times, and let another one go on",
    script=Script(
        (
            Session(
                "dropped",
                OBJECT,
                (
                    Call("receive", "gone"),
                    Call("send", "producer", n=_ITEMS, jitter=3),
                    Call("drop", "way", arg="gone", jitter=_JITTER),
                    Settle(until=("way",)),
                    Call("receive", "consumer", n=_ITEMS - 1),
                    _BOTH,
                ),
                options={"capacity": _CAPACITY},
                times=_TRIALS,
            ),
        )
    ),
    promises=("OI-01", "OI-03"),
    needs=("object", "feature:capacity", "feature:abandon"),
)


def _left(k: int) -> Session:
    acts = (Call("send", "producer", n=_ITEMS), Call("iterate", "consumer", n=k), _BOTH)
    return Session(f"left-{k}", OBJECT, acts, options={"capacity": _CAPACITY})


LEFT: Final = Scenario(
    id="faults/drop/object-iteration",
    sentence=f"leave an iteration after each of {_ITEMS - 1} items of a producer that has more",
    script=Script(tuple(_left(k) for k in range(1, _ITEMS))),
    promises=("CN-18",),
    needs=("object", "feature:capacity", "feature:iterate"),
)
