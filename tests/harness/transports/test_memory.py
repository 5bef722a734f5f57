"""The pair in memory: bounded, in lock-step if asked, and ended as TCP ends."""

from __future__ import annotations

import asyncio

import pytest

from streamspec.harness.transports.memory import pair


def test_octets_arrive_in_order_and_at_most_as_many_as_asked() -> None:
    async def case() -> None:
        ours, theirs = pair(16)
        await ours.send(b"hello")
        assert await theirs.receive(2) == b"he"
        assert await theirs.receive(9) == b"llo"
        await theirs.send(b"x")
        assert await ours.receive(1) == b"x"

    asyncio.run(case())


def test_a_send_into_a_full_pipe_waits_for_the_reader() -> None:
    async def case() -> None:
        ours, theirs = pair(4)
        sending = asyncio.create_task(ours.send(b"0123456789"))
        await asyncio.sleep(0)
        assert theirs.buffered_bytes == 4
        assert not sending.done()
        assert b"".join([await theirs.receive(1) for _ in range(10)]) == b"0123456789"
        await sending

    asyncio.run(case())


def test_without_capacity_a_send_is_over_when_it_was_taken() -> None:
    async def case() -> None:
        ours, theirs = pair(0)
        sending = asyncio.create_task(ours.send(b"ab"))
        assert await theirs.receive(1) == b"a"
        await asyncio.sleep(0)
        assert not sending.done()
        assert await theirs.receive(1) == b"b"
        await sending

    asyncio.run(case())


def test_a_close_is_seen_after_what_was_sent_before_it() -> None:
    async def case() -> None:
        ours, theirs = pair(16)
        await ours.send(b"last")
        await ours.close()
        await ours.close()
        assert await theirs.receive(9) == b"last"
        assert await theirs.receive(9) == b""
        with pytest.raises(ConnectionResetError):
            await theirs.send(b"x")
        with pytest.raises(ConnectionAbortedError):
            await ours.receive(9)
        with pytest.raises(ConnectionAbortedError):
            await ours.send(b"x")

    asyncio.run(case())


def test_an_abort_is_seen_at_once_by_both_directions() -> None:
    async def case() -> None:
        ours, theirs = pair(4)
        await ours.send(b"lost")
        stuck = asyncio.create_task(theirs.send(b"0123456789"))
        await asyncio.sleep(0)
        ours.abort()
        ours.abort()
        with pytest.raises(ConnectionResetError):
            await stuck
        with pytest.raises(ConnectionResetError):
            await theirs.receive(9)

    asyncio.run(case())


def test_an_end_of_ours_wakes_our_own_receive() -> None:
    async def case() -> None:
        ours, _ = pair(4)
        waiting = asyncio.create_task(ours.receive(9))
        await asyncio.sleep(0)
        ours.abort()
        with pytest.raises(ConnectionAbortedError):
            await waiting

    asyncio.run(case())


def test_a_cancelled_receive_loses_nothing() -> None:
    async def case() -> None:
        ours, theirs = pair(4)
        waiting = asyncio.create_task(theirs.receive(9))
        await asyncio.sleep(0)
        await ours.send(b"kept")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await theirs.receive(9) == b"kept"

    asyncio.run(case())


def test_a_negative_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        pair(-1)
