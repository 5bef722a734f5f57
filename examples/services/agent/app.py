"""A clerk who can be asked over OpenAI's API or Ollama's: a model of one's own behind the agent's queue.

python app.py [PORT]
"""

import base64
import os
import re
import sys
import threading

from streamspec.reference_impl.server import serve
from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.limits import QueueConfig

NOTES = ["one line", "two\nlines", "a paragraph\n\nand another", "from\r\nWindows", "ends with a newline\n", "№ 7 😀"]
WEATHER = '<tool_call>{"name": "weather", "arguments": {"city": "Zürich"}}</tool_call>'
OFTEN_S = 0.01
FOREVER_S = 3600.0


def count(number, _left):
    for n in range(1, number + 1):
        yield f"{n} "


def scan(number, _left):
    for _ in range(number):
        yield base64.urlsafe_b64encode(os.urandom(12_000)).decode()


def tick(_number, left):
    while not left.wait(OFTEN_S):
        yield "tick "


def accounts(_number, _left):
    yield from ("one ", "two ", "three ")
    raise RuntimeError("the supplier's file ends in the middle of a row")


def pay(_number, left):
    yield "sent to the bank"
    left.wait(0.3)
    yield ", and paid"


def ponder(_number, left):
    yield "Well"
    left.wait(FOREVER_S)


def notes(_number, _left):
    yield from NOTES


def weather(_number, _left):
    yield "I shall ask. "
    yield from WEATHER


def nothing(_number, _left):
    yield from ()


def greet(_number, _left):
    yield from ("Good day. ", "Ask me to count, ", "tick, scan, ponder or pay.")


TASKS = {task.__name__: task for task in (count, scan, tick, accounts, pay, ponder, notes, weather, nothing)}
TASK = re.compile(rf"\b({'|'.join(TASKS)})\b(?: (\d+))?")


class Clerk:
    """A model: it has a name and a context, counts tokens, and answers a prompt token by token."""

    name = "clerk"
    context_tokens = 65_536

    def count(self, text):
        return len(text.split())

    def tokens(self, prompt):
        return Answer(prompt)


class Answer:
    """One answer. The agent calls `interrupt` when nobody wants it any more, even while it stands still."""

    def __init__(self, prompt):
        asked = TASK.findall(prompt)
        name, number = asked[-1] if asked else ("", "")
        self._left = threading.Event()
        self._tokens = TASKS.get(name, greet)(int(number or 10), self._left)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._tokens)

    def interrupt(self):
        self._left.set()

    def close(self):
        self._tokens.close()


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    # An answer that stands still keeps its worker: there are some to spare.
    with AgentServer(Clerk(), QueueConfig(stream_workers=16, most_streams=64)) as agent:
        serve(service(agent, Settings(heartbeat_ms=500)), "127.0.0.1", port, over_grpc=False)


if __name__ == "__main__":
    main()
