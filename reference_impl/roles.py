"""The producers: one async function a role, and as data the path it is found under and the numbers it takes.

Never here: HTTP, encoding, or any misbehaviour (that is a variant's).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from streamspec.reference_impl import bulk
from streamspec.reference_impl.frame import Item, RecordFailed
from streamspec.reference_impl.outlet import Outlet

Values = Mapping[str, int]
Produce = Callable[[Outlet, Values], Awaitable[None]]

MOST_ITEMS: Final = 1_000_000
MOST_LARGE_ITEMS: Final = 16_777_216  # of 64 octets each: 1 GiB
LONGEST_MS: Final = 60_000
SILENT_MS: Final = 600_000  # longer than anybody waits
ENVELOPE_BYTES: Final = 40  # about what a binding puts around a text
BREATH: Final = 256  # items, after which `large` gives way even to a queue that never fills

# Everything that a line-based wire or a careless JSON writer gets wrong. Over SSE, where a text may stand as it is, CR
# and CR LF come back as LF (HTML 9.2.5).
TEXTS: Final = (
    "plain",
    "a carriage return:\rhere",
    "a line feed:\nhere",
    "both:\r\nhere",
    "a line end at the end\n",
    "an empty line:\n\nhere",
    " a blank ahead",
    "separators of lines and paragraphs:\u2028\u2029\u0085here",
    "a null:\0here",
    "beyond the basic plane: \U0001d11e \U0001f30a",
    "no byte order mark:\ufeffhere",
)


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter: a whole number within bounds."""

    name: str
    default: int
    most: int
    least: int = 0


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of stream: where it is asked for, what may be asked, and who produces it.

    `total` says how many items were asked for, where that is known; `resumes`: it goes on behind `values["after"]`.
    """

    path: str
    params: tuple[Param, ...]
    produce: Produce
    total: Callable[[Values], int] | None = None
    resumes: bool = False


def item(n: int) -> Item:
    # A character outside ASCII and outside Latin-1, so that a wrong encoding or a wrong charset shows.
    return Item(n, f"№ {n}")


def _n(values: Values) -> int:
    return values["n"]


async def _paced(outlet: Outlet, values: Values) -> None:
    for n in range(1, values["n"] + 1):
        if n > 1:
            await outlet.sleep(values["period_ms"] / 1000)
        await outlet.send(item(n))
    outlet.complete()


async def _finite(outlet: Outlet, values: Values) -> None:
    every = values["errors"]
    for n in range(1, values["n"] + 1):
        fails = every and n % every == 0
        await outlet.send(RecordFailed(n, "PROCESSING_ERROR", "this record cannot be made") if fails else item(n))
    outlet.complete()


async def _endless(outlet: Outlet, values: Values) -> None:
    if values["first_item_ms"]:
        await outlet.sleep(values["first_item_ms"] / 1000)
    n = 1
    while True:
        await outlet.send(item(n))
        await outlet.sleep(values["period_ms"] / 1000)
        n += 1


async def _failing(outlet: Outlet, values: Values) -> None:
    for n in range(1, values["after"] + 1):
        await outlet.send(item(n))
    # What an honest server keeps to itself: the framework tells the consumer INTERNAL and no more (ER-10).
    raise PermissionError("/srv/feed/items.db: password 'correct horse' refused")


async def _prompt(outlet: Outlet, values: Values) -> None:
    await outlet.send(item(1))
    await outlet.sleep(values["gap_ms"] / 1000)
    await outlet.send(item(2))
    outlet.complete()


async def _large(outlet: Outlet, values: Values) -> None:
    chars = values["item_bytes"] - ENVELOPE_BYTES
    for n in range(1, values["n"] + 1):
        # Letters and digits stand in JSON as they are: nobody need look at each of them for that.
        await outlet.send(Item(n, f'{{"n":{n},"text":"{bulk.text(n, chars)}"}}', json=True))
        if n % BREATH == 0:
            await asyncio.sleep(0)
    outlet.complete()


async def _idle(outlet: Outlet, values: Values) -> None:
    await outlet.send(item(1))
    await outlet.sleep(values["silent_ms"] / 1000)
    outlet.complete()


async def _empty(outlet: Outlet, values: Values) -> None:
    outlet.complete()


async def _text(outlet: Outlet, values: Values) -> None:
    for n, text in enumerate(TEXTS, 1):
        await outlet.send(Item(n, text, bare=True))
    outlet.complete()


async def _resumable(outlet: Outlet, values: Values) -> None:
    for n in range(values["after"] + 1, values["n"] + 1):
        await outlet.send(item(n))
        if n < values["n"]:
            await outlet.sleep(values["period_ms"] / 1000)
    outlet.complete()


def resumed_after(last_event_id: str, n: int) -> int | None:
    """The item behind which a client wants to go on; None if the id is none of this stream's (`1` to `n`).

    An empty one is none at all: a client that has no id yet sends no such header (HTML 9.2.4).
    """
    if not last_event_id:
        return 0
    known = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= len(str(n))
    if known and last_event_id[0] != "0" and int(last_event_id) <= n:
        return int(last_event_id)
    return None


N = Param("n", 100, MOST_ITEMS)
ROLES: Final = (
    Role("/", (Param("n", 30, MOST_ITEMS), Param("period_ms", 4, LONGEST_MS)), _paced, _n),
    Role("/finite", (N, Param("errors", 0, MOST_ITEMS)), _finite, _n),
    Role("/endless", (Param("period_ms", 5, LONGEST_MS), Param("first_item_ms", 0, LONGEST_MS)), _endless),
    Role("/failing", (Param("after", 3, MOST_ITEMS),), _failing),
    Role("/prompt", (Param("gap_ms", 300, LONGEST_MS),), _prompt, lambda _: 2),
    Role(
        "/large",
        (Param("n", 1_000, MOST_LARGE_ITEMS), Param("item_bytes", 1_000, bulk.LONGEST_TEXT_CHARS, ENVELOPE_BYTES)),
        _large,
        _n,
    ),
    Role("/idle", (Param("heartbeat_ms", 0, LONGEST_MS), Param("silent_ms", SILENT_MS, SILENT_MS)), _idle, lambda _: 1),
    Role("/empty", (), _empty, lambda _: 0),
    Role("/text", (), _text, lambda _: len(TEXTS)),
    Role(
        "/resumable",
        (Param("n", 20, MOST_ITEMS), Param("period_ms", 5, LONGEST_MS)),
        _resumable,
        lambda values: values["n"] - values["after"],
        resumes=True,
    ),
)
