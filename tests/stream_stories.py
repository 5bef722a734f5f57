"""What tests of an asyncio stream share: running a story to its end, and how one of its calls ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from streamspec.reference_impl.stream.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
LONGEST_S = 10


def run(story: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(story, LONGEST_S))


def outcome(task: asyncio.Task[Any]) -> object:
    """How a finished call ended: its value, its code, or that its task was cancelled."""
    if task.cancelled():
        return "task cancelled"
    error = task.exception()
    if error is None:
        return task.result()
    assert isinstance(error, StreamError), error
    return error.code
