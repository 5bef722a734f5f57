"""A prompt is counted once, by whoever comes to it first, however its answer is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from agent_doubles import LONGEST_S, asked, code_of, queue_of, rest
from asked_agents import posted
from stream_stories import run

from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.endpoints import service
from streamspec.reference_impl.services.agent.models import Gate, Scripted
from streamspec.reference_impl.services.agent.templates import TEMPLATES, Turn, rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

TEN = tuple(f"{n} " for n in range(10))
HELLO = [{"role": "user", "content": "Hello"}]


class Counting(Scripted):
    """Keeps what it was asked to count."""

    def __init__(self, gates: Mapping[int, Gate] | None = None, **more: Any) -> None:
        super().__init__(TEN, gates=gates or {}, **more)
        object.__setattr__(self, "counted", [])

    def count(self, text: str) -> int:
        self.counted.append(text)  # type: ignore[attr-defined]
        return super().count(text)


def counted(model: Any) -> list[str]:
    found: list[str] = model.counted
    return found


def test_a_prompt_of_a_stream_or_a_batch_is_counted_once() -> None:
    model = Counting()
    with queue_of(model) as queue:
        assert rest(queue.submit_streaming_request(asked("of a stream")))[1] == "EndOfSequence"
        assert queue.submit_request(asked("of a batch")).prompt_tokens == 3
    assert counted(model) == ["of a stream", "of a batch"]


@pytest.mark.parametrize("streams", [True, False], ids=["streams", "whole"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_a_prompt_that_came_over_a_network_is_counted_once(path: str, *, streams: bool) -> None:
    model = Counting()
    with AgentServer(model) as agent:
        answer = run(posted(path, model="scripted", messages=HELLO, stream=streams).with_(service(agent)))
    assert answer.status == 200
    assert counted(model) == [rendered(TEMPLATES["chatml"], [Turn("user", "Hello")])]


def test_a_prompt_of_a_session_is_counted_again_only_where_it_has_become_another() -> None:
    gate = Gate()
    model = Counting({0: gate})
    with AgentServer(model, template=TEMPLATES["plain"]) as agent:
        session = agent.create_session()
        first, second = (agent.converse(session, content) for content in ("One?", "Two?"))
        assert gate.wait_until_reached(LONGEST_S)
        gate.open()
        assert [rest(turn)[1] for turn in (first, second)] == ["EndOfSequence"] * 2
        prompts = [
            [Turn("user", "One?")],
            [Turn("user", "Two?")],  # as it was when it was submitted
            [Turn("user", "One?"), Turn("assistant", "".join(TEN)), Turn("user", "Two?")],
        ]
    assert counted(model) == [rendered(TEMPLATES["plain"], turns) for turns in prompts]


def test_a_count_is_believed_only_of_the_prompt_that_it_is_of() -> None:
    model = Counting(context_tokens=20)
    with AgentServer(model, template=TEMPLATES["plain"]) as agent:
        session = agent.create_session()
        agent.append_message(session, "user", "far too long " * 20)
        of_nothing = replace(asked(session=session), prompt_tokens=0)  # its prompt is what the session says
        assert code_of(lambda: agent.generate(of_nothing)) == "INVALID_ARGUMENT"
    assert len(counted(model)) == 1


@pytest.mark.parametrize("tokens", [-1, 6])
def test_a_count_that_cannot_be_is_refused_as_any_other(tokens: int) -> None:
    with queue_of(Counting(context_tokens=5)) as queue:
        request = replace(asked("one"), prompt_tokens=tokens)
        assert code_of(lambda: queue.submit_streaming_request(request)) == "INVALID_ARGUMENT"
        assert queue.stats().submitted == 0
