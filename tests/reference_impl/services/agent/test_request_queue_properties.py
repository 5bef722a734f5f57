"""Any mix of requests, consumers, cancels and gates: each ends once, with its own tokens, and all is free again."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent_doubles import LONGEST_S, ByPrompt, asked, queue_of, rest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.models import Gate, Scripted
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import StreamChunk
    from streamspec.reference_impl.services.agent.request_queue import RequestQueue
    from streamspec.reference_impl.stream.threads import Stream

Outcome = tuple[tuple[str, ...], str]  # the texts that came, and how it ended


@dataclass(frozen=True)
class Customer:
    """One request, and what its consumer does: `takes` chunks and cancels, or all of them if None."""

    kind: str
    tokens: int
    max_tokens: int
    fails_at: int | None
    gate_at: int | None
    session: str
    takes: int | None
    late: bool  # begins to read when all have submitted

    @property
    def said(self) -> tuple[str, ...]:
        return tuple(f"{n}流" for n in range(self.tokens))

    @property
    def expected(self) -> Outcome:
        """If nobody cancels."""
        fails_at = self.fails_at
        if fails_at is not None and fails_at < self.max_tokens and fails_at <= self.tokens:
            return self.said[:fails_at], "INTERNAL"
        if self.max_tokens <= self.tokens:
            return self.said[: self.max_tokens], "MaxTokens"
        return self.said, "EndOfSequence"


SMALL = st.integers(0, 8)
CUSTOMERS = st.lists(
    st.builds(
        Customer,
        st.sampled_from(["stream", "stream", "batch"]),
        SMALL,
        SMALL,
        st.none() | SMALL,
        st.none() | SMALL,
        st.sampled_from(["", "", "s", "t"]),
        st.none() | SMALL,
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)
LIMITS = st.fixed_dictionaries(
    {
        "stream_workers": st.integers(1, 2),
        "batch_workers": st.integers(1, 2),
        "most_streams": st.integers(1, 3),
        "most_chunks": st.integers(1, 3),
        "turn_chunks": st.integers(1, 3),
    }
)


def read(customer: Customer, stream: Stream[StreamChunk], everybody: threading.Event) -> Outcome:
    if customer.late:
        assert everybody.wait(LONGEST_S)
    if customer.takes is None:
        chunks, ending = rest(stream)
        assert ending != "nothing"
        return tuple(chunk.text for chunk in chunks if not chunk.is_complete), ending
    taken: list[StreamChunk] = []
    try:
        while len(taken) < customer.takes and (chunk := stream.receive()) is not END:
            taken.append(chunk)
    except StreamError as failure:
        return tuple(chunk.text for chunk in taken if not chunk.is_complete), str(failure.code)
    stream.cancel()
    return tuple(chunk.text for chunk in taken if not chunk.is_complete), "left"


def batch(queue: RequestQueue, place: int, customer: Customer) -> Outcome:
    try:
        answer = queue.submit_request(asked(str(place), customer.session, max_tokens=customer.max_tokens))
    except StreamError as failure:
        return (), str(failure.code)
    assert answer.token_count == answer.text.count("流")
    return tuple(f"{number}流" for number in answer.text.split("流")[:-1]), answer.finish_reason


@given(CUSTOMERS, LIMITS, st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_request_ends_once_with_its_own_tokens_in_order(
    customers: list[Customer],
    limits: dict[str, int],
    cancels: bool,  # noqa: FBT001 -- drawn
) -> None:
    gate, everybody = Gate(), threading.Event()
    scripts = {
        str(place): Scripted(
            each.said, fails_at=each.fails_at, gates={} if each.gate_at is None else {each.gate_at: gate}
        )
        for place, each in enumerate(customers)
    }
    unlimited = {"queue_timeout_s": None, "deadline_s": None}
    with (
        queue_of(ByPrompt(scripts), **unlimited, **limits) as queue,
        ThreadPoolExecutor(len(customers)) as pool,
    ):
        outcomes: list[Future[Outcome]] = []
        for place, each in enumerate(customers):
            if each.kind == "batch":
                outcomes.append(pool.submit(batch, queue, place, each))
            else:
                request = asked(str(place), each.session, max_tokens=each.max_tokens)
                outcomes.append(pool.submit(read, each, queue.submit_streaming_request(request), everybody))
        if cancels:
            queue.cancel_session("s")
        gate.open()
        everybody.set()
        ended = [outcome.result(LONGEST_S) for outcome in outcomes]
    for each, (texts, ending) in zip(customers, ended, strict=True):
        expected, well = each.expected
        if ending in {"left", "CANCELLED"}:
            assert texts == expected[: len(texts)]
            assert ending == "left" or (cancels and each.session == "s")
        else:
            assert ending == well
            assert texts == (expected if each.kind == "stream" or ending != "INTERNAL" else ())
    assert queue.stats().submitted == len(customers)
