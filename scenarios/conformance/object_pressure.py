"""Objects: full streams. `producer` and `consumer` are the callers, `other` does what neither of them would, and where
several send at once they have names of their own.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

_BOTH: Final = Settle(until=("producer", "consumer"))
_SENT: Final = Settle(until=("producer",))
_GOT: Final = Settle(until=("consumer",))
_OTHER: Final = Settle(until=("other",))
_REST: Final = Settle()
_RECEIVE: Final = Call("receive", "consumer")

FULL = Scenario(
    id="conformance/object-full",
    sentence="send more than fits, receive one, two, and the rest; send one more than fits, receive one",
    script=Script(
        (
            Session(
                "full",
                OBJECT,
                (
                    Call("send", "producer", n=8),
                    _REST,
                    _RECEIVE,
                    _GOT,
                    Call("receive", "consumer", n=2),
                    _GOT,
                    Call("receive", "consumer", n=5),
                    _BOTH,
                ),
                options={"capacity": 3},
            ),
            Session(
                "one-more",
                OBJECT,
                (Call("send", "producer", n=4), _REST, _RECEIVE, _BOTH),
                options={"capacity": 3},
            ),
        )
    ),
    promises=("BP-01", "BP-02", "BP-07"),
    needs=("object", "feature:capacity"),
)

_THREE_WAIT: Final = (
    *(Call("send", "producer"), _SENT, Call("send", "first"), _REST),
    *(Call("send", "second"), Call("send", "third"), _REST),
)

QUEUE = Scenario(
    id="conformance/object-full-queue",
    sentence="let three senders wait one after another, receive one, three times",
    script=Script(
        (
            Session(
                "queue",
                OBJECT,
                (*_THREE_WAIT, _RECEIVE, _GOT),
                options={"capacity": 1},
                times=3,
            ),
        )
    ),
    promises=("BP-01", "BP-02"),
    needs=("object", "feature:capacity", "feature:concurrent-senders"),
)

DROPPED = Scenario(
    id="conformance/object-full-drop",
    sentence="drop the send that waited longest before a receive, and while a receive lets it go on, twenty times",
    script=Script(
        (
            Session(
                "before",
                OBJECT,
                (
                    *(*_THREE_WAIT, Call("drop", "script", arg="first"), _REST),
                    *(_RECEIVE, _REST, Call("receive", "consumer", n=3), _REST),
                ),
                options={"capacity": 1},
            ),
            Session(
                "meanwhile",
                OBJECT,
                (
                    *_THREE_WAIT,
                    Call("receive", "consumer", jitter=3),
                    Call("drop", "script", arg="first", jitter=6),
                    _REST,
                    Call("receive", "consumer", n=4),
                    _REST,
                ),
                options={"capacity": 1},
                times=20,
            ),
        )
    ),
    promises=("BP-02",),
    needs=("object", "feature:capacity", "feature:concurrent-senders", "feature:abandon"),
)

DEFAULT = Scenario(
    id="conformance/object-default-capacity",
    sentence="send three hundred items into a stream made without options",
    script=Script((Session("default", OBJECT, (Call("send", "producer", n=300), _REST)),)),
    promises=("BP-04",),
    needs=("object", "feature:default-capacity"),
)

RENDEZVOUS = Scenario(
    id="conformance/object-rendezvous",
    sentence="with no buffer at all: two sends that wait for a receive, then a receive that waits for a send",
    script=Script(
        (
            Session(
                "rendezvous",
                OBJECT,
                (
                    Call("send", "producer", n=2),
                    _REST,
                    _RECEIVE,
                    _GOT,
                    Call("receive", "consumer", n=2),
                    _REST,
                    Call("send", "producer"),
                    _BOTH,
                ),
                options={"capacity": 0},
            ),
        )
    ),
    promises=("BP-03",),
    needs=("object", "feature:capacity", "feature:rendezvous"),
)

RENDEZVOUS_END = Scenario(
    id="conformance/object-rendezvous-end",
    sentence="with no buffer at all: complete while a send waits, then receive to the end",
    script=Script(
        (
            Session(
                "over",
                OBJECT,
                (
                    Call("send", "producer"),
                    _REST,
                    Call("complete", "other"),
                    _OTHER,
                    Call("receive", "consumer", n=0),
                    Settle(until=("producer", "consumer")),
                ),
                options={"capacity": 0},
            ),
        )
    ),
    promises=("BP-03",),
    needs=("object", "feature:capacity", "feature:rendezvous", "feature:complete"),
)


def _blocked(name: str, *acts: Act, **options: int) -> Session:
    """A session in which one send waits."""
    return Session(name, OBJECT, (Call("send", "producer", n=3), _REST, *acts), options={"capacity": 2, **options})


CANCELLED = Scenario(
    id="conformance/object-full-cancel",
    sentence="cancel while a send waits",
    script=Script((_blocked("cancelled", Call("cancel", "consumer"), _BOTH),)),
    promises=("BP-09",),
    needs=("object", "feature:capacity", "feature:cancel"),
)

CANCELLED_MANY = Scenario(
    id="conformance/object-full-cancel-many",
    sentence="cancel while three sends wait",
    script=Script(
        (
            _blocked(
                "cancelled",
                Call("send", "second"),
                Call("send", "third"),
                _REST,
                Call("cancel", "consumer"),
                Settle(until=("producer", "second", "third", "consumer")),
            ),
        )
    ),
    promises=("BP-09",),
    needs=("object", "feature:capacity", "feature:cancel", "feature:concurrent-senders"),
)

FAILED = Scenario(
    id="conformance/object-full-error",
    sentence="fail the stream while a send waits",
    script=Script((_blocked("failed", Call("error", "other"), Settle(until=("producer", "other"))),)),
    promises=("BP-10",),
    needs=("object", "feature:capacity", "feature:error"),
)

EXPIRED = Scenario(
    id="conformance/object-full-deadline",
    sentence="let the deadline pass while a send waits",
    script=Script((_blocked("expired", Pass(700), _SENT, deadline_ms=300),)),
    promises=("BP-10",),
    needs=("object", "feature:capacity", "feature:deadline"),
)

PAUSED = Scenario(
    id="conformance/object-pause",
    sentence="pause, ask for two items that are there, send beyond what fits, resume, receive the rest",
    script=Script(
        (
            Session(
                "paused",
                OBJECT,
                (
                    Call("send", "producer", n=2),
                    _SENT,
                    Call("pause", "other"),
                    _OTHER,
                    Call("receive", "consumer", n=2),
                    _REST,
                    Call("send", "producer", n=2),
                    _REST,
                    Call("resume", "other"),
                    Call("receive", "consumer", n=2),
                    Settle(until=("producer", "consumer", "other")),
                ),
                options={"capacity": 3},
            ),
        )
    ),
    promises=("BP-13",),
    needs=("object", "feature:capacity", "feature:pause"),
)

_LOOK: Final = (Call("observe", "watcher"), Settle(until=("watcher",)))

BUFFERED = Scenario(
    id="conformance/object-buffered-amount",
    sentence="ask for the buffered amount of an empty stream, one with two items, a full one, and a drained one",
    script=Script(
        (
            Session(
                "buffered",
                OBJECT,
                (
                    *_LOOK,
                    Call("send", "producer", n=2),
                    _SENT,
                    *_LOOK,
                    Call("send", "producer", n=3),
                    _REST,
                    *_LOOK,
                    _RECEIVE,
                    _GOT,
                    *_LOOK,
                    Call("receive", "consumer", n=4),
                    _BOTH,
                    *_LOOK,
                ),
                options={"capacity": 3},
            ),
        )
    ),
    promises=("BP-14",),
    needs=("object", "feature:capacity", "feature:buffered"),
)


def _of_size(size: int) -> Session:
    full = (Call("send", "producer", n=4, size=size), _SENT, Call("send", "producer", size=size), _REST)
    return Session(f"of-{size}", OBJECT, full, options={"capacity": 4})


SIZES = Scenario(
    id="conformance/object-sizes",
    sentence="fill one stream with short items and one with items that are a hundred times longer",
    script=Script((_of_size(16), _of_size(1600))),
    promises=("BP-18",),
    needs=("object", "feature:capacity"),
)

TIMED_OUT = Scenario(
    id="conformance/object-send-timeout",
    sentence="let a send wait beyond its timeout, then send and receive on",
    script=Script(
        (
            Session(
                "timeout",
                OBJECT,
                (
                    Call("send", "producer", n=2),
                    Pass(150),
                    _SENT,
                    _RECEIVE,
                    _GOT,
                    Call("send", "producer"),
                    _RECEIVE,
                    _BOTH,
                ),
                options={"capacity": 1, "send_timeout_ms": 50},
            ),
        )
    ),
    promises=("BP-21",),
    needs=("object", "feature:capacity", "feature:send-timeout"),
)
