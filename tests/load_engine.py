"""A load's engine, commanded over its pipes as Locust's process does: shared by its tests and the heavy ones."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from raw_server import CHUNKED_HEAD, SSE_HEAD, chunk, event, request, serving

from streamspec.harness.core.limits import budgets
from streamspec.harness.core.load import Wanted
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.load.controller import Controller
from streamspec.harness.load.figures import total_of
from streamspec.harness.load.frames import FrameReader
from streamspec.harness.load_job import Job

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

LONGEST_S = 60.0
END = chunk(b"event: end\ndata: {}\n\n") + chunk(b"")
WHOLE = CHUNKED_HEAD + b"".join(chunk(event(n)) for n in range(1, 4)) + END
LOST = CHUNKED_HEAD + chunk(event(1)) + chunk(event(3)) + END
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
CUT = SSE_HEAD + b"Content-Length: 100\r\n\r\n" + event(1)
PROFILE = Profile("ends", "anything, and an end", clauses=(Clause((("event", "end"),), "completed"),))


@contextlib.contextmanager
def engine() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "streamspec.harness.load_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def job(url: str, seconds: float = 0.2, rate: float = 40.0) -> Job:
    asked = Request(url)
    return Job(
        wanted=Wanted(streams=50, rate=rate, duration_s=seconds),
        load="finite",
        binding="sse",
        rules=("OI-01", "OI-02", "OI-03"),
        budgets={**budgets(1.0), "linger_ms": 0.0},
        tool="streamspec",
        started="",
        request=asked,
        look=asked,
        profile=PROFILE,
        attributes={"items": 3, "seq": "$.n"},
    )


def tell(child: subprocess.Popen[bytes], octets: bytes) -> None:
    assert child.stdin
    child.stdin.write(octets)
    child.stdin.flush()


def heard(child: subprocess.Popen[bytes]) -> Controller:
    """Everything that it says until it ends."""
    controller, reader = Controller(1), FrameReader()
    assert child.stdout
    for said in reader.feed(child.stdout.read()):
        controller.take("1", said)
    assert child.wait(LONGEST_S) == 0
    return controller


def answers(*octets: bytes) -> Any:
    """One after another to those who ask, and from the beginning again."""
    turn = iter(range(1_000_000))

    def handler(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(octets[next(turn) % len(octets)])

    return serving(handler)


def counts(controller: Controller) -> dict[str, int]:
    return {name: n for name, n in total_of(controller).counts.items() if n and not name.endswith("_us")}
