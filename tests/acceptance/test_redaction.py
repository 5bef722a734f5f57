"""Secrets that a person hands over are in nothing that leaves the process: no report, no stored file, no word on a
terminal (HN-11). What is no secret is there, or the rest would prove nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from raw_server import CHUNKED_HEAD, chunk, event, path, request, serving

from streamspec.harness.core.ports import Renderer
from streamspec.harness.core.redaction import REDACTED
from streamspec.harness.discovery import constants

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

Left = dict[str, bytes]  # by name: what a command left behind

COMMAND = [sys.executable, "-m", "streamspec.harness.cli"]
LONGEST_S = 60.0
FORMATS = sorted(renderer.name for renderer in constants("streamspec.reports", Renderer))
# No two have a beginning in common: a cut one is found too.
SECRETS = {
    "authorization": b"aq7canary",
    "cookie": b"bq7canary",
    "api-key": b"cq7canary",
    "query": b"dq7canary",
    "second-query": b"eq7canary",
    "role": b"fq7canary",
    "set-cookie": b"gq7canary",
    "body": b"hq7canary",
}
ORDINARY = {"header": b"jq7plain", "query": b"kq7plain", "role": b"lq7plain"}
CUT_SHORT = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: id=%s\r\n\r\n" % SECRETS["set-cookie"]) + chunk(
    event(1)
)


def without_its_end(connection: socket.socket) -> None:
    """Sets a cookie and leaves out the last chunk: a rule fails, and the report says how to ask again."""
    request(connection)
    connection.sendall(CUT_SHORT)


def words(url: str) -> list[str]:
    said = {name: value.decode() for name, value in (SECRETS | {f"plain {k}": v for k, v in ORDINARY.items()}).items()}
    return [
        "run",
        f"{url}?page={said['plain query']}&access_token={said['query']}&X-Amz-Signature={said['second-query']}",
        *("-H", f"Authorization: Bearer {said['authorization']}", "-H", f"Cookie: id={said['cookie']}"),
        *("-H", f"X-Api-Key: {said['api-key']}", "-H", f"X-Plain: {said['plain header']}", "-d", said["body"]),
        *("--role", f"finite=/finite?part={said['plain role']}&api_key={said['role']}"),
    ]


def left_by(home: Path, *said: str, codes: tuple[int, ...] = (1,)) -> Left:
    """What a command with every report leaves: its words, and every file below its directory."""
    reports = [word for name in FORMATS for word in ("-o", f"{name}={said[0]}.{name}")]
    done = subprocess.run([*COMMAND, *said, *reports], cwd=home, capture_output=True, timeout=LONGEST_S, check=False)
    assert done.returncode in codes, done.stderr.decode()
    files = {str(file.relative_to(home)): file.read_bytes() for file in home.rglob("*") if file.is_file()}
    return {f"{said[0]} stdout": done.stdout, f"{said[0]} stderr": done.stderr, **files}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """By a run with a secret in every place for one, and by judging it again."""
    home = tmp_path_factory.mktemp("home")
    with serving(without_its_end) as url:
        ran = left_by(home, *words(url))
    return ran | left_by(home, "judge", ".streamspec/runs/last")


@pytest.mark.parametrize("place", SECRETS)
def test_a_secret_is_in_nothing_that_a_run_leaves(left: Left, place: str) -> None:
    assert [name for name, data in left.items() if SECRETS[place] in data] == []


@pytest.mark.parametrize("place", ORDINARY)
@pytest.mark.parametrize("command", ["run", "judge"])
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_secret_is_in_every_report(left: Left, name: str, command: str, place: str) -> None:
    report = left[f"{command}.{name}"]
    assert ORDINARY[place] in report
    assert REDACTED.encode() in report


def test_what_is_no_secret_is_stored_and_shown(left: Left) -> None:
    histories = [data for name, data in left.items() if name.endswith(".ndjson")]
    (run,) = (data for name, data in left.items() if name.endswith("/run.json"))
    assert len(histories) > 2
    for data in (*histories, left["run stdout"], left["judge stdout"]):
        assert all(value in data for value in ORDINARY.values())
    assert ORDINARY["query"] in run
    assert ORDINARY["role"] in run


def test_every_report_of_the_house_is_looked_at() -> None:
    assert {"text", "json", "junit", "markdown"} <= set(FORMATS)


# -- what a target repeats -------------------------------------------------------------------------------------------

TOKEN = "mq7canary-of-a-bearer"


def in_its_items(head: bytes) -> bytes:
    return CHUNKED_HEAD + chunk(b"data: " + repr(head).encode() + b"\n\n")


def in_a_header(head: bytes) -> bytes:
    return CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nX-Seen: %s\r\n\r\n" % TOKEN.encode()) + chunk(event(1))


def in_its_reason(head: bytes) -> bytes:
    return b"HTTP/1.1 401 unknown %s\r\nContent-Length: 0\r\n\r\n" % TOKEN.encode()


def in_what_is_no_http(head: bytes) -> bytes:
    return b"-ERR unknown %s\r\n" % TOKEN.encode()


def in_a_redirect(head: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere%s\r\nContent-Length: 0\r\n\r\n" % path(head).encode()


@pytest.mark.parametrize("answer", [in_its_items, in_a_header, in_its_reason, in_what_is_no_http, in_a_redirect])
def test_a_target_that_repeats_a_secret_is_quoted_without_it(tmp_path: Path, answer: Callable[[bytes], bytes]) -> None:
    def repeating(connection: socket.socket) -> None:
        connection.sendall(answer(request(connection)))

    with serving(repeating) as url:
        said = ("run", f"{url}?access_token={TOKEN}", "-H", f"Authorization: Bearer {TOKEN}")
        files = left_by(tmp_path, *said, "--binding", "sse", codes=(0, 1, 3))
    assert [name for name, data in files.items() if b"q7canary" in data] == []
    assert any(REDACTED.encode() in data for data in files.values())
