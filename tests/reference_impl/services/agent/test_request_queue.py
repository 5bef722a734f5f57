"""The request queue, promise by promise: answers, bounds, order, backpressure, and a free place after every outcome."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from agent_doubles import LONGEST_S, ByPrompt, Endless, Reports, asked, code_of, queue_of, rest, text_of

from streamspec.reference_impl.services.agent.cancelling import CancellationToken
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.models import Gate, Markov, Scripted, Telling
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.services.agent.ports import GenerationRequest

TEN = tuple(f"{n} " for n in range(10))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


# Answers.


def test_a_stream_is_the_models_tokens_and_one_chunk_that_completes_it() -> None:
    with queue_of(Scripted(TEN)) as queue:
        chunks, ending = rest(queue.submit_streaming_request(asked()))
    assert [chunk.text for chunk in chunks] == [*TEN, ""]
    assert (ending, sum(chunk.token_count for chunk in chunks)) == ("EndOfSequence", 10)
    assert queue.stats().tokens == 10


def test_a_batch_is_the_same_answer_at_once() -> None:
    with queue_of(Markov()) as queue:
        chunks, _ = rest(queue.submit_streaming_request(asked("What is a stream?")))
        answer = queue.submit_request(asked("What is a stream?"))
    assert answer.text == text_of(chunks)
    assert (answer.token_count, answer.prompt_tokens) == (len(chunks) - 1, 5)


@pytest.mark.parametrize(
    ("script", "limits", "text", "ending"),
    [
        (Scripted(()), {}, "", "EndOfSequence"),
        (Scripted(TEN), {"max_tokens": 3}, "0 1 2 ", "MaxTokens"),
        (Scripted(TEN, context_tokens=5), {}, "0 1 2 3 ", "ContextWindowFull"),
        (Scripted(("keep ", "go", "ing ST", "OP", " no")), {"stop": ("STOP",)}, "keep going ", "StopToken"),
        (Scripted(TEN, fails_at=2), {}, "0 1 ", "INTERNAL"),
        (Scripted(TEN, fails_at=0, failure=StreamError(Code.NOT_FOUND, "no weights")), {}, "", "NOT_FOUND"),
    ],
    ids=["immediate end", "max tokens", "context full", "stop", "fails", "fails by name"],
)
def test_every_outcome_says_why_and_leaves_the_place_free(
    script: Scripted, limits: dict[str, Any], text: str, ending: str
) -> None:
    with queue_of(script, most_streams=1, most_queued=1) as queue:
        for _ in range(3):
            chunks, said = rest(queue.submit_streaming_request(asked(**limits)))
            assert (text_of(chunks), said) == (text, ending)
        assert (said in {"INTERNAL", "NOT_FOUND"}) is (code_of(lambda: queue.submit_request(asked(**limits))) == said)


def test_a_models_tokens_are_closed_once_however_their_request_ends() -> None:
    told: list[Telling] = []

    class Kept(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            told.append(Telling(self))
            return told[-1]

    gate = Gate()
    models = {"ends": Kept(TEN), "fails": Kept(TEN, fails_at=3), "stands still": Kept(TEN, gates={0: gate})}
    with queue_of(ByPrompt(models)) as queue:
        is_over = Reports(queue, "remove")
        endings = [rest(queue.submit_streaming_request(asked(name)))[1] for name in ("ends", "fails")]
        stream = queue.submit_streaming_request(asked("stands still"))
        assert gate.wait_until_reached(LONGEST_S)
        stream.cancel()
        is_over.wait(3)
    assert endings == ["EndOfSequence", "INTERNAL"]
    assert [each.closed for each in told] == [1, 1, 1]


def test_a_failure_of_the_models_own_is_not_shown_to_strangers() -> None:
    with queue_of(Scripted(TEN, fails_at=1, failure=RuntimeError("secret path"))) as queue:
        stream = queue.submit_streaming_request(asked())
        assert stream.receive()
        with pytest.raises(StreamError, match="the handler failed"):
            stream.receive()


def test_a_model_that_wants_to_leave_the_process_takes_no_worker_along() -> None:
    class Exits(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            raise SystemExit

    with queue_of(ByPrompt({"exit": Exits(()), "go on": Scripted(TEN)})) as queue:
        assert rest(queue.submit_streaming_request(asked("exit"))) == ([], "INTERNAL")
        assert rest(queue.submit_streaming_request(asked("go on")))[1] == "EndOfSequence"


def test_a_model_that_cannot_be_closed_takes_no_worker_along() -> None:
    class Refuses(Telling):
        def close(self) -> None:
            super().close()
            raise SystemExit

    class Stubborn(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            return Refuses(self)

    with queue_of(Stubborn(TEN), most_streams=1) as queue:
        assert [rest(queue.submit_streaming_request(asked()))[1] for _ in range(3)] == ["EndOfSequence"] * 3
        assert queue.stats().threads == 3


def test_a_model_is_called_away_only_while_it_is_at_work() -> None:
    calls: list[str] = []

    class Noted(Telling):
        def interrupt(self) -> None:
            calls.append("interrupt")
            super().interrupt()

        def close(self) -> None:
            calls.append("close")
            super().close()

    class Notes(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            return Noted(self)

    gate = Gate()
    models = {"ends": Notes(TEN), "fails": Notes(TEN, fails_at=0), "stands still": Notes(TEN, gates={0: gate})}
    with queue_of(ByPrompt(models), most_chunks=20) as queue:
        is_over = Reports(queue, "remove")
        for name in ("ends", "fails"):
            stream = queue.submit_streaming_request(asked(name))
            is_over.wait()
            stream.cancel()
        assert calls == ["close", "close"]
        stream = queue.submit_streaming_request(asked("stands still"))
        assert gate.wait_until_reached(LONGEST_S)
        stream.cancel()
        is_over.wait()
    assert calls == ["close", "close", "interrupt", "close"]


def test_a_model_that_cannot_count_is_a_failure_of_its_own() -> None:
    class Uncountable(Scripted):
        def count(self, text: str) -> int:
            raise RuntimeError("secret path")

    with queue_of(Uncountable(TEN)) as queue:
        with pytest.raises(StreamError, match="the handler failed"):
            queue.submit_streaming_request(asked())
        assert queue.stats().submitted == 0


def test_chunks_tell_times_and_token_ids_where_it_is_asked_for() -> None:
    with queue_of(Markov(), metadata=True) as queue:
        chunks, _ = rest(queue.submit_streaming_request(asked("a prompt")))
    assert all(len(chunk.metadata["token_ids"]) == chunk.token_count for chunk in chunks)  # type: ignore[arg-type]
    times_ms = [chunk.metadata["elapsed_ms"] for chunk in chunks]
    assert times_ms == sorted(times_ms)  # type: ignore[type-var]


@pytest.mark.parametrize(
    "request_",
    [
        asked(max_tokens=-1),
        asked(max_tokens=32_769),
        asked(stop=("",)),
        asked(stop=("x" * 101,)),
        asked(stop=("x",) * 21),
        asked("too long a prompt " * 10_000),
    ],
    ids=["tokens below", "tokens above", "no stop", "long stop", "stops", "prompt"],
)
def test_what_cannot_be_done_is_refused_before_anything_is(request_: GenerationRequest) -> None:
    with queue_of(Scripted(TEN)) as queue:
        assert code_of(lambda: queue.submit_streaming_request(request_)) == "INVALID_ARGUMENT"
        assert code_of(lambda: queue.submit_request(request_)) == "INVALID_ARGUMENT"
        assert queue.stats().submitted == 0


@pytest.mark.parametrize(
    "limit",
    [
        {"most_queued": 0},
        {"stream_workers": 0},
        {"batch_workers": 17},
        {"most_chunks": 0},
        {"idle_s": 0.0},
        {"queue_timeout_s": 1e10},
        {"idle_s": math.inf},
        {"deadline_s": math.nan},
    ],
    ids=str,
)
def test_a_limit_that_is_none_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(limit))):
        QueueConfig(**limit)


def test_the_longest_limits_that_there_are_can_be_kept() -> None:
    longest = dict.fromkeys(("queue_timeout_s", "idle_s", "deadline_s"), threading.TIMEOUT_MAX)
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), **longest) as queue:
        streams = [queue.submit_streaming_request(asked()) for _ in range(2)]
        assert gate.wait_until_reached(LONGEST_S)
        gate.open()
        assert [rest(stream)[1] for stream in streams] == ["EndOfSequence"] * 2
        assert queue.stats().threads == 3


# Backpressure.


def test_a_slow_consumer_slows_its_model_and_loses_nothing() -> None:
    model = Endless()
    with queue_of(model, most_chunks=3) as queue:
        is_aside = Reports(queue, "set_aside")
        stream = queue.submit_streaming_request(asked(max_tokens=50))
        is_aside.wait()
        assert (model.asked, stream.buffered_amount) == (4, 3)  # one is on offer
        assert stream.receive()
        is_aside.wait()
        assert model.asked == 5
        chunks, ending = rest(stream)
    assert (text_of(chunks), ending) == ("".join(f"{n} " for n in range(1, 50)), "MaxTokens")


def test_slow_consumers_take_no_worker_from_others() -> None:
    with queue_of(ByPrompt({"slow": Endless(), "quick": Scripted(TEN)}), most_streams=4) as queue:
        is_aside = Reports(queue, "set_aside")
        slow = [queue.submit_streaming_request(asked("slow", max_tokens=20)) for _ in range(3)]
        is_aside.wait(3)
        assert rest(queue.submit_streaming_request(asked("quick")))[1] == "EndOfSequence"
        assert [rest(stream)[1] for stream in slow] == ["MaxTokens"] * 3


def test_no_more_streams_are_begun_than_may_be() -> None:
    model = Endless()
    with queue_of(model, most_streams=2) as queue:
        is_aside = Reports(queue, "set_aside")
        first, second, third = (queue.submit_streaming_request(asked()) for _ in range(3))
        is_aside.wait(2)
        assert (queue.stats().streams.aside, queue.stats().streams.queued) == (2, 1)
        first.cancel()
        assert third.receive()
        assert second.cancel()
        assert third.cancel()


def test_streams_share_their_worker_by_turns() -> None:
    model = ByPrompt({"endless": Endless(), "short": Scripted(TEN)})
    with queue_of(model, turn_chunks=2, most_chunks=1000) as queue, ThreadPoolExecutor() as pool:
        endless = queue.submit_streaming_request(asked("endless"))
        reader = pool.submit(rest, endless)
        assert rest(queue.submit_streaming_request(asked("short")))[1] == "EndOfSequence"
        endless.cancel()
        assert reader.result(LONGEST_S)[1] in {"CANCELLED", "MaxTokens"}


def test_streams_never_block_a_batch_nor_batches_a_stream(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    model = ByPrompt({"stuck": Scripted(TEN, gates={0: gate}), "quick": Scripted(TEN)})
    with queue_of(model, most_queued=2) as queue:
        stuck = [queue.submit_streaming_request(asked("stuck")) for _ in range(2)]
        assert gate.wait_until_reached(LONGEST_S)
        assert queue.submit_request(asked("quick")).finish_reason == "EndOfSequence"
        assert queue.stats().completed == 1
        gate.open()
        assert [rest(stream)[1] for stream in stuck] == ["EndOfSequence"] * 2
    gate = Gate()
    model = ByPrompt({"stuck": Scripted(TEN, gates={0: gate}), "quick": Scripted(TEN)})
    with queue_of(model) as queue:
        batch = threads.submit(queue.submit_request, asked("stuck"))
        assert gate.wait_until_reached(LONGEST_S)
        assert rest(queue.submit_streaming_request(asked("quick")))[1] == "EndOfSequence"
        gate.open()
        assert batch.result(LONGEST_S).token_count == 10


# The queue.


def test_the_queue_is_full_at_its_bound_and_not_before() -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), most_queued=3, most_streams=1) as queue:
        running = queue.submit_streaming_request(asked())
        assert gate.wait_until_reached(LONGEST_S)
        queued = [queue.submit_streaming_request(asked()) for _ in range(3)]
        assert code_of(lambda: queue.submit_streaming_request(asked())) == "RESOURCE_EXHAUSTED"
        assert (queue.stats().submitted, queue.stats().refused) == (4, 1)
        queued[1].cancel()
        again = queue.submit_streaming_request(asked())
        gate.open()
        assert [rest(stream)[1] for stream in (running, queued[0], queued[2], again)] == ["EndOfSequence"] * 4


def test_nobody_is_refused_below_the_bound_however_many_come_at_once(threads: ThreadPoolExecutor) -> None:
    gate, line, streams = Gate(), threading.Barrier(8), list[Any]()

    def submit() -> list[str]:
        line.wait(LONGEST_S)
        return [code_of(lambda: streams.append(queue.submit_streaming_request(asked()))) for _ in range(5)]

    with queue_of(Scripted(TEN, gates={0: gate}), most_queued=40, most_streams=1) as queue:
        submits = [threads.submit(submit) for _ in range(8)]
        assert [code for each in submits for code in each.result(LONGEST_S)] == ["accepted"] * 40
        gate.open()


def test_a_submit_may_wait_for_room(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), most_queued=1, most_streams=1) as queue:
        waits = Reports(queue, "wait")
        running = queue.submit_streaming_request(asked())
        assert gate.wait_until_reached(LONGEST_S)
        queued = queue.submit_streaming_request(asked())
        waits.wait(2)
        waiting = threads.submit(queue.submit_streaming_request, asked(), wait_s=None)
        waits.wait()
        assert code_of(lambda: queue.submit_streaming_request(asked())) == "RESOURCE_EXHAUSTED"
        assert code_of(lambda: queue.submit_streaming_request(asked(), wait_s=0.01)) == "RESOURCE_EXHAUSTED"
        gate.open()
        assert rest(running)[1] == "EndOfSequence"  # the queued one begins, and so there is room
        last = waiting.result(LONGEST_S)
        assert [rest(stream)[1] for stream in (queued, last)] == ["EndOfSequence"] * 2


def test_a_submit_that_waits_can_be_cancelled_and_leaves_nothing(threads: ThreadPoolExecutor) -> None:
    gate, token = Gate(), CancellationToken()
    with queue_of(Scripted(TEN, gates={0: gate}), most_queued=1, most_streams=1) as queue:
        waits = Reports(queue, "wait")
        running = queue.submit_streaming_request(asked())
        assert gate.wait_until_reached(LONGEST_S)
        queued = queue.submit_streaming_request(asked())
        waits.wait(2)
        waiting = threads.submit(queue.submit_streaming_request, asked(session="s"), wait_s=None, token=token)
        waits.wait()
        assert token.cancel()
        assert code_of(lambda: waiting.result(LONGEST_S)) == "CANCELLED"
        assert (queue.stats().streams.waiting, queue.is_busy("s")) == (0, False)
        gate.open()
        assert [rest(stream)[1] for stream in (running, queued)] == ["EndOfSequence"] * 2


def test_a_submit_that_waits_has_the_room_of_one_that_was_cancelled(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), most_queued=1, most_streams=1) as queue:
        waits = Reports(queue, "wait")
        running = queue.submit_streaming_request(asked())
        assert gate.wait_until_reached(LONGEST_S)
        queued = queue.submit_streaming_request(asked())
        waits.wait(2)
        waiting = threads.submit(queue.submit_streaming_request, asked(), wait_s=None)
        waits.wait()
        queued.cancel()
        last = waiting.result(LONGEST_S)  # while the worker stands still
        gate.open()
        assert [rest(stream)[1] for stream in (running, last)] == ["EndOfSequence"] * 2


def test_a_token_that_is_cancelled_lets_nothing_in() -> None:
    token = CancellationToken()
    token.cancel()
    with queue_of(Scripted(TEN)) as queue:
        assert code_of(lambda: queue.submit_streaming_request(asked(), token=token)) == "CANCELLED"
        assert queue.stats().submitted == 0


def test_whoever_waited_too_long_is_told_and_never_given_an_empty_answer(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), queue_timeout_s=0.05) as queue:
        running = queue.submit_streaming_request(asked())
        batch = threads.submit(queue.submit_request, asked())
        assert gate.wait_until_reached(LONGEST_S, times=2)
        assert rest(queue.submit_streaming_request(asked())) == ([], "TIMED_OUT")
        assert code_of(lambda: queue.submit_request(asked())) == "TIMED_OUT"
        gate.open()
        assert (rest(running)[1], batch.result(LONGEST_S).token_count) == ("EndOfSequence", 10)
        assert queue.stats().timed_out == 2


def test_batches_are_answered_in_their_order(threads: ThreadPoolExecutor) -> None:
    gate, answered = Gate(), list[str]()

    class Noted(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            answered.append(prompt)
            return super().tokens(prompt)

    with queue_of(Noted(TEN, gates={0: gate})) as queue:
        waits = Reports(queue, "wait", "batch")
        batches = []
        for n in range(5):
            batches.append(threads.submit(queue.submit_request, asked(str(n))))
            waits.wait()
        gate.open()
        assert {batch.result(LONGEST_S).token_count for batch in batches} == {10}
    assert answered == ["0", "1", "2", "3", "4"]


def test_of_one_session_one_request_after_the_other_however_many_workers() -> None:
    gate = Gate()
    model = ByPrompt({"first": Scripted(TEN, gates={0: gate}), "second": Scripted(TEN)})
    with queue_of(model, stream_workers=3) as queue:
        first, second = (queue.submit_streaming_request(asked(name, "s")) for name in ("first", "second"))
        assert gate.wait_until_reached(LONGEST_S)
        assert rest(queue.submit_streaming_request(asked("second", "another")))[1] == "EndOfSequence"
        assert (queue.stats().streams.queued, queue.is_busy("s")) == (1, True)
        gate.open()
        assert [rest(stream)[1] for stream in (first, second)] == ["EndOfSequence"] * 2


# Cancelling.


@pytest.mark.parametrize("how", ["stream", "token", "session"])
@pytest.mark.parametrize("where", ["queued", "running", "aside"])
def test_a_cancel_reaches_a_request_wherever_it_is_and_its_place_is_free(where: str, how: str) -> None:
    gate, token, endless = Gate(), CancellationToken(), Endless()
    model = ByPrompt({"stuck": Scripted(TEN, gates={0: gate}), "endless": endless, "quick": Scripted(TEN)})
    with queue_of(model, most_queued=1, most_streams=1) as queue:
        is_aside, stuck = Reports(queue, "set_aside"), None
        if where == "queued":
            stuck = queue.submit_streaming_request(asked("stuck"))
            assert gate.wait_until_reached(LONGEST_S)
        prompt = "stuck" if where == "running" else "endless"
        stream = queue.submit_streaming_request(asked(prompt, "s"), token=token)
        if where == "running":
            assert gate.wait_until_reached(LONGEST_S)
        elif where == "aside":
            is_aside.wait()
        cancels: dict[str, Callable[[], bool | None]] = {
            "stream": stream.cancel,
            "token": token.cancel,
            "session": lambda: queue.cancel_session("s"),
        }
        assert cancels[how]()
        assert rest(stream)[1] == "CANCELLED"
        assert not cancels[how]()
        if where == "queued":
            assert (queue.stats().cancelled, endless.asked) == (1, 0)
            gate.open()
            assert stuck is not None
            assert rest(stuck)[1] == "EndOfSequence"
        elif where == "aside":
            assert endless.closed.acquire(timeout=LONGEST_S)
        assert rest(queue.submit_streaming_request(asked("quick"), wait_s=LONGEST_S))[1] == "EndOfSequence"
        assert (queue.stats().cancelled, queue.stats().streams.aside) == (1, 0)


def test_leaving_an_iteration_cancels() -> None:
    model = Endless()
    with queue_of(model, most_streams=1) as queue:
        for chunk in queue.submit_streaming_request(asked()):
            assert chunk.text == "0 "
            break
        assert model.closed.acquire(timeout=LONGEST_S)
        assert rest(queue.submit_streaming_request(asked(max_tokens=1)))[1] == "MaxTokens"


def test_the_cancel_of_a_session_reaches_nothing_later() -> None:
    gate = Gate()
    with queue_of(ByPrompt({"stuck": Scripted(TEN, gates={0: gate}), "quick": Scripted(TEN)})) as queue:
        old = [queue.submit_streaming_request(asked("stuck", "s")) for _ in range(2)]
        assert queue.cancel_session("s")
        new = queue.submit_streaming_request(asked("quick", "s"))
        assert [rest(stream)[1] for stream in (*old, new)] == ["CANCELLED", "CANCELLED", "EndOfSequence"]
        assert not queue.cancel_session("nobody's")


def test_one_token_cancels_all_that_were_handed_it_and_says_why() -> None:
    token = CancellationToken()
    with queue_of(Endless()) as queue:
        streams = [queue.submit_streaming_request(asked(), token=token) for _ in range(3)]
        assert token.cancel("the window was closed")
        for stream in streams:
            with pytest.raises(StreamError, match="the window was closed"):
                stream.receive()
        assert (token.is_cancelled, token.cancel("again")) == (True, False)


def test_a_token_forgets_those_that_are_over() -> None:
    token = CancellationToken()
    with queue_of(Scripted(TEN)) as queue:
        for _ in range(3):
            assert rest(queue.submit_streaming_request(asked(), token=token))[1] == "EndOfSequence"
            assert queue.submit_request(asked(), token=token).token_count == 10
        assert token._calls == {}
        assert token.cancel()
        assert token._calls == {}


@pytest.mark.parametrize("stop", [(), ("<|end|>",)], ids=["plain", "watchful"])
def test_a_cancel_reaches_a_model_that_says_nothing_at_its_next_token(stop: tuple[str, ...]) -> None:
    gate, asked_for = threading.Event(), list[int]()

    class Mute(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            yield "hi"
            for n in range(60):
                assert gate.wait(LONGEST_S)
                asked_for.append(n)
                yield ""

    with queue_of(Mute(())) as queue:
        is_over = Reports(queue, "remove")
        stream = queue.submit_streaming_request(asked(stop=stop))
        assert stream.receive()
        stream.cancel()
        gate.set()
        is_over.wait()
    assert asked_for == [0]


def test_a_model_that_says_nothing_shares_its_worker_by_turns() -> None:
    gate, asked_for, seen = Gate(), list[int](), list[int]()

    class Mute(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            gate.wait(lambda: False)
            for n in range(100):
                asked_for.append(n)
                yield ""

    class Sees(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            seen.append(len(asked_for))
            return super().tokens(prompt)

    with queue_of(ByPrompt({"mute": Mute(()), "short": Sees(TEN)}), turn_chunks=2) as queue:
        streams = [queue.submit_streaming_request(asked(prompt)) for prompt in ("mute", "short")]
        gate.open()
        assert [rest(stream)[1] for stream in streams] == ["EndOfSequence"] * 2
    assert seen == [4]  # after two turns of the other's


# Time.


@pytest.mark.parametrize("limit", ["idle_s", "deadline_s"])
def test_a_model_that_stands_still_is_told_apart_from_an_end_and_is_called_away(limit: str) -> None:
    gate = Gate()
    model = ByPrompt({"stuck": Scripted(TEN, gates={3: gate}), "quick": Scripted(TEN)})
    with queue_of(model, most_streams=1, **{limit: 0.1}) as queue:
        chunks, ending = rest(queue.submit_streaming_request(asked("stuck")))
        assert (text_of(chunks), ending) == ("0 1 2 ", "TIMED_OUT")
        assert rest(queue.submit_streaming_request(asked("quick")))[1] == "EndOfSequence"
        assert queue.stats().timed_out == 1


def test_a_consumer_that_never_reads_keeps_its_place_for_no_longer_than_idle_time() -> None:
    with queue_of(ByPrompt({"long": Endless(), "quick": Scripted(TEN)}), most_streams=1, idle_s=0.1) as queue:
        never_read, is_over = queue.submit_streaming_request(asked("long")), threading.Event()
        never_read.on_end(is_over.set)
        assert is_over.wait(LONGEST_S)
        assert rest(never_read) == ([], "TIMED_OUT")
        assert rest(queue.submit_streaming_request(asked("quick")))[1] == "EndOfSequence"


# The end of all.


def test_a_shutdown_ends_all_that_is_queued_running_or_aside(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    models = ByPrompt({"stuck": Scripted(TEN, gates={1: gate}), "endless": Endless()})
    with queue_of(models, most_queued=1, most_streams=2) as queue:
        is_aside, waits = Reports(queue, "set_aside"), Reports(queue, "wait")
        aside = queue.submit_streaming_request(asked("endless"))
        is_aside.wait()
        running = queue.submit_streaming_request(asked("stuck"))
        assert gate.wait_until_reached(LONGEST_S)
        queued = queue.submit_streaming_request(asked("endless"))
        waits.wait(3)
        waiting = threads.submit(queue.submit_streaming_request, asked("endless"), wait_s=None)
        waits.wait()
        stats = queue.shutdown(LONGEST_S)
        assert (stats.threads, stats.failed, stats.refused) == (0, 3, 1)
        assert [rest(stream)[1] for stream in (aside, running, queued)] == ["UNAVAILABLE"] * 3
        assert code_of(lambda: waiting.result(LONGEST_S)) == "UNAVAILABLE"
        assert queue.is_closed
        assert code_of(lambda: queue.submit_streaming_request(asked("endless"))) == "UNAVAILABLE"
        assert code_of(lambda: queue.submit_request(asked("endless"), wait_s=None)) == "UNAVAILABLE"


def test_what_was_handed_over_before_a_shutdown_can_be_read() -> None:
    with queue_of(Endless(), most_chunks=3) as queue:
        is_aside = Reports(queue, "set_aside")
        stream = queue.submit_streaming_request(asked())
        is_aside.wait()
        queue.shutdown(LONGEST_S)
        assert (text_of(rest(stream)[0]), rest(stream)[1]) == ("0 1 2 ", "UNAVAILABLE")


def test_a_shutdown_may_let_go_on_what_is_there(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate})) as queue:
        streams = [queue.submit_streaming_request(asked()) for _ in range(3)]
        assert gate.wait_until_reached(LONGEST_S)
        readers = [threads.submit(rest, stream) for stream in streams]
        ending = threads.submit(queue.shutdown, LONGEST_S, drain_s=LONGEST_S)
        gate.open()
        assert [reader.result(LONGEST_S)[1] for reader in readers] == ["EndOfSequence"] * 3
        assert (ending.result(LONGEST_S).completed, queue.stats().threads) == (3, 0)


def test_nobody_waits_too_long_while_a_shutdown_lets_others_go_on(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), queue_timeout_s=0.1) as queue:
        running = queue.submit_streaming_request(asked())
        assert gate.wait_until_reached(LONGEST_S)
        late = queue.submit_streaming_request(asked())
        ending = threads.submit(queue.shutdown, LONGEST_S, drain_s=LONGEST_S)
        assert rest(late) == ([], "TIMED_OUT")
        gate.open()
        assert rest(running)[1] == "EndOfSequence"
        assert (ending.result(LONGEST_S).timed_out, queue.stats().threads) == (1, 0)


def test_nobody_waits_for_room_while_a_shutdown_lets_others_go_on(threads: ThreadPoolExecutor) -> None:
    gate = Gate()
    with queue_of(Scripted(TEN, gates={0: gate}), most_queued=1, most_streams=1) as queue:
        waits = Reports(queue, "wait")
        running = queue.submit_streaming_request(asked())
        assert gate.wait_until_reached(LONGEST_S)
        queued = queue.submit_streaming_request(asked())
        waits.wait(2)
        waiting = threads.submit(queue.submit_streaming_request, asked(), wait_s=None)
        waits.wait()
        ending = threads.submit(queue.shutdown, LONGEST_S, drain_s=LONGEST_S)
        assert code_of(lambda: waiting.result(LONGEST_S)) == "UNAVAILABLE"
        gate.open()
        assert [rest(stream)[1] for stream in (running, queued)] == ["EndOfSequence"] * 2
        assert ending.result(LONGEST_S).refused == 1


def test_a_model_that_does_not_come_back_is_waited_for_within_a_bound() -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Deaf(Scripted):
        def tokens(self, prompt: str) -> Iterator[str]:
            reached.set()
            go_on.wait(LONGEST_S)
            yield "late"

    with queue_of(Deaf(())) as queue:
        stream = queue.submit_streaming_request(asked())
        assert reached.wait(LONGEST_S)
        assert queue.shutdown(0.05).threads == 1
        assert rest(stream) == ([], "UNAVAILABLE")
        go_on.set()


def test_two_shutdowns_are_one() -> None:
    with queue_of(Scripted(TEN)) as queue:
        assert queue.shutdown(LONGEST_S) == queue.shutdown(LONGEST_S)


def test_a_finaliser_may_cancel_in_the_middle_of_a_step() -> None:
    model = Endless()
    with queue_of(model, most_streams=1) as queue:
        is_aside, is_removed = Reports(queue, "set_aside"), Reports(queue, "remove")
        aside, queued = (queue.submit_streaming_request(asked()) for _ in range(2))
        is_aside.wait()
        with queue._lock:  # as a collector might, in any call that makes an object
            queued.cancel()
            aside.cancel()
            unmoved = queue._lines["stream"].lengths()
            assert (unmoved.queued, unmoved.aside) == (1, 1)  # not in the middle of a step
        is_removed.wait(2)
        assert (aside.state, queued.state) == (Phase.CANCELLED, Phase.CANCELLED)
        assert rest(queue.submit_streaming_request(asked(max_tokens=1)))[1] == "MaxTokens"
