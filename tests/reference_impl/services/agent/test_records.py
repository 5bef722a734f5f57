"""The record of a text: put together around it, it is what the writer makes of it otherwise, to the character."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.agent import ollama_answers
from streamspec.reference_impl.services.agent.endpoints_records import around
from streamspec.reference_impl.services.agent.ollama_answers import Answer
from streamspec.reference_impl.services.agent.openai_answers import Chat, Completion

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.services.agent.endpoints_answers import Writer

FORGED = '"content":""'  # the place of a text, in the name of a model
TEXTS = st.text(st.characters()) | st.sampled_from(["", '"\\', "\r\n\u2028\x85", "№ 🌊", FORGED, "\ud800"])


def clock() -> Callable[[], float]:
    seconds = itertools.count(1_700_000_000)
    return lambda: next(seconds) + 0.25


def writers(model: str) -> dict[str, Callable[[], Writer]]:
    return {
        "chat": lambda: Chat("1", 1_700_000_000, model),
        "chat with usage": lambda: Chat("1", 1_700_000_000, model, usage=True),
        "completion": lambda: Completion("1", 1_700_000_000, model),
        "completion with usage": lambda: Completion("1", 1_700_000_000, model, usage=True),
        "message": lambda: Answer(model, ollama_answers.message, clock(), float),
        "response": lambda: Answer(model, ollama_answers.response, clock(), float),
    }


@pytest.mark.parametrize("kind", writers(""))
@given(model=TEXTS, texts=st.lists(TEXTS, min_size=1, max_size=3))
@example(model=FORGED, texts=["a"])
@example(model='"text":"","response":"","created_at":""', texts=["a", "b"])
def test_a_text_is_the_record_that_a_part_is(kind: str, model: str, texts: list[str]) -> None:
    quick, definition = writers(model)[kind](), writers(model)[kind]()
    assert [quick.text(text) for text in texts] == [
        payload.to_json(record) for text in texts for record in definition.part(text)
    ]


def test_pieces_stand_around_the_empty_texts_of_these_names() -> None:
    record = {"a": '"b":""', "b": "", "c": {"d": ""}, "e": ""}
    assert around(record, "b", "d") == ('{"a":"\\"b\\":\\"\\"","b":', ',"c":{"d":', '},"e":""}')
