"""`TransportChannel`: what a handler answers through; and `Batch` and `Header`, what it hands to its stream.

Here are the transport's names, texts and dialects for what the stream beneath does. Never here: a wait, an order, an
ending of its own, or anything of a wire.
"""

from __future__ import annotations

import logging
import threading
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from streamspec.reference_impl.services.transport import exceptions
from streamspec.reference_impl.services.transport.exceptions import (
    NOTHING,
    NotSerialisable,
    StreamErrorCode,
    StreamException,
    UnsupportedOperationException,
)
from streamspec.reference_impl.services.transport.watermark import LEAST_WEIGHT_BYTES
from streamspec.reference_impl.services.transport.writing import size_of, written
from streamspec.reference_impl.stream.dialect import OPENSEARCH_EARLY
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.services.transport.tasks import Task
    from streamspec.reference_impl.services.transport.watermark import WatermarkStream
    from streamspec.reference_impl.stream.dialect import Dialect

MOST_HEADERS: Final = 64  # names of one stream


class Header(NamedTuple):
    """What comes before the first batch, and of a stream without any before its ending."""

    request_id: int
    headers: Mapping[str, str]
    weight: int = 0


class Batch(msgspec.Struct, frozen=True):  # made in a quarter of a named tuple's time
    """One response. `text` is its JSON on one line; None of octets, which stay as they are."""

    response: Any
    text: str | None
    metadata: Mapping[str, str] | None
    weight: int


Sent = Header | Batch
_log = logging.getLogger("streamspec.reference")


class TransportChannel:
    """The answer to one request. Any number of threads may send; the batches of each keep their order.

    After an ending a call raises UNAVAILABLE, and after a cancel a batch CANCELLED, every time, while both endings do
    nothing; the early dialect is v3.2's. A failure that is not a `StreamException` is INTERNAL to the consumer.
    """

    __slots__ = ("_begun", "_dialect", "_headers", "_lock", "_stream", "request_id", "task")

    def __init__(self, request_id: int, task: Task, stream: WatermarkStream[Sent], dialect: Dialect) -> None:
        self.request_id: Final = request_id
        self.task: Final = task
        self._stream = stream
        self._dialect = dialect
        self._lock = threading.RLock()
        self._headers: dict[str, str] = {}
        self._begun = False

    def set_header(self, name: str, value: str) -> None:
        """A header of the whole answer. Raises `ValueError` once the answer has begun, or for one too many, and
        `NotSerialisable` for what is no text that can be written."""
        _texts_size({name: value})
        with self._lock:
            if self._begun:
                raise ValueError("headers go before the first batch")
            if len(self._headers) >= MOST_HEADERS and name not in self._headers:
                raise ValueError(f"an answer has at most {MOST_HEADERS} headers")
            self._headers[name] = value

    def send_response_batch(
        self, response: Any, metadata: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> None:
        """Hand over one batch; waits while the consumer has as much as the watermark allows.

        Raises `StreamException`: CANCELLED once nobody wants more, TIMED_OUT after the send timeout, which ends
        nothing, UNAVAILABLE after an ending (the early dialect: `RuntimeError`). Raises `NotSerialisable` for a
        response or metadata that nobody can write.
        """
        batch = batch_of(response, metadata)
        if not self._begun:
            self._begin()
        stream = self._stream
        flowed = stream.flows
        try:
            stream.send(batch, timeout_s)
        except StreamError as refused:
            raise self._refusal(refused, flowed, timeout_s) from None

    def complete_stream(self) -> None:
        """End well. Raises UNAVAILABLE after an ending, which the early dialect forgives."""
        self._begin()
        try:
            self._stream.complete()
        except StreamError as refused:
            if refused.code is Code.CANCELLED:
                self.task.learn()
                raise exceptions.of(refused) from None
            raise StreamException.unavailable("FlightTransportChannel stream already closed.") from None
        self._heed()

    def send_response(self, response: Any) -> None:
        """End badly, with this exception. Raises UNAVAILABLE after an ending, which the early dialect forgives, and
        `UnsupportedOperationException` for a response: a stream answers in batches."""
        if not isinstance(response, BaseException):
            raise UnsupportedOperationException("a stream's responses are sent with send_response_batch")
        try:
            self.fail(self.classified(response))
        except StreamError as refused:
            if refused.code is Code.CANCELLED:
                self.task.learn()
                raise exceptions.of(refused) from None
            raise self._closed() from None
        self._heed()

    def fail(self, failure: StreamException) -> None:
        """End badly; refused as the stream beneath refuses it."""
        self._begin()
        self._stream.error(failure)

    def classified(self, failure: BaseException) -> StreamException:
        """What the consumer may know of a handler's failure. The log has all of what was not meant for strangers."""
        if not isinstance(failure, (StreamException, StreamError)):
            _log.warning("the handler of %s failed, request [%d]", self.task.action, self.request_id, exc_info=failure)
        return exceptions.classified(failure)

    @property
    def failure(self) -> StreamException | None:
        """With what it was ended, if it was ended badly."""
        failure = self._stream.failure
        return None if failure is None else exceptions.classified(failure)

    @property
    def failure_metadata(self) -> Mapping[str, str]:
        """Of the exception with which it was ended."""
        failure = self.failure
        return NOTHING if failure is None else failure.metadata

    def _begin(self) -> None:
        """The header goes before everything, and once."""
        with self._lock:
            if not self._begun:
                self._stream.ahead(Header(self.request_id, dict(self._headers)))
                self._begun = True

    def _heed(self) -> bool:
        """An ending that came to nothing has told the handler that nobody wants more."""
        is_cancelled = self._stream.state in GIVEN_UP
        if is_cancelled:
            self.task.learn()
        return is_cancelled

    def _refusal(self, refused: StreamError, flowed: bool, timeout_s: float | None) -> Exception:  # noqa: FBT001 -- what was seen before the call
        """Of a batch, under the transport's names."""
        match refused.code:
            case Code.CANCELLED:
                self.task.learn()
                when = "while waiting for consumer" if flowed else "before back-pressure wait"
                reason = self._stream.reason
                return StreamException.cancelled(f"stream cancelled {when}{reason and f': {reason}'}")
            case Code.TIMED_OUT if self._stream.is_open:
                waited_s = self._stream.send_timeout_s if timeout_s is None else timeout_s
                text = f"consumer not ready after {(waited_s or 0) * 1e3:.0f}ms"
                return StreamException(StreamErrorCode.TIMED_OUT, text)
            case _ if self._dialect == OPENSEARCH_EARLY:
                return RuntimeError(self._closed().message)
            case _:
                return self._closed()

    def _closed(self) -> StreamException:
        return StreamException.unavailable(f"Stream is closed for requestId [{self.request_id}]")


def batch_of(response: Any, metadata: Mapping[str, str] | None = None) -> Batch:
    """A response as it is sent. Raises `NotSerialisable`."""
    if type(response) is bytes:
        text, size = None, len(response)
    elif response is not None:
        text, size = written(response)
    else:
        raise NotSerialisable("None is how a consumer reads the end")
    if metadata is not None:
        metadata = dict(metadata)
        size += _texts_size(metadata)
    weight = size if size > LEAST_WEIGHT_BYTES else LEAST_WEIGHT_BYTES  # noqa: FURB136 -- half the time of max()
    return Batch(response, text, metadata, weight)


def _texts_size(texts: Mapping[str, str]) -> int:
    size = 0
    for text in chain(texts, texts.values()):
        if not isinstance(text, str):
            raise NotSerialisable(f"headers and metadata are texts, and no {type(text).__name__}")
        size += size_of(text)
    return size
