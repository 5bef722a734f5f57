"""What the tests of the stream transport share: threads that a test waits for, and a service that it closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from thread_calls import ParkedQueue, started_calls

from streamspec.reference_impl.services.transport import Pool, Settings, StreamTransportService, ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thread_calls import Start

    from streamspec.reference_impl.services.transport.watermark import WatermarkStream

LONGEST_S = 10.0


@pytest.fixture
def start() -> Iterator[Start]:
    with started_calls(LONGEST_S) as start:
        yield start


@pytest.fixture
def until_waiting() -> Callable[[WatermarkStream[Any]], Callable[[], None]]:
    """Of a stream, how to wait until one producer more has come to its gate."""

    def watch(stream: WatermarkStream[Any]) -> Callable[[], None]:
        queue = stream._gate._used().senders = ParkedQueue()

        def until_waiting() -> None:
            assert queue.parked.acquire(timeout=LONGEST_S), "no producer waits"

        return until_waiting

    return watch


@pytest.fixture
def serve() -> Iterator[Callable[..., StreamTransportService]]:
    """A service with one handler for `action`, or more; no thread of it may be left when the test is over."""
    made: list[StreamTransportService] = []

    def serve(
        handler: Callable[..., object], pools: dict[str, Pool] | None = None, **settings: Any
    ) -> StreamTransportService:
        pool = ThreadPool(pools or {ThreadPool.Names.SEARCH: Pool(4, 8), ThreadPool.Names.GENERIC: Pool(4, 8)})
        service = StreamTransportService(pool, Settings(**settings))
        made.append(service)
        service.register_request_handler("action", ThreadPool.Names.SEARCH, lambda request: request, handler)
        return service

    yield serve
    assert [service for service in made if not service.close(LONGEST_S)] == []
