"""The agent inside a process: a stream, a batch beside a slow stream, a cancel, and a conversation that survives it."""

from __future__ import annotations

from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.chunks import Progress, chunk_to_json
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.models import Markov
from streamspec.reference_impl.services.agent.ports import GenerationRequest
from streamspec.reference_impl.stream.errors import StreamError


def main() -> None:
    model = Markov(most_sentences=1_000_000)  # talks until it is stopped
    with AgentServer(model, QueueConfig(metadata=True)) as agent:
        print("# a stream")
        progress = Progress()
        for chunk in agent.generate_stream(GenerationRequest("What is a stream?", max_tokens=24)):
            progress.add(chunk)
            print(chunk.text, end="|", flush=True)
        print(f"\n{progress.tokens} tokens, {progress.finish_reason}; the last chunk: {chunk_to_json(chunk)}")

        print("# a batch, while a stream waits for its slow consumer")
        slow = agent.generate_stream(GenerationRequest("Tell me of the river", max_tokens=1000))
        print(agent.generate(GenerationRequest("What is patience?", stop=(".",))).text)
        print(f"the slow consumer has {slow.buffered_amount} chunks before it, and reads: {slow.receive()}")
        slow.cancel("enough")
        try:
            slow.receive()
        except StreamError as failure:
            print(failure)

        print("# a conversation")
        session = agent.create_session()
        for _ in agent.converse(session, "What is a token?", max_tokens=12):
            pass
        for number, _ in enumerate(agent.converse(session, "And what is a session?")):
            if number == 7:
                break  # leaving cancels
        for _ in agent.converse(session, "Go on.", max_tokens=12):  # begins when the turn before it is over
            pass
        for message in agent.messages(session):
            mark = f" [{message.ending}]" if message.ending else ""
            print(f"{message.role:>9}: {message.content[:60]!r}{mark}")
    print(agent.stats())


if __name__ == "__main__":
    main()
