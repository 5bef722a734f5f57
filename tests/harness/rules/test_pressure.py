"""BP on objects at its edges: what an honest stream may look like when it is full, and how a broken one shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from streamspec.harness.core.event import Completed, Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    end,
    fail,
    failed,
    item,
    played,
    refused,
    send,
    sends,
    take,
    takes,
    together,
    told,
    waiting,
)

RuleOn = Callable[[str, History], Verdict]
CLAIMS = {f"feature.{name}": True for name in ("capacity", "rendezvous", "deadline", "send-timeout", "idle")}
QUIET = Settled(exact=False)
ASK = begun(3, "receive", "consumer")


def late(*callers: str) -> Settled:
    return Settled(exact=False, late=callers)


def full(*parts: Part, capacity: int = 2, kind: str = "asyncio", **options: int) -> History:
    """Two of the producer's items are there, its third send waits; then this."""
    rest = SETTLED if kind == "asyncio" else QUIET
    return made(sends(0, 1, 2), waiting(2, 3), rest, *parts, capacity=capacity, kind=kind, **options)


def made(*parts: Part, kind: str = "asyncio", **options: int) -> History:
    return played(*parts, options=options, declared=CLAIMS, kind=kind)


def words(verdict: Verdict) -> str:
    return " / ".join(f"expected {f.expected}, got {f.got}" for f in verdict.findings)


# -- BP-01 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "history"),
    [
        ("PASS", full()),
        ("PASS", full(take(3, 0, 1), back(2), waiting(4, 4), SETTLED)),
        ("PASS", full(kind="threads")),
        # a send that was refused, or whose time was up, was not accepted
        ("PASS", full(refused(2, "TIMED_OUT"), failed(3, "send", "TIMED_OUT"))),
        # threads: the receive that made room has not come back yet
        ("PASS", full(ASK, back(2), waiting(4, 4), QUIET, kind="threads")),
        # a receive that was dropped had been given an item, which went back to the front
        ("PASS", full(ASK, refused(3, "", "CancelledError"), back(2), SETTLED)),
        # what happens to waiting sends when it ends is for other rules to say
        ("PASS", full(begun(3, "cancel", "consumer"), back(2), back(3))),
        ("PASS", full(begun(3, "error", "other"), back(2), back(3))),
        # an iteration asks for as much as it likes
        ("INCONCLUSIVE", made(begun(0, "iterate", "consumer"), sends(1, 1, 5), SETTLED, capacity=2)),
        # after a deadline a send may come back as it likes
        ("INCONCLUSIVE", full(back(2), deadline_ms=1)),
        ("INCONCLUSIVE", made(sends(0, 1, 2), SETTLED, capacity=2)),
        # the object takes no capacity: what was asked for never reached it
        ("INCONCLUSIVE", played(sends(0, 1, 3), SETTLED, options={"capacity": 2})),
    ],
)
def test_never_more_than_fits(rule_on: RuleOn, outcome: str, history: History) -> None:
    assert rule_on("BP-01", history).outcome == outcome


@pytest.mark.parametrize(
    ("history", "got"),
    [
        (full(back(2)), "3 sends came back while 0 receives"),
        (full(back(2), kind="threads"), "3 sends came back while 0 receives"),
        (full(back(2), take(3, 0, 1)), "3 sends came back while 0 receives"),
        (full(take(3, 0, 1), back(2), send(4, 4), done(5, "complete")), "4 sends came back while 1 receive had"),
    ],
)
def test_one_more_than_fits(rule_on: RuleOn, history: History, got: str) -> None:
    verdict = rule_on("BP-01", history)
    assert verdict.outcome == "FAIL"
    assert "at most 2 items" in words(verdict)
    assert got in words(verdict)


# -- BP-02 -----------------------------------------------------------------------------------------------------------

QUEUED: tuple[Part, ...] = (send(0, 1, "a"), waiting(1, 1, "b"), SETTLED, waiting(2, 1, "c"), SETTLED)
ONE = take(3, 0, 1, "a")
DROP = (done(5, "drop", "script", "b"), refused(1, "", "CancelledError"))


def queue(*parts: Part) -> History:
    return made(*QUEUED, *parts, capacity=1)


def queues(*parts: Part, times: int, and_once: tuple[Part, ...] = ()) -> History:
    """So many sessions with threads, all alike, and perhaps one more."""
    waited = (send(0, 1, "a"), waiting(1, 1, "b"), QUIET, waiting(2, 1, "c"), QUIET)
    each = [parts] * times + ([and_once] if and_once else [])
    sessions = ((f"queue-{n}", {"capacity": 1}, (*waited, *then)) for n, then in enumerate(each))
    return together(*sessions, declared=CLAIMS, kind="threads")


@pytest.mark.parametrize(
    ("outcome", "history"),
    [
        ("PASS", queue(ONE, back(1), SETTLED)),
        # both began between two rests: nobody knows who waited first
        (
            "PASS",
            made(
                *(send(0, 1, "a"), waiting(1, 1, "b"), waiting(2, 1, "c"), SETTLED, ONE, back(2), SETTLED), capacity=1
            ),
        ),
        # two receives, two sends
        ("INCONCLUSIVE", queue(ONE, back(1), take(4, 1, 1, "b"), back(2), SETTLED)),
        # a receive waited in a paused stream
        ("INCONCLUSIVE", queue(done(3, "pause", "other"), begun(4, "receive", "x"), SETTLED)),
        # an item was given back: it takes the room that the next receive makes
        ("INCONCLUSIVE", queue(done(3, "drop", "script"), take(4, 0, 1, "a"), SETTLED)),
        # who was dropped before is out of the queue
        ("PASS", queue(DROP, SETTLED, take(6, 0, 1, "a"), back(2), waiting(7, 1, "d"), SETTLED)),
        # or still in it, with nobody who waits: the item takes the room that is made
        ("INCONCLUSIVE", queue(DROP, SETTLED, take(6, 0, 1, "a"), SETTLED)),
        # a receive was dropped: what it was given it gave back, and there is less room than it seems
        (
            "INCONCLUSIVE",
            made(begun(5, "receive", "x"), refused(5, "", "CancelledError"), *QUEUED, ONE, SETTLED, capacity=1),
        ),
        # in a paused stream both may wait
        ("INCONCLUSIVE", made(done(5, "pause"), *QUEUED, ASK, SETTLED, capacity=1)),
        ("INCONCLUSIVE", queues(ASK, late("b"), times=1)),
        # complete lets go whoever waits, one way or the other
        ("INCONCLUSIVE", queue(done(3, "complete", "other"), take(4, 0, 1, "a"), back(1), back(2), SETTLED)),
        # threads: who is still open may only be slow
        ("INCONCLUSIVE", queues(ONE, QUIET, times=3)),
        ("INCONCLUSIVE", queues(ONE, take(4, 1, 1, "b"), back(2), QUIET, times=3)),
        # a thread that said that it sends may be overtaken before it does: once is chance
        ("INCONCLUSIVE", queues(ONE, back(2), QUIET, times=2)),
        # and so are three out of four
        ("PASS", queues(ONE, back(2), QUIET, times=3, and_once=(ONE, back(1), QUIET))),
        # and two that come back late may have gone on before
        ("INCONCLUSIVE", queues(begun(3, "receive", "x"), begun(4, "receive", "y"), back(1), QUIET, times=1)),
    ],
)
def test_one_for_one(rule_on: RuleOn, outcome: str, history: History) -> None:
    verdict = rule_on("BP-02", history)
    assert verdict.outcome == outcome, verdict


@pytest.mark.parametrize(
    ("history", "got"),
    [
        (queue(ONE, SETTLED), "1 item received and 0 sends that went on; b:1, c:1 still wait"),
        (queue(ONE, back(2), SETTLED), "c:1 went on while b:1, which had waited longer"),
        (queue(ONE, back(1), back(2), SETTLED), "1 receive and 2 sends that went on"),
        (queues(ONE, back(2), QUIET, times=3), "c:1 went on while b:1, which had waited longer"),
        (queues(ONE, back(1), back(2), QUIET, times=1), "1 receive and 2 sends that went on"),
        (queue(DROP, SETTLED, takes(6, 0, 1, 2, "a"), SETTLED), "0 sends that went on; c:1 still waits"),
        (queue(ONE, DROP, begun(6, "receive", "x"), SETTLED), "c:1 waits for room while x waits for an item"),
        (queues(ASK, late("b", "c", "consumer"), times=1), "b:1, c:1 wait for room while consumer waits"),
        (queues(ONE, late("b", "c"), times=1), "1 item received and 0 sends that went on; b:1, c:1 still wait"),
    ],
)
def test_not_one_for_one(rule_on: RuleOn, history: History, got: str) -> None:
    verdict = rule_on("BP-02", history)
    assert verdict.outcome == "FAIL"
    assert got in words(verdict)


# -- BP-03 -----------------------------------------------------------------------------------------------------------

OVER: tuple[Part, ...] = (waiting(0, 1), SETTLED, done(1, "complete", "other"))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (waiting(0, 1), SETTLED, begun(1, "receive"), back(0), back(1, "producer:1"), item(0, 1))),
        ("PASS", (*OVER, take(2, 0, 1), end(3), back(0))),
        # refused, and said so: nothing is lost
        ("PASS", (*OVER, refused(0, "UNAVAILABLE"), end(2))),
        ("INCONCLUSIVE", (*OVER, SETTLED)),
        # the receive that is still open may have it
        ("INCONCLUSIVE", (*OVER, begun(2, "receive", "x"), back(0), end(3))),
        ("INCONCLUSIVE", (*OVER, end(2), QUIET)),
        # a cancel comes before the end
        ("INCONCLUSIVE", (waiting(0, 1), done(1, "cancel"), done(2, "complete"), back(0), end(3), SETTLED)),
        ("INCONCLUSIVE", (begun(0, "receive", "consumer"), send(1, 1), SETTLED)),
        ("FAIL", (send(0, 1), begun(1, "receive"), SETTLED)),
        ("FAIL", (begun(0, "receive"), sends(1, 1, 2))),
        ("FAIL", (*OVER, end(2), back(0), SETTLED)),
        ("FAIL", (*OVER, end(2), late("producer"))),
    ],
)
def test_a_rendezvous_hands_over(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("BP-03", made(*parts, capacity=0)).outcome == outcome


def test_a_capacity_of_0_without_the_claim_may_mean_no_bound(rule_on: RuleOn) -> None:
    history = played(sends(0, 1, 9), SETTLED, options={"capacity": 0}, declared={"feature.capacity": True})
    for rule in ("BP-01", "BP-02", "BP-03"):
        assert rule_on(rule, history).outcome == "INCONCLUSIVE"


# -- BP-04 -----------------------------------------------------------------------------------------------------------


def by_default(declared: int, *parts: Part, kind: str = "asyncio") -> History:
    facts = {"feature.default-capacity": True, "object.capacity": declared}
    return played(sends(0, 1, 2), waiting(2, 3), *parts, declared=facts, kind=kind)


@pytest.mark.parametrize(
    ("outcome", "history"),
    [
        ("PASS", by_default(2, SETTLED)),
        ("PASS", by_default(2, QUIET, kind="threads")),
        # what waits may be refused later
        ("PASS", by_default(2, SETTLED, done(3, "cancel"), refused(2, "CANCELLED"), SETTLED)),
        # threads: it may only be slow
        ("INCONCLUSIVE", by_default(3, QUIET, kind="threads")),
        ("INCONCLUSIVE", by_default(300)),
        # a paused stream may hold back senders too
        ("INCONCLUSIVE", by_default(3, done(3, "pause", "other"), SETTLED)),
        ("WARN", by_default(3, SETTLED)),
        ("WARN", by_default(3, late("producer"), kind="threads")),
        ("WARN", by_default(1, SETTLED)),
        ("WARN", by_default(2, back(2), QUIET, kind="threads")),
    ],
)
def test_the_default_is_what_is_declared(rule_on: RuleOn, outcome: str, history: History) -> None:
    assert rule_on("BP-04", history).outcome == outcome


# -- BP-07 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (take(3, 0, 1), back(2), takes(4, 1, 2, 3), done(6, "complete"), end(7))),
        # a drain is not asked for everything
        ("INCONCLUSIVE", (take(3, 0, 1), back(2), take(4, 1, 2), SETTLED)),
        # a cancel discards, a drop may give back
        ("INCONCLUSIVE", (take(3, 0, 1), done(4, "cancel"), back(2), ASK, SETTLED)),
        ("INCONCLUSIVE", (done(3, "drop"), take(4, 0, 2), back(2), take(5, 1, 1), take(6, 2, 3))),
        # sent after complete: its refusal is somebody else's
        ("INCONCLUSIVE", (takes(3, 0, 1, 2), back(2), take(5, 2, 3), done(6, "complete"), send(7, 4), end(8), SETTLED)),
        # the other receiver may have it
        ("INCONCLUSIVE", (ASK, take(4, 0, 2), back(2), take(5, 1, 3), QUIET)),
        ("FAIL", (take(3, 0, 1), take(4, 1, 3), back(2), SETTLED)),
        ("FAIL", (take(3, 0, 1), back(2), take(4, 1, 3), take(5, 2, 2))),
        ("FAIL", (takes(3, 0, 1, 2), back(2), done(5, "complete"), begun(6, "receive"), back(6, "end"), Completed())),
        ("FAIL", (takes(3, 0, 1, 2), back(2), begun(5, "receive", "consumer"), late("consumer"))),
    ],
)
def test_what_waited_arrives(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    verdict = rule_on("BP-07", full(*parts))
    assert verdict.outcome == outcome, verdict


# -- BP-09, BP-10 ----------------------------------------------------------------------------------------------------

CANCEL = done(3, "cancel", "consumer")
ERROR = done(3, "error", "other")


@pytest.mark.parametrize(
    ("rule", "outcome", "parts"),
    [
        ("BP-09", "PASS", (CANCEL, refused(2, "CANCELLED"))),
        ("BP-09", "PASS", (begun(3, "cancel"), refused(2), back(3), SETTLED)),
        ("BP-09", "PASS", (CANCEL, back(2), SETTLED)),
        # threads: it may only be slow
        ("BP-09", "INCONCLUSIVE", (CANCEL, QUIET)),
        ("BP-09", "INCONCLUSIVE", (failed(3, "cancel"), SETTLED)),
        # the script cancelled the task of the send itself
        ("BP-09", "INCONCLUSIVE", (CANCEL, refused(2, "", "CancelledError"), SETTLED)),
        ("BP-09", "INCONCLUSIVE", (take(3, 0, 1), back(2), done(4, "cancel"), SETTLED)),
        ("BP-09", "FAIL", (CANCEL, SETTLED)),
        ("BP-09", "FAIL", (CANCEL, late("producer"))),
        ("BP-10", "PASS", (ERROR, refused(2, "INTERNAL"))),
        ("BP-10", "INCONCLUSIVE", (ERROR, QUIET)),
        ("BP-10", "INCONCLUSIVE", (failed(3, "error"), SETTLED)),
        # the stream had ended otherwise before it failed
        ("BP-10", "INCONCLUSIVE", (done(3, "complete"), done(4, "error"), SETTLED)),
        ("BP-10", "INCONCLUSIVE", (begun(3, "error"), done(4, "complete"), back(3), SETTLED)),
        ("BP-10", "FAIL", (ERROR, SETTLED)),
        ("BP-10", "FAIL", (ERROR, late("producer"))),
    ],
)
def test_an_end_lets_go_who_waits(rule_on: RuleOn, rule: str, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on(rule, full(*parts)).outcome == outcome


def timed(*parts: Part, **options: int) -> History:
    """The third send waits from 80 ms on; what follows comes every 20 ms."""
    parts = (sends(0, 1, 2), waiting(2, 3), *parts)
    return played(*parts, options={"capacity": 2, **options}, declared=CLAIMS, step_ms=20)


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (SETTLED, SETTLED, refused(2, "CANCELLED"))),
        # threads: the object was made some time before our first record
        ("PASS", (QUIET, refused(2, "TIMED_OUT"), QUIET)),
        # refused as soon as it was called
        ("INCONCLUSIVE", (refused(2, "CANCELLED"), SETTLED)),
        # a receive had let it go
        ("INCONCLUSIVE", (SETTLED, take(3, 0, 1), back(2), SETTLED)),
        # not twice as long yet
        ("INCONCLUSIVE", (SETTLED,) * 9),
        ("INCONCLUSIVE", (QUIET,) * 40),
        ("FAIL", (SETTLED,) * 12),
        ("FAIL", (*(QUIET,) * 12, late("producer"))),
    ],
)
def test_a_deadline_lets_go_who_waits(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("BP-10", timed(*parts, deadline_ms=100)).outcome == outcome


def test_a_deadline_that_the_object_does_not_take_never_passes(rule_on: RuleOn) -> None:
    history = played(waiting(0, 1), *(SETTLED,) * 40, options={"deadline_ms": 10}, step_ms=20)
    assert rule_on("BP-10", history).outcome == "INCONCLUSIVE"


# -- BP-13 -----------------------------------------------------------------------------------------------------------

PAUSE = done(2, "pause", "other")
RESUME: Mapping[str, Part] = {"first": done(8, "resume", "other"), "second": done(9, "resume", "other")}
GOT: tuple[Part, ...] = (back(3, "producer:1"), item(0, 1))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (PAUSE, ASK, SETTLED, RESUME["first"], *GOT, take(10, 1, 2))),
        # what had begun before the pause may still come
        ("INCONCLUSIVE", (ASK, PAUSE, *GOT, SETTLED)),
        # and what comes while somebody resumes
        ("INCONCLUSIVE", (PAUSE, begun(8, "resume"), ASK, *GOT, back(8))),
        ("INCONCLUSIVE", (begun(8, "resume"), PAUSE, ASK, *GOT, back(8))),
        ("INCONCLUSIVE", (begun(2, "pause"), RESUME["first"], back(2), ASK, *GOT)),
        # paused twice, resumed once: an object may count
        ("INCONCLUSIVE", (PAUSE, done(4, "pause"), ASK, SETTLED, RESUME["first"], SETTLED)),
        ("PASS", (PAUSE, done(4, "pause"), ASK, SETTLED, RESUME["first"], RESUME["second"], *GOT, take(10, 1, 2))),
        # an end may show, and a cancel discards
        ("INCONCLUSIVE", (PAUSE, done(4, "complete"), ASK, *GOT)),
        ("INCONCLUSIVE", (PAUSE, ASK, done(4, "cancel"), refused(3, "CANCELLED"), RESUME["first"], SETTLED)),
        ("INCONCLUSIVE", (PAUSE, ASK, QUIET, RESUME["first"], QUIET)),
        # the receive had begun before the pause, and made room
        ("INCONCLUSIVE", (ASK, PAUSE, sends(4, 3, 5), SETTLED)),
        ("FAIL", (PAUSE, ASK, *GOT, RESUME["first"])),
        ("FAIL", (PAUSE, ASK, SETTLED, RESUME["first"], SETTLED)),
        ("FAIL", (PAUSE, ASK, SETTLED, RESUME["first"], back(3, "producer:2"), item(0, 2), SETTLED)),
        ("FAIL", (PAUSE, ASK, sends(4, 3, 5), SETTLED, RESUME["first"])),
    ],
)
def test_a_pause_holds_and_a_resume_goes_on(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    verdict = rule_on("BP-13", made(sends(0, 1, 2), *parts, capacity=4))
    assert verdict.outcome == outcome, verdict


# -- BP-14 -----------------------------------------------------------------------------------------------------------


def looked(amount: int) -> tuple[Part, ...]:
    return begun(3, "observe", "watcher"), told(buffered_amount=amount), back(3)


DRAINED: tuple[Part, ...] = (take(4, 0, 1), back(2), takes(5, 1, 2, 3))


@pytest.mark.parametrize(
    ("outcome", "parts", "kind"),
    [
        ("PASS", (*looked(2), *DRAINED), "asyncio"),
        ("PASS", (*looked(2), *DRAINED), "threads"),
        # a receive is on its way
        ("INCONCLUSIVE", (begun(4, "receive", "x"), *looked(1), back(4, "producer:1"), item(0, 1)), "asyncio"),
        ("INCONCLUSIVE", (begun(4, "receive", "x"), *looked(2), back(4, "producer:1"), item(0, 1)), "threads"),
        # too few, and not all of them came: was the figure wrong, or is an item lost?
        ("INCONCLUSIVE", (*looked(1), take(4, 0, 2)), "asyncio"),
        # what came twice cannot be counted
        ("INCONCLUSIVE", (take(4, 0, 1), back(2), take(5, 1, 1), *looked(2)), "asyncio"),
        # after the end, a cancel or a drop it is not this rule's
        ("INCONCLUSIVE", (done(5, "cancel"), *looked(9)), "asyncio"),
        ("INCONCLUSIVE", (done(5, "drop"), *looked(3)), "asyncio"),
        ("WARN", (*looked(3), *DRAINED), "asyncio"),
        ("WARN", (*looked(3), *DRAINED), "threads"),
        ("WARN", (*looked(1), *DRAINED), "asyncio"),
        ("WARN", (*looked(1), *DRAINED), "threads"),
        ("WARN", (*looked(-1), *DRAINED), "threads"),
    ],
)
def test_the_buffered_amount(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...], kind: str) -> None:
    verdict = rule_on("BP-14", full(*parts, kind=kind))
    assert verdict.outcome == outcome, verdict


# -- BP-18 -----------------------------------------------------------------------------------------------------------


def sized(size: int, fits: int, rest: Settled, **options: int) -> tuple[str, Mapping[str, int | str], tuple[Part, ...]]:
    texts = [f"producer:{n + 1} ".ljust(size, ".") for n in range(fits + 1)]
    rows = [done(n, "send", arg=text) for n, text in enumerate(texts[:-1])]
    return f"of-{size}", {"capacity": 4, **options}, (*rows, begun(fits, "send", arg=texts[-1]), rest)


@pytest.mark.parametrize(
    ("outcome", "sessions"),
    [
        ("PASS", (sized(16, 4, SETTLED), sized(1600, 4, SETTLED))),
        ("PASS", (sized(16, 4, QUIET), sized(1600, 4, QUIET))),
        # a watermark may be crossed by one
        ("INCONCLUSIVE", (sized(16, 4, SETTLED), sized(1600, 3, SETTLED))),
        # threads: it may only be slow
        ("INCONCLUSIVE", (sized(16, 4, QUIET), sized(1600, 1, QUIET))),
        # made otherwise
        ("INCONCLUSIVE", (sized(16, 4, SETTLED), sized(1600, 1, SETTLED, capacity=1))),
        ("INCONCLUSIVE", (sized(16, 4, SETTLED), sized(17, 1, SETTLED))),
        ("FAIL", (sized(16, 4, SETTLED), sized(1600, 1, SETTLED))),
        ("FAIL", (sized(16, 4, QUIET), sized(1600, 1, late("producer")))),
    ],
)
def test_a_capacity_counts_items(
    rule_on: RuleOn, outcome: str, sessions: tuple[tuple[str, Mapping[str, int | str], tuple[Part, ...]], ...]
) -> None:
    assert rule_on("BP-18", together(*sessions, declared=CLAIMS)).outcome == outcome


# -- BP-21 -----------------------------------------------------------------------------------------------------------

GAVE_UP: tuple[Part, ...] = (SETTLED, SETTLED, SETTLED, refused(2, "TIMED_OUT"))
ON: tuple[Part, ...] = (take(3, 0, 1), send(4, 4), takes(5, 1, 2, 2), take(6, 2, 4))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (*GAVE_UP, *ON)),
        ("PASS", (*GAVE_UP, failed(7, "send", "TIMED_OUT"), *ON)),
        ("PASS", (*GAVE_UP, *ON, done(7, "complete"), end(8), failed(9, "send", "UNAVAILABLE"))),
        ("PASS", (*GAVE_UP, *ON, done(7, "error"), fail(8, "INTERNAL"))),
        ("INCONCLUSIVE", GAVE_UP),
        # not for long enough yet
        ("INCONCLUSIVE", (SETTLED,) * 8),
        ("INCONCLUSIVE", (QUIET,) * 40),
        # ended by a cancel, before its time was up
        ("INCONCLUSIVE", (done(3, "cancel"), refused(2, "CANCELLED"), *ON)),
        # dropped by the script
        ("INCONCLUSIVE", (SETTLED, SETTLED, SETTLED, refused(2, "", "CancelledError"), *ON)),
        ("WARN", (SETTLED,) * 12),
        ("WARN", (*(QUIET,) * 12, late("producer"))),
        ("WARN", (*GAVE_UP, take(3, 0, 1), take(4, 1, 2), take(5, 2, 3))),
        ("WARN", (*GAVE_UP, end(3))),
        ("WARN", (*GAVE_UP, failed(3, "send", "UNAVAILABLE"))),
        # without codes: refused at once, so not by its timeout
        ("WARN", (SETTLED, SETTLED, SETTLED, refused(2, "", "TimeoutError"), failed(3, "send"))),
    ],
)
def test_a_sends_timeout_ends_nothing(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    verdict = rule_on("BP-21", timed(*parts, send_timeout_ms=50))
    assert verdict.outcome == outcome, verdict
