"""Handlers and sources in threads: as in tasks, but for what cannot be called away. Over both shells for threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from shells import IDS, THREADS, rest
from stream_stories import LONGEST_S

from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.producing import feed_blocking, produce_blocking
from streamspec.reference_impl.stream.table import Phase

Make = Callable[..., Any]

UNENDED = (Code.INTERNAL, "the handler returned without ending its stream")
FAILED = (Code.INTERNAL, "the handler failed")
STOPPED = (Code.UNAVAILABLE, "the producer was stopped")


@pytest.fixture(params=THREADS, ids=IDS)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param.make  # type: ignore[no-any-return]


def test_a_handler_sends_and_completes(make: Make) -> None:
    def handler(stream: Any) -> None:
        stream.send(1)
        stream.complete()

    stream = make()
    produce_blocking(stream, handler)
    assert rest(stream) == [1, END]


def test_a_handler_that_leaves_its_stream_open_or_raises_fails_it(make: Make) -> None:
    def raises(stream: Any) -> None:
        raise PermissionError("password 'correct horse' refused")

    for handler, shown in ((lambda _: None, UNENDED), (raises, FAILED)):
        stream = make()
        stream.send(1)
        produce_blocking(stream, handler)
        assert rest(stream) == [1, shown]


def test_an_ended_stream_runs_no_handler(make: Make) -> None:
    expired, cancelled = make(deadline_s=0), make()
    cancelled.cancel()
    for stream in (expired, cancelled):
        produce_blocking(stream, lambda _: pytest.fail("the handler ran"))


@pytest.mark.parametrize("exit_of_all", [KeyboardInterrupt, SystemExit])
def test_an_exit_ends_a_handlers_stream_and_goes_on(make: Make, exit_of_all: type[BaseException]) -> None:
    def handler(stream: Any) -> None:
        raise exit_of_all

    stream = make()
    with pytest.raises(exit_of_all):
        produce_blocking(stream, handler)
    assert rest(stream) == [STOPPED]


class Source:
    """Numbers from 1 up to `last`, for ever without one; then what `then` does. It counts its closings."""

    def __init__(self, last: int | None = None, then: Callable[[], int] | None = None) -> None:
        self.last = last
        self.then = then
        self.given = 0
        self.closed = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self.given == self.last:
            if self.then is None:
                raise StopIteration
            return self.then()
        self.given += 1
        return self.given

    def close(self) -> None:
        self.closed += 1


def test_a_source_is_sent_in_order_and_then_closed_once(make: Make) -> None:
    stream, source = make(), Source(3)
    feed_blocking(stream, source)
    assert rest(stream) == [1, 2, 3, END]
    assert source.closed == 1


def test_a_generator_is_closed_where_its_items_were_refused(make: Make) -> None:
    closed: list[bool] = []
    stream = make()

    def numbers() -> Iterator[int]:
        try:
            yield 1
            stream.cancel()
            yield 2
        finally:
            closed.append(True)

    generator = numbers()  # still known here, so that nobody else closes it
    feed_blocking(stream, generator)
    assert closed == [True]


def test_a_source_that_raises_fails_its_stream_and_is_closed_once(make: Make) -> None:
    def raises() -> int:
        raise PermissionError("password 'correct horse' refused")

    stream, source = make(), Source(1, then=raises)
    feed_blocking(stream, source)
    assert rest(stream) == [1, FAILED]
    assert source.closed == 1


def test_a_feeding_thread_ends_when_its_consumer_cancels(make: Make) -> None:
    stream, source = make(capacity=1), Source()
    feeding = threading.Thread(target=feed_blocking, args=(stream, source))
    feeding.start()
    assert [stream.receive(), stream.receive()] == [1, 2]
    stream.cancel()
    feeding.join(LONGEST_S)
    assert not feeding.is_alive()
    assert source.closed == 1
    assert source.given <= 4  # two received, one accepted, one refused


def test_a_close_that_raises_in_a_thread_is_the_excepthooks_affair(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Source):
        def close(self) -> None:
            raise OSError("the file was gone")

    complaints: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    stream = make()
    feed_blocking(stream, Stuck(1))
    assert rest(stream) == [1, END]
    assert [str(complaint.exc_value) for complaint in complaints] == ["the file was gone"]


def test_the_source_of_an_ended_stream_is_closed_and_not_asked(make: Make) -> None:
    stream, source = make(), Source(1)
    stream.cancel()
    feed_blocking(stream, source)
    assert (source.given, source.closed) == (0, 1)


def test_a_stream_feeds_another_and_hears_of_its_cancel(make: Make) -> None:
    upstream, downstream = make(), make(capacity=1)
    for n in range(9):
        upstream.send(n)
    feeding = threading.Thread(target=feed_blocking, args=(downstream, upstream))
    feeding.start()
    assert downstream.receive() == 0
    downstream.cancel()
    feeding.join(LONGEST_S)
    assert not feeding.is_alive()
    assert upstream.state is Phase.CANCELLED
