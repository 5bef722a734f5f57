"""A story of one hostile connection that streams share, and what must be true of the reference after it.

Never here: harm, or a test.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hostile_lines import Line, dialled, envelope, start
from hostile_target import MOST_GROWTH_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hostile_target import Target

LONGEST_S: Final = 20.0
ONE: Final = {"do": "generate", "n": 1}
COLLECT: Final = {"do": "collect"}
SHUT: Final = {"do": "gate", "name": "shut"}


def told(
    target: Target,
    over: str,
    story: Callable[[Line], Awaitable[None]],
    *,
    more: str = "",
    growth: int = MOST_GROWTH_BYTES,
) -> None:
    """A story of one connection, over WebSocket with `more` in its handshake. Afterwards another one is served as ever,
    nothing is left, and the process has not grown by more than that."""

    async def whole() -> None:
        async with asyncio.timeout(LONGEST_S):
            async with dialled(over, target.port, more=more) as line:
                await story(line)
            async with dialled(over, target.port) as other:
                assert await lives(other)
            await target.nothing_is_left()

    before = target.most_held_bytes()
    asyncio.run(whole())
    assert target.most_held_bytes() - before < growth


async def lives(line: Line, stream: str = "looks") -> bool:
    """Whether the connection still serves, and has nothing else to say."""
    line.say(start(stream, ONE))
    kinds = [((heard := await line.hear()).get("id"), heard["type"]) for _ in range(3)]
    return kinds == [(stream, f"stream:{kind}") for kind in ("start", "data", "end")]


async def begun(line: Line, run: str) -> None:
    """A stream that counts what its client says."""
    line.say(start("a", COLLECT, procedure="client", run=run))
    assert (await line.hear())["type"] == "stream:start"


async def counted(line: Line, items: int) -> None:
    """It is ended, has counted so many, and its connection still serves."""
    line.say(envelope("a", "end"))
    answer = await line.hear()
    assert (answer["type"], answer["payload"]["count"]) == ("stream:data", items)
    assert (await line.hear())["type"] == "stream:end"
    assert await lives(line)
