"""The hub: everybody hears the others, in order and whole; who does not keep up is ended by name, and nobody waits
longer than was said."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_patterns import LONGEST_S

from streamspec.reference_impl.services.patterns.hub import Hub, Member
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY

if TYPE_CHECKING:
    from collections.abc import Coroutine

Said = tuple[int, int]  # who, and what number of theirs


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONGEST_S))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def heard(member: Member[Any]) -> list[Any]:
    """All that it has still to hear, to a good end."""
    return [message async for message in member.inbox]


def waiting(member: Member[Any]) -> list[Any]:
    """What it could hear without waiting."""
    found = []
    while (message := member.inbox.poll()) is not EMPTY:
        found.append(message)
    return found


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 4))
def test_each_hears_every_other_in_its_order_and_never_itself(counts: list[int], inbox_items: int) -> None:
    async def story() -> None:
        hub: Hub[Said] = Hub(inbox_items=inbox_items)

        async def say(who: int, member: Member[Said]) -> None:
            for number in range(counts[who]):
                await hub.broadcast((who, number), member)

        with contextlib.ExitStack() as stack:
            members = [stack.enter_context(hub.subscribed()) for _ in counts]
            hearing = [asyncio.create_task(heard(member)) for member in members]
            await asyncio.gather(*(say(who, member) for who, member in enumerate(members)))
            for member in members:
                hub.unsubscribe(member)
            for own, found in enumerate(await asyncio.gather(*hearing)):
                for who, count in enumerate(counts):
                    said = [number for speaker, number in found if speaker == who]
                    assert said == ([] if who == own else list(range(count)))

    told(story())


def test_all_hear_everything_in_one_order_as_long_as_nobody_is_waited_for() -> None:
    async def story() -> None:
        hub: Hub[int] = Hub()
        with contextlib.ExitStack() as stack:
            members = [stack.enter_context(hub.subscribed()) for _ in range(3)]
            await asyncio.gather(*(hub.broadcast(number) for number in range(50)))
            assert [waiting(member) for member in members] == [list(range(50))] * 3

    told(story())


def test_what_was_said_before_it_left_is_heard_and_nothing_later() -> None:
    async def story() -> None:
        hub: Hub[str] = Hub(inbox_items=1)
        with hub.subscribed() as member:
            await hub.broadcast("in its queue")
            saying = asyncio.create_task(hub.broadcast("waited for"))
            await turns()
            hub.unsubscribe(member)
            await hub.broadcast("later")
            assert await heard(member) == ["in its queue", "waited for"]
            await saying

    told(story())


def test_one_that_does_not_keep_up_holds_back_who_speaks_and_is_then_ended_by_name() -> None:
    async def story() -> None:
        hub: Hub[int] = Hub(inbox_items=2, patience_s=0.05)
        with hub.subscribed() as slow, hub.subscribed() as quick:
            await hub.broadcast(1)
            await hub.broadcast(2)
            assert waiting(quick) == [1, 2]
            speaking = asyncio.create_task(hub.broadcast(3))
            await turns()
            assert not speaking.done(), "it is held back"
            assert waiting(quick) == [3], "the others are not"
            await speaking
            assert hub.members == 1
            await hub.broadcast(4)
            assert waiting(quick) == [4]
            assert [await slow.inbox.receive(), await slow.inbox.receive()] == [1, 2], (
                "nothing is dropped before the end"
            )
            with pytest.raises(StreamError) as raised:
                await slow.inbox.receive()
            assert raised.value.code is Code.RESOURCE_EXHAUSTED

    told(story())


def test_many_that_do_not_keep_up_are_waited_for_at_the_same_time() -> None:
    async def story() -> None:
        hub: Hub[int] = Hub(inbox_items=1, patience_s=0.1)
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(hub.subscribed())
            await hub.broadcast(1)
            async with asyncio.timeout(1.0):
                await hub.broadcast(2)
            assert hub.members == 0

    told(story())


def test_one_that_reads_in_time_lets_the_speaker_go_on() -> None:
    async def story() -> None:
        hub: Hub[int] = Hub(inbox_items=1, patience_s=LONGEST_S)
        with hub.subscribed() as member:
            await hub.broadcast(1)
            speaking = asyncio.create_task(hub.broadcast(2))
            await turns()
            assert not speaking.done()
            assert await member.inbox.receive() == 1
            await speaking
            assert await member.inbox.receive() == 2

    told(story())


def test_nobody_waits_for_one_that_has_gone() -> None:
    async def story() -> None:
        hub: Hub[int] = Hub(inbox_items=1, patience_s=LONGEST_S)
        with hub.subscribed():
            await hub.broadcast(1)
            speaking = asyncio.create_task(hub.broadcast(2))
            await turns()
        await speaking
        assert hub.members == 0

    told(story())


def test_there_are_no_more_members_than_there_may_be() -> None:
    hub: Hub[int] = Hub(most_members=1)

    async def story() -> None:
        with hub.subscribed():
            with pytest.raises(StreamError) as raised, hub.subscribed():
                pass
            assert raised.value.code is Code.RESOURCE_EXHAUSTED
        with hub.subscribed():
            assert hub.members == 1

    told(story())


def test_one_that_hears_nothing_more_counts_until_it_has_left() -> None:
    async def story() -> None:
        hub: Hub[int] = Hub(inbox_items=1, patience_s=0.01, most_members=2)

        def is_full() -> bool:
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(hub.subscribed())
                except StreamError as refused:
                    return refused.code is Code.RESOURCE_EXHAUSTED
            return False

        with hub.subscribed() as slow:
            with hub.subscribed() as closed:
                hub.unsubscribe(closed)
                await hub.broadcast(1)
                await hub.broadcast(2)
                assert (hub.members, slow.is_open, closed.is_open) == (0, False, False)
                assert is_full()
            assert not is_full()

    told(story())


def test_a_queue_that_holds_nothing_is_no_queue() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Hub(inbox_items=0)
