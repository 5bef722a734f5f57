"""A run: the worst verdict of a rule decides, and one number tells a shell what happened."""

from __future__ import annotations

from itertools import permutations

import pytest

from streamspec.harness.core.case import Case, Scenario
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.rule import Level, Rule
from streamspec.harness.core.run import (
    WORST,
    About,
    Result,
    Run,
    counts,
    crashed,
    exit_code,
    lines,
    merged,
    unrun,
)
from streamspec.harness.core.script import Script

LETTERS = {"f": Outcome.FAIL, "e": Outcome.ERROR, "w": Outcome.WARN, "i": Outcome.INCONCLUSIVE, "p": Outcome.PASS}


def rule_named(name: str) -> Rule:
    return Rule(name, Level.MUST, "", "", "", lambda _: (), (), ())


def run_of(
    words: str, *, strict: bool = False, stopped: str = "", problem: str = "", unjudged: tuple[str, ...] = ()
) -> Run:
    """A run with one rule a word: the letters are its verdicts, one case each; `s` is a skip."""
    results: list[Result] = []
    skips: list[Skip] = []
    names = [f"XX-{n:02}" for n, _ in enumerate(words.split())]
    for name, word in zip(names, words.split(), strict=True):
        if word == "s":
            skips.append(Skip(name, ("terminal",)))
        else:
            results += [Result(f"{name}/{n}", (name,), (Verdict(name, LETTERS[c]),)) for n, c in enumerate(word)]
    about = About("http://x/", "sse", "", "plain", (), 0, "streamspec", "", strict=strict)
    rules = tuple(rule_named(name) for name in (*names, *unjudged))
    return Run(about, rules, tuple(results), tuple(skips), 1.0, stopped, problem)


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ("f", Outcome.FAIL),
        ("p", Outcome.PASS),
        ("fewip", Outcome.FAIL),
        ("ewip", Outcome.ERROR),
        ("wip", Outcome.WARN),
        ("ip", Outcome.INCONCLUSIVE),
        ("ppp", Outcome.PASS),
        ("pi", Outcome.INCONCLUSIVE),
    ],
)
def test_the_worst_verdict_of_a_rule_decides_in_any_order(verdicts: str, worst: Outcome) -> None:
    for order in permutations(verdicts):
        (line,) = lines(run_of("".join(order)))
        assert line.outcome is worst
        assert {verdict.outcome for _, verdict in line.told} == {worst}


def test_worst_first_is_the_order_of_design_4() -> None:
    assert " > ".join(WORST) == "FAIL > ERROR > WARN > INCONCLUSIVE > PASS"


def test_a_line_tells_the_verdicts_that_made_it_and_where() -> None:
    (line,) = lines(run_of("pfpf"))
    assert [result.case for result, _ in line.told] == ["XX-00/1", "XX-00/3"]


def test_a_skip_stands_alone_with_its_missing_need() -> None:
    (line,) = lines(run_of("s"))
    assert (line.outcome, line.told, line.missing) == (Outcome.SKIP, (), ("terminal",))


def test_lines_come_in_rule_order_and_only_for_selected_rules() -> None:
    run = run_of("p f w")
    chosen = Run(run.about, run.rules[:0:-1], run.results, run.skips, run.duration_s)
    assert [(line.rule.id, line.outcome) for line in lines(chosen)] == [
        ("XX-02", Outcome.WARN),
        ("XX-01", Outcome.FAIL),
    ]


def test_a_rule_without_any_verdict_has_no_line() -> None:
    assert [line.rule.id for line in lines(run_of("p", stopped="SIGINT", unjudged=("XX-77",)))] == ["XX-00"]


def test_counts_name_every_outcome() -> None:
    assert counts(run_of("f e w i p s pf")) == {
        Outcome.FAIL: 2,
        **dict.fromkeys((Outcome.ERROR, Outcome.WARN, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.SKIP), 1),
    }
    assert set(counts(run_of(""))) == set(Outcome)


# words, plain, strict
EXITS: tuple[tuple[str, int, int], ...] = (
    ("p", 0, 0),
    ("p p", 0, 0),
    ("w", 0, 1),
    ("p w", 0, 1),
    ("p i", 0, 1),
    ("p s", 0, 1),
    ("p w i s", 0, 1),
    ("i", 3, 3),
    ("i i", 3, 3),
    ("i s", 3, 3),
    ("pi", 3, 3),
    ("w i", 0, 1),
    ("s", 5, 5),
    ("s s", 5, 5),
    ("", 5, 5),
    ("f", 1, 1),
    ("f p w i s", 1, 1),
    ("f i", 1, 1),
    ("e", 4, 4),
    ("e f", 4, 4),
    ("e p", 4, 4),
    ("e i", 4, 4),
    ("e s", 4, 4),
    ("ep f", 4, 4),
)


@pytest.mark.parametrize(("words", "code", "strict_code"), EXITS)
def test_the_exit_code_is_the_first_that_applies(words: str, code: int, strict_code: int) -> None:
    assert exit_code(run_of(words)) == code
    assert exit_code(run_of(words, strict=True)) == strict_code


@pytest.mark.parametrize(("words", "plain", "strict"), EXITS)
@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_comes_before_everything(words: str, plain: int, strict: int, signal: str, code: int) -> None:
    assert plain in range(6)
    assert strict in range(6)
    assert exit_code(run_of(words, stopped=signal)) == code
    assert exit_code(run_of(words, stopped=signal, problem="unreachable", strict=True)) == code


@pytest.mark.parametrize(
    ("words", "code"),
    [("", 3), ("s", 3), ("p", 3), ("i", 3), ("w", 3), ("f", 1), ("e", 4), ("e f", 4)],
)
def test_a_problem_is_no_verdict_unless_something_worse_is_known(words: str, code: int) -> None:
    assert exit_code(run_of(words, problem="unreachable")) == code
    assert exit_code(run_of(words, problem="unreachable", strict=True)) == code


CASE = Case("a/b@sse", Scenario("a/b", "", Script(()), ()), "sse", ("XX-00", "XX-01"), 0)


def test_a_case_that_could_not_run_leaves_its_promises_inconclusive() -> None:
    result = unrun(CASE, "the target was not back after c")
    assert {v.outcome for v in result.verdicts} == {Outcome.INCONCLUSIVE}
    assert [v.rule for v in result.verdicts] == ["XX-00", "XX-01"]
    assert {v.reason for v in result.verdicts} == {result.note} == {"the target was not back after c"}
    assert result.history is None


def test_a_case_that_we_broke_is_our_error() -> None:
    result = crashed(CASE, "Traceback …")
    assert {(v.outcome, v.reason) for v in result.verdicts} == {(Outcome.ERROR, "Traceback …")}
    assert result.promises == CASE.promises


def test_runs_over_several_bindings_are_one_run_in_which_the_worst_verdict_decides() -> None:
    run = merged([run_of("p p s"), run_of("p f p")])
    assert [line.outcome for line in lines(run)] == [Outcome.PASS, Outcome.FAIL, Outcome.PASS]
    assert run.skips == ()


def test_what_nobody_carried_is_skipped_once() -> None:
    run = merged([run_of("p s"), run_of("p s")])
    assert run.skips == (Skip("XX-01", ("terminal",)),)
    assert [line.outcome for line in lines(run)] == [Outcome.PASS, Outcome.SKIP]


def test_a_problem_of_one_is_a_problem_of_all() -> None:
    assert merged([run_of("p"), run_of("", problem="it went away")]).problem == "it went away"
