"""A run: results of cases, the outcome of each rule over its cases, and the exit code. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.baseline import reasons
from streamspec.harness.core.judge import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.baseline import Known
    from streamspec.harness.core.case import Case
    from streamspec.harness.core.history import History
    from streamspec.harness.core.plan import Skip
    from streamspec.harness.core.rule import Rule

# Worst first (design 4): SKIP never meets the others, the plan says it only when no case carried the rule.
WORST: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.WARN, Outcome.INCONCLUSIVE, Outcome.PASS)

EXIT_OK: Final = 0
EXIT_FAIL: Final = 1
EXIT_USAGE: Final = 2
EXIT_NO_VERDICT: Final = 3
EXIT_OURS: Final = 4
EXIT_NOTHING_RAN: Final = 5
SIGNAL_EXITS: Final = {"SIGINT": 130, "SIGTERM": 143}


@dataclass(frozen=True, slots=True)
class Result:
    """One case, executed or not. `history` is None when it did not run, or when all of it is PASS and another process
    judged it; `place` is the stored history's file."""

    case: str
    promises: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    history: History | None = None
    place: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What a report says of a run besides its results. `process` is how we came by the target's process (`spawn`, `pid`
    or empty); `notes` are what a person should know of it, like processes that survived its end."""

    target: str
    binding: str
    binding_reason: str
    profile: str
    roles: tuple[tuple[str, str], ...]
    seed: int
    tool: str
    started: str
    serial: bool = False
    calibration: float = 1.0
    strict: bool = False
    place: str = ""
    effort: str = "quick"
    process: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was counted or measured, with its unit (`ms`, `1/s`; empty for a count)."""

    what: str
    value: int | float | str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What a run can say besides verdicts, under one title: what a search explored, what a load measured."""

    title: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Everything executed. `stopped` names the signal that made it partial; `problem` says why there is no verdict;
    `crossed` is what fails it besides its rules, like a threshold, each in words; `sections` is what else it says;
    `known` are the failures that a baseline tolerates."""

    about: About
    rules: tuple[Rule, ...]
    results: tuple[Result, ...]
    skips: tuple[Skip, ...]
    duration_s: float
    stopped: str = ""
    problem: str = ""
    crossed: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    known: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One rule over all its cases: the worst verdict decides, and `told` are the verdicts that made it. `known` says
    why these failures are tolerated, when all of them are; else those that are new come first."""

    rule: Rule
    outcome: Outcome
    told: tuple[tuple[Result, Verdict], ...]
    missing: tuple[str, ...] = ()
    known: str = ""


def unrun(case: Case, note: str) -> Result:
    """A case that could not run: its promises are INCONCLUSIVE, with the reason."""
    verdicts = tuple(Verdict(rule, Outcome.INCONCLUSIVE, reason=note) for rule in case.promises)
    return Result(case.id, case.promises, verdicts, note=note)


def crashed(case: Case, text: str) -> Result:
    """A case that our own error ended: its promises are ERROR, with the traceback."""
    verdicts = tuple(Verdict(rule, Outcome.ERROR, reason=text) for rule in case.promises)
    return Result(case.id, case.promises, verdicts, note="our error")


def merged(runs: Sequence[Run]) -> Run:
    """Several runs against one target, over one binding each, as one: the first says what is told of the target. A rule
    is skipped where nobody carried it; `duration_s` is the longest."""
    first = runs[0]
    carried = {verdict.rule for run in runs for result in run.results for verdict in result.verdicts}
    skips = {skip.rule: skip for run in reversed(runs) for skip in run.skips if skip.rule not in carried}
    rules = {rule.id: rule for run in runs for rule in run.rules}
    about = replace(
        first.about,
        binding=", ".join(dict.fromkeys(run.about.binding for run in runs)),
        serial=any(run.about.serial for run in runs),
        calibration=max(run.about.calibration for run in runs),
        notes=tuple(dict.fromkeys(note for run in runs for note in run.about.notes)),
    )
    return Run(
        about,
        tuple(rules[name] for name in sorted(rules)),
        tuple(result for run in runs for result in run.results),
        tuple(skips[name] for name in sorted(skips)),
        max(run.duration_s for run in runs),
        problem=next((run.problem for run in runs if run.problem), ""),
        crossed=tuple(dict.fromkeys(words for run in runs for words in run.crossed)),
        sections=tuple(section for run in runs for section in run.sections),
        known=tuple(dict.fromkeys(entry for run in runs for entry in run.known)),
    )


def lines(run: Run) -> tuple[Line, ...]:
    """One line per selected rule, in rule order. A rule without any verdict (a stopped run) has no line."""
    told: dict[str, list[tuple[Result, Verdict]]] = {}
    for result in run.results:
        for verdict in result.verdicts:
            told.setdefault(verdict.rule, []).append((result, verdict))
    missing = {skip.rule: skip.missing for skip in run.skips}
    found: list[Line] = []
    for rule in run.rules:
        if rule.id in missing and rule.id not in told:
            found.append(Line(rule, Outcome.SKIP, (), missing[rule.id]))
        elif rule.id in told:
            found.append(_line(rule, told[rule.id], run.known))
    return tuple(found)


def _line(rule: Rule, told: list[tuple[Result, Verdict]], known: tuple[Known, ...]) -> Line:
    """What is known does not hide what is new, nor an error of ours."""
    worst = min((verdict.outcome for _, verdict in told), key=WORST.index)
    made = [pair for pair in told if pair[1].outcome is worst]
    new = [pair for pair in made if not reasons(known, *pair)]
    if new:
        return Line(rule, worst, (*new, *(pair for pair in made if reasons(known, *pair))))
    crashes = tuple(pair for pair in told if pair[1].outcome is Outcome.ERROR)
    if crashes:
        return Line(rule, Outcome.ERROR, crashes)
    why = dict.fromkeys(reason for pair in made for reason in reasons(known, *pair))
    return Line(rule, worst, tuple(made), known="; ".join(why))


def counts(run: Run) -> dict[Outcome, int]:
    """How many rules have each outcome, but for those whose failures are all known; every outcome is a key."""
    found = dict.fromkeys(Outcome, 0)
    for line in lines(run):
        found[line.outcome] += not line.known
    return found


def known_count(run: Run) -> int:
    """How many rules are broken and all their failures known."""
    return sum(bool(line.known) for line in lines(run))


def exit_code(run: Run) -> int:  # noqa: PLR0911 -- one line a code, in the order of design 4
    """The first that applies of design 4, from the signal down; usage errors never make a run."""
    if run.stopped in SIGNAL_EXITS:
        return SIGNAL_EXITS[run.stopped]
    found = counts(run)
    chosen = {rule.id for rule in run.rules}
    if any(v.outcome is Outcome.ERROR and v.rule in chosen for result in run.results for v in result.verdicts):
        return EXIT_OURS
    if found[Outcome.FAIL] or run.crossed:
        return EXIT_FAIL
    if run.problem:
        return EXIT_NO_VERDICT
    judged = found[Outcome.PASS] + found[Outcome.WARN] + known_count(run)
    if not judged and found[Outcome.INCONCLUSIVE]:
        return EXIT_NO_VERDICT
    if not judged:
        return EXIT_NOTHING_RAN
    if run.about.strict and (found[Outcome.WARN] or found[Outcome.INCONCLUSIVE] or found[Outcome.SKIP]):
        return EXIT_FAIL
    return EXIT_OK
