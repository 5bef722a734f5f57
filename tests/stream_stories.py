"""What tests of an asyncio stream share: a story run to its end, its calls as tasks, and how each of them ended.

Never here: a stream, or what one should do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")
LONGEST_S = 10


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(story, LONGEST_S))


def start(call: Callable[..., Awaitable[T]], *arguments: Any) -> asyncio.Task[T]:
    """The call in a task of its own, not begun before that task runs."""

    async def calling() -> T:
        return await call(*arguments)

    return asyncio.create_task(calling())


async def turns(count: int = 20) -> None:
    """Let every task that can go on do so: without timers and sockets a loop is quiet after a few turns."""
    for _ in range(count):
        await asyncio.sleep(0)


def outcome(task: asyncio.Task[Any]) -> object:
    """How a finished call ended: its value, its code, or that its task was cancelled."""
    if task.cancelled():
        return "task cancelled"
    error = task.exception()
    if error is None:
        return task.result()
    assert isinstance(error, StreamError), error
    return error.code


async def code_of(call: Awaitable[object]) -> Code:
    """The code of a call that is refused."""
    with pytest.raises(StreamError) as caught:
        await call
    return caught.value.code


def code_at(call: Callable[[], object]) -> Code:
    """The code of a plain call that is refused."""
    with pytest.raises(StreamError) as caught:
        call()
    return caught.value.code
