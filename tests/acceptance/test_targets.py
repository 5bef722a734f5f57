"""Targets as a user names them: a file, a process that is started or found, a stored case played again."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_S: Final = 60
REFERENCE: Final = f"{shlex.quote(sys.executable)} -m streamspec.reference_impl --port {{port}}"
FILE: Final = f"""
[target]
url = "http://127.0.0.1:{{port}}/ndjson/"
spawn = '''{REFERENCE}'''
profile = "streamspec"

[target.roles]
finite = {{ path = "finite?n=5", items = 5, seq = "$.n" }}
failing = "failing"

[target.tells]
open = {{ url = "told", field = "$.open" }}

[run]
rules = ["OI-02", "LC-07"]
"""


def streamspec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamspec.harness.cli", *words]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def document(home: Path, *words: str) -> dict[str, Any]:
    done = streamspec(home, *words, "-o", "json=report.json")
    assert (home / "report.json").exists(), done.stderr
    found: dict[str, Any] = json.loads((home / "report.json").read_text())
    assert found["exit_code"] == done.returncode
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "streamspec.toml").write_text(FILE)
    return tmp_path


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {rule["id"]: rule["outcome"] for rule in report["rules"]}


def test_the_file_of_a_directory_says_what_is_judged(home: Path) -> None:
    report = document(home, "run")
    assert outcomes(report) == {"OI-02": "PASS", "LC-07": "PASS"}
    assert (report["target"]["binding"], report["target"]["process"]) == ("ndjson", "spawn")
    assert report["notes"] == []


def test_nothing_of_a_target_that_was_started_is_left(home: Path) -> None:
    report = document(home, "run")
    port = re.search(r":(\d+)/", report["target"]["url"])
    assert port
    again = streamspec(home, "run", f"http://127.0.0.1:{port[1]}/", "--no-store")
    assert again.returncode == 3
    assert "connection refused" in again.stdout


def test_a_stored_case_is_played_again(home: Path) -> None:
    document(home, "run")
    case = home / ".streamspec" / "runs" / "last" / "conformance_finite@ndjson.ndjson"
    url = "http://127.0.0.1:{port}/ndjson/"
    report = document(home, "replay", str(case), url, "--spawn", REFERENCE, "--rule", "OI-02", "--no-store")
    assert outcomes(report) == {"OI-02": "PASS"}
    assert [case["id"] for case in report["cases"]] == ["probe@ndjson", "conformance/finite@ndjson"]


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("no-such-program-anywhere {port}", 2, "the command cannot be started"),
        (f"{shlex.quote(sys.executable)} -c 'print(\"boom\"); raise SystemExit(7)' {{port}}", 3, "exited with 7"),
    ],
)
def test_a_target_that_does_not_start_is_no_verdict(home: Path, command: str, code: int, told: str) -> None:
    done = streamspec(home, "run", "--spawn", command, "--no-store")
    assert done.returncode == code
    assert told in done.stdout + done.stderr


def test_a_process_that_does_not_serve_is_not_taken_for_the_target(home: Path) -> None:
    command = [sys.executable, "-m", "streamspec.reference_impl", "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        url = child.stdout.readline().split()[1]
        served = document(home, "run", f"{url}/", "--pid", str(child.pid), "--rule", "SSE-01", "--no-store")
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            refused = streamspec(home, "run", f"{url}/", "--pid", str(other.pid), "--no-store")
            other.communicate(timeout=10)
        child.communicate(timeout=10)
    assert served["target"]["process"] == "pid"
    assert outcomes(served) == {"SSE-01": "PASS"}
    assert refused.returncode == 2
    assert "listens at" in refused.stderr
