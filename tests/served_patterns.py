"""The services of `reference_impl/services/patterns` on a port of this loop, a channel to it, and ways to wait.

Never here: an assertion of a test's own.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc

from streamspec.reference_impl.services.patterns import server
from streamspec.reference_impl.services.patterns.client import StreamServiceStub
from streamspec.reference_impl.services.patterns.hub import INBOX_ITEMS, PATIENCE_S, Hub
from streamspec.reference_impl.services.patterns.model import Item
from streamspec.reference_impl.services.patterns.service import StreamService
from streamspec.reference_impl.services.patterns.store import ItemStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from streamspec.reference_impl.services.patterns.server import Served
    from streamspec.reference_impl.services.patterns.service import Source

LONGEST_S: Final = 20.0
# Or a client of gRPC's, which takes what its window lets through, would hide who waits for whom.
NARROW: Final = (("grpc.http2.lookahead_bytes", 1_024), ("grpc.http2.bdp_probe", 0))


@dataclass(frozen=True, slots=True)
class Patterns:
    service: StreamService
    served: Served
    channel: Any
    stub: Any

    @property
    def told(self) -> dict[str, int]:
        return self.served.told


def items(count: int, octets: int = 3) -> tuple[Item, ...]:
    return tuple(Item(name=f"item {n}", data=bytes(octets)) for n in range(1, count + 1))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_S):
        while not condition():  # noqa: ASYNC110 -- figures tell nobody that they change
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def patterns(
    seeded: Sequence[Item] = (),
    *,
    sources: Mapping[str, Source] | None = None,
    inbox_items: int = INBOX_ITEMS,
    patience_s: float = PATIENCE_S,
) -> AsyncIterator[Patterns]:
    """Served, with these items. When a test is through, every call is over."""
    with contextlib.closing(ItemStore()) as store:
        service = StreamService(store, Hub(inbox_items=inbox_items, patience_s=patience_s), sources)
        await store.bulk_create(seeded)
        async with (
            asyncio.timeout(LONGEST_S),
            server.serving(service) as served,
            grpc.aio.insecure_channel(f"127.0.0.1:{served.port}", options=NARROW) as channel,
        ):
            yield Patterns(service, served, channel, StreamServiceStub(channel))
            await until(lambda: not served.board.open)


async def outcome(call: Any) -> tuple[list[Any], str, str]:
    """All further messages of a call, its status and its message."""
    found = []
    with contextlib.suppress(grpc.aio.AioRpcError):
        while (message := await call.read()) is not grpc.aio.EOF:
            found.append(message)
    return found, (await call.code()).name, await call.details()


async def refusal(call: Any) -> tuple[str, str]:
    """The status of a call that has one answer, and had none, and its message."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        await call
    return (await call.code()).name, await call.details()
