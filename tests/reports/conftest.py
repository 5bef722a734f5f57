"""What the tests of reports share: runs written by hand, and golden files compared exactly.

A golden file, and the published schema, is written anew by `STREAMSPEC_REWRITE=1 pytest tests/reports`; read the
difference before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from streamspec.harness.core.event import Completed, Failed
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import judge
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.ports import Request
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written

ROOT = Path(__file__).parents[2]
Same = Callable[[Path, str], None]


def _rule(name: str, sentence: str, level: Level, *findings: Callable[[History], Finding]) -> Rule:
    def check(h: History) -> tuple[Finding, ...]:
        return tuple(finding(h) for finding in findings)

    return Rule(name, level, sentence, f"source of {name}", f"It costs somebody {name}.", check, (), ())


def _crash(_: History) -> Finding:
    raise ZeroDivisionError("a bug of ours")


RULES = (
    _rule("XX-01", "Nothing follows the end.", Level.MUST, lambda h: broken(h.records[4], expected="silence", got="x")),
    _rule("XX-02", "Answers are fresh.", Level.SHOULD, lambda h: broken(h.records[1], expected="no-store", got="none")),
    _rule("XX-03", "Nothing is lost.", Level.MUST, lambda _: unknown("finite was not seen whole")),
    _rule("XX-04", "Items come in order.", Level.MUST, lambda h: held(h.records[2], h.records[3])),
    _rule("XX-05", "Errors have a code.", Level.MUST, lambda h: held(h.records[2])),
)
OURS = _rule("XX-09", "Checks do not crash.", Level.MUST, _crash)
STREAM = written(*told("finite-1", ASK, head(), item(0), Completed(), Failed("LATE", "too late"), ENDED, EOF))
ABOUT = About(
    target="http://127.0.0.1:1/",
    binding="sse",
    binding_reason="Content-Type is text/event-stream",
    profile="streamspec",
    roles=(("finite", "http://127.0.0.1:1/finite"),),
    seed=7,
    tool="streamspec 0.0",
    started="2026-01-02T03:04:05+00:00",
    place=".streamspec/runs/x",
)


def _case(name: str, history: History, rules: tuple[Rule, ...]) -> Result:
    promises = tuple(rule.id for rule in rules)
    place = f".streamspec/runs/x/{name}.ndjson"
    return Result(f"a/{name}@sse", promises, judge(history, rules, promises), history, place)


@pytest.fixture
def mixed_run() -> Run:
    """One FAIL, one WARN, one INCONCLUSIVE, one PASS and one SKIP."""
    request = {"finite": Request("http://127.0.0.1:1/finite", "GET", (("Authorization", "[redacted]"),))}
    history = History(replace(STREAM.header, requests=request, by_hand="press Ctrl-C"), STREAM.records)
    results = (_case("one", history, RULES[:4]), _case("two", history, RULES[:1]))
    return Run(ABOUT, RULES, results, (Skip("XX-05", ("terminal", "role:failing")),), 1.26)


@pytest.fixture
def green_run() -> Run:
    calm = written(*told("finite-1", ASK, head(), item(0), item(1), *CLOSE))
    return Run(replace(ABOUT, place="", roles=()), RULES[3:4], (_case("one", calm, RULES[3:4]),), (), 0.5)


@pytest.fixture
def partial_run(green_run: Run) -> Run:
    """Stopped before its second rule was judged."""
    return replace(green_run, rules=RULES[2:4], stopped="SIGINT")


@pytest.fixture
def problem_run() -> Run:
    about = replace(ABOUT, binding="", binding_reason="", roles=(), place="")
    return Run(about, RULES, (), (), 0.1, "", "http://127.0.0.1:1/: connection refused")


@pytest.fixture
def crashed_run() -> Run:
    return Run(replace(ABOUT, place=""), (OURS,), (_case("one", STREAM, (OURS,)),), (), 0.5)


@pytest.fixture
def same() -> Same:
    """`same(path, text)`: the text is what the committed file holds, to the last octet."""

    def compare(path: Path, text: str) -> None:
        if os.environ.get("STREAMSPEC_REWRITE"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, f"{path.relative_to(ROOT)}: see tests/reports/conftest.py"

    return compare
