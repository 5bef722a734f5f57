"""Tasks cancelled at any moment of a send or receive: nothing is lost, nothing comes twice, nobody's place is taken."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest
from stream_stories import code_of, outcome, run, start, turns
from virtual_target import in_virtual_time

from streamspec.reference_impl.stream.aio import EMPTY, END, Stream
from streamspec.reference_impl.stream.dialect import RAFFEL
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_send_cancelled_while_parked_has_not_sent() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        doomed, patient = (start(stream.send, n) for n in (2, 3))
        await turns()
        doomed.cancel()
        # In the same turn: the doomed task does not know yet, and must not be the one that is released.
        assert await stream.receive() == 1
        await patient
        assert await stream.receive() == 3
        assert outcome(doomed) == "task cancelled"
        assert stream.poll() is EMPTY

    run(story())


def test_a_send_cancelled_while_parked_is_forgotten() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        parked = [start(stream.send, n) for n in (2, 3, 4)]
        await turns()
        parked[1].cancel()
        await turns()
        assert [await stream.receive() for _ in range(3)] == [1, 2, 4]

    run(story())


def test_a_send_released_before_its_task_is_cancelled_has_sent() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        sender = start(stream.send, 2)
        await turns()
        assert await stream.receive() == 1
        sender.cancel()
        await turns()
        assert outcome(sender) == "task cancelled"
        assert await stream.receive() == 2
        assert stream.poll() is EMPTY

    run(story())


def test_a_send_refused_before_its_task_is_cancelled_leaves_nothing() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        sender = start(stream.send, 1)
        await turns()
        stream.error(ValueError())
        sender.cancel()
        await turns()
        assert outcome(sender) == "task cancelled"

    run(story())


def test_the_last_parked_send_withdrawn_completes_a_draining_stream() -> None:
    async def story() -> None:
        ends: list[str] = []
        stream: Stream[int] = Stream(capacity=0)
        stream.on_end(lambda: ends.append("ended"))
        doomed = start(stream.send, 1)
        await turns()
        stream.complete()
        assert stream.state is Phase.DRAINING
        doomed.cancel()
        assert await stream.receive() is END
        assert ends == ["ended"]

    run(story())


def test_a_draining_stream_completes_when_its_last_sender_has_left_even_if_nobody_asks() -> None:
    async def story() -> list[str]:
        ends: list[str] = []
        stream: Stream[int] = Stream(capacity=0)
        stream.on_end(lambda: ends.append("ended"))
        doomed = start(stream.send, 1)
        await turns()
        stream.complete()
        doomed.cancel()
        await turns()
        return ends

    assert run(story()) == ["ended"]


@pytest.mark.parametrize("capacity", [0, 1, 16])
def test_a_receive_cancelled_after_it_was_given_an_item_gives_it_back(capacity: int) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        doomed = start(stream.receive)
        await turns()
        await stream.send(1)
        assert stream.buffered_amount == 0
        doomed.cancel()
        await turns()
        assert outcome(doomed) == "task cancelled"
        assert stream.buffered_amount == 1
        assert await stream.receive() == 1
        assert stream.poll() is EMPTY

    run(story())


def test_an_item_given_back_comes_before_everything_accepted_since() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        doomed = start(stream.receive)
        await turns()
        for n in (1, 2, 3):
            await stream.send(n)
        doomed.cancel()
        await turns()
        assert stream.buffered_amount == 3  # the one excess there is
        blocked = start(stream.send, 4)
        await turns()
        assert [await stream.receive(), blocked.done()] == [1, False]
        assert [await stream.receive() for _ in range(3)] == [2, 3, 4]
        await blocked

    run(story())


def test_items_given_back_in_one_turn_keep_their_order() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        doomed = [start(stream.receive) for _ in range(3)]
        await turns()
        for n in (1, 2, 3, 4):
            await stream.send(n)
        for receiver in reversed(doomed):
            receiver.cancel()
        await turns()
        assert [stream.poll() for _ in range(5)] == [1, 2, 3, 4, EMPTY]

    run(story())


def test_an_item_given_back_twice_keeps_its_place() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=3)
        first, second, third = (start(stream.receive) for _ in range(3))
        await turns()
        await stream.send_batch([1, 2])
        first.cancel()
        second.cancel()
        await asyncio.sleep(0)  # the second has left its item in the buffer, the third was handed the first one's
        third.cancel()
        await turns()
        await stream.send(3)
        assert await stream.receive_batch() == [1, 2, 3]

    run(story())


def test_an_item_given_back_goes_to_the_receiver_that_waits_longest() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        doomed, patient, last = (start(stream.receive) for _ in range(3))
        await turns()
        await stream.send(1)
        doomed.cancel()
        assert await patient == 1
        assert not last.done()
        await stream.send(2)
        assert await last == 2

    run(story())


def test_an_item_given_back_to_a_paused_stream_waits() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        doomed, patient = (start(stream.receive) for _ in range(2))
        await turns()
        await stream.send(1)
        stream.pause()
        doomed.cancel()
        await turns()
        assert (stream.buffered_amount, patient.done()) == (1, False)
        stream.resume()
        assert await patient == 1

    run(story())


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (lambda stream: stream.complete(), 1),
        (lambda stream: stream.error(StreamError(Code.NOT_FOUND, "gone")), 1),
        (lambda stream: stream.cancel(), Code.CANCELLED),
    ],
)
def test_an_item_given_back_to_an_ended_stream_is_there_unless_nobody_wants_it(
    end: Callable[[Stream[int]], object], found: object
) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        doomed = start(stream.receive)
        await turns()
        await stream.send(1)
        end(stream)
        doomed.cancel()
        await turns()
        next_receive = start(stream.receive)
        await turns()
        assert outcome(next_receive) == found

    run(story())


def test_an_item_given_back_to_a_stream_whose_error_discards_is_lost_as_the_others() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(dialect=RAFFEL)
        doomed = start(stream.receive)
        await turns()
        await stream.send(1)
        stream.error(StreamError(Code.NOT_FOUND, "gone"))
        doomed.cancel()
        await turns()
        assert await code_of(stream.receive()) is Code.NOT_FOUND

    run(story())


def test_a_receive_cancelled_while_parked_is_forgotten() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        doomed, patient = (start(stream.receive) for _ in range(2))
        await turns()
        doomed.cancel()
        # In the same turn: nothing may be handed to a task that is only going to be told.
        await stream.send(1)
        assert await patient == 1
        assert outcome(doomed) == "task cancelled"

    run(story())


def test_a_receive_that_learns_of_the_end_and_is_cancelled_gives_nothing_back() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        doomed = start(stream.receive)
        await turns()
        stream.complete()
        doomed.cancel()
        await turns()
        assert stream.buffered_amount == 0
        assert await stream.receive() is END

    run(story())


def test_receives_that_time_out_for_ever_leave_nothing_behind() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        for _ in range(50):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(stream.receive(), 1)
        assert len(stream._receivers) == 0
        assert stream._claim is None

    in_virtual_time(story())


def test_a_batch_and_an_ending_pass_over_calls_that_have_died_in_the_middle_of_the_queue() -> None:
    async def story() -> None:
        for idle_s in (None, 60):  # with an idle time no item is taken without care
            stream: Stream[int] = Stream(capacity=1, idle_s=idle_s)
            await stream.send(0)
            senders = [start(stream.send, n) for n in (1, 2, 3)]
            await turns()
            senders[1].cancel()
            assert await stream.receive_batch() == [0, 1, 3]
            receivers = [start(stream.receive) for _ in range(3)]
            await turns()
            receivers[1].cancel()
            stream.complete()
            await turns()
            assert [outcome(call) for call in (*senders, *receivers)] == [
                *(None, "task cancelled", None),
                *(END, "task cancelled", END),
            ]

    run(story())


def test_a_resume_passes_over_a_receiver_that_has_died_in_the_middle_of_the_queue() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=3)
        receivers = [start(stream.receive) for _ in range(3)]
        await turns()
        stream.pause()
        await stream.send_batch([1, 2, 3])
        receivers[1].cancel()
        stream.resume()
        await turns()
        assert [outcome(receiver) for receiver in receivers] == [1, "task cancelled", 2]
        assert stream.poll() == 3

    run(story())


# A receive does not park at once: it claims the next item and waits one turn of the loop. What follows happens in
# that turn, and must look as if it had parked.


async def claimed(stream: Stream[Any]) -> asyncio.Task[Any]:
    """A receive in its first turn: it has claimed, and has not looked again."""
    await stream.send(0)
    assert await stream.receive() == 0
    receiver = start(stream.receive)
    await asyncio.sleep(0)
    assert stream._claim is not None
    return receiver


@pytest.mark.parametrize("capacity", [1, 16])
def test_a_claimed_item_is_not_counted_and_not_given_to_anybody_else(capacity: int) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        receiver = await claimed(stream)
        await stream.send(1)
        assert (stream.buffered_amount, stream.ready, stream.poll()) == (0, False, EMPTY)
        await stream.send(2)
        assert (stream.buffered_amount, stream.ready, stream.poll()) == (1, True, 2)
        assert await receiver == 1

    run(story())


def test_a_claim_adds_one_place_and_no_more() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        receiver = await claimed(stream)
        for n in (1, 2):
            await stream.send(n)
        blocked = start(stream.send, 3)
        assert await receiver == 1
        await turns()
        assert (blocked.done(), stream.buffered_amount) == (False, 1)
        assert [await stream.receive(), await stream.receive()] == [2, 3]
        await blocked

    run(story())


def test_a_later_receive_comes_after_the_one_that_has_claimed() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(0)
        assert await stream.receive() == 0
        first, second = start(stream.receive), start(stream.receive)
        await asyncio.sleep(0)
        await stream.send(1)
        await stream.send(2)
        assert [await first, await second] == [1, 2]

    run(story())


def test_a_claim_in_vain_becomes_a_place_in_the_queue() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        first = await claimed(stream)
        second = start(stream.receive)
        await turns()
        assert stream._claim is None
        await stream.send(1)
        await stream.send(2)
        assert [await first, await second] == [1, 2]

    run(story())


def test_a_claim_whose_task_is_cancelled_leaves_the_item_where_it_was() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        doomed = await claimed(stream)
        await stream.send(1)
        await stream.send(2)
        doomed.cancel()
        await turns()
        assert outcome(doomed) == "task cancelled"
        assert await stream.receive_batch() == [1, 2]

    run(story())


def test_a_claim_whose_task_is_cancelled_is_given_nothing() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        doomed = await claimed(stream)
        doomed.cancel()
        await stream.send(1)
        assert stream.poll() == 1
        await turns()
        assert outcome(doomed) == "task cancelled"
        assert stream.poll() is EMPTY

    run(story())


def test_a_claim_that_was_given_its_item_gives_it_back_when_its_task_is_cancelled() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        doomed = await claimed(stream)
        await stream.send(1)
        assert stream.poll() is EMPTY  # it is the receiver's from now on
        doomed.cancel()
        await turns()
        assert outcome(doomed) == "task cancelled"
        assert stream.poll() == 1

    run(story())


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (lambda stream: stream.complete(), END),
        (lambda stream: stream.error(StreamError(Code.NOT_FOUND, "gone")), Code.NOT_FOUND),
        (lambda stream: stream.cancel(), Code.CANCELLED),
    ],
)
@pytest.mark.parametrize("sent", [True, False])
def test_a_claim_finds_its_item_or_the_end_that_came_meanwhile(
    end: Callable[[Stream[int]], object], found: object, *, sent: bool
) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        receiver = await claimed(stream)
        if sent:
            await stream.send(1)
        end(stream)
        assert stream.state is not Phase.DRAINING  # what is the receiver's is not the stream's
        await turns()
        assert outcome(receiver) == (1 if sent else found)

    run(story())


@pytest.mark.parametrize("sent", [True, False])
def test_a_claim_is_a_wait_when_the_stream_is_paused_meanwhile(*, sent: bool) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        receiver = await claimed(stream)
        if sent:
            await stream.send(1)
        stream.pause()
        await stream.send(2)
        await turns()
        assert (receiver.done(), stream.buffered_amount) == (sent, 1)
        stream.resume()
        assert await receiver == (1 if sent else 2)

    run(story())


def test_whoever_is_only_told_comes_after_a_claim() -> None:
    async def story() -> list[str]:
        wakes: list[str] = []
        stream: Stream[int] = Stream(capacity=1)
        receiver = await claimed(stream)
        stream.on_ready(lambda: wakes.append("woken"))
        await stream.send(1)
        assert wakes == []
        await stream.send(2)
        assert await receiver == 1
        return wakes

    assert run(story()) == ["woken"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="a cancel could not be taken back yet")
def test_a_claim_whose_cancel_was_taken_back_looks_again() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        for found in (EMPTY, 1):
            receiver = await claimed(stream)
            receiver.cancel()
            if found == 1:
                await stream.send_batch([1, 2])
            assert stream.poll() == found
            receiver.uncancel()
            await turns()
            if found is EMPTY:
                assert not receiver.done()
                await stream.send(2)
            assert await receiver == 2

    run(story())


def test_a_receiver_that_looked_in_vain_parks_at_once_for_a_while() -> None:
    async def story() -> list[bool]:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(0)
        await stream.receive()
        claims = []
        for n in range(12):
            receiver = start(stream.receive)
            await asyncio.sleep(0)
            claims.append(stream._claim is not None)
            await turns()
            await stream.send(n)
            assert await receiver == n
        return claims

    assert run(story()) == [True, *[False] * 8, True, False, False]
