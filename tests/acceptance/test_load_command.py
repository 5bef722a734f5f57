"""`streamspec load` as a person meets it: what is refused in one line, and one short load, of which half
the streams fail."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from load_engine import BUSY, WHOLE, answers

from streamspec.harness import locust_process
from streamspec.harness.cli import main

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "streamspec.harness.cli", "load"]
LONGEST_S = 120.0
FINITE = ("--role", "finite=/", "--profile", "streamspec", "--role", "finite.items=3", "--role", "finite.seq=$.n")


def load(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def values(section: dict[str, Any]) -> dict[str, Any]:
    return {figure["what"]: figure["value"] for figure in section["figures"]}


def test_half_of_the_streams_failing_are_counted_and_give_no_times(tmp_path: Path) -> None:
    with answers(WHOLE, BUSY) as url:
        words = (*FINITE, "--rate", "20", "--duration", "1", "-o", "json=out.json", "--binding", "sse")
        done = load(tmp_path, url, *words)
    assert done.returncode == 1, done.stderr
    said = json.loads((tmp_path / "out.json").read_text())
    assert said["crossed"] == ["failed is 50.00 % (10 of 20 streams), and at most 0 % is allowed"]
    sections = {section["title"].partition(":")[0]: values(section) for section in said["sections"]}
    streams = sections["streams"]
    assert (streams["due"], streams["good"], streams["failed: answered 503"]) == (20, 10, 10)
    assert [sections[name]["samples"] for name in ("ttfb", "ttfe", "whole", "gap")] == [10, 10, 10, 20]
    assert {rule["id"]: rule["outcome"] for rule in said["rules"]}["OI-02"] == "PASS"
    assert min(case["id"] for case in said["cases"]).startswith("load/finite@sse/stream-")
    assert len(list((tmp_path / ".streamspec" / "runs" / "last").glob("load_finite*.ndjson"))) == 4  # two of each kind


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--max", "ttfe=5"), "--max ttfe=5: write METRIC.PERCENTILE=MILLISECONDS"),
        (("http://127.0.0.1:1/",), "a load needs one of the roles endless, finite"),
        (("http://127.0.0.1:1/", *FINITE, "--role-name", "text"), "no load opens such streams"),
        (("http://127.0.0.1:1/", *FINITE, "--role-name", "endless"), "a load needs the role endless"),
        (("--rate", "9999", "--duration", "9999"), "more than 10000000 streams"),
        (("--locust-html", "no/such/place.html"), "there is no such directory"),
        (("--locust-html", "here.html", "--web-port", "8089"), "leave --web-port out"),
        (("http://127.0.0.1:1/", *FINITE, "--rule", "BP-05"), "judges LC-01, LC-02"),
        (("--object", "queue:Queue", "--streams", "501"), "500 at most"),
        (("--object", "queue:Queue", "--expect-workers", "2"), "in one process of this machine"),
    ],
)
def test_what_is_not_said_well_is_refused_before_any_traffic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["load", *words])
    assert done.exit_code == 2
    assert done.output.startswith("streamspec: ")
    assert why in done.output
    assert len(done.output.splitlines()) == 1
    assert not {"gevent", "locust"} & set(sys.modules)  # they would patch this process


def test_without_locust_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locust_process, "find_spec", lambda _: None)
    done = CliRunner().invoke(main, ["load"])
    assert (done.exit_code, done.output) == (2, "streamspec: load needs locust: pip install 'streamspec[load]'\n")
