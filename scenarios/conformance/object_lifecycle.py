"""Objects: how a stream ends. Each session makes one object; `producer` sends, `consumer` receives, `closer` ends.

Where no capacity is asked for, the script works with any, a rendezvous included: nobody is due before the consumer
receives. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Script, Session, Settle

_FAILURE: Final = "NOT_FOUND"  # a code that no stream has reason to raise by itself
_TO_THE_END: Final = Call("receive", "consumer", n=0)
_BEYOND: Final = Call("receive", "consumer", n=2, on=True)
_COMPLETE: Final = Call("complete", "closer")
_ERROR: Final = Call("error", "closer", arg=_FAILURE)
_CLOSED: Final = Settle(until=("closer",))
_READ: Final[tuple[Act, ...]] = (_TO_THE_END, _BEYOND, Settle(until=("closer", "consumer")))


def _session(name: str, *acts: Act, capacity: int | None = None) -> Session:
    return Session(name, OBJECT, acts, options={} if capacity is None else {"capacity": capacity})


def _sent(n: int) -> tuple[Act, ...]:
    """Items that fit, and that all have been accepted."""
    return Call("send", "producer", n=n), Settle(until=("producer",))


COMPLETE = Scenario(
    id="conformance/object-complete",
    sentence="send three items and complete while somebody receives, to the end and twice beyond",
    script=Script(
        (
            _session(
                "beside",
                *(_TO_THE_END, _BEYOND, Call("send", "producer", n=3), Call("complete", "producer")),
                Settle(until=("producer", "consumer")),
            ),
        )
    ),
    promises=("LC-01", "LC-02", "OI-01", "OI-02", "OI-03"),
    needs=("object", "feature:complete"),
)

ERROR = Scenario(
    id="conformance/object-error",
    sentence="send three items and fail when they have been received; receive to the error and twice beyond",
    script=Script(
        (
            _session(
                "received",
                *(
                    Call("receive", "consumer", n=3),
                    Call("send", "producer", n=3),
                    Settle(until=("producer", "consumer")),
                ),
                *(_ERROR, _CLOSED, *_READ),
            ),
        )
    ),
    promises=("LC-01", "LC-02", "LC-12"),
    needs=("object", "feature:error"),
)

EMPTY = Scenario(
    id="conformance/object-empty",
    sentence="complete without having sent anything, before somebody receives and while somebody waits to",
    script=Script(
        (
            _session("before", _COMPLETE, _CLOSED, *_READ),
            _session("while", _TO_THE_END, Settle(), _COMPLETE, Settle(until=("closer", "consumer"))),
        )
    ),
    promises=("LC-08", "LC-12"),
    needs=("object", "feature:complete"),
)

DRAIN = Scenario(
    id="conformance/object-drain",
    sentence="complete with items still to be received: some, as many as fit, and one that does not",
    script=Script(
        (
            _session("some", *_sent(3), _COMPLETE, _CLOSED, *_READ, capacity=4),
            _session("full", *_sent(2), _COMPLETE, _CLOSED, *_READ, capacity=2),
            _session("waiting", Call("send", "producer", n=3), Settle(), _COMPLETE, _CLOSED, *_READ, capacity=2),
        )
    ),
    promises=("LC-02", "LC-09", "LC-12", "OI-02"),
    needs=("object", "feature:complete", "feature:capacity"),
)

FAIL_WITH_ITEMS = Scenario(
    id="conformance/object-fail-with-items",
    sentence="fail with items still to be received: two of three, and as many as fit",
    script=Script(
        (
            _session(
                "some",
                *(*_sent(3), Call("receive", "consumer"), Settle(until=("consumer",)), _ERROR, _CLOSED, *_READ),
                capacity=4,
            ),
            _session("full", *_sent(3), _ERROR, _CLOSED, *_READ, capacity=3),
        )
    ),
    promises=("ER-04", "LC-02", "LC-12"),
    needs=("object", "feature:error", "feature:capacity"),
)

SEND_AFTER_END = Scenario(
    id="conformance/object-send-after-end",
    sentence="send two items after complete: to a stream that was empty, and to one that was read to its end",
    script=Script(
        (
            _session("empty", _COMPLETE, _CLOSED, Call("send", "producer", n=2, on=True), Settle(until=("producer",))),
            _session(
                "read",
                *(_TO_THE_END, Call("send", "producer"), Settle(until=("producer",)), _COMPLETE),
                *(Settle(until=("closer", "consumer")), Call("send", "producer", n=2, on=True)),
                *(Settle(until=("producer",)), _BEYOND, Settle(until=("consumer",))),
            ),
        )
    ),
    promises=("LC-02", "LC-10"),
    needs=("object", "feature:complete"),
)

SEND_WHILE_DRAINING = Scenario(
    id="conformance/object-send-while-draining",
    sentence="send two items after complete while one is still to be received",
    script=Script(
        (
            _session(
                "draining",
                *(*_sent(1), _COMPLETE, _CLOSED, Call("send", "producer", n=2, on=True), Settle(until=("producer",))),
                *_READ,
                capacity=4,
            ),
        )
    ),
    promises=("LC-10",),
    needs=("object", "feature:complete", "feature:capacity"),
)

COMPLETE_TWICE = Scenario(
    id="conformance/object-complete-twice",
    sentence="complete once, twice while items are still to be received, and twice with nothing left",
    script=Script(
        (
            _session("once", *_sent(3), _COMPLETE, _CLOSED, *_READ, capacity=4),
            _session("draining", *_sent(3), Call("complete", "closer", n=2, on=True), _CLOSED, *_READ, capacity=4),
            _session("empty", Call("complete", "closer", n=2, on=True), _CLOSED, *_READ, capacity=4),
        )
    ),
    promises=("LC-05",),
    needs=("object", "feature:complete", "feature:capacity"),
)

ERROR_THEN_COMPLETE = Scenario(
    id="conformance/object-error-then-complete",
    sentence="fail, then complete: with an item still to be received, and with none",
    script=Script(
        (
            _session("draining", *_sent(1), _ERROR, _COMPLETE, _CLOSED, *_READ, capacity=4),
            _session("empty", _ERROR, _COMPLETE, _CLOSED, *_READ, capacity=4),
        )
    ),
    promises=("LC-03",),
    needs=("object", "feature:complete", "feature:error", "feature:capacity"),
)

COMPLETE_THEN_ERROR = Scenario(
    id="conformance/object-complete-then-error",
    sentence="complete, then fail: with an item still to be received, and when the end has been told",
    script=Script(
        (
            _session("draining", *_sent(1), _COMPLETE, _ERROR, _CLOSED, *_READ, capacity=4),
            _session(
                "told",
                *(*_sent(1), _COMPLETE, _CLOSED, _TO_THE_END, Settle(until=("consumer",)), _ERROR, _CLOSED),
                *(_BEYOND, Settle(until=("consumer",))),
                capacity=4,
            ),
        )
    ),
    promises=("LC-04",),
    needs=("object", "feature:complete", "feature:error", "feature:capacity"),
)

HANDLER_RETURNS = Scenario(
    id="conformance/object-handler-returns",
    sentence="run a handler that sends two items and returns without ending its stream",
    script=Script(
        (
            _session(
                "returns",
                *(_TO_THE_END, Call("produce", "producer", n=2, arg="returns"), Settle(until=("producer", "consumer"))),
            ),
        )
    ),
    promises=("LC-06",),
    needs=("object", "feature:produce"),
)

HANDLER_RAISES = Scenario(
    id="conformance/object-handler-raises",
    sentence="run a handler that sends two items and raises",
    script=Script(
        (
            _session(
                "raises",
                *(_TO_THE_END, Call("produce", "producer", n=2, arg="raises"), Settle(until=("producer", "consumer"))),
            ),
        )
    ),
    promises=("LC-07",),
    needs=("object", "feature:produce"),
)

_LOOK: Final[tuple[Act, ...]] = (Call("observe", "observer"), Settle(until=("observer",)))
_ITEM: Final[tuple[Act, ...]] = (Call("send", "producer"), Settle(), *_LOOK)

STATES_OF_A_COMPLETED = Scenario(
    id="conformance/object-states-completed",
    sentence="look at the state of a stream that is sent to, completed, read to its end, and ended again",
    script=Script(
        (
            _session(
                "completed",
                *(*_LOOK, *_ITEM, _COMPLETE, _CLOSED, *_LOOK, *_READ, *_LOOK),
                *(Call("complete", "closer", on=True), _CLOSED, *_LOOK),
            ),
        )
    ),
    promises=("LC-11",),
    needs=("object", "feature:state", "feature:complete"),
)

STATES_OF_A_FAILED = Scenario(
    id="conformance/object-states-failed",
    sentence="look at the state of a stream that is sent to, fails, is read to its error, and fails again",
    script=Script(
        (
            _session(
                "failed",
                *(*_LOOK, *_ITEM, _ERROR, _CLOSED, *_LOOK, *_READ, *_LOOK),
                *(Call("error", "closer", arg=_FAILURE, on=True), _CLOSED, *_LOOK),
            ),
        )
    ),
    promises=("LC-11",),
    needs=("object", "feature:state", "feature:error"),
)

STATES_OF_A_CANCELLED = Scenario(
    id="conformance/object-states-cancelled",
    sentence="look at the state of a stream that is cancelled, and of one that is cancelled after its end",
    script=Script(
        (
            _session(
                "cancelled",
                *(*_LOOK, *_ITEM, Call("cancel", "consumer"), Settle(until=("consumer",)), *_LOOK),
                *(_COMPLETE, _CLOSED, *_LOOK, _BEYOND, Settle(until=("consumer",)), *_LOOK),
            ),
            _session(
                "completed",
                *(*_LOOK, _COMPLETE, _CLOSED, *_READ, *_LOOK),
                *(Call("cancel", "consumer"), Settle(until=("consumer",)), *_LOOK),
            ),
        )
    ),
    promises=("LC-11",),
    needs=("object", "feature:state", "feature:cancel", "feature:complete"),
)
