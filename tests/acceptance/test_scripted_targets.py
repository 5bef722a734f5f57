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


def test_what_another_client_has_is_kept_from_him_and_his_credentials_from_everybody(tmp_path: Path) -> None:
    own, other = "nq7canary-of-the-first", "oq7canary-of-another"
    asked = ("--spawn", f"{REFERENCE} --token {own} --other-token {other}", "--script", "/protected/script")
    said = ("--auth", "bearer", "-H", f"Authorization: Bearer {own}")
    theirs = ("--other-credentials", f"Authorization: Bearer {other}")
    report = document(tmp_path, "run", *asked, *said, *theirs, "--rule", "AU-05")
    assert [rule["outcome"] for rule in report["rules"]] == ["PASS"]
    left = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(left) > 2
    assert not any(token.encode() in data for data in left for token in (own, other))

    without = document(tmp_path, "run", *asked, *said, "--rule", "AU-05", "--no-store")
    assert [rule["missing"] for rule in without["rules"]] == [["auth:other"]]
    case = str(tmp_path / ".streamspec" / "runs" / "last" / "conformance_others-resume@sse.ndjson")
    again = streamspec(tmp_path, "replay", case, "--header", said[3], *asked, "--no-store")
    assert again.returncode == 2
    assert "say them again, with --other-credentials" in again.stderr
