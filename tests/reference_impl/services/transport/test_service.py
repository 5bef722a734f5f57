"""Actions, requests and answers in one process: what begins, what is refused, and what each side is told."""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import dataclass
from functools import partial
from itertools import count
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
    UnsupportedOperationException,
)
from streamspec.reference_impl.services.transport.exceptions import NotSerialisable
from streamspec.reference_impl.stream.dialect import OPENSEARCH_EARLY

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    Serve = Callable[..., StreamTransportService]
    Start = Callable[..., Future[Any]]

LONGEST_S = 10.0
NEVER_S = 3600.0
Names = ThreadPool.Names


def refused(call: Callable[[], object]) -> StreamException:
    with pytest.raises(StreamException) as raised:
        call()
    return raised.value


def code_of(call: Callable[[], object]) -> StreamErrorCode:
    return refused(call).error_code


class Tried:
    """A handler that hands its channel to the test, and stays until it may leave."""

    def __init__(self) -> None:
        self.channels: list[TransportChannel] = []
        self.tasks: list[Task] = []
        self.begun = threading.Semaphore(0)
        self.may_leave = threading.Event()

    def __call__(self, _request: object, channel: TransportChannel, task: Task) -> None:
        self.channels.append(channel)
        self.tasks.append(task)
        self.begun.release()
        assert self.may_leave.wait(LONGEST_S)

    def channel(self) -> TransportChannel:
        assert self.begun.acquire(timeout=LONGEST_S)
        return self.channels[-1]


@pytest.fixture
def tried() -> Tried:
    return Tried()


# Registration and requests.


def ignored(_request: object, channel: TransportChannel, _task: Task) -> None:
    channel.complete_stream()


def test_an_action_is_registered_once(serve: Serve) -> None:
    service = serve(ignored)
    with pytest.raises(ValueError, match="action is registered already"):
        service.register_request_handler("action", Names.SEARCH, str, ignored)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 257, "server", "bidi"])
def test_an_action_has_a_name(serve: Serve, name: str) -> None:
    with pytest.raises(ValueError, match=r"an action has a name|no action's name"):
        serve(ignored).register_request_handler(name, Names.SEARCH, str, ignored)


def test_a_handler_runs_in_a_pool_that_there_is_and_never_in_the_thread_that_asks(serve: Serve) -> None:
    service = serve(ignored)
    with pytest.raises(ValueError, match="there is no thread pool nowhere"):
        service.register_request_handler("other", "nowhere", str, ignored)
    with pytest.raises(ValueError, match="cannot run in the thread that asks"):
        service.register_request_handler("other", Names.SAME, str, ignored)


def test_a_handler_runs_in_its_pool(serve: Serve) -> None:
    def handler(_request: object, channel: TransportChannel, _task: Task) -> None:
        channel.send_response_batch(threading.current_thread().name)
        channel.complete_stream()

    service = serve(handler)
    service.register_request_handler("other", Names.GENERIC, str, handler)
    assert list(service.send_request("action")) == ["search-1"]
    assert list(service.send_request("other")) == ["generic-1"]


def test_an_unknown_action_is_not_found(serve: Serve) -> None:
    assert code_of(lambda: serve(ignored).send_request("nothing")) is StreamErrorCode.NOT_FOUND


def test_a_request_that_its_reader_refuses_is_an_invalid_argument_and_calls_no_handler(
    serve: Serve, tried: Tried
) -> None:
    service = serve(tried)
    service.register_request_handler("sized", Names.SEARCH, lambda said: int(said["size"]), tried)
    for wrong in ({}, {"size": "many"}, None):
        failure = refused(partial(service.send_request, "sized", wrong))
        assert failure.error_code is StreamErrorCode.INVALID_ARGUMENT
        assert failure.message == "sized cannot read this request"
    assert service.figures()["refused"] == 3
    assert service.figures()["calls"] == 0
    assert tried.channels == []


def test_a_reader_may_say_itself_what_is_wrong(serve: Serve) -> None:
    def reader(_said: object) -> None:
        raise StreamException(StreamErrorCode.UNAUTHORIZED, "not for you")

    service = serve(ignored)
    service.register_request_handler("secret", Names.SEARCH, reader, ignored)
    assert code_of(lambda: service.send_request("secret")) is StreamErrorCode.UNAUTHORIZED


def test_a_full_pool_is_reported_and_disturbs_nobody(serve: Serve, tried: Tried) -> None:
    service = serve(tried, {Names.SEARCH: Pool(1, 1), Names.GENERIC: Pool(1, 1)})
    service.register_request_handler("other", Names.GENERIC, str, ignored)
    held = [service.send_request("action") for _ in range(2)]
    assert code_of(lambda: service.send_request("action")) is StreamErrorCode.RESOURCE_EXHAUSTED
    assert service.figures()["statuses"] == {"RESOURCE_EXHAUSTED": 1}
    assert list(service.send_request("other")) == []
    tried.may_leave.set()
    for response in held:
        response.close()


def test_a_request_that_was_cancelled_while_it_waited_keeps_nobodys_place(serve: Serve, tried: Tried) -> None:
    service = serve(tried, {Names.SEARCH: Pool(1, 1)})
    first = service.send_request("action")
    tried.channel()
    service.send_request("action").cancel("too slow")
    assert service.figures()["open"] == 1
    assert [task.id for task in service.tasks()] == [1]
    third = service.send_request("action")
    tried.may_leave.set()
    first.close()
    assert tried.begun.acquire(timeout=LONGEST_S)
    third.close()
    assert service.close(LONGEST_S)
    told = service.figures()
    assert (told["calls"], told["open"], told["ended"]) == (3, 0, 3)


def test_slow_consumers_park_the_threads_of_their_pool_and_nothing_else(serve: Serve) -> None:
    def endless(_request: object, channel: TransportChannel, _task: Task) -> None:
        for number in count():
            channel.send_response_batch(number)

    service = serve(endless, {Names.SEARCH: Pool(3, 8), Names.GENERIC: Pool(1, 1)}, watermark_bytes=1)
    service.register_request_handler("other", Names.GENERIC, str, ignored)
    slow = [service.send_request("action") for _ in range(3)]
    assert [response.next_response() for response in slow] == [0, 0, 0]
    assert list(service.send_request("other")) == []
    assert [response.next_response() for response in slow] == [1, 1, 1]
    for response in slow:
        response.close()


def test_a_request_that_was_cancelled_while_it_waited_for_a_thread_calls_no_handler(serve: Serve, tried: Tried) -> None:
    service = serve(tried, {Names.SEARCH: Pool(1, 4)})
    first = service.send_request("action")
    tried.channel()
    waiting = service.send_request("action")
    waiting.cancel("too slow")
    tried.may_leave.set()
    first.close()
    assert service.close(LONGEST_S)
    assert len(tried.channels) == 1


# The handler's side.


def test_a_batch_after_the_end_and_a_second_end_are_unavailable(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    with service.send_request("action") as response:
        channel = tried.channel()
        channel.complete_stream()
        closed = f"Stream is closed for requestId [{response.request_id}]"
        for call, text in (
            (lambda: channel.send_response_batch(1), closed),
            (channel.complete_stream, "FlightTransportChannel stream already closed."),
            (lambda: channel.send_response(OSError()), closed),
            (lambda: channel.send_response_batch(1), closed),
        ):
            failure = refused(call)
            assert (failure.error_code, failure.message) == (StreamErrorCode.UNAVAILABLE, text)
        assert list(response) == []
    tried.may_leave.set()


def test_the_early_dialect_forgives_a_second_end(serve: Serve, tried: Tried) -> None:
    service = serve(tried, dialect=OPENSEARCH_EARLY)
    with service.send_request("action") as response:
        channel = tried.channel()
        channel.complete_stream()
        channel.complete_stream()
        channel.send_response(OSError())
        with pytest.raises(RuntimeError, match=r"^Stream is closed for requestId \[1\]$"):
            channel.send_response_batch(1)
        assert list(response) == []
    tried.may_leave.set()


def test_after_an_error_nothing_more_can_be_said(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    with service.send_request("action") as response:
        channel = tried.channel()
        channel.send_response_batch("before")
        channel.send_response(StreamException(StreamErrorCode.ALREADY_EXISTS, "twice", metadata={"shard": "3"}))
        assert code_of(lambda: channel.send_response_batch("after")) is StreamErrorCode.UNAVAILABLE
        assert code_of(lambda: channel.send_response(OSError())) is StreamErrorCode.UNAVAILABLE
        assert code_of(channel.complete_stream) is StreamErrorCode.UNAVAILABLE
        assert response.next_response() == "before"
        failure = refused(response.next_response)
        assert (failure.error_code, failure.message) == (StreamErrorCode.ALREADY_EXISTS, "twice")
        assert failure.metadata == {"shard": "3"}
    tried.may_leave.set()


def test_a_plain_response_is_unsupported_and_ends_nothing(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    with service.send_request("action") as response:
        channel = tried.channel()
        with pytest.raises(UnsupportedOperationException, match="send_response_batch"):
            channel.send_response({"whole": "answer"})
        channel.send_response_batch("still open")
        channel.complete_stream()
        assert list(response) == ["still open"]
    tried.may_leave.set()


def test_after_a_cancel_every_batch_is_cancelled_and_endings_say_nothing(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    response = service.send_request("action")
    channel = tried.channel()
    response.cancel("seen enough")
    for _ in range(3):
        failure = refused(lambda: channel.send_response_batch(1))
        assert failure.error_code is StreamErrorCode.CANCELLED
        assert failure.message == "stream cancelled before back-pressure wait: seen enough"
    channel.complete_stream()
    channel.send_response(OSError())
    tried.may_leave.set()
    assert service.close(LONGEST_S)
    assert service.figures()["statuses"] == {"CANCELLED": 1}
    assert service.figures()["cancelled"] == 1


def test_a_cancel_wakes_whoever_waits_for_the_consumer(serve: Serve, tried: Tried, start: Start) -> None:
    service = serve(tried, watermark_bytes=1)
    response = service.send_request("action")
    channel = tried.channel()
    channel.send_response_batch("first")
    waiting = threading.Barrier(5)

    def send() -> StreamException:
        waiting.wait(LONGEST_S)
        return refused(lambda: channel.send_response_batch("late"))

    parked = [start(send) for _ in range(4)]
    waiting.wait(LONGEST_S)
    response.cancel_stream_only("from another thread")
    assert {call.result(LONGEST_S).error_code for call in parked} == {StreamErrorCode.CANCELLED}
    assert code_of(response.next_response) is StreamErrorCode.CANCELLED
    response.close()
    tried.may_leave.set()


def test_a_send_that_times_out_is_no_ending_and_is_relayed_by_the_handler(serve: Serve) -> None:
    def handler(_request: object, channel: TransportChannel, _task: Task) -> None:
        try:
            channel.send_response_batch("first")
            channel.send_response_batch("second")
        except StreamException as failure:
            channel.send_response(failure)
            relayed.set()

    relayed = threading.Event()
    service = serve(handler, watermark_bytes=1, send_timeout_s=0.02)
    response = service.send_request("action")
    assert relayed.wait(LONGEST_S)
    assert response.next_response() == "first"
    failure = refused(response.next_response)
    assert (failure.error_code, failure.message) == (StreamErrorCode.TIMED_OUT, "consumer not ready after 20ms")


def test_a_handler_that_leaves_its_stream_open_is_reported_and_its_consumer_told(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve(lambda _request, channel, _task: channel.send_response_batch("first"))
    with caplog.at_level(logging.WARNING, "streamspec.reference"):
        response = service.send_request("action")
        assert response.next_response() == "first"
        failure = refused(response.next_response)
    assert failure.error_code is StreamErrorCode.INTERNAL
    assert failure.message == "the handler returned without ending its stream"
    assert [record.getMessage() for record in caplog.records] == [
        "the handler of action returned without ending its stream"
    ]
    assert service.close(LONGEST_S)
    assert service.figures()["unended"] == 1


def test_what_a_handler_raises_is_internal_unless_it_names_a_code(serve: Serve) -> None:
    def handler(request: Any, _channel: TransportChannel, _task: Task) -> None:
        raise request

    service = serve(handler)
    for raised, code, message in (
        (PermissionError("password refused"), StreamErrorCode.INTERNAL, "the handler failed"),
        (MemoryError(), StreamErrorCode.RESOURCE_EXHAUSTED, "there was not enough memory"),
        (StreamException.unauthenticated("who?"), StreamErrorCode.UNAUTHENTICATED, "who?"),
    ):
        failure = refused(service.send_request("action", raised).next_response)
        assert (failure.error_code, failure.message) == (code, message)


@pytest.mark.parametrize("by", ["raised", "sent"])
def test_what_a_consumer_is_not_told_of_a_failure_is_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    def handler(_request: object, channel: TransportChannel, _task: Task) -> None:
        failure = PermissionError("password refused")
        if by == "raised":
            raise failure
        channel.send_response(failure)

    service = serve(handler)
    with caplog.at_level(logging.WARNING, "streamspec.reference"):
        assert refused(service.send_request("action").next_response).message == "the handler failed"
    assert [record.getMessage() for record in caplog.records] == ["the handler of action failed, request [1]"]
    assert "password refused" in caplog.text


def test_in_the_early_dialect_a_failure_after_a_completion_is_no_failure(serve: Serve, tried: Tried) -> None:
    service = serve(tried, dialect=OPENSEARCH_EARLY)
    with service.send_request("action") as response:
        channel = tried.channel()
        channel.complete_stream()
        channel.send_response(OSError())
        assert channel.failure is None
        assert list(response) == []
    tried.may_leave.set()
    assert service.close(LONGEST_S)
    assert service.figures()["statuses"] == {"OK": 1}


def test_a_response_that_nobody_can_write_is_the_handlers_mistake_and_was_not_sent(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    with service.send_request("action") as response:
        channel = tried.channel()
        for wrong in (object(), {"when": {1, 2}}, float("nan"), None, "\ud800"):
            with pytest.raises(NotSerialisable):
                channel.send_response_batch(wrong)
        channel.complete_stream()
        assert list(response) == []
    tried.may_leave.set()


@pytest.mark.parametrize("texts", [{"a": b"x"}, {"a": 1}, {1: "a"}, {"a": None}, {"\ud800": "a"}, {"a": "\ud800"}])
def test_metadata_and_headers_are_texts_that_can_be_written(serve: Serve, tried: Tried, texts: Any) -> None:
    service = serve(tried)
    with service.send_request("action") as response:
        channel = tried.channel()
        with pytest.raises(NotSerialisable):
            channel.send_response_batch("first", metadata=texts)
        for name, value in texts.items():
            with pytest.raises(NotSerialisable):
                channel.set_header(name, value)
        channel.complete_stream()
        assert list(response) == []
        assert response.headers == {}
    tried.may_leave.set()


def test_octets_dataclasses_and_what_knows_its_json_can_be_sent(serve: Serve, tried: Tried) -> None:
    @dataclass
    class Row:
        n: int

    class Own:
        def to_json(self) -> object:
            return {"own": True}

    service = serve(tried)
    sent: list[object] = [b"\x00\xff", Row(1), Own(), {"n": 1}, [1], "text", 0, False]
    with service.send_request("action") as response:
        channel = tried.channel()
        for one in sent:
            channel.send_response_batch(one)
        channel.complete_stream()
        assert list(response) == sent
    tried.may_leave.set()


def test_headers_go_before_the_first_batch_and_are_there_without_any(serve: Serve) -> None:
    def handler(request: Any, channel: TransportChannel, _task: Task) -> None:
        channel.set_header("took", "3")
        if request == "batch":
            channel.send_response_batch("first")
            with pytest.raises(ValueError, match="before the first batch"):
                channel.set_header("late", "1")
        if request == "error":
            channel.send_response(StreamException.internal("what"))
        else:
            channel.complete_stream()

    service = serve(handler)
    for request in ("batch", "nothing", "error"):
        response = service.send_request("action", request)
        assert response.headers is None
        if request == "error":
            refused(response.next_response)
        else:
            response.next_response()
        assert response.headers == {"took": "3"}


def test_metadata_come_with_their_batch(serve: Serve) -> None:
    def handler(_request: object, channel: TransportChannel, _task: Task) -> None:
        channel.send_response_batch("first")
        channel.send_response_batch("last", metadata={"total": "2"})
        channel.complete_stream()

    response = serve(handler).send_request("action")
    assert (response.next_response(), dict(response.metadata)) == ("first", {})
    assert (response.next_response(), dict(response.metadata)) == ("last", {"total": "2"})


# The consumer's side.


def test_the_end_is_told_as_often_as_asked_until_the_answer_is_closed(serve: Serve) -> None:
    response = serve(ignored).send_request("action")
    assert [response.next_response() for _ in range(3)] == [None, None, None]
    response.close()
    response.close()
    failure = refused(response.next_response)
    assert (failure.error_code, failure.message) == (StreamErrorCode.UNAVAILABLE, "Stream is closed")


def test_a_stream_is_cancelled_before_its_first_batch(serve: Serve) -> None:
    left = threading.Event()

    def stalls(_request: object, _channel: TransportChannel, task: Task) -> None:
        try:
            task.sleep(NEVER_S)
        finally:
            left.set()

    service = serve(stalls)
    service.send_request("action").cancel("no first batch")
    assert service.close(LONGEST_S)
    assert service.figures()["calls"] == 1
    assert service.figures()["statuses"] == {"CANCELLED": 1}


def test_an_answer_that_is_closed_early_cancels_its_handler(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    with service.send_request("action") as response:
        channel = tried.channel()
    assert code_of(response.next_response) is StreamErrorCode.UNAVAILABLE
    assert code_of(lambda: channel.send_response_batch(1)) is StreamErrorCode.CANCELLED
    tried.may_leave.set()


def test_an_answer_that_is_forgotten_keeps_no_handler_waiting(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    response = service.send_request("action")
    channel = tried.channel()
    del response
    gc.collect()
    assert code_of(lambda: channel.send_response_batch(1)) is StreamErrorCode.CANCELLED
    tried.may_leave.set()


def test_a_cause_of_a_cancel_stays_with_the_consumer(
    serve: Serve, tried: Tried, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve(tried)
    response = service.send_request("action")
    channel = tried.channel()
    with caplog.at_level(logging.INFO, "streamspec.reference"):
        response.cancel("broken", OSError("/home/me/secret"))
    assert "secret" not in refused(lambda: channel.send_response_batch(1)).message
    assert "secret" in caplog.text
    tried.may_leave.set()


def test_a_request_has_its_time_and_no_more(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    response = service.send_request("action", timeout_s=0.02)
    channel = tried.channel()
    assert code_of(response.next_response) is StreamErrorCode.TIMED_OUT
    assert code_of(lambda: channel.send_response_batch(1)) is StreamErrorCode.CANCELLED
    assert tried.tasks[0].is_cancelled
    tried.may_leave.set()
    assert service.close(LONGEST_S)
    assert service.figures()["statuses"] == {"TIMED_OUT": 1}
    assert service.figures()["cancelled"] == 0


# Tasks.


def test_a_task_says_what_it_is_and_its_cancel_is_the_streams(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    response = service.send_request("action")
    channel = tried.channel()
    (task,) = service.tasks()
    assert task is tried.tasks[0]
    assert (task.id, task.action, task.description, task.parent) == (1, "action", "request [1] for action", None)
    assert not task.is_cancelled
    assert task.reason_cancelled is None
    assert service.cancel_task(task.id, "by user request")
    assert not service.cancel_task(task.id, "again")
    assert task.is_cancelled
    assert task.reason_cancelled == "by user request"
    assert code_of(lambda: channel.send_response_batch(1)) is StreamErrorCode.CANCELLED
    failure = refused(response.next_response)
    assert (failure.error_code, failure.message) == (StreamErrorCode.CANCELLED, "by user request")
    tried.may_leave.set()


def test_a_task_that_is_unknown_or_over_cannot_be_cancelled(serve: Serve) -> None:
    service = serve(ignored)
    assert list(service.send_request("action")) == []
    assert service.close(LONGEST_S)
    assert not service.cancel_task(1)
    assert not service.cancel_task(99)
    assert service.tasks() == ()


def test_cancel_listeners_run_once_late_ones_at_once_and_none_without_a_cancel(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    seen: list[str] = []
    response = service.send_request("action")
    tried.channel()
    task = tried.tasks[0]
    task.on_cancel(lambda: seen.append("early"))
    response.cancel("enough")
    task.cancel("again")
    task.on_cancel(lambda: seen.append("late"))
    assert seen == ["early", "late"]
    with service.send_request("action"):
        tried.channel().complete_stream()
        tried.tasks[1].on_cancel(lambda: seen.append("never"))
    assert seen == ["early", "late"]
    tried.may_leave.set()


def test_a_cancel_of_a_parent_is_that_of_its_children_and_of_nobody_else(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    responses = [service.send_request("action")]
    tried.channel()
    parent = tried.tasks[0]
    responses += [service.send_request("action", parent=parent), service.send_request("action")]
    assert tried.begun.acquire(timeout=LONGEST_S)
    assert tried.begun.acquire(timeout=LONGEST_S)
    parent.cancel("shard failed")
    child = next(task for task in tried.tasks if task.parent is parent)
    assert child.reason_cancelled == "shard failed"
    assert sum(task.is_cancelled for task in tried.tasks) == 2
    tried.may_leave.set()
    for response in responses:
        response.close()


def test_a_parent_keeps_no_child_whose_stream_has_ended(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    service.register_request_handler("child", Names.GENERIC, str, ignored)
    with service.send_request("action"):
        channel = tried.channel()
        (parent,) = tried.tasks
        for _ in range(3):
            assert list(service.send_request("child", parent=parent)) == []
        assert parent._children == {}
        assert len(parent._stream._items._used().listeners) == 3  # the stream's, the ledger's, and one for all children
        channel.complete_stream()
    tried.may_leave.set()


def test_a_child_of_a_parent_that_is_cancelled_already_is_cancelled(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    response = service.send_request("action")
    tried.channel()
    response.cancel("enough")
    child = service.send_request("action", parent=tried.tasks[0])
    failure = refused(child.next_response)
    assert (failure.error_code, failure.message) == (StreamErrorCode.CANCELLED, "enough")
    tried.may_leave.set()


def test_a_siblings_cancel_disturbs_nobody(serve: Serve, tried: Tried) -> None:
    service = serve(tried)
    gone, stays = service.send_request("action"), service.send_request("action")
    for _ in range(2):
        assert tried.begun.acquire(timeout=LONGEST_S)
    gone.cancel()
    channel = next(channel for channel in tried.channels if channel.request_id == stays.request_id)
    channel.send_response_batch("still here")
    channel.complete_stream()
    assert list(stays) == ["still here"]
    tried.may_leave.set()


# The end of the service.


def test_a_closed_service_ends_its_streams_and_takes_no_more(serve: Serve) -> None:
    reached = threading.Event()

    def endless(_request: object, channel: TransportChannel, _task: Task) -> None:
        channel.send_response_batch("first")
        reached.set()
        for number in count():
            channel.send_response_batch(number)

    service = serve(endless, watermark_bytes=1)
    response = service.send_request("action")
    assert reached.wait(LONGEST_S)
    assert service.close(LONGEST_S)
    assert response.next_response() == "first"
    failure = refused(response.next_response)
    assert (failure.error_code, failure.message) == (StreamErrorCode.UNAVAILABLE, "the service is closed")
    assert code_of(lambda: service.send_request("action")) is StreamErrorCode.UNAVAILABLE


@pytest.mark.parametrize("way", ["asks", "pauses", "listens"])
def test_a_closed_service_calls_away_who_neither_sends_nor_returns(serve: Serve, way: str) -> None:
    begun, left = threading.Event(), threading.Event()
    reasons: list[str | None] = []

    def handler(_request: object, _channel: TransportChannel, task: Task) -> None:
        told = threading.Event()
        task.on_cancel(told.set)
        begun.set()
        try:
            if way == "listens":
                told.wait()
            while way == "pauses" or not task.is_cancelled:
                task.sleep(NEVER_S if way == "pauses" else 0.001)
        finally:
            reasons.append(task.reason_cancelled)
            left.set()

    service = serve(handler)
    response = service.send_request("action")
    assert begun.wait(LONGEST_S)
    assert service.close(LONGEST_S)
    assert left.is_set()
    assert reasons == ["the service is closed"]
    assert code_of(response.next_response) is StreamErrorCode.UNAVAILABLE
    told = service.figures()
    assert (told["cancelled"], told["statuses"]) == (0, {"UNAVAILABLE": 1})


def test_a_closed_service_ends_children_as_it_ends_their_parents(serve: Serve) -> None:
    service = serve(lambda _request, _channel, task: task.sleep(NEVER_S))
    parent = service.send_request("action")
    child = service.send_request("action", parent=service.tasks()[0])
    assert service.close(LONGEST_S)
    assert [code_of(response.next_response) for response in (parent, child)] == [StreamErrorCode.UNAVAILABLE] * 2


def test_a_watermark_is_refused_where_it_is_set() -> None:
    with pytest.raises(ValueError, match="1 octet or more"):
        Settings(watermark_bytes=0)


def test_what_is_told_adds_up(serve: Serve, tried: Tried) -> None:
    service = serve(tried, watermark_bytes=1)
    response = service.send_request("action")
    channel = tried.channel()
    channel.send_response_batch(b"x" * 1000)
    told = service.figures()
    assert {name: told[name] for name in ("calls", "open", "produced", "bytes", "sending", "ended")} == {
        "calls": 1,
        "open": 1,
        "produced": 1,
        "bytes": 1000,
        "sending": 0,
        "ended": 0,
    }
    channel.complete_stream()
    assert list(response) == [b"x" * 1000]
    tried.may_leave.set()
    assert service.close(LONGEST_S)
    told = service.figures()
    assert {name: told[name] for name in ("calls", "open", "produced", "bytes", "ended", "cleanups", "statuses")} == {
        "calls": 1,
        "open": 0,
        "produced": 1,
        "bytes": 1000,
        "ended": 1,
        "cleanups": 1,
        "statuses": {"OK": 1},
    }
