"""The example, as its user runs it: a process, its client, its files, and an orderly end."""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from streamspec.harness import target_file

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE: Final = Path(__file__).parents[4] / "examples/services/streams-framework"
LONGEST_S: Final = 20


@contextlib.contextmanager
def _desk(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the URL at which it listens."""
    command = [sys.executable, "-W", "error", "app.py", "0", *words]
    with subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], LONGEST_S)[0], "it never said that it listens"
            yield process, process.stdout.readline().removeprefix("listening ").strip()
        finally:
            process.kill()


def test_its_client_shows_all_directions() -> None:
    with _desk() as (process, url):
        command = [sys.executable, "client.py", url]
        said = subprocess.run(
            command, cwd=EXAMPLE, capture_output=True, text=True, timeout=LONGEST_S, check=True
        ).stdout
        assert "SSE event: end\nSSE data: {}\n" in said
        assert 'SSE data: {"timestamp":"2024-01-01T00:00:03Z","message":"entry 3","level":"error","line":3}' in said
        assert 'WS  {"type": "stream:data", "id": "upload_1", "payload": {"size": 11, "success": true}}' in said
        assert 'WS  {"type": "stream:data", "id": "chat_1", "payload": {"type": "status", "online": true}}' in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST_S) == 0


def test_a_stream_of_its_files_is_served() -> None:
    with _desk() as (_, url):
        connection = HTTPConnection(urlsplit(url).netloc, timeout=LONGEST_S)
        connection.request("GET", "/streams/metrics.live?interval=1")
        answer = connection.getresponse()
        assert answer.readline().startswith(b'data: {"n":1,"cpu":')
        connection.close()


def test_it_ends_in_order_where_it_serves_grpc_alone() -> None:
    pytest.importorskip("grpc")
    with _desk("grpc") as (process, url):
        assert url.startswith("grpc://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST_S) == 0


@pytest.mark.parametrize("file", sorted(EXAMPLE.glob("streamspec*.toml")), ids=lambda file: file.name)
def test_what_judges_it_can_be_read(file: Path) -> None:
    said = target_file.read(file)
    assert "app.py {port}" in said.spawn
    assert {role.partition("=")[0] for role in said.roles} >= {"finite", "endless", "failing", "large", "unknown"}
