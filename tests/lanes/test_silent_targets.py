"""Silent targets end to end, with the real budgets: what each kind of silence is judged to be, and how long that takes.

Minutes, and so no part of the ordinary suite: `pytest tests/lanes/test_silent_targets.py -s`. The seconds are told and
never asserted: how busy this machine is says nothing about a target.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER: Final = Path(__file__).parents[1] / "silent_server.py"
LONGEST_S: Final = 600
ROLES: Final = (
    *("finite=/finite", "finite.items=10", "finite.seq=$.n", "endless=/endless", "endless.seq=$.n"),
    *("failing=/failing", "failing.items_before=3", "failing.seq=$.n", "prompt=/prompt", "prompt.gap_ms=150"),
    *("large=/large?n={n}", "large.item_bytes=4000", "idle=/idle", "empty=/empty", "text=/text"),
    *('text.items=["a", "b"]', "unknown=/unknown", "invalid=/invalid", "unsupported=/unsupported"),
    *("resumable=/resumable", "resumable.guarantee=exactly-once", "resumable.final=204"),
)
ACCUSED: Final = ("FAIL", "WARN", "ERROR")


def judged(home: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "streamspec.harness.cli", "run", *words, "--no-config"]
    for role in ROLES:
        command += ["--role", role]
    done = subprocess.run(
        [*command, "-o", "json=report.json"], cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert (home / "report.json").exists(), done.stderr
    report: dict[str, Any] = json.loads((home / "report.json").read_text())
    return report


@contextmanager
def running(kind: str) -> Iterator[str]:
    with subprocess.Popen([sys.executable, str(SERVER), "0", kind], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        try:
            yield f"http://127.0.0.1:{child.stdout.readline().split()[1]}/"
        finally:
            child.terminate()


def report_of(home: Path, kind: str, how: str) -> dict[str, Any]:
    if how == "spawn":
        command = f"{shlex.quote(sys.executable)} {shlex.quote(str(SERVER))} {{port}} {kind}"
        report = judged(home, "http://127.0.0.1:{port}/", "--spawn", command)
    else:
        with running(kind) as url:
            report = judged(home, url)
    sys.stdout.write(f"\n{kind} by {how}: {report['duration_s']:.1f} s (calibration {report['calibration']})\n")
    return report


def outcomes(report: dict[str, Any], *which: str) -> dict[str, str]:
    return {rule["id"]: rule["outcome"] for rule in report["rules"] if rule["outcome"] in which}


@pytest.mark.parametrize("how", ["url", "spawn"])
def test_who_answers_nobody_is_no_verdict(tmp_path: Path, how: str) -> None:
    report = report_of(tmp_path, "mute", how)
    assert report["exit_code"] == 3
    assert "sent no answer within 10 s" in report["problem"]


@pytest.mark.parametrize("how", ["url", "spawn"])
def test_who_sends_heads_and_nothing_else_fails_by_the_empty_stream_that_stays_open(tmp_path: Path, how: str) -> None:
    report = report_of(tmp_path, "hushed", how)
    assert outcomes(report, *ACCUSED) == {"LC-08": "FAIL"}
    assert outcomes(report, "PASS").keys() >= {"SSE-01", "SSE-02"}
    assert "hearing@sse" in {case["id"] for case in report["cases"]}


@pytest.mark.parametrize("how", ["url", "spawn"])
def test_silent_roles_beside_others_cost_no_verdict(tmp_path: Path, how: str) -> None:
    report = report_of(tmp_path, "mixed", how)
    assert outcomes(report, *ACCUSED) == {"LC-08": "FAIL"}
    assert outcomes(report, "PASS").keys() >= {"CN-21", "ER-07", "ER-08", "LC-16", "OI-01", "OI-02", "OI-03", "SSE-08"}
    assert "hearing@sse" not in {case["id"] for case in report["cases"]}


def test_who_is_honest_and_takes_twelve_seconds_is_accused_of_nothing(tmp_path: Path) -> None:
    report = report_of(tmp_path, "slow", "url")
    assert outcomes(report, *ACCUSED) == {}
    assert outcomes(report, "PASS").keys() >= {"LC-07", "LC-08", "OI-02", "SSE-05"}
