"""Promises of both APIs, drawn: no body surprises them, and the pieces in which a model speaks change no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asked_agents import Exchange, FakeAgent, posted
from hypothesis import given
from hypothesis import strategies as st
from stream_stories import run

from streamspec.reference_impl.services.agent.endpoints import service

PATHS = ("/v1/chat/completions", "/v1/completions", "/api/chat", "/api/generate", "/api/show")
FIELDS = (
    *("model", "messages", "prompt", "stream", "stream_options", "n", "stop", "max_tokens", "max_completion_tokens"),
    *("temperature", "top_p", "tools", "tool_choice", "response_format", "logprobs", "best_of", "echo", "suffix"),
    *("top_logprobs", "modalities", "audio", "functions", "function_call"),
    *("options", "format", "think", "raw", "images", "system", "template", "keep_alive", "name"),
)
INNER = (
    "role",
    "content",
    "type",
    "text",
    "function",
    "name",
    "arguments",
    "tool_calls",
    "include_usage",
    "num_predict",
)
WORDS = ("qwen-mini", "user", "assistant", "tool", "function", "text", "Hello", "", "auto", "\ud800", "<|im_end|>")
leaves = st.none() | st.booleans() | st.integers(-3, 40_000) | st.floats() | st.sampled_from(WORDS)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER), inner), max_leaves=8
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("system", "user", "assistant", "tool", "robot")), "content": values},
        optional={"tool_calls": values, "tool_call_id": values},
    ),
    max_size=3,
)
bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(("qwen-mini", "qwen-mini:latest", "gpt-9")) | values, "messages": messages | values},
    optional={name: values for name in FIELDS if name not in {"model", "messages"}},
)
TOOLS = [{"type": "function", "function": {"name": "list"}}]
PIECES = ("a", " ", "№", '<tool_call>{"name":"x","arguments":{"a":"\\n"}}</tool_call>', "<tool_call", ">", "{}", "\n")


@pytest.mark.parametrize("path", PATHS)
@given(body=bodies)
def test_no_body_is_a_surprise_and_what_is_refused_was_never_asked(path: str, body: dict[str, Any]) -> None:
    agent = FakeAgent(("Hi",))
    answer = run(Exchange(path, json.dumps(body).encode()).with_(service(agent)))
    assert answer.is_whole
    assert answer.status in {200, 400, 404}
    if answer.status != 200:
        assert agent.requests == []
        assert answer.json()["error"]
    elif agent.requests:
        assert b"Hi" in answer.content
        assert b"error" not in answer.content


@given(said=st.lists(st.sampled_from(PIECES), max_size=6), data=st.data())
def test_the_pieces_in_which_a_model_speaks_change_no_answer(said: list[str], data: st.DataObject) -> None:
    text = "".join(said)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def whole(path: str, *said: str) -> Any:
        asked = posted(path, model="qwen-mini", messages=[{"role": "user", "content": "x"}], tools=TOOLS, stream=False)
        answer = run(asked.with_(service(FakeAgent(said)))).json()
        return answer["choices"][0]["message"] if "choices" in answer else answer["message"]

    def without_ids(message: Any) -> Any:
        return {**message, "tool_calls": [call["function"] for call in message.get("tool_calls", ())]}

    for path in ("/v1/chat/completions", "/api/chat"):
        due = without_ids(whole(path, text))
        assert without_ids(whole(path, *pieces)) == due
        assert without_ids(whole(path, *text)) == due
