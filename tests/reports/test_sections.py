"""What a run says besides its rules, in every report: what was counted and measured, and what was crossed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from streamspec.harness.core.ports import Style
from streamspec.harness.core.run import EXIT_FAIL, EXIT_OK, Figure, Section, exit_code, merged
from streamspec.reports.json_document import JSON
from streamspec.reports.junit import JUNIT
from streamspec.reports.markdown import MARKDOWN
from streamspec.reports.terminal import TERMINAL

if TYPE_CHECKING:
    from streamspec.harness.core.run import Run

CROSSED = "p99 of whole is 12.5 ms, and at most 10 ms were allowed"
SECTION = Section("explored", (Figure("scripts", 120), Figure("p99 | whole", 12.5, "ms"), Figure("of", "a|b`c")))


@pytest.fixture
def told_run(green_run: Run) -> Run:
    return replace(green_run, crossed=(CROSSED,), sections=(SECTION,))


def test_what_was_crossed_fails_a_green_run(green_run: Run, told_run: Run) -> None:
    assert (exit_code(green_run), exit_code(told_run)) == (EXIT_OK, EXIT_FAIL)


def test_people_read_both(told_run: Run) -> None:
    text = TERMINAL.render(told_run, Style())
    assert "\nexplored\n  scripts      120\n  p99 | whole  12.5 ms\n" in text
    assert f"\nfails: {CROSSED}\n" in text


def test_a_comment_holds_both_and_no_bar_splits_a_row(told_run: Run) -> None:
    text = MARKDOWN.render(told_run, Style())
    assert "| explored | |\n|---|---|\n| `scripts` | `120` |\n| `p99 \\x7c whole` | `12.5 ms` |" in text
    assert f"**fails:** `{CROSSED}`" in text


def test_machines_read_both(told_run: Run) -> None:
    data = json.loads(JSON.render(told_run, Style()))
    assert data["crossed"] == [CROSSED]
    assert data["sections"] == [
        {"title": "explored", "figures": [{"what": f.what, "value": f.value, "unit": f.unit} for f in SECTION.figures]}
    ]


def test_ci_is_red_for_what_was_crossed(told_run: Run) -> None:
    suite = ET.fromstring(JUNIT.render(told_run, Style())).find("testsuite")
    assert suite is not None
    assert [mark.get("message") for mark in suite.iter("failure")] == [CROSSED]
    assert {"explored: scripts": "120", "explored: p99 | whole": "12.5 ms"}.items() <= {
        str(p.get("name")): str(p.get("value")) for p in suite.iter("property")
    }.items()


def test_several_runs_keep_what_each_says(told_run: Run) -> None:
    both = merged((told_run, told_run))
    assert both.crossed == (CROSSED,)
    assert both.sections == (SECTION, SECTION)
