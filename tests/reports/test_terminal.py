"""The report for people, to the last character; and what a target says is inert in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamspec.harness.core.event import Failed, Opened
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.ports import Request, Style
from streamspec.harness.core.rule import Level, Rule, broken, unknown
from streamspec.harness.core.run import Result, Run
from streamspec.harness.core.written import ASK, Row, told, written
from streamspec.reports._summary import hint
from streamspec.reports.terminal import TERMINAL, render

GOLDEN = Path(__file__).parents[1] / "golden"
Same = Callable[[Path, str], None]
PLAIN = Style()
HOSTILE = "\x1b[31mred\x1b]0;t\x07\r\x9b2J\x00\u202eevil\u2066\u200b\u2028\ud800\x7f\x85\n[red]x[/red]"


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("terminal-plain", PLAIN),
        ("terminal-colour", Style(colour=True)),
        ("terminal-ascii", Style(unicode=False)),
    ],
)
def test_a_run_with_every_outcome_reads_as_the_golden_file(mixed_run: Run, same: Same, name: str, style: Style) -> None:
    same(GOLDEN / f"{name}.txt", render(mixed_run, style))


@pytest.mark.parametrize("name", ["green", "partial", "problem", "crashed"])
def test_other_ends_read_as_the_golden_file(request: pytest.FixtureRequest, same: Same, name: str) -> None:
    text = render(request.getfixturevalue(f"{name}_run"), PLAIN)
    # of a traceback, which names places of this machine, the first and the last line
    text = re.sub(r"(?m)(^  \| Traceback.*\n)(?:  \|  .*\n)+", r"\1  | …\n", text)
    same(GOLDEN / f"terminal-{name}.txt", text)


def test_colour_is_only_paint(mixed_run: Run) -> None:
    painted = render(mixed_run, Style(colour=True))
    assert "\x1b[31mFAIL" in painted
    assert re.sub(r"\x1b\[[0-9]+m", "", painted) == render(mixed_run, PLAIN)


def test_without_colour_there_is_no_escape(mixed_run: Run) -> None:
    assert "\x1b" not in render(mixed_run, PLAIN)


def test_the_ascii_style_draws_no_lines_beyond_ascii(mixed_run: Run) -> None:
    assert render(mixed_run, Style(unicode=False)).isascii()


def test_a_report_ends_with_one_line_end(mixed_run: Run, problem_run: Run) -> None:
    for run in (mixed_run, problem_run):
        assert re.search(r"[^\n]\n\Z", render(run, PLAIN))


def test_a_problem_is_told_and_nothing_is_called_a_success(problem_run: Run) -> None:
    text = render(problem_run, PLAIN)
    assert "no verdict: http://127.0.0.1:1/: connection refused" in text
    assert "pass" not in text.lower()


def test_a_problem_after_a_failure_hides_no_failure(mixed_run: Run) -> None:
    text = render(replace(mixed_run, problem="the target went away"), PLAIN)
    assert "FAIL" in text
    assert "no verdict: the target went away" in text


def test_a_partial_run_says_so(partial_run: Run) -> None:
    assert "(partial: stopped by SIGINT)" in render(partial_run, PLAIN)


def test_a_run_stopped_before_anything_says_so(problem_run: Run) -> None:
    text = render(replace(problem_run, problem="", stopped="SIGTERM"), PLAIN)
    assert "no rule was judged" in text
    assert "stopped by SIGTERM" in text


def test_a_serial_target_is_named_so(green_run: Run) -> None:
    text = render(replace(green_run, about=replace(green_run.about, serial=True)), PLAIN)
    assert "one stream at a time" in text


@pytest.mark.parametrize(
    ("need", "words"),
    [
        ("role:finite", "--role finite=/path"),
        ("role:finite.items", "--role finite.items=VALUE"),
        ("seq", "--role finite.seq='$.FIELD'"),
        ("terminal", "--profile NAME"),
        ("concurrent", "two streams at once"),
        ("binding ws", "binding ws"),
    ],
)
def test_a_missing_need_says_what_to_add(need: str, words: str) -> None:
    assert words in hint(need)


def test_each_missing_need_is_named_once_with_its_rules(green_run: Run) -> None:
    skips = (Skip("XX-07", ("terminal", "seq")), Skip("XX-08", ("terminal",)))
    text = render(replace(green_run, skips=skips), PLAIN)
    assert text.count("--profile NAME") == 1
    assert re.search(r"--profile NAME .*-> XX-07, XX-08", text)


# -- inert -----------------------------------------------------------------------------------------------------------


def inert(text: str) -> bool:
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return not any(unicodedata.category(char) in bad for char in text.replace("\n", ""))


def rows_of(text: str) -> list[Row]:
    opened = Opened(200, text, text, (("Content-Type", text), (text, text)))
    return [*told("finite-1", ASK, opened, Failed(text, text, text))]


def hostile_run(green_run: Run) -> Run:
    """Everything that a target can say, said by a hostile one."""
    history = written(*rows_of(HOSTILE))
    bad = broken(history.records, expected=HOSTILE, got=HOSTILE)
    verdicts = (
        Verdict("XX-01", Outcome.FAIL, (bad,), ""),
        Verdict("XX-02", Outcome.INCONCLUSIVE, (unknown(HOSTILE),), HOSTILE),
        Verdict("XX-03", Outcome.ERROR, (), f"Traceback\n  {HOSTILE}"),
    )
    rules = tuple(Rule(v.rule, Level.MUST, "s", "s", "w", lambda _: (), (), ()) for v in verdicts)
    result = Result("a/b@sse", (), verdicts, history, "", HOSTILE)
    about = replace(green_run.about, target=HOSTILE, binding_reason=HOSTILE, roles=(("finite", HOSTILE),))
    return replace(green_run, about=about, rules=rules, results=(result,))


def test_a_hostile_target_is_inert(green_run: Run) -> None:
    text = render(hostile_run(green_run), PLAIN)
    assert inert(text)
    assert text.encode()
    assert "[red]x[/red]" in text  # markup is text: nobody renders it


def test_a_hostile_target_breaks_no_line(green_run: Run) -> None:
    shape = [line[:12] for line in render(hostile_run(green_run), PLAIN).splitlines() if not line.startswith("  | ")]
    calm = [line[:12] for line in render(hostile_run(green_run), PLAIN).split("\n") if not line.startswith("  | ")]
    assert shape == calm[:-1]


def test_a_hostile_problem_is_inert(problem_run: Run) -> None:
    assert inert(render(replace(problem_run, problem=HOSTILE), PLAIN))


FOREIGN = ["tool", "binding", "profile", "place", "role", "stopped", "missing", "case", "method"]


# A stored run may be somebody else's: `streamspec judge` prints its names too.
@pytest.mark.parametrize(
    "name", ["tool", "binding", "profile", "place", "role", "stopped", "missing", "case", "method"]
)
def test_a_foreign_runs_names_are_inert(mixed_run: Run, name: str) -> None:
    run = mixed_run
    match name:
        case "tool" | "binding" | "profile" | "place":
            evil_name: dict[str, Any] = {name: HOSTILE}
            run = replace(run, about=replace(run.about, **evil_name))
        case "role":
            run = replace(run, about=replace(run.about, roles=((HOSTILE, "http://x/"),)))
        case "stopped":
            run = replace(run, stopped=HOSTILE)
        case "missing":
            run = replace(run, skips=(Skip("XX-05", (HOSTILE,)),))
        case "case":
            run = replace(run, results=tuple(replace(r, case=HOSTILE) for r in run.results))
        case "method":
            evil = {"finite": Request("http://x/", HOSTILE)}
            history = run.results[0].history
            assert history
            evil_history = History(replace(history.header, requests=evil), history.records)
            run = replace(run, results=tuple(replace(r, history=evil_history) for r in run.results))
    assert inert(render(run, PLAIN))


def test_one_answer_cannot_fill_the_screen(green_run: Run) -> None:
    history = written(*rows_of("x" * 60_000))
    bad = broken(history.records, expected="y" * 60_000, got="z" * 60_000)
    rule = Rule("XX-01", Level.MUST, "s", "s", "w", lambda _: (), (), ())
    result = Result("a/b@sse", (), (Verdict("XX-01", Outcome.FAIL, (bad,)),), history)
    assert len(render(replace(green_run, rules=(rule,), results=(result,)), PLAIN)) < 10_000


def test_many_findings_are_counted(green_run: Run) -> None:
    history = written(*rows_of("x"))
    bad = tuple(broken(history.records, expected="y", got=f"z{n}") for n in range(9))
    rule = Rule("XX-01", Level.MUST, "s", "s", "w", lambda _: (), (), ())
    result = Result("a/b@sse", (), (Verdict("XX-01", Outcome.FAIL, bad),), history)
    text = render(replace(green_run, rules=(rule,), results=(result,)), PLAIN)
    assert text.count("  got       z") == 3
    assert "and 6 more findings like these" in text


def test_it_is_the_report_called_text() -> None:
    assert (TERMINAL.name, TERMINAL.render) == ("text", render)


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ("sse", "--role large.item_bytes=VALUE"),
        ("inprocess", "an object with the method cancel()"),
    ],
)
def test_what_to_add_is_of_the_kind_of_the_target(green_run: Run, binding: str, words: str) -> None:
    skip = Skip("BP-09", ("feature:cancel|role:large.item_bytes",))
    run = replace(green_run, skips=(skip,), about=replace(green_run.about, binding=binding))
    (line,) = [line for line in render(run, Style()).splitlines() if "-> BP-09" in line]
    assert line.strip().partition("   -> ")[0] == words
