"""The good reference in a process of its own, for clients that mean harm: what it holds, what it says of itself, and
whether it still serves.

Never here: harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import psutil
from served_reference import served_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S: Final = 10.0
MOST_GROWTH_BYTES: Final = 32 * 2**20  # of memory, under any attack: far below what is thrown at it where that counts


@dataclass(frozen=True, slots=True)
class Target:
    """`port` speaks HTTP, WebSocket and frames, `grpc_port` gRPC."""

    port: int
    grpc_port: int
    process: psutil.Process

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """A page of the reference's own, on a connection of its own: its status, and what it says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if answer.status == 200 else text
        finally:
            connection.close()

    def witness(self, run: str) -> dict[str, Any]:
        """What it tells of this run; nothing if nobody has begun it."""
        status, told = self.ask(f"/script/witness?run={run}")
        return dict(told) if status == 200 else {}

    def told(self) -> dict[str, Any]:
        return dict(self.ask("/told")[1])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Looks again and again, each look a question of its own; what we have yet to write is written meanwhile."""
        async with asyncio.timeout(LONGEST_S):
            while not condition():  # noqa: ASYNC110 -- figures tell nobody that they change
                await asyncio.sleep(0)

    async def when(self, run: str, **figures: Any) -> dict[str, Any]:
        """The witness of the run, as soon as it tells these figures."""
        await self.until(lambda: (told := self.witness(run)) | figures == told)
        return self.witness(run)

    async def nothing_is_left(self) -> None:
        """Every stream is over, and every handler has cleaned up."""
        await self.until(lambda: (told := self.told())["open"] == 0 and told["cleanups"] == told["ended"])

    def held_bytes(self) -> int:
        """What it holds now."""
        return int(self.process.memory_info().rss)

    def most_held_bytes(self) -> int:
        """The most that it ever held, where the system tells that."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) * 1_024
        return self.held_bytes()


@contextlib.contextmanager
def hostile_target(*options: str, is_quiet: bool = True) -> Iterator[Target]:
    """Of all that harms it, nothing is unexpected: if it `is_quiet`, its process says no traceback."""
    with tempfile.TemporaryFile() as noise:
        with served_process("--good-alone", *options, stderr=noise) as (url, pid):
            port = urlsplit(url).port or 0
            alone = Target(port, 0, psutil.Process(pid))
            streams = alone.ask("/script/features")[1]["streams"]
            yield Target(port, int(streams["grpc"].partition("/")[0].removeprefix(":")), alone.process)
        noise.seek(0)
        assert not is_quiet or b"Traceback" not in noise.read()
