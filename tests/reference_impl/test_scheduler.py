"""Which stream is received from next: the pure choice against a model, and both schedulers over all four shells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import ASYNC, THREADS, Shells
from stream_stories import run

from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.scheduler import ThreadScheduler, Waiting, choose

if TYPE_CHECKING:
    from collections.abc import Callable

bounds = st.none() | st.integers(0, 6)


# -- the choice, pure --------------------------------------------------------------------------------------------------


def test_the_highest_priority_goes_first() -> None:
    assert choose([Waiting(0), Waiting(9), Waiting(5)]) == 1


def test_equal_priorities_take_turns() -> None:
    assert choose([Waiting(last_turn=3), Waiting(last_turn=1), Waiting(last_turn=2)]) == 1


def test_who_had_no_turn_yet_goes_before_its_equals() -> None:
    assert choose([Waiting(last_turn=1), Waiting()]) == 1


def test_the_first_of_complete_equals_goes_first() -> None:
    assert choose([Waiting(), Waiting()]) == 0


def test_one_passed_over_as_often_as_the_bound_goes_next_whatever_its_priority() -> None:
    assert choose([Waiting(9), Waiting(0, passed_over=7)], starvation_bound=8) == 0
    assert choose([Waiting(9), Waiting(0, passed_over=8)], starvation_bound=8) == 1


def test_of_those_that_starve_the_longest_passed_over_goes_first() -> None:
    assert choose([Waiting(9, passed_over=8), Waiting(0, passed_over=9)], starvation_bound=8) == 1


def test_without_a_bound_the_lowest_may_starve() -> None:
    assert choose([Waiting(9), Waiting(0, passed_over=1_000_000)], starvation_bound=None) == 0


def test_nobody_can_be_chosen_of_none() -> None:
    with pytest.raises(ValueError, match="empty"):
        choose([])


def chosen_by_elimination(waiting: list[Waiting], bound: int | None) -> int:
    """The rule said once more: who is left after each sentence of it."""
    left = list(enumerate(waiting))
    starving = [(i, one) for i, one in left if bound is not None and one.passed_over >= bound]
    if starving:
        longest = max(one.passed_over for _, one in starving)
        left = [(i, one) for i, one in starving if one.passed_over == longest]
    highest = max(one.priority for _, one in left)
    left = [(i, one) for i, one in left if one.priority == highest]
    longest_ago = min(one.last_turn for _, one in left)
    return next(i for i, one in left if one.last_turn == longest_ago)


@given(
    st.lists(st.builds(Waiting, st.integers(-2, 2), st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=8),
    bounds,
)
def test_the_choice_is_what_elimination_leaves(waiting: list[Waiting], bound: int | None) -> None:
    assert choose(waiting, bound) == chosen_by_elimination(waiting, bound)


# -- the schedulers, where nobody waits --------------------------------------------------------------------------------


@pytest.fixture(params=ASYNC + THREADS, ids=["aio", "aio tabled", "threads", "threads tabled"])
def shells(request: pytest.FixtureRequest) -> Shells:
    return request.param  # type: ignore[no-any-return]


def test_under_contention_the_higher_priority_is_received_first(shells: Shells) -> None:
    """MX-05."""

    async def story() -> None:
        low = await shells.stream_of("a1", "a2")
        high = await shells.stream_of("c1", "c2", priority=9)
        middle = await shells.stream_of("b1", "b2", priority=5)
        scheduler = shells.scheduler([low, high, middle])
        assert await shells.take_all(scheduler) == ["c1", "c2", "b1", "b2", "a1", "a2"]

    run(story())


@pytest.mark.parametrize("bound", [1, 8])
def test_the_lowest_priority_progresses_within_the_bound(shells: Shells, bound: int) -> None:
    """MX-06."""

    async def story() -> None:
        low, high = shells.make(), shells.make(priority=9)
        scheduler = shells.scheduler([low, high], starvation_bound=bound)
        await shells.put(low, *["low"] * 3)
        seen = []
        for _ in range(3 * (bound + 1)):
            await shells.put(high, "high")  # always ready
            seen.append((await shells.take(scheduler))[1])
        assert seen == [*["high"] * bound, "low"] * 3

    run(story())


def test_a_failure_passes_the_others_over_as_an_item_does(shells: Shells) -> None:
    async def story() -> None:
        low = await shells.stream_of("low")
        scheduler = shells.scheduler([low], starvation_bound=2)
        seen = []
        for _ in range(3):
            failing = shells.make(priority=1)
            failing.error(StreamError(Code.NOT_FOUND, ""))
            scheduler.add(failing)
            seen.append((await shells.take(scheduler))[0] is low)
        assert seen == [False, False, True]

    run(story())


def test_who_had_nothing_to_give_was_not_passed_over(shells: Shells) -> None:
    async def story() -> None:
        low, high = shells.make(), await shells.stream_of("h1", "h2", "h3", "h4", priority=1)
        scheduler = shells.scheduler([low, high], starvation_bound=2)
        seen = [(await shells.take(scheduler))[1] for _ in range(2)]
        await shells.put(low, "low")
        low.complete()
        assert seen + await shells.take_all(scheduler) == ["h1", "h2", "h3", "h4", "low"]

    run(story())


def test_without_a_bound_the_lowest_waits_for_all_others(shells: Shells) -> None:
    async def story() -> None:
        low = await shells.stream_of("low")
        high = await shells.stream_of(*["high"] * 30, priority=1)
        scheduler = shells.scheduler([low, high], starvation_bound=None)
        assert await shells.take_all(scheduler) == [*["high"] * 30, "low"]

    run(story())


def test_with_a_bound_of_zero_all_take_turns(shells: Shells) -> None:
    async def story() -> None:
        low = await shells.stream_of("low", "low")
        high = await shells.stream_of("high", "high", priority=1)
        scheduler = shells.scheduler([low, high], starvation_bound=0)
        assert await shells.take_all(scheduler) == ["high", "low", "high", "low"]

    run(story())


def test_how_the_next_is_chosen_is_a_part_that_can_be_replaced(shells: Shells) -> None:
    async def story() -> None:
        streams = [await shells.stream_of("low"), await shells.stream_of("high", priority=1)]
        upside_down = shells.scheduler(streams, choose=lambda waiting, bound: len(waiting) - 1 - choose(waiting, bound))
        assert await shells.take_all(upside_down) == ["low", "high"]

    run(story())


def test_a_bound_is_not_negative(shells: Shells) -> None:
    with pytest.raises(ValueError, match="not -1"):
        shells.scheduler([], starvation_bound=-1)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.integers(1, 5))
def test_nobody_is_passed_over_more_often_than_the_bound_and_once_for_each_other_that_starves(
    priorities: list[int], bound: int
) -> None:
    scheduler: ThreadScheduler[Any] = ThreadScheduler([Endless(n, p) for n, p in enumerate(priorities)], bound)
    passed_over = Counter[int]()
    for _ in range(20 * len(priorities)):
        received: Any = scheduler.receive()
        passed_over.update(set(range(len(priorities))) - {received[1]})
        passed_over[received[1]] = 0
        assert max(passed_over.values()) <= bound + len(priorities) - 2


@given(st.lists(st.integers(0, 2), min_size=1, max_size=6))
def test_always_ready_equals_are_received_from_one_after_the_other(priorities: list[int]) -> None:
    scheduler = ThreadScheduler([Endless(n, priority) for n, priority in enumerate(priorities)], None)
    highest = [n for n, priority in enumerate(priorities) if priority == max(priorities)]
    received = [scheduler.receive() for _ in range(3 * len(highest))]
    assert [one[1] for one in received if one is not END] == highest * 3


class Endless:
    """A stream that always has its own number to give."""

    ready = True

    def __init__(self, number: int, priority: int) -> None:
        self.number = number
        self.priority = priority

    def poll(self) -> int:
        return self.number

    def on_ready(self, wake: Callable[[], None]) -> None:
        wake()


def test_equals_take_turns(shells: Shells) -> None:
    async def story() -> None:
        streams = [await shells.stream_of(*[name] * 3) for name in "abc"]
        assert await shells.take_all(shells.scheduler(streams)) == list("abcabcabc")

    run(story())


def test_an_equal_that_was_not_ready_has_not_lost_its_turn(shells: Shells) -> None:
    async def story() -> None:
        a, b = shells.make(), shells.make()
        scheduler = shells.scheduler([a, b])
        await shells.put(a, "a1", "a2", "a3")
        seen = [(await shells.take(scheduler))[1] for _ in range(2)]
        await shells.put(b, "b1", "b2")
        seen += [(await shells.take(scheduler))[1] for _ in range(3)]
        assert seen == ["a1", "a2", "b1", "a3", "b2"]

    run(story())


def test_when_all_streams_have_ended_the_end_is_said_as_often_as_asked(shells: Shells) -> None:
    async def story() -> None:
        one, other = await shells.stream_of(1), await shells.stream_of()
        scheduler = shells.scheduler([one, other])
        assert await shells.take(scheduler) == (one, 1)
        assert [await shells.take(scheduler) for _ in range(2)] == [END, END]
        assert await shells.take(shells.scheduler([])) is END

    run(story())


def test_a_stream_that_fails_is_reported_once_after_its_items_and_its_siblings_go_on(shells: Shells) -> None:
    async def story() -> None:
        failing, sibling = shells.make(), await shells.stream_of("s1", "s2", "s3")
        await shells.put(failing, "f1")
        failing.error(StreamError(Code.NOT_FOUND, "no such shelf"))
        scheduler = shells.scheduler([failing, sibling])
        received = [await shells.take(scheduler) for _ in range(5)]
        stream, failure = received.pop(2)
        assert stream is failing
        assert (failure.code, failure.message) == (Code.NOT_FOUND, "no such shelf")
        assert [item for _, item in received] == ["f1", "s1", "s2", "s3"]
        assert await shells.take(scheduler) is END

    run(story())


def test_a_stream_that_was_cancelled_is_reported_once_and_its_siblings_go_on(shells: Shells) -> None:
    async def story() -> None:
        cancelled, sibling = shells.make(priority=1), await shells.stream_of("s1")
        await shells.put(cancelled, "never seen")
        cancelled.cancel()
        scheduler = shells.scheduler([cancelled, sibling])
        stream, failure = await shells.take(scheduler)
        assert (stream, failure.code) == (cancelled, Code.CANCELLED)
        assert await shells.take_all(scheduler) == ["s1"]

    run(story())


def test_nothing_is_received_ahead_of_demand(shells: Shells) -> None:
    async def story() -> None:
        streams = [shells.make(priority=n % 2) for n in range(4)]
        for stream in streams:
            await shells.put(stream, 1, 2, 3)
        scheduler = shells.scheduler(streams)
        for received in range(12):
            assert sum(stream.buffered_amount for stream in streams) == 12 - received
            before = [stream.buffered_amount for stream in streams]
            chosen, _ = await shells.take(scheduler)
            after = [stream.buffered_amount for stream in streams]
            assert after == [n - (stream is chosen) for n, stream in zip(before, streams, strict=True)]

    run(story())


def test_a_paused_stream_is_passed_by_until_it_is_resumed(shells: Shells) -> None:
    async def story() -> None:
        paused, sibling = await shells.stream_of("p", priority=9), await shells.stream_of("s1", "s2")
        paused.pause()
        scheduler = shells.scheduler([paused, sibling])
        seen = [(await shells.take(scheduler))[1]]
        paused.resume()
        assert seen + await shells.take_all(scheduler) == ["s1", "p", "s2"]

    run(story())


def test_a_stream_can_be_added_at_any_time_even_after_the_end(shells: Shells) -> None:
    async def story() -> None:
        scheduler = shells.scheduler([await shells.stream_of("a1", "a2")])
        seen = [(await shells.take(scheduler))[1]]
        scheduler.add(await shells.stream_of("b1", priority=1))
        seen += await shells.take_all(scheduler)
        scheduler.add(await shells.stream_of("c1"))
        assert seen + await shells.take_all(scheduler) == ["a1", "b1", "a2", "c1"]

    run(story())


def test_a_stream_added_twice_is_in_once(shells: Shells) -> None:
    async def story() -> None:
        twice = shells.make()
        scheduler = shells.scheduler([twice, twice])
        scheduler.add(twice)
        twice.cancel()
        assert len(await shells.take_all(scheduler)) == 1

    run(story())


def test_a_stream_whose_item_another_consumer_took_is_passed_by() -> None:
    class Emptied(Endless):
        def poll(self) -> Any:
            return EMPTY

    scheduler = ThreadScheduler([Emptied(0, priority=1), Endless(1, priority=0)])
    assert [scheduler.receive()[1] for _ in range(2)] == [1, 1]  # type: ignore[index]
