"""Objects: deadlines and idle limits, long ones in virtual time and short ones with threads, whose time is real.

With threads the waits end as soon as everybody who is due was answered, and only a stream that forgets somebody costs
more. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

_FAR_MS: Final = 10_000  # a deadline in virtual time, where settling alone takes 100 ms
_NEAR_MS: Final = 300  # and one with threads
_PAST_MS: Final = 5_000  # so long after a deadline nobody may still wait
_RACE_MS: Final = 20
_ASYNCIO: Final = ("object", "object:asyncio", "feature:deadline")
_THREADS: Final = ("object", "object:threads", "feature:deadline")


def _until(after_ms: int, *callers: str) -> tuple[Act, ...]:
    """The limit passes, and long enough after it everybody who was due has been answered. With threads (0 ms) whoever
    is due is waited for, and no longer than need be."""
    passing: tuple[Act, ...] = (Pass(after_ms),) if after_ms else ()
    return (*passing, Settle(until=callers))


def _told(deadline_ms: int, after_ms: int) -> Script:
    """A consumer that waits and asks again; a producer that is blocked, and asks again."""
    waits = (Call("receive", "consumer", n=3, on=True), *_until(after_ms, "consumer"))
    blocked = (
        Call("send", "producer", n=4),
        Settle(),
        *_until(after_ms, "producer"),
        Call("send", "producer", n=2, on=True),
        Call("receive", "consumer", n=2, on=True),
        Settle(until=("producer", "consumer")),
    )
    options = {"deadline_ms": deadline_ms, "capacity": 2}
    return Script(
        (Session("waits", OBJECT, waits, options=options), Session("blocked", OBJECT, blocked, options=options))
    )


DEADLINE: Final = Scenario(
    id="conformance/object-deadline",
    sentence="let a deadline of ten seconds pass while a consumer waits, and while a send is blocked",
    script=_told(_FAR_MS, _FAR_MS + _PAST_MS),
    promises=("DL-01", "DL-04", "DL-05"),
    needs=(*_ASYNCIO, "feature:capacity"),
    order=1,
)

DEADLINE_THREADS: Final = Scenario(
    id="conformance/object-deadline-threads",
    sentence="let a short deadline pass while a consumer waits, and while a send is blocked",
    script=_told(_NEAR_MS, 0),
    promises=("DL-01", "DL-04", "DL-05"),
    needs=(*_THREADS, "feature:capacity"),
    order=1,
)


def _handled(deadline_ms: int, after_ms: int) -> Script:
    """A handler that sleeps and is looked at on the way, one that is blocked, and one that is asked for too late."""
    sleeps = (
        Call("produce", "maker", n=1, arg="idles"),
        Pass(deadline_ms // 3),
        Call("observe", "other"),
        *_until(after_ms, "maker", "other"),
    )
    blocked = (Call("produce", "maker", n=0), Settle(), *_until(after_ms, "maker"))
    late = (
        Call("receive", "consumer"),
        *_until(after_ms, "consumer"),
        Call("produce", "maker", n=1, arg="completes"),
        Settle(until=("maker",)),
    )
    options = {"deadline_ms": deadline_ms, "capacity": 2}
    acts = {"sleeps": sleeps, "blocked": blocked, "late": late}
    return Script(tuple(Session(name, OBJECT, acts[name], options=options) for name in acts))


HANDLER: Final = Scenario(
    id="conformance/object-deadline-handler",
    sentence="let a deadline of ten seconds pass while a handler sleeps, or is blocked; then ask for another",
    script=_handled(_FAR_MS, _FAR_MS + _PAST_MS),
    promises=("DL-02", "DL-03", "DL-07"),
    needs=(*_ASYNCIO, "feature:produce", "feature:capacity"),
    order=1,
)

HANDLER_THREADS: Final = Scenario(
    id="conformance/object-deadline-handler-threads",
    sentence="let a short deadline pass while a handler sleeps, or is blocked; then ask for another",
    script=_handled(_NEAR_MS, 0),
    promises=("DL-02", "DL-03", "DL-07"),
    needs=(*_THREADS, "feature:produce", "feature:capacity"),
    order=1,
)


def _raced(after_ms: int, times: int) -> Script:
    """A completion that comes about as late as the deadline, and what the consumer is told before and afterwards."""

    def session(complete_ms: int) -> Session:
        acts = (
            Call("receive", "consumer", n=2, on=True),
            Pass(complete_ms),
            Call("complete", "producer", jitter=5),
            Call("receive", "producer", n=2, on=True),
            *_until(after_ms, "consumer", "producer"),
        )
        return Session(f"after-{complete_ms}-ms", OBJECT, acts, options={"deadline_ms": _RACE_MS}, times=times)

    return Script(tuple(session(complete_ms) for complete_ms in (_RACE_MS - 1, _RACE_MS, _RACE_MS + 1)))


RACE: Final = Scenario(
    id="conformance/object-deadline-race",
    sentence="complete a stream at the very moment of its deadline, sixty times",
    script=_raced(_PAST_MS, 20),
    promises=("DL-06",),
    needs=(*_ASYNCIO, "feature:complete"),
    order=1,
)

RACE_THREADS: Final = Scenario(
    id="conformance/object-deadline-race-threads",
    sentence="complete a stream at about the moment of its deadline, nine times",
    script=_raced(0, 3),  # each costs five seconds where nobody is answered
    promises=("DL-06",),
    needs=(*_THREADS, "feature:complete"),
    order=1,
)


def _idle(idle_ms: int, after_ms: int) -> tuple[Act, ...]:
    """Three items, of which the last is sent when a limit that nothing resets would have passed; then none."""
    gap: Act = Pass(idle_ms * 8 // 15)
    item: Act = Call("send", "producer")
    return (
        Call("receive", "consumer", n=0),
        *(item, gap, item, gap, item),
        *_until(after_ms, "consumer", "producer"),
    )


IDLE: Final = Scenario(
    id="conformance/object-idle",
    sentence="send three items, each before the idle limit of three seconds, then none",
    script=Script((Session("idle", OBJECT, _idle(3_000, 3_000 + _PAST_MS), options={"idle_ms": 3_000}),)),
    promises=("DL-08", "DL-09"),
    needs=("object", "object:asyncio", "feature:idle"),
    order=1,
)

IDLE_THREADS: Final = Scenario(
    id="conformance/object-idle-threads",
    sentence="send three items, each before a short idle limit, then none",
    script=Script((Session("idle", OBJECT, _idle(_NEAR_MS, 0), options={"idle_ms": _NEAR_MS}),)),
    promises=("DL-08", "DL-09"),
    needs=("object", "object:threads", "feature:idle"),
    order=1,
)

_BUSY: Final[tuple[Act, ...]] = (Call("send", "producer", on=True), Pass(2_000))

BUSY: Final = Scenario(
    id="conformance/object-busy",
    sentence="go on sending, more often than the idle limit asks for, until long after the deadline",
    script=Script(
        (
            Session(
                "busy",
                OBJECT,
                (Call("receive", "consumer", n=0), *_BUSY * 9, Settle(until=("consumer", "producer"))),
                options={"idle_ms": 3_000, "deadline_ms": _FAR_MS},
            ),
        )
    ),
    promises=("DL-01", "DL-04"),
    needs=(*_ASYNCIO, "feature:idle"),
    order=1,
)
