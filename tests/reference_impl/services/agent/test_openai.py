"""OpenAI's API as JSON and octets: chunks and their order, endings, whole answers, and what is refused before anything
is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from asked_agents import Exchange, FakeAgent, begun, finish, got, posted
from stream_stories import run, start

from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.endpoints_wanted import Limits
from streamspec.reference_impl.services.agent.ports import StreamChunk
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import FinishReason

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
TOOLS = [{"type": "function", "function": {"name": "list", "description": "lists", "parameters": {"type": "object"}}}]
CALLED = '<tool_call>{"name": "list", "arguments": {"path": "№"}}</tool_call>'


def settings(**how: Any) -> Settings:
    return Settings(now_s=lambda: 1700000000.5, clock_s=lambda: 0.0, new_id=lambda: "1", **how)


def asked(agent: FakeAgent, exchange: Exchange, **how: Any) -> Exchange:
    return run(exchange.with_(service(agent, settings(**how))))


def chat(**more: Any) -> Exchange:
    return posted(CHAT, **{"model": "qwen-mini", "messages": HELLO, **more})


def chunk(delta: object, reason: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "qwen-mini"}
    return {**head, "choices": [choice], **more}


def test_a_stream_is_a_role_then_its_texts_then_a_reason_then_done() -> None:
    answer = asked(FakeAgent(("Hi", " № 1", "\n")), chat(stream=True))
    assert answer.status == 200
    assert answer.header(b"content-type") == b"text/event-stream; charset=utf-8"
    assert answer.header(b"cache-control") == b"no-store"
    assert answer.events() == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hi"}),
        chunk({"content": " № 1"}),
        chunk({"content": "\n"}),
        chunk({}, "stop"),
        "[DONE]",
    ]
    assert answer.is_whole


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("EndOfSequence", "stop"), ("StopToken", "stop"), ("MaxTokens", "length"), ("ContextWindowFull", "length")],
)
def test_an_answer_that_was_cut_short_says_so(reason: FinishReason, shown: str) -> None:
    stream = asked(FakeAgent(("Hi",), reason), chat(stream=True))
    assert stream.events()[-2] == chunk({}, shown)
    whole = asked(FakeAgent(("Hi",), reason), chat())
    assert whole.json()["choices"][0]["finish_reason"] == shown


def test_usage_comes_last_and_only_where_it_was_asked_for() -> None:
    answer = asked(FakeAgent(("a", "b")), chat(stream=True, stream_options={"include_usage": True}))
    *chunks, usage, done = answer.events()
    assert all(chunk["usage"] is None for chunk in chunks)
    prompt_tokens = len(["<|im_start|>user", "Hello<|im_end|>", "<|im_start|>assistant"])
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 2,
        "total_tokens": prompt_tokens + 2,
    }
    assert done == "[DONE]"


def test_a_whole_answer_is_one_page() -> None:
    answer = asked(FakeAgent(("Hi", " № 1")), chat())
    assert answer.header(b"content-type") == b"application/json"
    shown = answer.json()
    assert shown["object"] == "chat.completion"
    assert shown["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi № 1"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert shown["usage"]["completion_tokens"] == 2


def test_a_call_is_two_deltas_and_never_a_text() -> None:
    agent = FakeAgent(("Wait.", *CALLED, " "))
    answer = asked(agent, chat(stream=True, tools=TOOLS))
    named = {
        "index": 0,
        "id": "call_1_1",
        "type": "function",
        "function": {"name": "list", "arguments": ""},
    }
    assert answer.events()[1:] == [
        chunk({"content": "Wait."}),
        chunk({"tool_calls": [named]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"path":"№"}'}}]}),
        chunk({"content": " "}),
        chunk({}, "tool_calls"),
        "[DONE]",
    ]
    assert '{"name":"list","description":"lists","parameters":{"type":"object"}}' in agent.requests[0].prompt


def test_a_whole_answer_has_its_calls_in_one_place() -> None:
    choice = asked(FakeAgent((CALLED, CALLED)), chat(tools=TOOLS)).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call_1_1", "call_1_2"]
    assert {call["function"]["arguments"] for call in choice["message"]["tool_calls"]} == {'{"path":"№"}'}


def test_a_call_that_was_cut_off_is_dropped_and_the_reason_says_so() -> None:
    choice = asked(FakeAgent(("So: ", CALLED[:-3]), "MaxTokens"), chat(tools=TOOLS)).json()["choices"][0]
    assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant", "content": "So: "}, "length")


@pytest.mark.parametrize("reason", ["EndOfSequence", "StopToken"])
def test_what_looks_like_a_call_and_was_left_without_an_end_is_text(reason: FinishReason) -> None:
    said = ("Use ", "<tool_call> tags", " to call. Then wait.")
    choice = asked(FakeAgent(said, reason), chat(tools=TOOLS)).json()["choices"][0]
    assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant", "content": "".join(said)}, "stop")
    stream = asked(FakeAgent(said, reason), chat(tools=TOOLS, stream=True))
    assert stream.events()[1:] == [
        chunk({"content": "Use "}),
        chunk({"content": "<tool_call> tags to call. Then wait."}),
        chunk({}, "stop"),
        "[DONE]",
    ]


@pytest.mark.parametrize("more", [{}, {"tools": TOOLS, "tool_choice": "none"}])
def test_without_tools_what_looks_like_a_call_is_text(more: dict[str, Any]) -> None:
    choice = asked(FakeAgent((CALLED,)), chat(**more)).json()["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": CALLED}


def test_a_conversation_becomes_the_prompt_of_its_model() -> None:
    agent = FakeAgent(("ok",))
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "list", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "<|im_end|>"},
    ]
    asked(agent, chat(messages=messages, max_completion_tokens=7, stop=["STOP"]))
    request = agent.requests[0]
    assert request.prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nab<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name":"list","arguments":{}}\n</tool_call><|im_end|>\n'
        "<|im_start|>tool\nTool result for call c1: <\u2060|im_end|><|im_end|>\n<|im_start|>assistant\n"
    )
    assert request.max_tokens == 7
    assert request.stop == ("<|im_end|>", "<|im_start|>", "<|endoftext|>", "STOP")


def test_a_completion_is_its_prompt_and_nothing_else() -> None:
    agent = FakeAgent(("Hi", "!"))
    answer = asked(agent, posted("/v1/completions", model="qwen-mini", prompt="<|im_end|>Say", stream=True))
    texts = [(event["choices"][0]["text"], event["choices"][0]["finish_reason"]) for event in answer.events()[:-1]]
    assert texts == [("Hi", None), ("!", None), ("", "stop")]
    assert {event["object"] for event in answer.events()[:-1]} == {"text_completion"}
    assert (agent.requests[0].prompt, agent.requests[0].stop) == ("<|im_end|>Say", ())
    whole = asked(FakeAgent(("Hi", "!")), posted("/v1/completions", model="qwen-mini", prompt="Say"))
    assert whole.json()["choices"][0]["text"] == "Hi!"


def test_a_stream_that_fails_ends_with_an_error_and_is_never_done() -> None:
    agent = FakeAgent(("Hi",), failure=StreamError(Code.TIMED_OUT, "the model took too long"))
    answer = asked(agent, chat(stream=True))
    error = {"message": "the model took too long", "type": "server_error", "param": None, "code": "timeout"}
    assert answer.events()[-1] == {"error": error}
    assert b"[DONE]" not in answer.content
    assert answer.is_whole


def test_what_a_model_fails_with_is_not_for_strangers() -> None:
    agent = FakeAgent(("Hi",), failure=RuntimeError("password 'correct horse' refused"))
    answer = asked(agent, chat(stream=True))
    assert answer.events()[-1]["error"]["message"] == "the handler failed"


def test_chunks_without_a_last_one_are_no_answer() -> None:
    async def story(*, streams: bool) -> Exchange:
        agent, exchange = FakeAgent(), chat(stream=streams)
        asking = start(exchange.with_, service(agent, settings()))
        source = await begun(agent)
        source.send(StreamChunk("Hi"))
        source.complete()
        return await asking

    assert run(story(streams=True)).events()[-1]["error"]["message"] == "the answer broke off"
    assert run(story(streams=False)).status == 500


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        (StreamError(Code.RESOURCE_EXHAUSTED, "the queue is full"), 429, "rate_limit_error"),
        (StreamError(Code.UNAVAILABLE, "shutting down"), 503, "server_error"),
        (StreamError(Code.INVALID_ARGUMENT, "the prompt is too long"), 400, "invalid_request_error"),
        (StreamError(Code.INTERNAL, "the handler failed"), 500, "server_error"),
    ],
)
@pytest.mark.parametrize("streams", [True, False])
def test_what_the_agent_refuses_is_a_status_before_any_stream(
    failure: StreamError, status: int, kind: str, *, streams: bool
) -> None:
    answer = asked(FakeAgent(refusal=failure), chat(stream=streams))
    assert answer.status == status
    assert answer.json()["error"]["type"] == kind
    assert answer.json()["error"]["message"] == failure.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "x", "arguments": "no"}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": HELLO * 257}, "messages"),
        ({"n": 2}, "n"),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 32_769}, "max_completion_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": 3}, "stop"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"modalities": "audio"}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"functions": [{"name": "list"}]}, "functions"),
        ({"function_call": {"name": "list"}}, "function_call"),
    ],
)
def test_a_field_that_is_wrong_is_named_before_anything_is_done(fields: dict[str, Any], param: str) -> None:
    agent = FakeAgent(("Hi",))
    answer = asked(agent, chat(**fields))
    assert answer.status == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert param in error["message"]
    assert agent.requests == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a"]}, "prompt"),
        ({"logprobs": 0}, "logprobs"),
        ({"logprobs": 5}, "logprobs"),
        ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 2}, "best_of"),
    ],
)
def test_a_field_of_a_completion_that_is_wrong_is_named_as_well(fields: dict[str, Any], param: str) -> None:
    agent = FakeAgent(("Hi",))
    answer = asked(agent, posted("/v1/completions", **{"model": "qwen-mini", "prompt": "Say", **fields}))
    assert (answer.status, answer.json()["error"]["param"]) == (400, param)
    assert agent.requests == []


def test_fields_that_ask_for_what_is_done_anyway_are_taken() -> None:
    fields = {"logprobs": False, "modalities": ["text"], "functions": [], "function_call": "none", "audio": None}
    assert asked(FakeAgent(("Hi",)), chat(**fields)).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b'"text"',
        b"\xff{}",
        b'{"model": NaN}',
        b'{"model": "\\ud800"}',
        b"[" * 100_000,
        b"{" * 9,
        b'{"tools": [{"function": {"name": "x", "parameters": {"n": 1e999}}}]}',
    ],
    ids=range(10),
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    agent = FakeAgent(("Hi",))
    answer = asked(agent, Exchange(CHAT, body))
    assert answer.status == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert agent.requests == []


def test_a_prompt_has_a_most() -> None:
    agent = FakeAgent(("Hi",))
    messages = [{"role": "user", "content": "x" * 101}]
    answer = asked(agent, chat(messages=messages), limits=Limits(most_prompt_chars=100))
    assert (answer.status, answer.json()["error"]["code"]) == (400, "string_too_long")
    assert agent.requests == []


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert asked(FakeAgent(("Hi",)), chat(user="me", seed=7, store=False, temperature=0.5)).status == 200


def test_a_model_that_there_is_not_is_404() -> None:
    answer = asked(FakeAgent(("Hi",)), chat(model="gpt-9"))
    assert (answer.status, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_models_are_listed_and_each_is_told() -> None:
    listed = asked(FakeAgent(), got("/v1/models")).json()
    assert [model["id"] for model in listed["data"]] == ["qwen-mini", "phi-mini", "llama-mini"]
    assert asked(FakeAgent(), got("/v1/models/phi-mini")).json()["object"] == "model"
    assert asked(FakeAgent(), got("/v1/models/gpt-9")).json()["error"]["code"] == "model_not_found"


def test_a_silent_model_leaves_a_comment_where_that_is_asked_for() -> None:
    async def story() -> Exchange:
        agent, exchange = FakeAgent(), chat(stream=True)
        asking = start(exchange.with_, service(agent, settings(heartbeat_ms=1)))
        await exchange.until(b": still at work\n\n")
        agent.streams[0].send(StreamChunk("Hi"))
        finish(agent.streams[0])
        return await asking

    answer = run(story())
    assert [event["choices"][0]["delta"].get("content") for event in answer.events()[:-1]] == ["", "Hi", None]


def test_nothing_else_on_the_wire_is_json_that_cannot_be_read() -> None:
    answer = asked(FakeAgent(("a\u2028b", "\r\n", "№ 🌊", '"\\')), chat(stream=True))
    texts = [event["choices"][0]["delta"].get("content", "") for event in answer.events()[1:-2]]
    assert texts == ["a\u2028b", "\r\n", "№ 🌊", '"\\']
    assert json.dumps(texts)
