"""A known failure in every report: said with its reason, and never as something that passed."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from streamspec.harness.core.baseline import Known, held_against
from streamspec.harness.core.ports import Style
from streamspec.harness.core.run import EXIT_FAIL, EXIT_OK, exit_code
from streamspec.reports.json_document import JSON
from streamspec.reports.junit import JUNIT
from streamspec.reports.markdown import MARKDOWN
from streamspec.reports.terminal import TERMINAL

if TYPE_CHECKING:
    from streamspec.harness.core.run import Run

REASON = "the proxy | in front\x1b[31m of it"
KNOWN = (Known("XX-01", REASON, place="b.toml:1"), Known("XX-02", "since ever", place="b.toml:5"))


@pytest.fixture
def known_run(mixed_run: Run) -> Run:
    """Its FAIL and its WARN are known."""
    return held_against(mixed_run, KNOWN, dt.date(2026, 11, 30))


def test_what_is_known_does_not_fail_and_what_is_stale_does(mixed_run: Run, known_run: Run) -> None:
    assert (exit_code(mixed_run), exit_code(known_run)) == (EXIT_FAIL, EXIT_OK)


def test_people_read_the_reason_instead_of_the_block(known_run: Run) -> None:
    text = TERMINAL.render(known_run, Style())
    assert "KNOWN         XX-01  Nothing follows the end.\n" in text
    assert "FAIL, and known: the proxy | in front\\x1b[31m of it\n" in text
    assert "── FAIL" not in text
    assert "1 inconclusive, 1 pass, 1 skip, 2 known" in text


def test_a_comment_says_so_in_its_table(known_run: Run) -> None:
    text = MARKDOWN.render(known_run, Style())
    assert "| KNOWN | `XX-01` |" in text
    assert "`FAIL, and known: the proxy \\x7c in front" in text
    assert "<details>" not in text


def test_ci_skips_it_with_the_reason(known_run: Run) -> None:
    suite = ET.fromstring(JUNIT.render(known_run, Style())).find("testsuite")
    assert suite is not None
    marks = {str(case.get("name"))[:5]: [(m.tag, m.get("message")) for m in case] for case in suite.iter("testcase")}
    assert marks["XX-02"] == [("skipped", "KNOWN: WARN, and known: since ever")]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_machines_read_the_outcome_and_the_reason(known_run: Run) -> None:
    data = json.loads(JSON.render(known_run, Style()))
    assert [(r["outcome"], r["known"]) for r in data["rules"][:2]] == [
        ("FAIL", "the proxy | in front\\x1b[31m of it"),
        ("WARN", "since ever"),
    ]
    assert (data["known"], data["counts"]["FAIL"], data["exit_code"]) == (2, 0, EXIT_OK)
    assert {failure["known"] for failure in data["failures"]} == {r["known"] for r in data["rules"][:2]}


def test_a_failure_that_is_new_is_told_in_full(mixed_run: Run) -> None:
    half = held_against(mixed_run, (Known("XX-01", "x", case="a/two"),), dt.date(2026, 11, 30))
    text = TERMINAL.render(half, Style())
    assert "── FAIL  XX-01  MUST  a/one@sse ──" in text
    assert exit_code(half) == EXIT_FAIL


def test_a_stale_entry_is_what_fails_the_run(green_run: Run) -> None:
    stale = held_against(green_run, (Known("XX-04", "x", place="b.toml:9"),), dt.date(2026, 11, 30))
    said = "stale baseline entry: b.toml:9 XX-04 passes now: remove it"
    assert f"\nfails: {said}\n" in TERMINAL.render(stale, Style())
    assert f"**fails:** `{said}`" in MARKDOWN.render(stale, Style())
    assert said in JUNIT.render(stale, Style())
    assert json.loads(JSON.render(stale, Style()))["crossed"] == [said]
