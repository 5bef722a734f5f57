"""Scripted targets as a user names them: by the adapter's base URL alone, started or running, and what is told when
there is no adapter."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from raw_server import answering, serving

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_S: Final = 60
REFERENCE: Final = f"{shlex.quote(sys.executable)} -m streamspec.reference_impl --port {{port}}"


def streamspec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamspec.harness.cli", *words]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def document(home: Path, *words: str) -> dict[str, Any]:
    done = streamspec(home, *words, "-o", "json=report.json")
    assert (home / "report.json").exists(), done.stderr
    found: dict[str, Any] = json.loads((home / "report.json").read_text())
    return found


def test_an_adapter_is_all_that_is_needed(tmp_path: Path) -> None:
    rules = ("--rule", "OI-02", "--rule", "LC-07", "--rule", "CN-04", "--rule", "OI-04")
    report = document(tmp_path, "run", "--spawn", REFERENCE, "--script", "/script", *rules)
    assert {rule["id"]: rule["outcome"] for rule in report["rules"]} == dict.fromkeys(rules[1::2], "PASS")
    assert report["target"]["url"].endswith("/script")
    assert report["target"]["roles"] == {"script": report["target"]["url"]}
    assert (report["target"]["binding"], report["target"]["profile"]) == ("sse", "streamspec")


def test_a_stored_case_is_asked_of_the_adapter_again(tmp_path: Path) -> None:
    document(tmp_path, "run", "--spawn", REFERENCE, "--script", "/script", "--rule", "OI-02")
    case = tmp_path / ".streamspec" / "runs" / "last" / "conformance_finite@sse.ndjson"
    url = "http://127.0.0.1:{port}/"
    report = document(tmp_path, "replay", str(case), url, "--spawn", REFERENCE, "--rule", "OI-02", "--no-store")
    assert [rule["outcome"] for rule in report["rules"]] == ["PASS"]
    assert [found["id"] for found in report["cases"]] == ["probe@sse", "conformance/finite@sse"]


def test_without_an_adapter_there_is_no_verdict(tmp_path: Path) -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with serving(answering(missing)) as url:
        done = streamspec(tmp_path, "run", "--script", f"{url}s", "--no-store")
    assert done.returncode == 3
    assert f"{url}s/features answered 404: no adapter answers there" in done.stdout
