"""Objects: what a cancel does. Each session makes one object; `canceller` stands for the consumer's side wherever the
consumer itself may be waiting.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

_HWM: Final = 4
_ITEMS: Final = 10
_KS: Final = (1, _HWM, _HWM + 1, _ITEMS - 1)
_TRIALS: Final = 1_000

_CANCEL: Final = Call("cancel", "canceller")
_BOTH: Final = Settle(until=("producer", "consumer"))
# With threads a stream has a little longer than `notice_ms` to notice; in virtual time that costs nothing.
_NOTICED: Final = (Settle(until=("canceller",)), Pass(270))
_TAKES: Final = Call("receive", "consumer", n=2, on=True)


def _late(ending: Call) -> tuple[Act, ...]:
    """Cancelled with an item in its buffer, and ended all the same."""
    before: tuple[Act, ...] = (Call("send", "producer"), Settle(until=("producer",)), _CANCEL, *_NOTICED)
    return (*before, _TAKES, _BOTH, ending, _BOTH, Call("send", "producer"), _TAKES, _BOTH)


CANCEL = Scenario(
    id="conformance/object-cancel",
    sentence="send two items, receive one, cancel; then send on, and ask for the other",
    script=Script(
        (
            Session(
                "cancel",
                OBJECT,
                (
                    Call("send", "producer", n=2),
                    Call("receive", "consumer"),
                    _BOTH,
                    _CANCEL,
                    *_NOTICED,
                    Call("send", "producer", n=3, on=True),
                    _TAKES,
                    _BOTH,
                ),
                options={"capacity": 2},
            ),
        )
    ),
    promises=("CN-01", "CN-03"),
    needs=("object", "feature:cancel", "feature:capacity"),
)

CANCEL_COMPLETE = Scenario(
    id="conformance/object-cancel-complete",
    sentence="cancel a stream, then complete it, and ask the consumer before and after",
    script=Script((Session("complete", OBJECT, _late(Call("complete", "producer")), options={"capacity": 2}),)),
    promises=("CN-03",),
    needs=("object", "feature:cancel", "feature:capacity", "feature:complete"),
)

CANCEL_ERROR = Scenario(
    id="conformance/object-cancel-error",
    sentence="cancel a stream, then end it with an error, and ask the consumer before and after",
    script=Script(
        (Session("error", OBJECT, _late(Call("error", "producer", arg="NOT_FOUND")), options={"capacity": 2}),)
    ),
    promises=("CN-03",),
    needs=("object", "feature:cancel", "feature:capacity", "feature:error"),
)


def _after(k: int) -> Session:
    """The producer is parked when the cancel comes, but for the last `k`: then it is done with all but one."""
    return Session(
        f"after-{k}",
        OBJECT,
        (
            Call("send", "producer", n=_ITEMS),
            Call("receive", "consumer", n=k),
            Settle(until=("consumer",)),
            _CANCEL,
            Settle(until=("canceller", "producer")),
            Pass(270),
            Call("send", "producer", n=_HWM + 2, on=True),
            _TAKES,
            _BOTH,
        ),
        options={"capacity": _HWM},
    )


CANCEL_AFTER = Scenario(
    id="conformance/object-cancel-after",
    sentence=f"cancel a stream of capacity {_HWM} and {_ITEMS} items after {', '.join(str(k) for k in _KS)} of them",
    script=Script(tuple(_after(k) for k in _KS)),
    promises=("CN-01", "CN-03", "CN-08"),
    needs=("object", "feature:cancel", "feature:capacity"),
)

CANCEL_TWICE = Scenario(
    id="conformance/object-cancel-twice",
    sentence="cancel a stream twice, and send after each",
    script=Script(
        (
            Session(
                "twice",
                OBJECT,
                (
                    Call("send", "producer"),
                    Settle(until=("producer",)),
                    _CANCEL,
                    *_NOTICED,
                    Call("send", "producer", n=2, on=True),
                    Settle(until=("producer",)),
                    _CANCEL,
                    *_NOTICED,
                    Call("send", "producer", n=2, on=True),
                    Call("receive", "consumer"),
                    _BOTH,
                ),
                options={"capacity": 2},
            ),
        )
    ),
    promises=("CN-01", "CN-13"),
    needs=("object", "feature:cancel", "feature:capacity"),
)


def _cleaning(*names: str) -> Session:
    return Session(
        "cleanup",
        OBJECT,
        (
            *(Call("listen", "consumer", arg=name) for name in names),
            Call("send", "producer"),
            _BOTH,
            _CANCEL,
            *_NOTICED,
            _CANCEL,
            Settle(until=("canceller",)),
        ),
        options={"capacity": 2},
        times=3,
    )


CANCEL_CLEANUP = Scenario(
    id="conformance/object-cancel-cleanup",
    sentence="cancel a stream with two cleanups, and cancel it again; three times",
    script=Script((_cleaning("first", "last"),)),
    promises=("CN-04",),
    needs=("object", "feature:cancel", "feature:capacity", "feature:listeners"),
)

# With threads the complaint about a cleanup that raises goes to the whole process.
CANCEL_RAISING = Scenario(
    id="conformance/object-cancel-raising",
    sentence="cancel a stream with three cleanups, of which one raises, and cancel it again; three times",
    script=Script((_cleaning("first", "raises", "last"),)),
    promises=("CN-04",),
    needs=("object", "object:asyncio", "feature:cancel", "feature:capacity", "feature:listeners"),
)

CANCEL_FIRST = Scenario(
    id="conformance/object-cancel-first",
    sentence="cancel a stream with a cleanup before anything was sent, three times",
    script=Script(
        (
            Session(
                "first",
                OBJECT,
                (Call("listen", "consumer", arg="first"), Settle(until=("consumer",)), _CANCEL, *_NOTICED, Settle()),
                times=3,
            ),
        )
    ),
    promises=("CN-05",),
    needs=("object", "feature:cancel", "feature:listeners"),
)

CANCEL_RACE = Scenario(
    id="conformance/object-cancel-race",
    sentence=f"cancel and complete at once, {_TRIALS} times, and tell the consumer twice what it was",
    script=Script(
        (
            Session(
                "race",
                OBJECT,
                (
                    Call("send", "producer"),
                    Call("complete", "producer", jitter=4),
                    Call("receive", "consumer", n=2, jitter=4),
                    Call("cancel", "canceller", jitter=4),
                    Settle(until=("producer", "consumer", "canceller")),
                    Call("receive", "consumer"),
                    Settle(until=("consumer",)),
                ),
                options={"capacity": 1},
                times=_TRIALS,
            ),
        )
    ),
    promises=("CN-10",),
    needs=("object", "feature:cancel", "feature:capacity", "feature:complete"),
    order=5,
)

CANCEL_FEED = Scenario(
    id="conformance/object-cancel-feed",
    sentence="cancel a stream whose source is sending, and one whose source is being waited for",
    script=Script(
        (
            Session(
                "sending",
                OBJECT,
                (
                    Call("feed", "feeder", n=0),
                    Settle(),
                    _CANCEL,
                    Settle(until=("canceller", "feeder")),
                    Pass(270),
                    Settle(),
                ),
                options={"capacity": 2},
            ),
            Session(
                "idle",
                OBJECT,
                (
                    Call("feed", "feeder", arg="idles"),
                    Settle(),
                    _CANCEL,
                    Settle(until=("canceller", "feeder")),
                    Settle(),
                ),
                options={"capacity": 2},
            ),
        )
    ),
    promises=("CN-16",),
    needs=("object", "feature:cancel", "feature:capacity", "feature:feed"),
)

LEAVE = Scenario(
    id="conformance/object-leave",
    sentence="leave an iteration after two items of a producer that has more",
    script=Script(
        (
            Session(
                "leave",
                OBJECT,
                (
                    Call("send", "producer", n=_ITEMS),
                    Call("iterate", "consumer", n=2),
                    _BOTH,
                ),
                options={"capacity": 2},
            ),
        )
    ),
    promises=("CN-18",),
    needs=("object", "feature:capacity", "feature:iterate"),
)
