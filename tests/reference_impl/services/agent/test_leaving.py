"""Whoever leaves without a word: a consumer that drops its stream has left at once, one that stands still in the end,
and one that reads slowly has not left."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

import pytest
from agent_doubles import LONGEST_S, ByPrompt, Endless, Reports, asked, queue_of, rest, text_of

from streamspec.reference_impl.services.agent import idling, request_queue
from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.idling import Idling
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.models import Gate, Scripted
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import StreamChunk
    from streamspec.reference_impl.services.agent.request_queue import RequestQueue
    from streamspec.reference_impl.stream.threads import Stream

TEN = tuple(f"{n} " for n in range(10))
NO_LIMITS = {"idle_s": None, "deadline_s": None, "queue_timeout_s": None}


# Dropped.


@pytest.mark.parametrize("where", ["queued", "running", "aside"])
@pytest.mark.parametrize("how", ["dropped", "collected", "in a step"])
def test_a_stream_that_is_dropped_is_left_at_once_wherever_its_request_is(where: str, how: str) -> None:
    gate, endless = Gate(), Endless()
    model = ByPrompt({"stuck": Scripted(TEN, gates={0: gate}), "endless": endless, "quick": Scripted(TEN)})
    with queue_of(model, most_queued=1, most_streams=1, **NO_LIMITS) as queue:
        is_aside, is_out, stuck = Reports(queue, "set_aside"), Reports(queue, "remove"), None
        if where == "queued":
            stuck = queue.submit_streaming_request(asked("stuck"))
            assert gate.wait_until_reached(LONGEST_S)
        held = [queue.submit_streaming_request(asked("stuck" if where == "running" else "endless", "s"))]
        if where == "running":
            assert gate.wait_until_reached(LONGEST_S)
        elif where == "aside":
            is_aside.wait()
        if how == "collected":
            held.append(held)  # type: ignore[arg-type]
            del held
            gc.collect()
        elif how == "in a step":
            with queue._lock:  # as a collector might, in any call that makes an object
                del held
        else:
            del held
        is_out.wait()
        assert (queue.stats().cancelled, queue.is_busy("s")) == (1, False)
        gate.open()
        if stuck is not None:
            assert rest(stuck)[1] == "EndOfSequence"
        assert rest(queue.submit_streaming_request(asked("quick")))[1] == "EndOfSequence"


def test_whoever_has_a_stream_in_any_way_keeps_it() -> None:
    with queue_of(Scripted(TEN), most_chunks=1, **NO_LIMITS) as queue:
        texts = []
        for chunk in queue.submit_streaming_request(asked()):  # the iteration has it
            gc.collect()
            texts.append(chunk.text)
        assert texts == [*TEN, ""]
        receive = queue.submit_streaming_request(asked()).receive  # a method has it
        gc.collect()
        assert receive().text == "0 "  # type: ignore[union-attr]
        assert queue.submit_request(asked()).token_count == 10  # a batch has it
    assert queue.stats().completed == 2


def test_a_turn_that_is_dropped_is_a_turn_that_was_cancelled() -> None:
    model = Endless()
    with AgentServer(model, QueueConfig(most_chunks=3, deadline_s=None, idle_s=None, queue_timeout_s=None)) as agent:
        session = agent.create_session()
        turn = agent.converse(session, "Hello?")
        assert turn.receive()
        del turn
        assert model.closed.acquire(timeout=LONGEST_S)
        last = agent.converse(session, "And?", max_tokens=1)  # which has its turn when that one is over
        assert rest(last)[1] == "MaxTokens"
        said = agent.messages(session)
    assert [message.ending for message in said if message.role == "assistant"] == ["CANCELLED", "MaxTokens"]


# Slow, and gone.


class Hours:
    """The time, as a test says it is, and the requests that live by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.made: list[Idling] = []
        monkeypatch.setattr(request_queue, "Idling", self.make)

    def make(self, stream: Stream[StreamChunk], idle_s: float) -> Idling:
        self.made.append(Idling(stream, idle_s, lambda: self.now_s))
        return self.made[-1]

    def pass_by(self, seconds: float) -> float | None:
        self.now_s += seconds
        return self.made[-1].look()


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    return Hours(monkeypatch)


def over(queue: RequestQueue, chunks: int) -> Stream[StreamChunk]:
    """A whole answer that nobody has begun to read."""
    is_over = Reports(queue, "remove")
    stream = queue.submit_streaming_request(asked())
    is_over.wait()
    assert (stream.state, stream.buffered_amount) == (Phase.DRAINING, chunks)
    return stream


def test_a_whole_answer_is_there_for_a_reader_who_takes_his_time(hours: Hours) -> None:
    with queue_of(Scripted(TEN), most_chunks=20, idle_s=100.0) as queue:
        stream = over(queue, 11)
        texts = []
        for _ in range(10):
            texts.append(stream.receive().text)  # type: ignore[union-attr]
            assert hours.pass_by(99.0) is not None
        chunks, ending = rest(stream)
    assert (texts, text_of(chunks), ending) == ([*TEN], "", "EndOfSequence")
    assert hours.now_s == 990.0


def test_the_chunk_that_waits_for_room_is_read_as_well(hours: Hours) -> None:
    with queue_of(Scripted(TEN), most_chunks=10, idle_s=100.0) as queue:
        stream = over(queue, 10)  # and the last one is on offer
        assert hours.pass_by(99.0) == 1.0
        assert stream.receive()
        assert hours.pass_by(99.0) == 1.0  # though as many are there as before
        assert rest(stream)[1] == "EndOfSequence"


@pytest.mark.parametrize("reads", [0, 3])
def test_a_whole_answer_that_nobody_reads_any_more_goes_after_idle_time(hours: Hours, reads: int) -> None:
    with queue_of(Scripted(TEN), most_chunks=20, idle_s=100.0) as queue:
        stream, ended = over(queue, 11), threading.Event()
        stream.on_end(ended.set)
        for _ in range(reads):
            assert stream.receive()
        if reads:
            assert hours.pass_by(100.0) == 100.0  # there was a reader
        assert hours.pass_by(99.0) == 1.0
        assert hours.pass_by(1.0) is None
        assert ended.wait(LONGEST_S)
        assert rest(stream) == ([], "TIMED_OUT")
        assert queue.stats().completed == 1


def test_nothing_read_makes_up_for_a_model_that_stands_still(hours: Hours) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={5: gate}), most_chunks=20, idle_s=100.0) as queue:
        stream, ended = queue.submit_streaming_request(asked()), threading.Event()
        stream.on_end(ended.set)
        assert gate.wait_until_reached(LONGEST_S)
        assert stream.receive()
        assert hours.pass_by(99.0) == 1.0
        assert stream.receive()
        assert hours.pass_by(1.0) is None
        assert ended.wait(LONGEST_S)
        assert rest(stream) == ([], "TIMED_OUT")


def test_each_chunk_is_so_long_again(hours: Hours) -> None:
    with queue_of(Endless(), most_chunks=1, idle_s=100.0) as queue:
        is_aside = Reports(queue, "set_aside")
        stream = queue.submit_streaming_request(asked(max_tokens=8))
        for _ in range(7):
            is_aside.wait()
            assert hours.pass_by(99.0) == 1.0
            assert stream.receive()
        assert rest(stream)[1] == "MaxTokens"


def test_what_is_over_is_watched_no_more(hours: Hours) -> None:
    with queue_of(Scripted(TEN), idle_s=100.0) as queue:
        assert rest(queue.submit_streaming_request(asked()))[1] == "EndOfSequence"
        queue.submit_streaming_request(asked()).cancel()
        assert queue.submit_request(asked()).token_count == 10
    watched = [entry.watched() for entry in idling.TIMER._agenda._watched.copy().values()]
    assert len(hours.made) == 3
    assert not [each for each in hours.made if each in watched]


def test_a_whole_answer_that_nobody_reads_goes_by_the_clock_on_the_wall() -> None:
    with queue_of(Scripted(TEN), most_chunks=20, idle_s=0.1) as queue:
        stream, ended = queue.submit_streaming_request(asked()), threading.Event()
        stream.on_end(ended.set)
        assert ended.wait(LONGEST_S)
        assert rest(stream) == ([], "TIMED_OUT")
