"""The code sample of the guide "Server-Side Streaming API", line by line, on each of its ways out."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.services.transport import (
    Pool,
    Settings,
    StreamErrorCode,
    StreamException,
    StreamTransportService,
    Task,
    ThreadPool,
    TransportChannel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S = 10.0
_log = logging.getLogger("sample")


@dataclass(frozen=True)
class MyRequest:
    index: str
    size: int

    @classmethod
    def new(cls, said: dict[str, Any]) -> MyRequest:
        return cls(said["index"], int(said["size"]))


@dataclass(frozen=True)
class MyResponse:
    document: str


class Handlers:
    """`handleStreamRequest` and its class. `trouble` is raised instead of the second item."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.ways_out: list[str] = []
        self.left = threading.Event()

    def create_data_iterator(self, request: MyRequest) -> Iterator[str]:
        for number in range(request.size):
            if number == 1 and self.trouble is not None:
                raise self.trouble
            yield f"{request.index}/{number}"

    def process_data(self, data: str) -> MyResponse:
        return MyResponse(data)

    def handle_stream_request(self, request: MyRequest, channel: TransportChannel, task: Task) -> None:
        try:
            # Process data incrementally
            for data in self.create_data_iterator(request):
                response = self.process_data(data)
                # Send batch - may block or raise StreamException with CANCELLED code
                channel.send_response_batch(response)
            # Signal successful completion
            channel.complete_stream()
            self.ways_out.append("completed")
        except StreamException as e:
            if e.error_code is StreamErrorCode.CANCELLED:
                # Client cancelled - exit gracefully
                _log.info("Stream cancelled by client: %s", e.message)
                self.ways_out.append("cancelled")
                # Do NOT call complete_stream() or send_response()
            else:
                # Other stream error - send to client
                self.ways_out.append("stream error")
                channel.send_response(e)
        except Exception as e:  # noqa: BLE001 -- as the guide has it
            # Send error to client
            self.ways_out.append("error")
            channel.send_response(e)
        finally:
            self.left.set()


@pytest.fixture
def service() -> Iterator[StreamTransportService]:
    with StreamTransportService(
        ThreadPool({ThreadPool.Names.SEARCH: Pool(2, 8)}), Settings(watermark_bytes=1, send_timeout_s=LONGEST_S)
    ) as service:
        yield service


@pytest.fixture
def register(service: StreamTransportService) -> Callable[..., Handlers]:
    def register(trouble: Exception | None = None) -> Handlers:
        handlers = Handlers(trouble)
        service.register_request_handler(
            "internal:my-action/stream",
            ThreadPool.Names.SEARCH,
            MyRequest.new,
            handlers.handle_stream_request,
        )
        return handlers

    return register


def test_success(service: StreamTransportService, register: Callable[..., Handlers]) -> None:
    handlers = register()
    with service.send_request("internal:my-action/stream", {"index": "orders", "size": 3}) as response:
        assert [data.document for data in response] == ["orders/0", "orders/1", "orders/2"]
        assert response.next_response() is None
    assert handlers.left.wait(LONGEST_S)
    assert handlers.ways_out == ["completed"]


def test_the_client_cancels(
    service: StreamTransportService, register: Callable[..., Handlers], caplog: pytest.LogCaptureFixture
) -> None:
    handlers = register()
    with caplog.at_level(logging.INFO, "sample"):
        response = service.send_request("internal:my-action/stream", {"index": "orders", "size": 1_000_000})
        assert response.next_response() == MyResponse("orders/0")
        response.cancel("seen enough")
        assert handlers.left.wait(LONGEST_S)
    assert handlers.ways_out == ["cancelled"]
    assert [record.getMessage().endswith("seen enough") for record in caplog.records] == [True]
    assert service.figures()["statuses"] == {"CANCELLED": 1}


@pytest.mark.parametrize(
    ("trouble", "way_out", "code", "message"),
    [
        (
            StreamException(StreamErrorCode.NOT_FOUND, "no such index"),
            "stream error",
            StreamErrorCode.NOT_FOUND,
            "no such index",
        ),
        (OSError("/srv/orders.db: password refused"), "error", StreamErrorCode.INTERNAL, "the handler failed"),
    ],
)
def test_an_error_goes_to_the_client_behind_what_was_sent(
    service: StreamTransportService,
    register: Callable[..., Handlers],
    trouble: Exception,
    way_out: str,
    code: StreamErrorCode,
    message: str,
) -> None:
    handlers = register(trouble)
    with service.send_request("internal:my-action/stream", {"index": "orders", "size": 3}) as response:
        assert response.next_response() == MyResponse("orders/0")
        for _ in range(2):
            with pytest.raises(StreamException) as raised:
                response.next_response()
            assert (raised.value.error_code, raised.value.message) == (code, message)
    assert handlers.left.wait(LONGEST_S)
    assert handlers.ways_out == [way_out]
