"""The dialects of model servers, by lines as their clients get them: what is a part, what ends an answer and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.profile_file import profile

if TYPE_CHECKING:
    from streamspec.harness.core.profile import Kind

CHUNK: Final = '{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
USAGE: Final = '{"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"total_tokens":3}}'
LINES: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("openai-chat", CHUNK, "item"),
    ("openai-chat", USAGE, "item"),
    ("openai-chat", '{"choices":[],"error":null}', "item"),
    ("openai-chat", "[DONE]", "completed"),
    ("openai-chat", '{"error":{"message":"no","type":"server_error"}}', "failed"),
    ("ollama", '{"model":"m","message":{"content":"Hi"},"done":false}', "item"),
    ("ollama", '{"model":"m","response":"Hi","done":false}', "item"),
    ("ollama", '{"model":"m","response":"","done":true,"done_reason":"stop","eval_count":1}', "completed"),
    ("ollama", '{"error":"no"}', "failed"),
)


@pytest.mark.parametrize(("name", "text", "kind"), LINES)
def test_a_line_is_what_a_client_takes_it_for(name: str, text: str, kind: Kind) -> None:
    payload = None if text == "[DONE]" else json.loads(text)
    assert profile(name).kind_of("message", text, payload) == kind


@pytest.mark.parametrize("name", ["openai-chat", "ollama"])
def test_both_ends_of_an_answer_can_be_told(name: str) -> None:
    assert profile(name).terminal
    assert profile(name).error_channel
