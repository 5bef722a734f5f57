"""`StreamTransportResponse`: the consumer's end of one request.

Never here: a wait or an ending of its own, or a wire: whoever takes the answer elsewhere takes it from the stream.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Self

from streamspec.reference_impl.services.transport import exceptions
from streamspec.reference_impl.services.transport.channel import Header
from streamspec.reference_impl.services.transport.exceptions import NOTHING, StreamException
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.reference_impl.services.transport.channel import Sent, TransportChannel
    from streamspec.reference_impl.services.transport.watermark import WatermarkStream

_log = logging.getLogger("streamspec.reference")


class StreamTransportResponse:
    """For one thread; `cancel_stream_only` is for any. `close` it, or use it in a `with`: an answer that nobody reads
    to its end keeps its handler waiting."""

    __slots__ = ("_channel", "_closed", "_headers", "_metadata", "_stream", "request_id")

    def __init__(self, channel: TransportChannel, stream: WatermarkStream[Sent]) -> None:
        self.request_id: Final = channel.request_id
        self._channel = channel
        self._stream = stream
        self._headers: Mapping[str, str] | None = None
        self._metadata: Mapping[str, str] | None = None
        self._closed = False

    def next_response(self) -> Any:
        """The next response; None at the end, as often as asked. Waits.

        Raises `StreamException`: the handler's, CANCELLED, TIMED_OUT after the request's timeout, or UNAVAILABLE once
        this is closed.
        """
        if self._closed:
            raise StreamException.unavailable("Stream is closed")
        try:
            sent = self._stream.receive()
            while isinstance(sent, Header):
                self._headers = sent.headers
                sent = self._stream.receive()
        except StreamError as failure:
            raise exceptions.of(failure, metadata=self._channel.failure_metadata) from None
        if sent is END:
            return None
        self._metadata = sent.metadata
        return sent.response

    def __iter__(self) -> Iterator[Any]:
        while (response := self.next_response()) is not None:
            yield response

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The handler's headers; None before the answer has begun."""
        return self._headers

    @property
    def metadata(self) -> Mapping[str, str]:
        """What came with the last response."""
        return self._metadata or NOTHING

    def cancel(self, reason: str = "", cause: BaseException | None = None) -> None:
        """Nobody wants more: cancel and close. The cause is the consumer's affair, and goes no further than its log."""
        if cause is not None:
            _log.info("request [%d] is cancelled: %s", self.request_id, reason, exc_info=cause)
        self.cancel_stream_only(reason)
        self.close()

    def cancel_stream_only(self, reason: str = "") -> None:
        """Cancel, from any thread. The consumer, which may be waiting, learns of it by CANCELLED, and closes."""
        self._stream.cancel(reason)

    def close(self) -> None:
        """Give up what is left. May be called again."""
        if not self._closed:
            self._closed = True
            self._stream.cancel("the consumer has closed the stream")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Nobody can read it any more, and a handler must not wait for that.
        self._stream.cancel("the consumer has forgotten the stream")
