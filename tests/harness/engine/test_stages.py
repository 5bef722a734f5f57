"""Scripts played with objects: what each operation writes down, in virtual time and with threads."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from honest_objects import Awaited, Blocking

from streamspec.harness.core import calls
from streamspec.harness.core.case import Case, Scenario
from streamspec.harness.core.event import (
    Called,
    Completed,
    Expired,
    Failed,
    Item,
    Raised,
    Returned,
    Settled,
    Told,
)
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle
from streamspec.harness.drivers.inprocess import INPROCESS
from streamspec.harness.engine.making import Unjudgeable
from streamspec.harness.engine.objects import ObjectBench, history_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.history import History


def played(
    factory: Callable[..., Any], *acts: Act, seed: int = 0, options: dict[str, int | str] | None = None, times: int = 1,
    **changed: float,
) -> History:  # fmt: skip
    """The history of one session with these acts."""
    script = Script((Session("one", OBJECT, acts, options=options or {}, times=times),))
    scenario = Scenario("conformance/tried", "tried", script, promises=(), needs=("object",))
    target = INPROCESS.look("tests:factory", factory, (), frozenset())
    limits = {**budgets(1.0), "poll_ms": 30.0, **changed}
    bench = ObjectBench(target, INPROCESS, factory, (), limits, LIMITS, (), "", "", None)
    return history_of(Case("conformance/tried@inprocess", scenario, "inprocess", (), seed), bench)


def events(h: History, session: str = "one") -> list[Any]:
    return [record.event for record in h.records if record.session == session]


BOTH = pytest.mark.parametrize("factory", [Awaited, Blocking])
ALL = Settle(until=("producer", "consumer"))


@BOTH
def test_a_call_is_written_down_when_it_begins_and_when_it_ends(factory: Any) -> None:
    h = played(factory, Call("send", "producer", n=2), ALL, Call("receive", "consumer"), ALL)
    assert events(h)[:4] == [
        Called(0, "send", "producer", "producer:1"),
        Returned(0),
        Called(1, "send", "producer", "producer:2"),
        Returned(1),
    ]
    begun, back, item = events(h)[5:8]
    assert (begun, back) == (Called(2, "receive", "consumer"), Returned(2, "producer:1"))
    assert (item.n, item.kind, item.seq, item.prefix) == (0, "producer", 1, "producer:1")


@BOTH
def test_a_parked_call_is_open_when_nothing_moves(factory: Any) -> None:
    h = played(factory, Call("send", "producer", n=3), Settle(), Call("receive", "consumer"), ALL)
    first, second = calls.settlings(h, "one")
    assert [span.arg for span in calls.parked(h, "one", first, "send")] == ["producer:3"]
    assert calls.parked(h, "one", second, "send") == ()
    exact = factory is Awaited
    assert first.event == Settled(exact=exact)
    assert calls.stuck(calls.spans(h, "one", "send")[2], first) is exact


def test_with_threads_a_call_is_stuck_only_when_it_was_due_and_had_its_time() -> None:
    h = played(Blocking, Call("send", "producer", n=3), Settle(until=("producer",)), moves_ms=50.0)
    (settled,) = calls.settlings(h, "one")
    assert settled.event == Settled(exact=False, late=("producer",))
    assert calls.stuck(calls.spans(h, "one", "send")[2], settled)
    assert h.first(Expired, "one") is not None


@BOTH
def test_the_end_is_written_once_and_may_be_asked_for_again(factory: Any) -> None:
    h = played(factory, Call("complete", "producer"), ALL, Call("receive", "consumer", n=3, on=True), ALL)
    ends = [span for span in calls.spans(h, "one", "receive") if span.value == calls.END]
    assert len(ends) == 3
    assert [type(e) for e in events(h)].count(Completed) == 1


def test_a_failure_is_the_terminal_and_a_cancel_is_none() -> None:
    failed = played(
        Awaited, Call("error", "producer", arg="NOT_FOUND"), ALL, Call("receive", "consumer", n=2, on=True), ALL
    )
    assert [e for e in events(failed) if isinstance(e, Failed)] == [Failed("NOT_FOUND", "NOT_FOUND")]
    left = played(Awaited, Call("cancel", "consumer"), ALL, Call("receive", "consumer", n=2, on=True), ALL)
    assert [e.code for e in events(left) if isinstance(e, Raised)] == ["CANCELLED", "CANCELLED"]
    assert not [e for e in events(left) if isinstance(e, Failed | Completed)]


@BOTH
def test_a_caller_stops_its_repeats_at_a_refusal_unless_told_to_go_on(factory: Any) -> None:
    acts = (Call("cancel", "consumer"), Settle(until=("consumer",)))
    stops = played(factory, *acts, Call("send", "producer", n=3), ALL)
    goes_on = played(factory, *acts, Call("send", "producer", n=3, on=True), ALL)
    assert len(calls.spans(stops, "one", "send")) == 1
    assert len(calls.spans(goes_on, "one", "send")) == 3


def test_leaving_an_iteration_early_is_seen_by_the_stream() -> None:
    h = played(
        Blocking,
        *(Call("send", "producer", n=2), ALL),
        *(Call("iterate", "consumer", n=1), ALL, Call("send", "producer"), ALL),
    )
    (iteration,) = calls.spans(h, "one", "iterate")
    assert iteration.value == calls.BREAK
    refused = calls.spans(h, "one", "send")[-1].raised
    assert refused is not None
    assert refused.code == "CANCELLED"


def test_a_dropped_call_ends_with_the_cancellation_of_its_task_and_its_caller_goes_on() -> None:
    h = played(
        Awaited,
        *(Call("receive", "consumer"), Settle(), Call("drop", "script", arg="consumer"), ALL),
        *(Call("send", "producer"), ALL, Call("receive", "consumer"), ALL),
    )
    first, second = calls.spans(h, "one", "receive")
    assert calls.dropped(first)
    assert second.value == "producer:1"


def test_dropping_a_caller_that_waits_for_work_changes_nothing() -> None:
    h = played(
        Awaited, Call("send", "producer"), ALL, Call("drop", "script", arg="producer"), Call("send", "producer"), ALL
    )
    assert [span.returned for span in calls.spans(h, "one", "send")] == [True, True]


def test_listeners_and_figures_are_told() -> None:
    h = played(
        Awaited,
        *(Call("listen", "producer", arg="a"), Call("send", "producer"), Call("observe", "producer"), ALL),
        *(Call("cancel", "consumer"), ALL),
    )
    assert [value for _, value in calls.told(h, "one", "buffered_amount")] == [1]
    assert [value for _, value in calls.told(h, "one", "cleanup.a")] == [1]


def test_items_are_padded_and_told_from_others() -> None:
    class Alters(Awaited):
        async def send(self, item: Any) -> None:
            await super().send(item if len(item) > 50 else item.upper() + "!")

    h = played(
        Alters,
        *(Call("send", "producer", size=100), Call("send", "producer"), ALL),
        *(Call("receive", "consumer", n=2), ALL),
    )
    whole, altered = (r.event for r in calls.items(h, "one"))
    assert isinstance(whole, Item)
    assert isinstance(altered, Item)
    assert (whole.kind, whole.seq, whole.size) == ("producer", 1, 100)
    assert (altered.kind, altered.seq) == ("", None)


def test_what_an_item_holds_on_to_is_counted() -> None:
    kept: list[Any] = []

    class Keeps(Awaited):
        async def send(self, item: Any) -> None:
            kept.append(item)
            await super().send(item)

    acts = (Call("send", "producer", n=2), ALL, Call("cancel", "consumer"), ALL, Call("forget", "consumer"), ALL)
    assert [v for _, v in calls.told(played(Awaited, *acts), "one", "items_alive")] == [0]
    assert [v for _, v in calls.told(played(Keeps, *acts), "one", "items_alive")] == [2]


@pytest.mark.parametrize(("factory", "figure"), [(Awaited, "tasks"), (Awaited, "timers"), (Blocking, "threads")])
def test_cycles_end_with_figures(factory: Any, figure: str) -> None:
    h = played(factory, Call("cycle", "producer", n=5, arg="complete"), ALL)
    (told,) = h.of(Told, "one")
    assert isinstance(told.event, Told)
    assert told.event.values["cycles"] == 5
    assert told.event.values["objects"] >= 1  # type: ignore[operator]  # a count
    assert figure in told.event.values


def test_the_same_seed_gives_the_same_history() -> None:
    acts = (
        *(
            Call("send", "a", n=4, jitter=5),
            Call("send", "b", n=4, jitter=5),
            Call("receive", "consumer", n=5, jitter=3),
        ),
        *(Call("cancel", "consumer", jitter=5), Settle()),
    )

    def told(seed: int) -> list[tuple[int, Any]]:
        return [(r.t_ns, r.event) for r in played(Awaited, *acts, seed=seed, times=4).records]

    assert told(7) == told(7)
    assert len({str(told(seed)) for seed in range(8)}) > 1


def test_every_repeat_of_a_session_has_an_object_and_a_chance_of_its_own() -> None:
    acts = (Call("send", "a", jitter=9), Call("send", "b", jitter=9), Call("receive", "consumer"), Settle())
    h = played(Awaited, *acts, times=20)
    first = {calls.items(h, name)[0].event.prefix for name in h.sessions()}  # type: ignore[union-attr]  # an item
    assert len(h.sessions()) == 20
    assert first == {"a:1", "b:1"}


def test_time_passes_as_the_script_says() -> None:
    h = played(Awaited, Pass(5_000), Settle())
    assert [round(r.t_ns / 1e6) for r in h.of(Settled)] == [5_030]


def test_an_object_that_uses_threads_cannot_be_judged_in_virtual_time() -> None:
    class InThreads(Awaited):
        async def send(self, item: Any) -> None:
            await asyncio.to_thread(id, item)

    with pytest.raises(Unjudgeable, match="threads"):
        played(InThreads, Call("send", "producer"), ALL)


def test_an_object_with_a_thread_of_its_own_cannot_be_judged_in_virtual_time() -> None:
    class HasThread(Awaited):
        async def send(self, item: Any) -> None:
            threading.Thread(target=threading.Event().wait, args=(0.5,), daemon=True).start()

    with pytest.raises(Unjudgeable, match="threads"):
        played(HasThread, Call("send", "producer"), ALL)


def test_who_polls_is_given_time_until_nothing_changes_any_more() -> None:
    class Polls(Awaited):
        async def send(self, item: Any) -> None:
            while len(self._items) >= self.capacity:  # noqa: ASYNC110 -- polling is what this is about
                await asyncio.sleep(0.02)
            self._items.append(item)

        async def receive(self) -> Any:
            while not self._items:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0.02)
            return self._items.popleft()

    h = played(Polls, Call("send", "producer", n=9), Call("receive", "consumer", n=9), ALL)
    assert len(calls.items(h, "one")) == 9
    (settled,) = calls.settlings(h, "one")
    assert settled.event == Settled()


def test_who_waits_for_a_time_of_its_own_may_only_be_slow() -> None:
    class Slow(Awaited):
        async def receive(self) -> Any:
            while not self._items:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(60)
            return self._items.popleft()

    h = played(Slow, Call("receive", "consumer"), Settle())
    assert [r.event for r in calls.settlings(h, "one")] == [Settled(exact=False)]


def test_an_end_that_we_do_not_know_is_not_received_for_ever() -> None:
    class Nones(Awaited):
        async def receive(self) -> Any:
            return None

    h = played(Nones, Call("receive", "consumer", n=0), ALL)
    assert 10 < len(calls.items(h, "one")) < 100


def test_what_an_object_raises_is_an_event_whatever_it_is() -> None:
    class Odd(Awaited):
        async def receive(self) -> Any:
            raise asyncio.CancelledError  # nobody cancelled us

    h = played(Odd, Call("receive", "consumer", n=2, on=True), ALL)
    assert [span.raised.kind for span in calls.spans(h, "one", "receive") if span.raised] == ["CancelledError"] * 2


def test_callers_of_an_object_that_knows_no_cancel_are_freed_at_the_end() -> None:
    class Plain:
        def __init__(self) -> None:
            self._blocking = Blocking(1)

        def send(self, item: Any) -> None:
            self._blocking.send(item)

        def receive(self) -> Any:
            return self._blocking.receive()

    before = set(threading.enumerate())
    played(Plain, Call("send", "producer", n=3), Call("send", "other", n=2), Settle())
    assert set(threading.enumerate()) <= before
