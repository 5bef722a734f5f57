"""The example of docs/services/agent.md does what it says, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LONGEST_S = 30.0
EXAMPLE = Path(__file__).parents[4] / "examples" / "services" / "agent" / "in_process.py"


def test_the_example_runs_and_its_conversation_survives_the_cancel() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", str(EXAMPLE)], capture_output=True, timeout=LONGEST_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    said = done.stdout.decode()
    assert "24 tokens, MaxTokens" in said
    assert "CANCELLED: enough" in said
    assert [line.rpartition("[")[2] for line in said.splitlines() if line.startswith("assistant: ")] == [
        "MaxTokens]",
        "CANCELLED]",
        "MaxTokens]",
    ]
    assert "threads=0" in said
