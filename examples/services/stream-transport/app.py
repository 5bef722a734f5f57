"""A node of a search engine that answers in streams, written as its users write it.

    python app.py 9200

Then ask it (`client.py` does): http://127.0.0.1:9200/stream/internal:search/stream?size=3
"""

import secrets
import sys
from dataclasses import dataclass

from streamspec.reference_impl.server import serve
from streamspec.reference_impl.services.transport import (
    Pool,
    Settings,
    StreamErrorCode,
    StreamException,
    StreamTransportService,
    ThreadPool,
    application,
)

TEXTS = ("one line", "two\nlines", "a paragraph\n\nand another", "from\r\nWindows", "ends with a line end\n", "№ 7 😀")
MIB = 1024 * 1024


@dataclass(frozen=True)
class SearchRequest:
    """Made of what a client said; one that raises is the client's mistake."""

    size: int
    pause_ms: int
    item_bytes: int

    @classmethod
    def read(cls, said):
        said = said or {}
        request = cls(int(said.get("size", 100)), int(said.get("pause_ms", 0)), int(said.get("item_bytes", 1000)))
        if not 0 <= request.size <= 10_000_000 or not 0 <= request.pause_ms <= 600_000:
            raise ValueError("a size is at most 10,000,000, and a pause 600,000 ms")
        if not 0 <= request.item_bytes <= MIB:
            raise ValueError("an item has at most 1 MiB")
        return request


@dataclass(frozen=True)
class SearchResponse:
    n: int
    text: str


def data_iterator(request):
    for number in range(1, request.size + 1):
        yield number, f"order {number}"


def handle_search(request, channel, task):
    """The handler of the guide: one batch for each hit, then exactly one ending."""
    try:
        for number, text in data_iterator(request):
            channel.send_response_batch(SearchResponse(number, text))
            if request.pause_ms:
                task.sleep(request.pause_ms / 1000)
        channel.complete_stream()
    except StreamException as e:
        if e.error_code is not StreamErrorCode.CANCELLED:
            channel.send_response(e)
        # Cancelled: leave, and say nothing.
    except Exception as e:  # noqa: BLE001 -- whatever it is, the client is told
        channel.send_response(e)


def handle_endless(_request, channel, task):
    number = 0
    task.sleep(0.1)
    while not task.is_cancelled:
        number += 1
        channel.send_response_batch(SearchResponse(number, f"tick {number}"))
        task.sleep(0.005)


def handle_failing(_request, channel, _task):
    for number in range(1, 4):
        channel.send_response_batch(SearchResponse(number, "before the failure"))
    raise PermissionError("/srv/index/orders: password 'correct horse' refused")


def handle_dump(request, channel, _task):
    """As large as is asked for, and nothing that compression would make smaller."""
    channel.set_header("index", "orders")
    for number in range(1, request.size + 1):
        channel.send_response_batch(
            {"n": number, "scan": secrets.token_urlsafe(request.item_bytes)[: request.item_bytes]}
        )
    channel.complete_stream()


def handle_quiet(_request, channel, task):
    channel.send_response_batch(SearchResponse(1, "the last order so far"))
    task.sleep(600)
    channel.complete_stream()


def handle_texts(_request, channel, _task):
    for number, text in enumerate(TEXTS, 1):
        channel.send_response_batch(SearchResponse(number, text), metadata={"last": str(number == len(TEXTS)).lower()})
    channel.complete_stream()


def node():
    service = StreamTransportService(
        ThreadPool({ThreadPool.Names.SEARCH: Pool(threads=64, queue=1000), ThreadPool.Names.GENERIC: Pool(32, 256)}),
        Settings(watermark_bytes=MIB, send_timeout_s=60.0),
    )
    names = ThreadPool.Names
    for action, executor, handler in (
        ("internal:search/stream", names.SEARCH, handle_search),
        ("internal:texts/stream", names.SEARCH, handle_texts),
        ("internal:dump/stream", names.SEARCH, handle_dump),
        ("internal:failing/stream", names.SEARCH, handle_failing),
        ("internal:ticks/stream", names.GENERIC, handle_endless),
        ("internal:quiet/stream", names.GENERIC, handle_quiet),
    ):
        service.register_request_handler(action, executor, SearchRequest.read, handler)
    return service


if __name__ == "__main__":
    with node() as service:
        serve(application(service, heartbeat_ms=500), "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)
