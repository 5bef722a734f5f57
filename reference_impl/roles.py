"""The producers: one async function a role, and as data the path it is found under and the numbers it takes.

Never here: HTTP, encoding, or any misbehaviour (that is a variant's).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.tabled import AsyncStream

ItemStream = Stream[Item] | AsyncStream[Item]  # the second where a variant has broken the stream itself
Values = Mapping[str, int]
Produce = Callable[[ItemStream, Values], Awaitable[None]]

MOST_ITEMS = 1_000_000
LONGEST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter: a whole number within bounds."""

    name: str
    default: int
    most: int
    least: int = 0


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of stream: where it is asked for, what may be asked, and who produces it."""

    path: str
    params: tuple[Param, ...]
    produce: Produce


def item(n: int) -> Item:
    # A character outside ASCII and outside Latin-1, so that a wrong encoding or a wrong charset shows.
    return Item(n, f"№ {n}")


async def _paced(stream: ItemStream, values: Values) -> None:
    for n in range(1, values["n"] + 1):
        if n > 1:
            await stream.sleep(values["period_ms"] / 1000)
        await stream.send(item(n))
    stream.complete()


async def _finite(stream: ItemStream, values: Values) -> None:
    for n in range(1, values["n"] + 1):
        await stream.send(item(n))
    stream.complete()


async def _endless(stream: ItemStream, values: Values) -> None:
    n = 1
    while True:
        await stream.send(item(n))
        await stream.sleep(values["period_ms"] / 1000)
        n += 1


async def _failing(stream: ItemStream, values: Values) -> None:
    for n in range(1, values["after"] + 1):
        await stream.send(item(n))
    # What an honest server keeps to itself: the framework tells the consumer INTERNAL and no more (ER-10).
    raise PermissionError("/srv/feed/items.db: password 'correct horse' refused")


async def _prompt(stream: ItemStream, values: Values) -> None:
    await stream.send(item(1))
    await stream.sleep(values["gap_ms"] / 1000)
    await stream.send(item(2))
    stream.complete()


ROLES = (
    Role("/", (Param("n", 30, MOST_ITEMS), Param("period_ms", 4, LONGEST_MS)), _paced),
    Role("/finite", (Param("n", 100, MOST_ITEMS),), _finite),
    Role("/endless", (Param("period_ms", 5, LONGEST_MS),), _endless),
    Role("/failing", (Param("after", 3, MOST_ITEMS),), _failing),
    Role("/prompt", (Param("gap_ms", 300, LONGEST_MS),), _prompt),
)
