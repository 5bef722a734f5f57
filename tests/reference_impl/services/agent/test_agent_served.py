"""The whole agent behind its endpoints: requests in its queue, refusals of its own, and a process that serves it."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from asked_agents import Exchange, posted
from stream_stories import run, start, turns

from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.endpoints import service
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.models import Gate, Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.services.agent.request_queue import QueueStats

LONGEST_S = 10.0
CHAT = "/v1/chat/completions"


def chat(path: str = CHAT, **more: Any) -> Exchange:
    return posted(path, model="scripted", messages=[{"role": "user", "content": "Hello"}], **more)


def texts(exchange: Exchange) -> list[str]:
    return [event["choices"][0]["delta"].get("content", "") for event in exchange.events()[1:-2]]


def test_what_the_model_says_is_what_its_client_reads() -> None:
    async def story(agent: AgentServer) -> list[Exchange]:
        app = service(agent)
        return [await chat(stream=True).with_(app), await chat("/api/chat", stream=False).with_(app)]

    with AgentServer(Scripted(("Hi", " №", "<|im_", "end|>", "never"))) as agent:
        stream, whole = run(story(agent))
    assert texts(stream) == ["Hi", " №"]
    assert stream.events()[-2]["choices"][0]["finish_reason"] == "stop"
    assert whole.json()["message"]["content"] == "Hi №"


def test_a_full_queue_is_429_in_one_api_and_503_in_the_other() -> None:
    gate = Gate()

    async def story(agent: AgentServer) -> tuple[Exchange, Exchange, list[Exchange]]:
        app = service(agent)
        served = [chat(stream=True), chat("/api/chat", stream=True)]
        serving = [start(served[0].with_, app)]
        await turns()
        assert gate.wait_until_reached(LONGEST_S)
        serving.append(start(served[1].with_, app))
        while agent.stats().streams.queued == 0:
            await turns()
        refused = await chat(stream=True).with_(app), await chat("/api/chat").with_(app)
        gate.open()
        for exchange in serving:
            await exchange
        return *refused, served

    config = QueueConfig(most_queued=1, stream_workers=1)
    with AgentServer(Scripted(("Hi",), gates={0: gate}), config) as agent:
        openai, ollama, served = run(story(agent))
    assert (openai.status, openai.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert (ollama.status, ollama.json()["code"]) == (503, "RESOURCE_EXHAUSTED")
    assert texts(served[0]) == ["Hi"]
    assert served[1].lines()[-1]["done"] is True


@pytest.mark.parametrize("path", [CHAT, "/api/chat"])
@pytest.mark.parametrize("streams", [True, False])
def test_a_client_that_leaves_takes_its_request_out_of_the_model_and_out_of_the_queue(
    path: str, *, streams: bool
) -> None:
    gate = Gate()

    async def story(agent: AgentServer) -> None:
        app = service(agent)
        at_work, queued = chat(path, stream=streams), chat(path, stream=streams)
        serving = [start(at_work.with_, app)]
        await turns()
        assert gate.wait_until_reached(LONGEST_S)
        serving.append(start(queued.with_, app))
        await turns()
        queued.left.set()
        at_work.left.set()
        for exchange in serving:
            await exchange

    with AgentServer(Scripted(("Hi",), gates={0: gate}), QueueConfig(stream_workers=1)) as agent:
        run(story(agent))
        stats: QueueStats = agent.shutdown(drain_s=LONGEST_S)
    assert (stats.submitted, stats.cancelled, stats.completed) == (2, 2, 0)


def test_a_prompt_that_does_not_fit_is_refused_before_it_is_queued() -> None:
    with AgentServer(Scripted(("Hi",), context_tokens=5)) as agent:
        answer = run(chat(stream=True).with_(service(agent)))
        assert agent.stats().submitted == 0
    assert answer.status == 400
    assert "context" in answer.json()["error"]["message"]


def test_an_answer_that_fills_the_context_says_that_it_was_cut() -> None:
    said = Scripted(("a",) * 100)
    prompt_tokens = said.count("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")
    with AgentServer(Scripted(said.said, context_tokens=prompt_tokens + 4)) as agent:
        answer = run(chat().with_(service(agent)))
    choice = answer.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("aaa", "length")


@pytest.fixture
def served() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-W", "error", "-m", "streamspec.reference_impl.services.agent"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], LONGEST_S)[0], "it never said that it listens"
            word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "listening"
            yield url, process
        finally:
            process.kill()


def test_a_process_serves_the_built_in_model_and_ends_in_order(served: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = served
    body = json.dumps({"model": "primer", "prompt": "The river"}).encode()
    with urllib.request.urlopen(f"{url}/api/generate", body, timeout=LONGEST_S) as answer:
        lines = [json.loads(line) for line in answer]
    assert lines[-1]["done"] is True
    assert lines[-1]["eval_count"] == len(lines) - 1 > 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(LONGEST_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
