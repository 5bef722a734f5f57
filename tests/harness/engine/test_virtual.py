"""Virtual time: it stands still while anything can run, jumps when nothing can, and refuses what it cannot see."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.engine.virtual import NotVirtual, VirtualLoop, in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def test_waiting_costs_nothing_and_time_is_exact() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        seen = []
        for seconds in (3600, 0.001, 86_400):
            await asyncio.sleep(seconds)
            seen.append(round(loop.time(), 6))
        return seen

    assert in_virtual_time(main) == [3600, 3600.001, 90_000.001]


def test_idle_waits_for_everything_that_can_run_and_lets_no_time_pass() -> None:
    ran: list[str] = []

    async def busy(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        ran.append("busy")

    async def later() -> None:
        await asyncio.sleep(1)
        ran.append("later")

    async def main(loop: VirtualLoop) -> float:
        tasks = [asyncio.create_task(busy(500)), asyncio.create_task(later())]
        await loop.idle()
        assert ran == ["busy"]
        now = loop.time()
        await asyncio.gather(*tasks)
        return now

    assert in_virtual_time(main) == 0
    assert ran == ["busy", "later"]


def test_two_may_wait_for_idleness() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.gather(loop.idle(), loop.idle())
        return loop.time()

    assert in_virtual_time(main) == 0


def test_timers_are_counted_while_they_are_set() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        counts = [loop.timers()]
        handle = loop.call_later(5, print)
        counts.append(loop.timers())
        handle.cancel()
        counts.append(loop.timers())
        return counts

    assert in_virtual_time(main) == [0, 1, 0]


async def _thread(loop: VirtualLoop) -> None:
    await asyncio.to_thread(threading.get_ident)


async def _connection(loop: VirtualLoop) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _socket(loop: VirtualLoop) -> None:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(0)
        await loop.sock_recv(one, 1)


async def _datagrams(loop: VirtualLoop) -> None:
    await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))


async def _nothing(loop: VirtualLoop) -> None:
    await loop.create_future()


async def _never_still(loop: VirtualLoop) -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 -- a live-lock is what this is about
            await asyncio.sleep(0)

    task = asyncio.create_task(spin())
    try:
        await loop.idle()
    finally:
        task.cancel()


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (_thread, "threads"),
        (_connection, "I/O"),
        (_datagrams, "I/O"),
        (_socket, "I/O"),
        (_nothing, "nothing is ready"),
        (_never_still, "without ever waiting"),
    ],
)
def test_what_needs_real_time_is_refused(what: Callable[[VirtualLoop], Coroutine[None, None, None]], why: str) -> None:
    with pytest.raises(NotVirtual, match=why):
        in_virtual_time(what)


def test_a_thread_that_wakes_the_loop_is_seen_even_if_nobody_says_so() -> None:
    async def main(loop: VirtualLoop) -> str:
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(list))
        thread.start()
        thread.join(10)
        return loop.refused

    assert "threads" in in_virtual_time(main)


def test_tasks_that_were_left_behind_are_cancelled() -> None:
    ended: list[str] = []

    async def left() -> None:
        try:
            await asyncio.sleep(10**9)
        finally:
            ended.append("left")

    async def main(_: VirtualLoop) -> asyncio.Task[None]:
        task = asyncio.create_task(left())
        await asyncio.sleep(0)
        return task

    assert in_virtual_time(main).cancelled()
    assert ended == ["left"]


def test_it_runs_in_any_thread() -> None:
    found: list[float] = []

    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(7)
        return loop.time()

    thread = threading.Thread(target=lambda: found.append(in_virtual_time(main)))
    thread.start()
    thread.join(10)
    assert found == [7]
