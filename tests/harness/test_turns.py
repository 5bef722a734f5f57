"""One process at a time with a server that nobody here started."""

from __future__ import annotations

import asyncio
import tempfile
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.turns import Turn

if TYPE_CHECKING:
    from pathlib import Path

HERE = "http://127.0.0.1:1/events"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_second_waits_for_the_first() -> None:
    async def both() -> list[str]:
        first, second = Turn(HERE), Turn(HERE)
        said: list[str] = []
        await first.take()

        async def wait() -> None:
            await second.take()
            said.append("second")

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        said.append("first")
        first.give_back()
        await waiting
        second.give_back()
        return said

    assert asyncio.run(both()) == ["first", "second"]


def test_another_path_of_the_same_server_is_the_same_turn_and_another_server_is_not() -> None:
    async def three() -> None:
        first, same, other = Turn(HERE), Turn("http://127.0.0.1:1/other", wait_ms=0), Turn("http://127.0.0.1:2/")
        await first.take()
        await other.take()
        with pytest.raises(NoVerdict, match=r"another process is at work with 127\.0\.0\.1:1, and was not done in 0 s"):
            await same.take()
        first.give_back()
        await same.take()
        same.give_back()
        other.give_back()

    asyncio.run(three())


def test_taking_twice_and_giving_back_twice_is_once() -> None:
    async def twice() -> None:
        turn = Turn(HERE, wait_ms=0)
        await turn.take()
        await turn.take()
        turn.give_back()
        turn.give_back()
        after = Turn(HERE, wait_ms=0)
        await after.take()
        after.give_back()

    asyncio.run(twice())


def test_nothing_stays_in_the_temporary_directory(tmp_path: Path) -> None:
    def files() -> int:
        return len(list(tmp_path.iterdir()))

    async def once() -> int:
        turn = Turn(HERE)
        await turn.take()
        meanwhile = files()
        turn.give_back()
        return meanwhile

    assert (asyncio.run(once()), files()) == (1, 0)


def test_many_at_once_are_never_two_at_a_time() -> None:
    inside = most = 0

    async def work() -> None:
        nonlocal inside, most
        turn = Turn(HERE)
        for _ in range(3):
            await turn.take()
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            turn.give_back()

    async def several() -> None:
        await asyncio.gather(*(work() for _ in range(5)))

    asyncio.run(several())
    assert most == 1
