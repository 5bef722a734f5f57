"""From tokens to chunks: every token counted once, one chunk that completes, and stop texts that no cut can hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.generating import (
    NOTHING_YET,
    Describing,
    Stops,
    budget,
    chunks_of,
    legible,
)
from streamspec.reference_impl.services.agent.models import Markov
from streamspec.reference_impl.services.agent.ports import StreamChunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def chunks(tokens: list[str], most_tokens: int = 100, stop: tuple[str, ...] = ()) -> list[StreamChunk]:
    return shown(chunks_of(iter(tokens), most_tokens, "MaxTokens", stop))


def shown(answer: Iterable[StreamChunk]) -> list[StreamChunk]:
    return [chunk for chunk in answer if chunk is not NOTHING_YET]


def text(answer: list[StreamChunk]) -> str:
    return "".join(chunk.text for chunk in answer)


@pytest.mark.parametrize("stop", [(), ("never",)], ids=["plain", "watchful"])
def test_each_token_is_a_chunk_and_one_more_completes(stop: tuple[str, ...]) -> None:
    answer = chunks(["a ", "流れ", "🌊"], stop=stop)
    assert [(chunk.text, chunk.token_count) for chunk in answer] == [("a ", 1), ("流れ", 1), ("🌊", 1), ("", 0)]
    assert [chunk.finish_reason for chunk in answer] == [None, None, None, "EndOfSequence"]
    assert [chunk.is_complete for chunk in answer] == [False, False, False, True]


@pytest.mark.parametrize("stop", [(), ("x",)], ids=["plain", "watchful"])
def test_an_immediate_end_is_the_completing_chunk_alone(stop: tuple[str, ...]) -> None:
    assert chunks([], stop=stop) == [StreamChunk("", is_complete=True, token_count=0, finish_reason="EndOfSequence")]


@pytest.mark.parametrize("stop", [(), ("x",)], ids=["plain", "watchful"])
def test_no_token_is_asked_for_beyond_the_limit(stop: tuple[str, ...]) -> None:
    tokens = iter("abcdef")
    answer = list(chunks_of(tokens, 3, "MaxTokens", stop))
    assert (text(answer), answer[-1].finish_reason) == ("abc", "MaxTokens")
    assert next(tokens) == "d"
    assert next(chunks_of(tokens, 0, "ContextWindowFull", stop)).finish_reason == "ContextWindowFull"
    assert next(tokens) == "e"


@pytest.mark.parametrize(
    ("max_tokens", "context_tokens", "prompt_tokens", "expected"),
    [
        (10, 100, 50, (10, "MaxTokens")),
        (49, 100, 50, (49, "MaxTokens")),
        (50, 100, 50, (49, "ContextWindowFull")),
        (10, 100, 99, (0, "ContextWindowFull")),
        (10, 100, 100, (0, "ContextWindowFull")),
        (0, 100, 99, (0, "MaxTokens")),
    ],
)
def test_the_nearer_limit_ends_an_answer_and_gives_its_name(
    max_tokens: int, context_tokens: int, prompt_tokens: int, expected: tuple[int, str]
) -> None:
    assert budget(max_tokens, context_tokens, prompt_tokens) == expected


def test_a_stop_text_is_left_out_though_it_comes_in_pieces() -> None:
    answer = chunks(["keep ", "go", "ing S", "T", "OP here"], stop=("STOP",))
    assert (text(answer), answer[-1].finish_reason) == ("keep going ", "StopToken")
    assert [chunk.token_count for chunk in answer] == [1, 1, 1, 2]  # the last: tokens of which nothing can be seen


def test_what_only_looked_like_a_stop_text_comes_late_and_whole() -> None:
    answer = chunks(["S", "T", "O", "RE"], stop=("STOP",))
    assert [(chunk.text, chunk.token_count) for chunk in answer] == [("STORE", 4), ("", 0)]
    answer = chunks(["S", "T"], stop=("STOP",))
    assert [(chunk.text, chunk.token_count) for chunk in answer] == [("ST", 2), ("", 0)]


def test_tokens_without_text_are_counted() -> None:
    for stop in ((), ("never",)):
        answer = chunks(["", "a", "", "", "b", ""], stop=stop)
        assert [(chunk.text, chunk.token_count) for chunk in answer] == [("a", 2), ("b", 3), ("", 1)]


@pytest.mark.parametrize(
    ("tokens", "stop"),
    [(["", "a", ""], ()), (["S", "a", ""], ("STOP",)), (["", "a", "S", "TOP"], ("STOP",))],
    ids=["plain", "watchful", "stopped"],
)
def test_whoever_iterates_has_a_say_at_each_token(tokens: list[str], stop: tuple[str, ...]) -> None:
    asked: list[str] = []

    def told() -> Iterator[str]:
        for token in tokens:
            asked.append(token)
            yield token

    seen = [len(asked) for _ in chunks_of(told(), 100, "MaxTokens", stop)]
    assert seen == [*range(1, len(seen)), len(tokens)]


def test_half_a_character_is_legible_and_counted() -> None:
    assert legible("a\ud83d") == "a?"
    for stop in ((), ("never",)):
        answer = chunks(["\ud83d", "é"], stop=stop)
        assert (text(answer), sum(chunk.token_count for chunk in answer)) == ("?é", 2)


PIECES = st.lists(st.text("abc", max_size=4), max_size=12)
STOPS = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=4).map(tuple)


@given(PIECES, STOPS)
def test_the_same_text_comes_however_it_is_cut_into_tokens(pieces: list[str], stop: tuple[str, ...]) -> None:
    whole = "".join(pieces)
    cut, single = chunks(pieces, stop=stop), chunks(list(whole), stop=stop)
    assert text(cut) == text(single) == text(chunks([whole], stop=stop))
    assert cut[-1].finish_reason == single[-1].finish_reason
    assert whole.startswith(text(cut))
    assert (cut[-1].finish_reason == "StopToken") is any(each in whole for each in stop)
    assert not any(each in text(cut) for each in stop)


@given(PIECES, STOPS, st.integers(0, 12))
def test_every_token_is_counted_once_and_one_chunk_completes(
    pieces: list[str], stop: tuple[str, ...], most_tokens: int
) -> None:
    taken = []
    answer = shown(chunks_of((taken.append(each) or each for each in pieces), most_tokens, "MaxTokens", stop))  # type: ignore[func-returns-value]
    assert sum(chunk.token_count for chunk in answer) == len(taken) <= most_tokens
    assert [chunk.is_complete for chunk in answer] == [*[False] * (len(answer) - 1), True]
    assert [chunk.finish_reason is not None for chunk in answer] == [chunk.is_complete for chunk in answer]
    assert [chunk.text == "" for chunk in answer] == [chunk.is_complete for chunk in answer]


@given(PIECES, STOPS)
def test_less_is_held_back_than_the_longest_stop_text(pieces: list[str], stop: tuple[str, ...]) -> None:
    stops, fed, seen = Stops(stop), "", ""
    for piece in pieces:
        fed += piece
        seen += stops.feed(piece)
        if stops.found:
            return
        assert 0 <= len(fed) - len(seen) < max(map(len, stop))


def test_chunks_tell_their_times_and_token_ids_if_asked() -> None:
    now_s = iter([10.0, 10.5, 12.0, 12.0])
    model = Markov("one two three one two four.")
    answer = list(chunks_of(iter(["one", " two"]), 9, "MaxTokens", (), Describing(model, lambda: next(now_s))))
    assert [chunk.metadata for chunk in answer] == [
        {"elapsed_ms": 500.0, "token_ids": [model.token_id(" one")]},
        {"elapsed_ms": 2000.0, "token_ids": [model.token_id(" two")]},
        {"elapsed_ms": 2000.0, "token_ids": []},
    ]
