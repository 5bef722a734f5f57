"""The page of the rules is what `streamspec catalogue` prints, and `trace` fails where a rule hangs in the air."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from click.testing import CliRunner

from streamspec.harness import catalogue, cli
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    import pytest

ROOT: Final = Path(__file__).parents[2]


def test_the_committed_page_is_what_the_command_prints() -> None:
    command = [sys.executable, "-m", "streamspec.harness.cli", "catalogue"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    committed = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert done.stdout == committed, "run: streamspec catalogue > docs/rules.md"
    assert [v.name for v in variants() if (f"`{v.name}`" in committed) is not (v.by == "run")] == []


def test_trace_is_content_with_the_rules() -> None:
    done = CliRunner().invoke(cli.main, ["trace"])
    assert done.exit_code == 0
    assert done.stderr == ""
    assert "LC-01   seed 000" in done.stdout


def test_trace_names_what_is_missing_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "traced", lambda *_: ("LC-99  -\n", ("LC-99 has no source",)))
    done = CliRunner().invoke(cli.main, ["trace"])
    assert done.exit_code == 1
    assert done.stderr == "streamspec: LC-99 has no source\n"
    assert done.stdout == "LC-99  -\n"
