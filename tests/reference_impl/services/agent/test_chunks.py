"""Chunks as an answer, and as JSON on a network: what went out comes in, and anything else is refused by name."""

from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.chunks import (
    CUT_SHORT,
    FINISH_REASONS,
    Progress,
    chunk_from_json,
    chunk_to_json,
    collected,
)
from streamspec.reference_impl.services.agent.ports import FinishReason, Generated, StreamChunk
from streamspec.reference_impl.stream.errors import Code, StreamError

LAST = StreamChunk("", is_complete=True, token_count=0, finish_reason="MaxTokens")
METADATA = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers()),
    max_size=3,
)
CHUNKS = st.builds(
    StreamChunk,
    st.text().map(lambda text: text.encode(errors="replace").decode()),
    st.just(False),  # noqa: FBT003
    st.integers(0, 10**6),
    st.none(),
    METADATA,
) | st.builds(
    StreamChunk, st.just(""), st.just(True), st.integers(0, 10**6), st.sampled_from(sorted(FINISH_REASONS)), METADATA  # noqa: FBT003
)  # fmt: skip


@given(CHUNKS)
def test_a_chunk_comes_back_as_it_went(chunk: StreamChunk) -> None:
    line = chunk_to_json(chunk)
    assert chunk_from_json(line) == chunk
    assert "\n" not in line
    line.encode()


def test_a_chunk_on_a_network_is_what_it_says() -> None:
    assert json.loads(chunk_to_json(StreamChunk("流れ"))) == {"text": "流れ", "is_complete": False, "token_count": 1}
    assert json.loads(chunk_to_json(LAST))["finish_reason"] == "MaxTokens"


@pytest.mark.parametrize("value", [math.nan, math.inf, object()])
def test_metadata_that_json_has_no_words_for_do_not_go(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        chunk_to_json(StreamChunk("a", metadata={"score": value}))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{",
        '{"text":"a"}',
        '{"text":1,"is_complete":false,"token_count":1}',
        '{"text":"a","is_complete":0,"token_count":1}',
        '{"text":"a","is_complete":false,"token_count":true}',
        '{"text":"a","is_complete":false,"token_count":-1}',
        '{"text":"a","is_complete":false,"token_count":1,"metadata":{"score":NaN}}',
        '{"text":"a","is_complete":false,"token_count":1,"finish_reason":"MaxTokens"}',
        '{"text":"","is_complete":true,"token_count":0}',
        '{"text":"","is_complete":true,"token_count":0,"finish_reason":"Bored"}',
        '{"text":"","is_complete":true,"token_count":0,"finish_reason":[]}',
        '{"text":"a","is_complete":true,"token_count":0,"finish_reason":"MaxTokens"}',
        '{"text":"a","is_complete":false,"token_count":1,"metadata":[]}',
        '{"text":"a","is_complete":false,"token_count":1,"more":1}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(StreamError) as refused:
        chunk_from_json(line)
    assert refused.value.code is Code.INVALID_ARGUMENT


def test_the_chunks_of_an_answer_are_the_answer() -> None:
    chunks = [StreamChunk("a"), StreamChunk("bc", token_count=3), LAST]
    assert collected(chunks, prompt_tokens=7) == Generated("abc", 4, 7, "MaxTokens")


def test_an_answer_without_its_last_chunk_is_no_answer() -> None:
    with pytest.raises(StreamError) as refused:
        collected([StreamChunk("a")])
    assert refused.value.code is Code.UNAVAILABLE


def test_progress_can_be_shown_while_an_answer_comes() -> None:
    progress = Progress()
    progress.add(StreamChunk("a"))
    progress.add(StreamChunk("b", token_count=2))
    assert (progress.text, progress.tokens, progress.chunks, progress.finish_reason) == ("ab", 3, 2, None)
    progress.add(LAST)
    assert progress.finish_reason == "MaxTokens"


def test_an_answer_that_was_cut_short_can_be_told_from_a_whole_one() -> None:
    assert {"EndOfSequence", "StopToken"} == FINISH_REASONS - CUT_SHORT
    assert set(get_args(FinishReason)) == FINISH_REASONS
