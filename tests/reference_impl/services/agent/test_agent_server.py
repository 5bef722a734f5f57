"""The agent as its users call it: answers, conversations that survive what happens to their turns, and their bounds."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from agent_doubles import LONGEST_S, NOBODY, QUEUE, ByPrompt, Endless, Reports, asked, code_of, rest, text_of

from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.chunks import collected
from streamspec.reference_impl.services.agent.limits import SessionConfig
from streamspec.reference_impl.services.agent.models import Gate, Markov, Scripted
from streamspec.reference_impl.services.agent.sessions import Message
from streamspec.reference_impl.services.agent.templates import TEMPLATES, Turn, rendered
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.reference_impl.services.agent.ports import Agent, Generator

SAID = ("well, ", "流れ", "!")
WHOLE = Message("assistant", "well, 流れ!", "EndOfSequence")


@contextlib.contextmanager
def agent_of(model: Any = None, sessions: SessionConfig | None = None, **more: Any) -> Iterator[AgentServer]:
    queue = replace(QUEUE, **{name: more.pop(name) for name in tuple(more) if hasattr(QUEUE, name)})
    with AgentServer(model or Scripted(SAID), queue, sessions, **more) as agent:
        yield agent
    assert (agent.stats().streams, agent.stats().batches, agent.stats().threads) == (NOBODY, NOBODY, 0)


class Listening(Scripted):
    """Keeps what it was asked."""

    def tokens(self, prompt: str) -> Iterator[str]:
        self.heard.append(prompt)  # type: ignore[attr-defined]
        return super().tokens(prompt)


def listening(said: Sequence[str] = SAID) -> Any:
    model = Listening(said)
    object.__setattr__(model, "heard", [])
    return model


def test_it_is_an_agent_with_a_model_of_its_own() -> None:
    with AgentServer() as server:
        agent: Agent = server
        assert agent.models == ("primer",)
        assert agent.count("one two") == 2
        answer = agent.generate(asked("What is a stream?"))
        assert answer.text == "".join(Markov().tokens("What is a stream?"))
        assert text_of(rest(agent.generate_stream(asked("What is a stream?")))[0]) == answer.text
    assert server.is_closed
    assert code_of(lambda: server.generate(asked("late"))) == "UNAVAILABLE"


def test_any_generator_will_do() -> None:
    class Echo:
        name = "echo"
        context_tokens = 100

        def count(self, text: str) -> int:
            return len(text.split())

        def tokens(self, prompt: str) -> Iterator[str]:
            return iter(prompt)

    model: Generator = Echo()
    with agent_of(model) as agent:
        assert agent.generate(asked("abc")).text == "abc"


# Conversations.


def test_a_turn_is_a_message_and_its_answer() -> None:
    model = listening()
    with agent_of(model) as agent:
        session = agent.create_session()
        agent.append_message(session, "system", "Be kind.")
        chunks, ending = rest(agent.converse(session, "Hello?"))
        assert (text_of(chunks), ending) == ("well, 流れ!", "EndOfSequence")
        said = [Message("system", "Be kind."), Message("user", "Hello?"), WHOLE]
        assert list(agent.messages(session)) == said
        rest(agent.converse(session, "And?"))
        assert len(agent.messages(session)) == 5
    turns = [Turn("system", "Be kind."), Turn("user", "Hello?")]
    assert model.heard[0] == rendered(TEMPLATES["chatml"], turns)
    assert model.heard[1] == rendered(
        TEMPLATES["chatml"], [*turns, Turn("assistant", WHOLE.content), Turn("user", "And?")]
    )


def test_a_request_with_a_session_answers_what_has_been_said() -> None:
    model = listening()
    with agent_of(model, template=TEMPLATES["plain"]) as agent:
        session = agent.create_session()
        assert code_of(lambda: agent.generate(asked(session=session))) == "INVALID_ARGUMENT"
        agent.append_message(session, "user", "Hello?")
        assert agent.generate(asked(session=session)).text == WHOLE.content
        assert agent.messages(session) == (Message("user", "Hello?"), WHOLE)
        rest(agent.generate_stream(asked("as it is", session)))
    assert model.heard == ["### Human:\nHello?\n\n### Assistant:\n", "as it is"]


def test_a_models_own_end_of_turn_ends_its_answer() -> None:
    with agent_of(Scripted(("yes<|im", "_end|>\n<|im_start|>", "user"))) as agent:
        session = agent.create_session()
        assert text_of(rest(agent.converse(session, "Hello?"))[0]) == "yes"
        assert agent.messages(session)[1] == Message("assistant", "yes", "StopToken")


def test_whoever_has_seen_the_end_of_a_turn_finds_it_written_down() -> None:
    with agent_of() as agent:
        session = agent.create_session()
        for n in range(50):
            assert [chunk.text for chunk in agent.converse(session, "again")][-1] == ""
            assert len(agent.messages(session)) == 2 * (n + 1)


def test_turns_of_one_session_are_queued_and_each_sees_those_before_it() -> None:
    model = listening()
    with agent_of(model, stream_workers=3) as agent:
        session = agent.create_session()
        streams = [agent.converse(session, f"question {n}") for n in range(4)]
        assert {rest(stream)[1] for stream in streams} == {"EndOfSequence"}
        messages = agent.messages(session)
    assert [message.content for message in messages[::2]] == [f"question {n}" for n in range(4)]
    assert [prompt.count(WHOLE.content) for prompt in model.heard] == [0, 1, 2, 3]


def test_a_turn_that_is_cut_keeps_what_was_handed_over_and_says_so() -> None:
    with agent_of(Endless(), most_chunks=3) as agent:
        session = agent.create_session()
        is_aside, is_over = Reports(agent._queue, "set_aside"), Reports(agent._queue, "remove")
        stream = agent.converse(session, "Count.")
        is_aside.wait()
        assert agent.messages(session) == ()  # not before it is over
        assert agent.cancel_session(session)
        assert not agent.cancel_session(session)
        assert rest(stream)[1] == "CANCELLED"
        is_over.wait()
        cut = Message("assistant", "0 1 2 ", "CANCELLED")
        assert agent.messages(session) == (Message("user", "Count."), cut)
        assert cut.is_cut
        assert not WHOLE.is_cut
        assert rest(agent.converse(session, "Again.", max_tokens=1))[1] == "MaxTokens"


def test_a_turn_that_fails_in_the_middle_is_marked_before_its_consumer_knows() -> None:
    with agent_of(Scripted(SAID, fails_at=2)) as agent:
        session = agent.create_session()
        chunks, ending = rest(agent.converse(session, "Hello?"))
        assert (text_of(chunks), ending) == ("well, 流れ", "INTERNAL")
        assert agent.messages(session)[1] == Message("assistant", "well, 流れ", "INTERNAL")


def test_a_turn_of_which_nothing_came_has_never_been() -> None:
    gate = Gate()
    with agent_of(Scripted(SAID, gates={0: gate})) as agent:
        session = agent.create_session()
        is_over = Reports(agent._queue, "remove")
        running = agent.converse(session, "one")
        assert gate.wait_until_reached(LONGEST_S)
        queued = agent.converse(session, "two")
        queued.cancel()
        running.cancel()
        is_over.wait(2)
        assert agent.messages(session) == ()


def test_an_answer_whose_end_nobody_has_read_yet_is_whole_and_its_turn_over() -> None:
    with agent_of(Scripted(("well",)), most_chunks=1) as agent:
        session = agent.create_session()
        is_over = Reports(agent._queue, "remove")
        stream = agent.converse(session, "Hello?")
        is_over.wait()  # with the last chunk on offer
        assert agent.messages(session)[1] == Message("assistant", "well", "EndOfSequence")
        agent.append_message(session, "user", "And?")
        stream.cancel()
        stats = agent.stats()
        assert (stats.completed, stats.cancelled, stats.tokens) == (1, 0, 1)


def test_what_was_accepted_is_kept_though_the_turn_is_cut_before_a_worker_comes_back() -> None:
    gate = Gate()
    model = ByPrompt({"slow": Scripted(SAID), "stuck": Scripted(SAID, gates={0: gate})})
    with agent_of(model, most_chunks=1) as agent:
        session = agent.create_session()
        is_aside, is_over = Reports(agent._queue, "set_aside"), Reports(agent._queue, "remove")
        stream = agent.generate_stream(asked("slow", session))
        is_aside.wait()
        stuck = agent.generate_stream(asked("stuck"))
        assert gate.wait_until_reached(LONGEST_S)  # it has the only worker
        assert [chunk.text for chunk in (stream.receive(), stream.receive()) if chunk is not END] == list(SAID[:2])
        stream.cancel()
        stuck.cancel()
        is_over.wait(2)
        assert agent.messages(session) == (Message("assistant", "well, 流れ", "CANCELLED"),)
        assert agent.stats().tokens == 2


def test_an_empty_answer_is_an_answer() -> None:
    with agent_of(Scripted(())) as agent:
        session = agent.create_session()
        assert rest(agent.converse(session, "Hello?"))[1] == "EndOfSequence"
        assert agent.messages(session)[1] == Message("assistant", "", "EndOfSequence")


def test_nothing_is_appended_into_a_turn() -> None:
    gate = Gate()
    with agent_of(Scripted(SAID, gates={0: gate})) as agent:
        session = agent.create_session()
        stream = agent.converse(session, "Hello?")
        assert code_of(lambda: agent.append_message(session, "tool", "42")) == "UNAVAILABLE"
        gate.open()
        assert rest(stream)[1] == "EndOfSequence"


def test_a_message_that_is_appended_slips_into_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    model = listening()
    with agent_of(model) as agent, ThreadPoolExecutor() as pool:
        session = agent.create_session()
        turns: list[Future[Any]] = []

        def is_busy(_session: str) -> bool:  # and at once it would be
            turns.append(pool.submit(lambda: rest(agent.converse(session, "question"))))
            wait(turns, 0.1)  # a turn that does not wait for the message has all the time it needs
            return False

        with monkeypatch.context() as patch:
            for place, name in ((agent._queue, "is_busy"), (agent._sessions, "_is_busy")):
                patch.setattr(place, name, is_busy)
            agent.append_message(session, "user", "slipped in")
        assert turns[0].result(LONGEST_S)[1] == "EndOfSequence"
        contents = [message.content for message in agent.messages(session)]
    assert contents == ["slipped in", "question", WHOLE.content]
    assert "slipped in" in model.heard[0]


@pytest.mark.parametrize("moment", ["_submit", "_get_in"])
def test_a_turn_in_a_session_that_is_deleted_as_it_comes_is_refused(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = listening()
    with agent_of(model) as agent:
        session = agent.create_session()
        really = getattr(agent._queue, moment)

        def once_deleted(*arguments: Any) -> Any:
            assert agent.delete_session(session)
            return really(*arguments)

        monkeypatch.setattr(agent._queue, moment, once_deleted)
        assert code_of(lambda: collected(agent.converse(session, "question"))) == "NOT_FOUND"
    assert model.heard == []


def test_deleting_a_session_cancels_its_turns_and_keeps_nothing() -> None:
    with agent_of(Endless(), most_chunks=3) as agent:
        session = agent.create_session()
        is_aside, is_over = Reports(agent._queue, "set_aside"), Reports(agent._queue, "remove")
        stream = agent.converse(session, "Count.")
        is_aside.wait()
        assert agent.delete_session(session)
        assert rest(stream)[1] == "CANCELLED"
        is_over.wait()
        assert code_of(lambda: agent.messages(session)) == "NOT_FOUND"
        assert not agent.delete_session(session)
        assert agent.list_sessions() == ()


def test_a_prompt_that_a_long_conversation_has_outgrown_is_refused_by_the_submit() -> None:
    with agent_of(Scripted(SAID, context_tokens=40)) as agent:
        session = agent.create_session()
        assert rest(agent.converse(session, "Hello?"))[1] == "EndOfSequence"
        for _ in range(2):
            assert code_of(lambda: agent.converse(session, "Hello?")) == "INVALID_ARGUMENT"
        assert code_of(lambda: agent.generate_stream(asked("too long " * 40, session))) == "INVALID_ARGUMENT"
        assert (len(agent.messages(session)), agent.stats().submitted) == (2, 1)


def test_a_turn_that_outgrows_the_context_while_it_waits_fails_alone() -> None:
    gate = Gate()
    with agent_of(Scripted(SAID, context_tokens=40, gates={0: gate})) as agent:
        session = agent.create_session()
        streams = [agent.converse(session, "Hello?") for _ in range(2)]
        gate.open()
        assert [rest(stream)[1] for stream in streams] == ["EndOfSequence", "INVALID_ARGUMENT"]
        assert len(agent.messages(session)) == 2


# Bounds.


def test_sessions_are_bounded_in_number_and_the_forgotten_make_room() -> None:
    now_s = [0.0]
    ids = iter("abcdef")
    config = SessionConfig(most_sessions=2, idle_s=100.0)
    with agent_of(sessions=config, clock=lambda: now_s[0], make_id=lambda: next(ids)) as agent:
        assert [agent.create_session(), agent.create_session()] == ["a", "b"]
        assert code_of(agent.create_session) == "RESOURCE_EXHAUSTED"
        now_s[0] = 60.0
        agent.append_message("b", "user", "still here")
        now_s[0] = 120.0
        assert [summary.id for summary in agent.list_sessions()] == ["b"]
        assert code_of(lambda: agent.messages("a")) == "NOT_FOUND"
        assert agent.create_session() == "c"
        (summary, _) = agent.list_sessions()
        assert (summary.messages, summary.content_bytes, summary.idle_s) == (1, 10, 60.0)


def test_a_session_with_a_turn_under_way_is_not_forgotten() -> None:
    now_s, gate = [0.0], Gate()
    with agent_of(Scripted(SAID, gates={0: gate}), SessionConfig(idle_s=100.0), clock=lambda: now_s[0]) as agent:
        session = agent.create_session()
        stream = agent.converse(session, "Hello?")
        assert gate.wait_until_reached(LONGEST_S)
        now_s[0] = 500.0
        assert agent.messages(session) == ()
        gate.open()
        assert rest(stream)[1] == "EndOfSequence"


def test_sessions_are_bounded_in_size() -> None:
    config = SessionConfig(most_messages=3, most_message_bytes=10, most_bytes=25)
    with agent_of(sessions=config) as agent:
        session = agent.create_session()
        assert code_of(lambda: agent.append_message(session, "user", "ü" * 6)) == "INVALID_ARGUMENT"
        assert code_of(lambda: agent.append_message(session, "king", "hi")) == "INVALID_ARGUMENT"  # type: ignore[arg-type]
        assert code_of(lambda: agent.converse(session, "x" * 11)) == "INVALID_ARGUMENT"
        agent.append_message(session, "user", "ü" * 5)
        agent.append_message(session, "user", "ü" * 5)
        assert code_of(lambda: agent.append_message(session, "user", "x" * 6)) == "RESOURCE_EXHAUSTED"
        assert code_of(lambda: agent.converse(session, "hi")) == "RESOURCE_EXHAUSTED"  # there is room for one message
        agent.append_message(session, "user", "hi")
        assert code_of(lambda: agent.append_message(session, "user", "hi")) == "RESOURCE_EXHAUSTED"
        assert code_of(lambda: agent.generate(asked("as it is", session))) == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("call", ["converse", "append_message", "messages"])
def test_a_session_that_there_is_not_is_not_found(call: str) -> None:
    with agent_of() as agent:
        arguments = {"converse": ("x", "hi"), "append_message": ("x", "user", "hi"), "messages": ("x",)}[call]
        assert code_of(lambda: getattr(agent, call)(*arguments)) == "NOT_FOUND"
        assert code_of(lambda: agent.generate_stream(asked(session="x"))) == "NOT_FOUND"


def test_many_conversations_at_once_are_kept_apart() -> None:
    with agent_of(Markov(), most_queued=100, most_streams=8, stream_workers=2) as agent, ThreadPoolExecutor(8) as pool:
        sessions = [agent.create_session() for _ in range(8)]
        line = threading.Barrier(8)

        def talk(session: str) -> list[str]:
            line.wait(LONGEST_S)
            return [text_of(rest(agent.converse(session, f"{session} {n}", wait_s=None))[0]) for n in range(3)]

        for session, answers in zip(sessions, pool.map(talk, sessions), strict=True):
            messages = agent.messages(session)
            assert [message.content for message in messages[::2]] == [f"{session} {n}" for n in range(3)]
            assert [message.content for message in messages[1::2]] == answers
