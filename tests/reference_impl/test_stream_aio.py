"""The fast asyncio stream, rule by rule of docs/stream.md. Time is virtual where it plays a part."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from stream_stories import code_at, code_of, outcome, run, start, turns
from virtual_target import in_virtual_time

from streamspec.reference_impl.stream import marks
from streamspec.reference_impl.stream.aio import EMPTY, END, Stream
from streamspec.reference_impl.stream.dialect import DEFAULT, GRPC_AIO, RAFFEL, Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

CAPACITIES = (0, 1, 16)


async def filled(stream: Stream[int]) -> Stream[int]:
    """The stream with its buffer full: 0, 1, 2, ..."""
    for n in range(stream.capacity):
        await stream.send(n)
    return stream


async def received(stream: Stream[Any], count: int) -> list[Any]:
    return [await stream.receive() for _ in range(count)]


def end_by(call: str, stream: Stream[int]) -> None:
    if call == "complete":
        stream.complete()
    elif call == "error":
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
    else:
        stream.cancel()


def test_options_can_be_read_back_and_have_defaults() -> None:
    async def story() -> None:
        plain: Stream[int] = Stream()
        assert (plain.capacity, plain.dialect, plain.priority) == (16, DEFAULT, 0)
        assert (plain.send_timeout_s, plain.deadline_s, plain.idle_s, plain.remaining_s) == (None, None, None, None)
        made: Stream[int] = Stream(3, dialect=RAFFEL, send_timeout_s=1.5, deadline_s=60, idle_s=30, priority=-2)
        assert (made.capacity, made.dialect, made.priority) == (3, RAFFEL, -2)
        assert (made.send_timeout_s, made.deadline_s, made.idle_s) == (1.5, 60, 30)
        made.cancel()

    run(story())


def test_a_negative_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more, not -1"):
        Stream(-1)


def test_a_stream_needs_no_loop_to_be_made_or_ended() -> None:
    stream: Stream[int] = Stream()
    assert stream.poll() is EMPTY
    stream.complete()
    assert stream.poll() is END
    assert (END, EMPTY) == (marks.END, marks.EMPTY)
    assert Stream.END is END


def test_items_come_out_in_the_order_in_which_they_went_in() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=3)
        producer = start(stream.send_batch, iter(range(100)))
        assert await received(stream, 100) == list(range(100))
        await producer

    run(story())


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_a_full_stream_blocks_the_sender_until_a_receive(capacity: int) -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity))
        blocked = start(stream.send, capacity)
        await turns()
        assert not blocked.done()
        assert stream.buffered_amount == capacity
        assert await stream.receive() == 0
        await turns()
        assert blocked.done()
        assert await received(stream, capacity) == list(range(1, capacity + 1))

    run(story())


def test_a_send_that_finds_room_never_gives_up_its_turn() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=8)
        others: list[str] = []
        asyncio.get_running_loop().call_soon(others.append, "ran")
        for n in range(8):
            await stream.send(n)
        await received(stream, 8)
        assert others == []

    run(story())


def test_what_an_accepted_send_answers_can_be_awaited_like_any_call() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        await stream.send(0)
        first, second = stream.send(1), stream.send(2)
        await second
        await first
        await first
        await asyncio.gather(stream.send(3), stream.send(4))
        await asyncio.wait_for(stream.send(5), 1)
        await asyncio.ensure_future(stream.send(6))
        assert await stream.receive_batch() == [0, 1, 2, 3, 4, 5, 6]

    run(story())


def test_one_receive_releases_the_send_that_waited_longest() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        parked = [start(stream.send, n) for n in (1, 2, 3)]
        for released in (1, 2, 3):
            await turns()
            assert await stream.receive() == released - 1
            await turns()
            assert [task.done() for task in parked] == [n <= released for n in (1, 2, 3)]

    run(story())


def test_a_released_item_is_in_the_buffer_before_its_sender_runs_on() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        parked = start(stream.send, 1)
        await turns()
        assert await stream.receive() == 0
        assert (stream.buffered_amount, parked.done()) == (1, False)
        assert stream.poll() == 1

    run(story())


def test_no_later_send_overtakes_a_parked_one() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        parked = start(stream.send, 1)
        await turns()
        stream.poll()
        later = start(stream.send, 2)
        assert await received(stream, 2) == [1, 2]
        await asyncio.gather(parked, later)

    run(story())


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_receivers_that_wait_are_served_in_order(capacity: int) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        waiting = [start(stream.receive) for _ in range(4)]
        await turns()
        for n in range(4):
            await stream.send(n)
        assert stream.buffered_amount == 0
        assert [await receiver for receiver in waiting] == [0, 1, 2, 3]

    run(story())


def test_a_rendezvous_hands_over_from_hand_to_hand() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        sender = start(stream.send, 1)
        await turns()
        assert (sender.done(), stream.ready, stream.buffered_amount) == (False, True, 0)
        assert await stream.receive() == 1
        await sender
        receiver = start(stream.receive)
        await turns()
        await stream.send(2)
        assert stream.buffered_amount == 0
        assert await receiver == 2

    run(story())


def test_completion_shows_only_after_everything_sent() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        parked = start(stream.send, 1)
        await turns()
        stream.complete()
        phases = [stream.state]
        assert await received(stream, 2) == [0, 1]
        await parked
        phases.append(stream.state)
        assert phases == [Phase.DRAINING, Phase.COMPLETED]
        assert await received(stream, 2) == [END, END]
        assert await stream.receive_batch() == []
        assert stream.poll() is END

    run(story())


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_an_ending_reaches_receivers_that_wait(capacity: int) -> None:
    async def story(end: str) -> list[object]:
        stream: Stream[int] = Stream(capacity)
        waiting = [start(stream.receive) for _ in range(2)]
        await turns()
        end_by(end, stream)
        await turns()
        return [outcome(task) for task in waiting]

    assert run(story("complete")) == [END, END]
    assert run(story("error")) == [Code.NOT_FOUND] * 2
    assert run(story("cancel")) == [Code.CANCELLED] * 2


def test_an_error_refuses_parked_sends_and_comes_after_what_was_accepted() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=2))
        parked = start(stream.send, 2)
        await turns()
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        assert stream.state is Phase.ERRORED
        assert await code_of(parked) is Code.NOT_FOUND
        assert await received(stream, 2) == [0, 1]
        for _ in range(2):
            with pytest.raises(StreamError, match="NOT_FOUND: gone"):
                await stream.receive()
        assert code_at(stream.poll) is Code.NOT_FOUND

    run(story())


def test_a_failure_of_somebody_else_shows_no_text_of_theirs() -> None:
    stream: Stream[int] = Stream()
    stream.error(OSError("/etc/secret"))
    with pytest.raises(StreamError) as caught:
        stream.poll()
    assert (caught.value.code, caught.value.message) == (Code.INTERNAL, "the handler failed")


@pytest.mark.parametrize("end", ["complete", "error"])
def test_after_an_ending_everything_from_the_producer_is_unavailable(end: str) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        await stream.send(1)
        end_by(end, stream)
        assert code_at(stream.complete) is Code.UNAVAILABLE
        assert code_at(lambda: stream.error(ValueError())) is Code.UNAVAILABLE
        assert await code_of(stream.send(2)) is Code.UNAVAILABLE
        assert await code_of(stream.send_batch([2, 3])) is Code.UNAVAILABLE
        await stream.send_batch([])
        assert await stream.receive() == 1

    run(story())


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_a_cancel_wakes_every_parked_send_with_cancelled_for_ever(capacity: int) -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity))
        parked = [start(stream.send, n) for n in range(4)]
        await turns()
        assert stream.cancel("enough") is True
        await turns()
        assert [outcome(task) for task in parked] == [Code.CANCELLED] * 4
        assert stream.buffered_amount == 0
        for _ in range(2):
            assert await code_of(stream.send(9)) is Code.CANCELLED
            with pytest.raises(StreamError, match="CANCELLED: enough"):
                await stream.receive()
            assert stream.cancel("the first reason stays") is None
            stream.complete()
            stream.error(ValueError())
        assert stream.state is Phase.CANCELLED

    run(story())


def test_a_cancel_of_an_errored_stream_only_discards() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=2))
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        stream.cancel()
        assert (stream.state, stream.buffered_amount) == (Phase.ERRORED, 0)
        assert await code_of(stream.receive()) is Code.NOT_FOUND

    run(story())


def test_a_cancel_of_a_draining_stream_ends_it() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=2))
        stream.complete()
        assert stream.cancel() is True
        assert await code_of(stream.receive()) is Code.CANCELLED

    run(story())


def test_a_cancel_raises_nothing_even_when_the_loop_is_closed() -> None:
    loop = asyncio.new_event_loop()
    stream: Stream[int] = Stream(capacity=0)
    sender = loop.create_task(stream._send(1, None))
    loop.run_until_complete(asyncio.sleep(0, loop))
    sender._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left behind on purpose
    loop.close()
    assert stream.cancel() is True


def test_a_deadline_is_a_cancel_to_the_producer_and_timed_out_to_the_consumer() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1, deadline_s=2)
        await stream.send(0)
        sending, sleeping = start(stream.send, 1), start(stream.sleep, 3600)
        await asyncio.sleep(1.5)
        assert (stream.state, stream.remaining_s) == (Phase.OPEN, 0.5)
        await asyncio.sleep(1)
        assert (stream.state, stream.remaining_s, stream.buffered_amount) == (Phase.EXPIRED, 0, 0)
        assert [outcome(sending), outcome(sleeping)] == [Code.CANCELLED] * 2
        for _ in range(2):
            assert await code_of(stream.receive()) is Code.TIMED_OUT
            assert await code_of(stream.send(2)) is Code.CANCELLED
        stream.complete()
        assert stream.cancel() is None

    in_virtual_time(story())


def test_a_deadline_reaches_a_receiver_that_waits_and_a_draining_stream() -> None:
    async def story() -> None:
        waited_for: Stream[int] = Stream(deadline_s=2)
        receiver = start(waited_for.receive)
        draining = await filled(Stream(capacity=1, deadline_s=2))
        draining.complete()
        await asyncio.sleep(2)
        assert await code_of(receiver) is Code.TIMED_OUT
        assert await code_of(draining.receive()) is Code.TIMED_OUT

    in_virtual_time(story())


@pytest.mark.parametrize("times", [{"deadline_s": 0}, {"idle_s": 0}, {"deadline_s": -1}])
def test_a_time_of_zero_has_passed_at_once(times: dict[str, float]) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(**times)  # type: ignore[arg-type]  # only these two
        assert stream.state is Phase.EXPIRED

    in_virtual_time(story())


def test_an_idle_time_is_counted_from_the_latest_accepted_item() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1, idle_s=2)
        await asyncio.sleep(1.5)
        await stream.send(0)
        parked = start(stream.send, 1)
        await asyncio.sleep(1.5)
        assert await stream.receive() == 0  # the parked send is accepted now
        await asyncio.sleep(1.5)
        assert (stream.state, parked.done()) == (Phase.OPEN, True)
        await asyncio.sleep(1)
        assert stream.state is Phase.EXPIRED

    in_virtual_time(story())


@pytest.mark.parametrize("end", ["complete", "error", "cancel"])
def test_a_stream_that_ends_in_time_leaves_no_timer_behind(end: str) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        stream: Stream[int] = Stream(deadline_s=5, idle_s=3)
        sleeping = start(stream.sleep, 7)
        await turns()
        end_by(end, stream)
        await asyncio.wait({sleeping})
        sleeping.exception()
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]

    in_virtual_time(story())


@pytest.mark.parametrize("of", ["the call", "the stream"])
@pytest.mark.parametrize("timeout_s", [0, 1.5])
def test_a_send_that_times_out_has_not_sent_and_ends_nothing(of: str, timeout_s: float) -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1, send_timeout_s=timeout_s if of == "the stream" else 60))
        begun = asyncio.get_running_loop().time()
        assert await code_of(stream.send(1, timeout_s if of == "the call" else None)) is Code.TIMED_OUT
        assert asyncio.get_running_loop().time() - begun == timeout_s
        assert stream.state is Phase.OPEN
        assert await received(stream, 1) == [0]
        await stream.send(2)
        assert await received(stream, 1) == [2]

    in_virtual_time(story())


def test_a_send_released_in_time_has_sent_and_leaves_no_timer_behind() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        parked = start(stream.send, 1, 2.0)
        await asyncio.sleep(1.9)
        stream.poll()
        await parked
        loop = asyncio.get_running_loop()
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []  # type: ignore[attr-defined]
        assert stream.poll() == 1

    in_virtual_time(story())


def test_the_last_parked_send_timed_out_completes_a_draining_stream() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        parked = start(stream.send, 1, 2.0)
        await turns()
        stream.complete()
        phases = [stream.state]
        await asyncio.sleep(3)
        assert outcome(parked) is Code.TIMED_OUT
        assert [*phases, stream.state] == [Phase.DRAINING, Phase.COMPLETED]

    in_virtual_time(story())


@pytest.mark.parametrize("end", ["complete", "drain", "error", "cancel", "deadline"])
def test_listeners_run_exactly_once_in_order_however_a_stream_ends(end: str) -> None:
    async def story() -> list[tuple[str, Phase]]:
        calls: list[tuple[str, Phase]] = []
        stream: Stream[int] = Stream(deadline_s=5)
        for name in ("first", "second"):
            stream.on_end(lambda name=name: calls.append((name, stream.state)))  # type: ignore[misc]
        if end == "drain":
            await stream.send(1)
            stream.complete()
            assert calls == []
            await stream.receive()
        elif end == "deadline":
            await asyncio.sleep(6)
        else:
            end_by(end, stream)
        stream.cancel()
        stream.on_end(lambda: calls.append(("late", stream.state)))
        return calls

    calls = in_virtual_time(story())
    ended = {"error": Phase.ERRORED, "cancel": Phase.CANCELLED, "deadline": Phase.EXPIRED}.get(end, Phase.COMPLETED)
    assert calls == [("first", ended), ("second", ended), ("late", ended)]


def test_listeners_run_before_parked_calls_run_on() -> None:
    async def story() -> list[str]:
        seen: list[str] = []
        stream: Stream[int] = Stream(capacity=0)

        async def sending() -> None:
            with contextlib.suppress(StreamError):
                await stream.send(1)
            seen.append("sender")

        sender = start(sending)
        await turns()
        stream.on_end(lambda: seen.append("listener"))
        stream.cancel()
        await sender
        return seen

    assert run(story()) == ["listener", "sender"]


def test_a_listener_that_raises_neither_stops_the_others_nor_reaches_the_caller() -> None:
    async def story() -> tuple[list[str], list[str]]:
        reported: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, seen: reported.append(repr(seen["exception"])))
        calls: list[str] = []
        stream: Stream[int] = Stream()
        stream.on_end(lambda: calls.remove("never there"))
        stream.on_end(lambda: calls.append("ran"))
        stream.on_ready(lambda: calls.remove("never there either"))
        stream.cancel()
        return calls, reported

    calls, reported = run(story())
    assert calls == ["ran"]
    assert ["ValueError" in report for report in reported] == [True, True]


def test_a_listener_that_raises_when_there_is_no_loop_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("threading.excepthook", lambda seen: told.append(seen.exc_type))
    stream: Stream[int] = Stream()
    stream.on_end(lambda: told.remove("never there"))
    stream.cancel()
    assert told == [ValueError]


def test_a_listener_may_call_the_stream() -> None:
    async def story() -> list[object]:
        seen: list[object] = []
        stream: Stream[int] = Stream()
        waiting = start(stream.receive)
        await turns()
        stream.on_end(lambda: seen.append((stream.cancel(), stream.ready, stream.poll())))
        stream.on_end(lambda: stream.on_end(lambda: seen.append("at once")))
        stream.complete()
        assert await waiting is END
        return seen

    assert run(story()) == [(None, True, END), "at once"]


def test_a_paused_stream_accepts_up_to_its_capacity_and_gives_nothing() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        waiting = [start(stream.receive) for _ in range(2)]
        await turns()
        stream.pause()
        await filled(stream)
        blocked = start(stream.send, 2)
        await turns()
        assert [task.done() for task in (*waiting, blocked)] == [False] * 3
        assert (stream.poll(), stream.ready, stream.buffered_amount) == (EMPTY, False, 2)
        stream.resume()
        assert [await receiver for receiver in waiting] == [0, 1]
        assert await stream.receive() == 2
        await blocked

    run(story())


@pytest.mark.parametrize(("end", "shown"), [("complete", END), ("error", Code.NOT_FOUND)])
def test_a_pause_holds_back_an_ending_that_comes_after_items_and_no_other(end: str, shown: object) -> None:
    async def story() -> None:
        held, bare = await filled(Stream(capacity=1)), Stream[int](capacity=1)
        for stream in (held, bare):
            stream.pause()
            end_by(end, stream)
        first, second, only = start(held.receive), start(held.receive), start(bare.receive)
        await turns()
        assert not first.done()
        assert outcome(only) == shown
        held.resume()
        await turns()
        assert [outcome(first), outcome(second)] == [0, shown]

    run(story())


def test_an_error_held_back_by_a_pause_refuses_senders_at_once_and_receivers_later() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        receivers = [start(stream.receive) for _ in range(2)]
        await turns()
        stream.pause()
        await filled(stream)
        sender = start(stream.send, 1)
        await turns()
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        await turns()
        assert outcome(sender) is Code.NOT_FOUND
        assert not any(receiver.done() for receiver in receivers)
        stream.resume()
        await turns()
        assert [outcome(receiver) for receiver in receivers] == [0, Code.NOT_FOUND]

    run(story())


def test_a_rendezvous_that_was_paused_takes_place_at_resume() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        stream.pause()
        receiver, sender = start(stream.receive), start(stream.send, 1)
        await turns()
        assert [receiver.done(), sender.done(), stream.ready] == [False] * 3
        stream.resume()
        assert await receiver == 1
        await sender

    run(story())


def test_a_cancel_of_an_ended_and_paused_stream_lets_its_ending_show() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        stream.pause()
        waiting = start(stream.receive)
        await turns()
        assert not waiting.done()
        stream.cancel()
        assert await code_of(waiting) is Code.NOT_FOUND

    run(story())


def test_poll_and_ready_agree_in_every_state() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        assert (stream.ready, stream.poll()) == (False, EMPTY)
        await stream.send(1)
        assert (stream.ready, stream.poll()) == (True, 1)
        stream.complete()
        assert (stream.ready, stream.poll(), stream.poll()) == (True, END, END)
        cancelled: Stream[int] = Stream()
        cancelled.cancel()
        assert cancelled.ready
        assert code_at(cancelled.poll) is Code.CANCELLED

    run(story())


def test_a_wake_is_called_once_as_soon_as_there_is_an_answer() -> None:
    async def story() -> None:
        wakes: list[str] = []
        stream: Stream[int] = Stream(capacity=2)
        stream.on_ready(lambda: wakes.append("first"))
        stream.on_ready(lambda: wakes.append("second"))
        await turns()
        assert wakes == []
        await stream.send(1)
        assert wakes == ["first", "second"]
        stream.on_ready(lambda: wakes.append("at once"))
        await stream.send(2)
        assert wakes == ["first", "second", "at once"]

    run(story())


def test_a_wake_is_called_by_an_ending_a_resume_and_a_parked_rendezvous() -> None:
    async def story() -> None:
        for capacity, act in ((1, "end"), (1, "resume"), (0, "park")):
            wakes: list[str] = []
            stream: Stream[int] = Stream(capacity)
            if act == "resume":
                await filled(stream)
                stream.pause()
            stream.on_ready(lambda act=act, wakes=wakes: wakes.append(act))  # type: ignore[misc]
            assert wakes == []
            sender = start(stream.send, 9) if act == "park" else None
            if act == "end":
                stream.complete()
            elif act == "resume":
                stream.resume()
            await turns()
            assert wakes == [act]
            stream.cancel()
            if sender is not None:
                assert await code_of(sender) is Code.CANCELLED

    run(story())


def test_a_receiver_that_waits_goes_before_whoever_is_only_told() -> None:
    async def story() -> None:
        wakes: list[str] = []
        stream: Stream[int] = Stream()
        waiting = start(stream.receive)
        await turns()
        stream.on_ready(lambda: wakes.append("woken"))
        await stream.send(1)
        assert wakes == []
        assert await waiting == 1
        await stream.send(2)
        assert wakes == ["woken"]

    run(story())


@pytest.mark.parametrize("make", [list, tuple, iter, lambda items: items])
@pytest.mark.parametrize("capacity", [0, 1, 3, 100])
def test_a_batch_is_its_items_in_order(capacity: int, make: Callable[[range], Any]) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)

        async def produce() -> None:
            await stream.send_batch(make(range(20)))
            stream.complete()

        producer = start(produce)
        batches = []
        while batch := await stream.receive_batch():
            batches.append(batch)
        assert [item for batch in batches for item in batch] == list(range(20))
        assert all(len(batch) <= capacity + 2 for batch in batches)  # one handed over, one of the parked sender
        await producer

    run(story())


def test_other_senders_may_come_between_the_items_of_a_batch() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1))
        batch, other = start(stream.send_batch, [1, 3]), start(stream.send, 2)
        await turns()
        seen = []
        for _ in range(4):
            seen.append(await stream.receive())
            await turns()
        assert seen == [0, 1, 2, 3]
        await asyncio.gather(batch, other)

    run(story())


def test_what_a_batch_had_sent_before_its_source_failed_has_been_sent() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=5)

        def source() -> Iterator[int]:
            yield from (1, 2)
            raise LookupError

        with pytest.raises(LookupError):
            await stream.send_batch(source())
        assert await stream.receive_batch() == [1, 2]

    run(story())


def test_the_source_of_a_batch_may_call_the_stream() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=5)

        def source() -> Iterator[int]:
            yield 1
            stream.cancel()
            yield 2

        assert await code_of(stream.send_batch(source())) is Code.CANCELLED
        assert stream.buffered_amount == 0

    run(story())


def test_a_batch_is_all_that_can_be_received_now_with_what_is_parked() -> None:
    async def story() -> None:
        for capacity in CAPACITIES:
            stream = await filled(Stream(capacity))
            parked = [start(stream.send, n) for n in range(capacity, capacity + 3)]
            await turns()
            assert await stream.receive_batch() == list(range(capacity + 3))
            assert not stream.ready
            await asyncio.gather(*parked)
            stream.error(StreamError(Code.NOT_FOUND, "gone"))
            assert await code_of(stream.receive_batch()) is Code.NOT_FOUND

    run(story())


def test_a_batch_that_drains_a_stream_completes_it() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=2))
        parked = start(stream.send, 2)
        await turns()
        stream.complete()
        assert await stream.receive_batch() == [0, 1, 2]
        assert stream.state is Phase.COMPLETED
        assert await stream.receive_batch() == []
        await parked

    run(story())


def test_a_batch_that_waited_while_its_stream_was_paused_is_one_item() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        waiting = start(stream.receive_batch)
        await turns()
        await stream.send_batch([1, 2])
        stream.pause()
        assert await waiting == [1]
        stream.resume()
        assert stream.poll() == 2

    run(story())


def test_a_sleep_is_over_when_its_time_is() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        await Stream[int]().sleep(2.5)
        assert loop.time() == 2.5

    in_virtual_time(story())


@pytest.mark.parametrize(("end", "raised"), [("complete", None), ("error", None), ("cancel", Code.CANCELLED)])
def test_the_end_of_the_stream_ends_a_sleep(end: str, raised: Code | None) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        idle = start(stream.sleep, 3600)
        await turns()
        end_by(end, stream)
        await turns()
        later = start(stream.sleep, 3600)
        await turns()
        assert [outcome(idle), outcome(later)] == [raised, raised]
        assert asyncio.get_running_loop().time() == 0

    in_virtual_time(story())


def test_a_sleeper_that_is_cancelled_is_forgotten() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        idle = start(stream.sleep, 3600)
        await turns()
        idle.cancel()
        await turns()
        assert outcome(idle) == "task cancelled"
        assert stream._rarity().sleepers == []

    in_virtual_time(story())


def test_iteration_ends_with_the_stream_and_raises_its_error() -> None:
    async def story() -> None:
        good = await filled(Stream(capacity=3))
        good.complete()
        items = aiter(good)
        assert [item async for item in items] == [0, 1, 2]
        assert [item async for item in items] == []
        bad = await filled(Stream(capacity=3))
        bad.error(StreamError(Code.NOT_FOUND, "gone"))
        items = aiter(bad)
        assert [await anext(items) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(StreamError, match="gone"):
            await anext(items)
        del items
        assert (good.state, bad.state) == (Phase.COMPLETED, Phase.ERRORED)

    run(story())


@pytest.mark.parametrize("how", ["break", "an exception", "a return", "a cancelled task", "a cancelled comprehension"])
def test_leaving_an_iteration_early_cancels_at_once(how: str) -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=3))

        async def consume() -> None:
            if how == "a cancelled comprehension":
                assert [item async for item in stream] == []
            async for item in stream:
                if item == 1 and how == "break":
                    break
                if item == 1 and how == "an exception":
                    raise LookupError
                if item == 1 and how == "a return":
                    return

        consumer = start(consume)
        await turns()
        consumer.cancel()
        with contextlib.suppress(LookupError, asyncio.CancelledError):
            await consumer
        assert stream.state is Phase.CANCELLED

    run(story())


def test_the_state_after_a_break_is_cancelled_on_the_very_next_line() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=3))
        async for _ in stream:
            break
        assert stream.state is Phase.CANCELLED

    run(story())


def test_a_break_reaches_the_parked_producer() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        producer = start(stream.send_batch, list(range(100)))
        async for item in stream:
            if item == 1:
                break
        assert await code_of(producer) is Code.CANCELLED

    run(story())


def test_produce_and_feed_bring_a_stream_to_its_end() -> None:
    async def story() -> None:
        produced, fed, forgotten = Stream[int](), Stream[int](), Stream[int]()

        async def handler(stream: Stream[int]) -> None:
            await stream.send(1)
            stream.complete()

        async def source() -> AsyncIterator[int]:
            yield 1
            yield 2

        await produced.produce(handler)
        await fed.feed(source())
        await forgotten.produce(lambda stream: None)
        assert await produced.receive_batch() == [1]
        assert await fed.receive_batch() == [1, 2]
        assert await code_of(forgotten.receive()) is Code.INTERNAL

    run(story())


def ended(how: str, **switches: Any) -> Stream[int]:
    stream: Stream[int] = Stream(dialect=Dialect(**switches))
    end_by(how, stream)
    return stream


def test_d1_a_second_complete_may_be_ignored() -> None:
    for how in ("complete", "error"):
        ended(how, complete_twice="ignore").complete()


def test_d2_a_send_after_the_end_may_be_internal() -> None:
    assert run(_code_of_a_send(ended("complete", send_after_end="INTERNAL"))) is Code.INTERNAL


def test_d3_a_send_after_a_cancel_may_be_unavailable() -> None:
    assert run(_code_of_a_send(ended("cancel", send_after_cancel="UNAVAILABLE"))) is Code.UNAVAILABLE


async def _code_of_a_send(stream: Stream[int]) -> Code:
    return await code_of(stream.send(1))


def test_d3c_an_ending_after_a_cancel_may_be_refused() -> None:
    stream = ended("cancel", end_after_cancel="refuse")
    assert code_at(stream.complete) is Code.CANCELLED
    assert code_at(lambda: stream.error(ValueError())) is Code.CANCELLED


def test_d4_an_error_after_complete_may_be_ignored() -> None:
    stream = ended("complete", error_after_complete="ignore")
    stream.error(ValueError())
    assert stream.state is Phase.COMPLETED


def test_d4_an_error_may_override_a_complete_that_still_drains_and_no_other() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=1, dialect=Dialect(error_after_complete="override")))
        parked = start(stream.send, 1)
        await turns()
        stream.complete()
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        stream.error(StreamError(Code.INTERNAL, "ignored"))
        assert await code_of(parked) is Code.NOT_FOUND
        assert await stream.receive() == 0
        assert await code_of(stream.receive()) is Code.NOT_FOUND

    run(story())
    over = ended("complete", error_after_complete="override")
    over.error(ValueError())
    assert over.state is Phase.COMPLETED


def test_d5_a_second_cancel_may_say_false() -> None:
    stream: Stream[int] = Stream(dialect=GRPC_AIO)
    assert [stream.cancel(), stream.cancel()] == [True, False]
    assert ended("complete", cancel_twice=False).cancel() is False


def test_d6_an_error_may_discard_what_was_accepted() -> None:
    async def story() -> None:
        stream = await filled(Stream(capacity=2, dialect=RAFFEL))
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        assert stream.buffered_amount == 0
        assert await code_of(stream.receive()) is Code.NOT_FOUND

    run(story())


def test_d7_a_receive_after_end_may_be_refused() -> None:
    async def story() -> None:
        stream = ended("complete", receive_after_end="refuse")
        assert await stream.receive() is END
        assert await code_of(stream.receive()) is Code.UNAVAILABLE
        assert await code_of(stream.receive_batch()) is Code.UNAVAILABLE
        waited_for: Stream[int] = Stream(dialect=stream.dialect)
        waiting = [start(waited_for.receive) for _ in range(2)]
        await turns()
        waited_for.complete()
        assert [await receiver for receiver in waiting] == [END, END]
        assert code_at(waited_for.poll) is Code.UNAVAILABLE

    run(story())


def test_a_finished_loop_is_kept_by_nobody() -> None:
    loop = asyncio.new_event_loop()

    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        producer = start(stream.send_batch, list(range(50)))
        await received(stream, 50)
        await producer

    loop.run_until_complete(story())
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_a_refusal_is_kept_by_nobody() -> None:
    async def story() -> list[weakref.ref[StreamError]]:
        refusals: list[weakref.ref[StreamError]] = []
        stream: Stream[int] = Stream(capacity=0)

        async def refused(call: Callable[[], Any]) -> None:
            try:
                await call()
            except StreamError as refusal:
                refusals.append(weakref.ref(refusal))

        await refused(lambda: stream.send(1, 0))
        parked = [start(refused, lambda: stream.send(2)), start(refused, stream.receive)]
        await turns()
        parked.append(start(refused, stream.receive))
        await turns()
        stream.cancel()
        await asyncio.gather(*parked)
        await refused(stream.receive)
        await refused(lambda: stream.send(3))
        return refusals

    gc.disable()
    try:
        refusals = run(story())
        assert [refusal() for refusal in refusals] == [None] * 4
    finally:
        gc.enable()


def test_an_idle_stream_has_neither_a_deque_nor_anything_rare() -> None:
    stream: Stream[int] = Stream()
    assert stream._buffer == stream._senders == stream._receivers == ()
    assert stream._rare is None
