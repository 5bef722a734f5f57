"""Ollama's API as JSON and octets: lines and their order, counters, endings, and what is refused before anything is
done."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from asked_agents import Exchange, FakeAgent, got, posted
from stream_stories import run

from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import FinishReason

HELLO = [{"role": "user", "content": "Hello"}]
TOOLS = [{"type": "function", "function": {"name": "list", "parameters": {"type": "object"}}}]
CALLED = '<tool_call>{"name": "list", "arguments": {"path": "№"}}</tool_call>'
HEAD = {"model": "qwen-mini", "created_at": "2023-11-14T22:13:20.500000Z"}


def asked(agent: FakeAgent, exchange: Exchange) -> Exchange:
    seconds = count()
    settings = Settings(now_s=lambda: 1700000000.5, clock_s=lambda: float(next(seconds)), new_id=lambda: "1")
    return run(exchange.with_(service(agent, settings)))


def chat(**more: Any) -> Exchange:
    return posted("/api/chat", **{"model": "qwen-mini", "messages": HELLO, **more})


def generation(**more: Any) -> Exchange:
    return posted("/api/generate", **{"model": "qwen-mini", "prompt": "Hello", **more})


def said(text: str) -> dict[str, object]:
    return {**HEAD, "message": {"role": "assistant", "content": text}, "done": False}


def test_a_chat_streams_unless_it_is_told_not_to_and_its_last_line_counts() -> None:
    answer = asked(FakeAgent(("Hi", " №")), chat())
    assert answer.header(b"content-type") == b"application/x-ndjson"
    first, second, last = answer.lines()
    assert (first, second) == (said("Hi"), said(" №"))
    assert last == {
        **HEAD,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "total_duration": 2_000_000_000,
        "load_duration": 0,
        "prompt_eval_count": 3,
        "prompt_eval_duration": 1_000_000_000,
        "eval_count": 2,
        "eval_duration": 1_000_000_000,
    }
    assert answer.is_whole


def test_a_generation_has_responses() -> None:
    answer = asked(FakeAgent(("Hi", "!")), generation())
    assert [(line["response"], line["done"]) for line in answer.lines()] == [("Hi", False), ("!", False), ("", True)]


def test_a_whole_answer_tells_how_long_its_tokens_took() -> None:
    shown = asked(FakeAgent(("Hi", "!")), chat(stream=False)).json()
    times = (shown["total_duration"], shown["prompt_eval_duration"], shown["eval_duration"])
    assert times == (2_000_000_000, 1_000_000_000, 1_000_000_000)


@pytest.mark.parametrize("streams", [True, False])
def test_tokens_of_a_call_take_their_time_before_it_is_whole(*, streams: bool) -> None:
    last = asked(FakeAgent(CALLED), chat(tools=TOOLS, stream=streams)).lines()[-1]
    assert (last["eval_count"], last["eval_duration"]) == (len(CALLED), 1_000_000_000)


def test_an_answer_without_tokens_takes_no_time() -> None:
    last = asked(FakeAgent(()), chat()).lines()[-1]
    assert (last["eval_count"], last["eval_duration"]) == (0, 0)


def test_a_whole_answer_is_one_object() -> None:
    shown = asked(FakeAgent(("Hi", "!")), chat(stream=False)).json()
    assert (shown["message"]["content"], shown["done"], shown["eval_count"]) == ("Hi!", True, 2)
    assert asked(FakeAgent(("Hi", "!")), generation(stream=False)).json()["response"] == "Hi!"


@pytest.mark.parametrize(("reason", "shown"), [("EndOfSequence", "stop"), ("MaxTokens", "length")])
def test_an_answer_that_was_cut_short_says_so(reason: FinishReason, shown: str) -> None:
    assert asked(FakeAgent(("Hi",), reason), chat()).lines()[-1]["done_reason"] == shown


def test_a_call_is_a_message_of_its_own_with_an_object() -> None:
    lines = asked(FakeAgent(("Wait.", *CALLED)), chat(tools=TOOLS)).lines()
    calls = [{"function": {"name": "list", "arguments": {"path": "№"}}}]
    assert lines[:-1] == [
        said("Wait."),
        {**HEAD, "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": False},
    ]
    whole = asked(FakeAgent((CALLED,)), chat(tools=TOOLS, stream=False)).json()
    assert whole["message"] == {"role": "assistant", "content": "", "tool_calls": calls}


def test_a_stream_that_fails_ends_with_an_error_and_is_never_done() -> None:
    answer = asked(FakeAgent(("Hi",), failure=RuntimeError("secret")), chat())
    assert answer.lines() == [said("Hi"), {"error": "the handler failed", "code": "INTERNAL"}]


def test_no_line_has_what_a_client_may_take_for_a_lines_end() -> None:
    failure = StreamError(Code.UNAVAILABLE, "c\u2028d")
    text = asked(FakeAgent(("a\u2028b\u2029\u0085",), failure=failure), chat()).content.decode()
    assert [json.loads(line) for line in text.splitlines()] == [
        said("a\u2028b\u2029\u0085"),
        {"error": "c\u2028d", "code": "UNAVAILABLE"},
    ]


def test_an_assistants_message_at_the_end_is_the_beginning_of_the_answer() -> None:
    agent = FakeAgent(("w",))
    asked(agent, chat(messages=[*HELLO, {"role": "assistant", "content": "Ho"}]))
    assert agent.requests[0].prompt.endswith("<|im_start|>assistant\nHo")


def test_the_prompt_of_a_generation_is_a_turn_unless_it_is_raw() -> None:
    agent = FakeAgent(("w",))
    asked(agent, generation(system="Be brief.", options={"num_predict": 5, "stop": ["X"]}))
    asked(agent, generation(raw=True, options={"num_predict": -1}))
    templated, raw = agent.requests
    assert templated.prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )
    assert (templated.max_tokens, templated.stop[-1]) == (5, "X")
    assert (raw.prompt, raw.stop, raw.max_tokens) == ("Hello", (), 32_768)


@pytest.mark.parametrize(
    ("exchange", "shown"),
    [
        (posted("/api/generate", model="qwen-mini"), {"response": ""}),
        (posted("/api/chat", model="qwen-mini:latest", messages=[]), {"message": {"role": "assistant", "content": ""}}),
    ],
    ids=["generate", "chat"],
)
def test_who_asks_nothing_is_told_that_the_model_is_there(exchange: Exchange, shown: dict[str, object]) -> None:
    agent = FakeAgent()
    assert asked(agent, exchange).json() == {**HEAD, **shown, "done": True, "done_reason": "load"}
    assert agent.requests == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.RESOURCE_EXHAUSTED, 503),
        (Code.UNAVAILABLE, 503),
        (Code.INVALID_ARGUMENT, 400),
        (Code.INTERNAL, 500),
    ],
)
def test_what_the_agent_refuses_is_a_status_before_any_stream(code: Code, status: int) -> None:
    answer = asked(FakeAgent(refusal=StreamError(code, "not now")), chat())
    assert (answer.status, answer.json()) == (status, {"error": "not now", "code": code.value})


@pytest.mark.parametrize(
    ("exchange", "field"),
    [
        (chat(messages=3), "messages"),
        (chat(messages=[{"role": "user", "content": "x", "images": ["abc"]}]), "messages[0].images"),
        (chat(options=3), "options"),
        (chat(options={"num_predict": -3}), "options.num_predict"),
        (chat(options={"num_predict": 1.5}), "options.num_predict"),
        (chat(options={"stop": [3]}), "options.stop"),
        (chat(format="json"), "format"),
        (chat(format={"type": "object"}), "format"),
        (chat(think=True), "think"),
        (chat(logprobs=True), "logprobs"),
        (chat(top_logprobs=2), "top_logprobs"),
        (generation(logprobs=True), "logprobs"),
        (chat(stream=1), "stream"),
        (generation(suffix="x"), "suffix"),
        (generation(template="x"), "template"),
        (generation(images=["abc"]), "images"),
        (generation(prompt=3), "prompt"),
        (generation(raw="yes"), "raw"),
    ],
    ids=range(18),
)
def test_a_field_that_is_wrong_is_named_before_anything_is_done(exchange: Exchange, field: str) -> None:
    agent = FakeAgent(("Hi",))
    answer = asked(agent, exchange)
    assert answer.status == 400
    assert f"'{field}'" in answer.json()["error"]
    assert agent.requests == []


def test_a_model_that_there_is_not_is_404() -> None:
    answer = asked(FakeAgent(("Hi",)), chat(model="mistral"))
    assert (answer.status, answer.json()) == (404, {"error": "model 'mistral' not found"})


def test_models_are_listed_and_shown() -> None:
    listed = asked(FakeAgent(), got("/api/tags")).json()["models"]
    assert [model["name"] for model in listed] == ["qwen-mini:latest", "phi-mini:latest", "llama-mini:latest"]
    assert asked(FakeAgent(), got("/api/version")).json().keys() == {"version"}
    shown = asked(FakeAgent(), posted("/api/show", model="phi-mini")).json()
    assert (shown["template"], shown["details"]["family"]) == ("phi3", "phi3")
    assert asked(FakeAgent(), posted("/api/show", model="mistral")).status == 404
    assert asked(FakeAgent(), got("/")).content == b"Ollama is running"
