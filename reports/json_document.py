"""The report for machines: one JSON document, its schema made from the same types.

`schema_version` is semantic: new optional fields raise its minor number. Nothing here is rendered from other text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from streamspec.harness.core.baseline import reasons
from streamspec.harness.core.explain import Explanation, explain
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Renderer, Style
from streamspec.harness.core.run import Line, Run, counts, exit_code, known_count, lines

if TYPE_CHECKING:
    from streamspec.harness.core import run as core
    from streamspec.harness.core.baseline import Known
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.run import Result

SCHEMA_VERSION: Final = "1.3"
OutcomeName = Literal["FAIL", "ERROR", "WARN", "INCONCLUSIVE", "PASS", "SKIP"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    binding: str
    binding_reason: str
    profile: str
    roles: dict[str, str]
    serial: bool
    process: Literal["", "spawn", "pid"]


class Counts(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """How many rules have each outcome, but for those whose failures are all known. Fields and no mapping: of its keys
    only some versions of msgspec tell."""

    fail: int
    error: int
    warn: int
    inconclusive: int
    # "pass" is Python's word; the document has it all the same.
    pass_: int = msgspec.field(name="PASS")
    skip: int


class RuleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One rule over all its cases. `missing` is for SKIP, `reason` for INCONCLUSIVE and ERROR; `known` says why a
    baseline tolerates all its failures, and is empty where it does not."""

    id: str
    level: Literal["MUST", "SHOULD"]
    sentence: str
    source: str
    outcome: OutcomeName
    reason: str
    missing: list[str]
    cases: list[str]
    known: str


class CaseVerdict(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    outcome: OutcomeName
    reason: str
    evidence: list[int]


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """One case: its promises, its verdicts, its stored history. `note` says why it did not run."""

    id: str
    promises: list[str]
    verdicts: list[CaseVerdict]
    history: str
    note: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    marked: bool
    t_ms: float
    session: str
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    expected: str
    got: str
    records: list[Shown]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A FAIL, WARN or ERROR told in full. `known` says why a baseline tolerates it; empty where it does not."""

    rule: str
    level: Literal["MUST", "SHOULD"]
    outcome: OutcomeName
    case: str
    sentence: str
    source: str
    why: str
    reason: str
    sent: list[str]
    findings: list[Finding]
    more_findings: int
    reproduce: list[str]
    history: str
    known: str


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    value: int | float | str
    unit: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says besides verdicts: what a search explored, what a load measured."""

    title: str
    figures: list[Figure]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The document of one run. `complete` is false when a signal stopped it or nothing could be judged; what it says is
    true all the same. `notes` are what a person should know of the target's process; `crossed` is what failed the run
    besides its rules; `known` are the rules whose failures a baseline tolerates, which no count counts."""

    schema_version: str
    tool: str
    started: str
    duration_s: float
    seed: int
    effort: str
    calibration: float
    complete: bool
    stopped: str
    problem: str
    exit_code: int
    target: Target
    counts: Counts
    rules: list[RuleOutcome]
    failures: list[Failure]
    cases: list[CaseResult]
    stored: str
    notes: list[str]
    crossed: list[str]
    sections: list[Section]
    known: int


_FIELDS: Final = {outcome: "pass_" if outcome is Outcome.PASS else outcome.value.lower() for outcome in Outcome}


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report, the same under every Python."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_on_one_line(msgspec.json.schema(Report))}


def _on_one_line(schema: dict[str, Any]) -> dict[str, Any]:
    """Descriptions are docstrings, whose line breaks and indentation mean nothing."""
    return {
        key: " ".join(value.split())
        if key == "description" and isinstance(value, str)
        else _on_one_line(value)
        if isinstance(value, dict)
        else value
        for key, value in schema.items()
    }


def report(run: Run) -> Report:
    about, found = run.about, lines(run)
    failures = [
        _failure(explain(line.rule, verdict, result.history, result.case, result.place), run.known, result, verdict)
        for line in found
        if line.outcome.value in {"FAIL", "ERROR", "WARN"}
        for result, verdict in line.told
    ]
    return Report(
        schema_version=SCHEMA_VERSION,
        tool=printable(about.tool),
        started=printable(about.started),
        duration_s=round(run.duration_s, 3),
        seed=about.seed,
        effort=printable(about.effort),
        calibration=about.calibration,
        complete=not (run.stopped or run.problem),
        stopped=printable(run.stopped),
        problem=printable(run.problem),
        exit_code=exit_code(run),
        target=Target(
            url=printable(about.target),
            binding=printable(about.binding),
            binding_reason=printable(about.binding_reason),
            profile=printable(about.profile),
            roles={printable(name): printable(path) for name, path in about.roles},
            serial=about.serial,
            process=about.process if about.process in {"spawn", "pid"} else "",  # type: ignore[arg-type]  # as narrowed
        ),
        counts=Counts(**{_FIELDS[outcome]: n for outcome, n in counts(run).items()}),
        rules=[_rule(line) for line in found],
        failures=failures,
        cases=[_case(result) for result in run.results],
        stored=printable(about.place),
        notes=[printable(note) for note in about.notes],
        crossed=[printable(words) for words in run.crossed],
        sections=[_section(section) for section in run.sections],
        known=known_count(run),
    )


def _section(section: core.Section) -> Section:
    figures = [
        Figure(what=printable(f.what), value=printable(f.value) if isinstance(f.value, str) else f.value, unit=f.unit)
        for f in section.figures
    ]
    return Section(title=printable(section.title), figures=figures)


def _rule(line: Line) -> RuleOutcome:
    return RuleOutcome(
        id=line.rule.id,
        level=line.rule.level.value,
        sentence=line.rule.sentence,
        source=line.rule.source,
        outcome=line.outcome.value,
        reason="; ".join(dict.fromkeys(printable(v.reason) for _, v in line.told if v.reason)),
        missing=[printable(need) for need in line.missing],
        cases=[printable(result.case) for result, _ in line.told],
        known=printable(line.known),
    )


def _failure(told: Explanation, known: tuple[Known, ...], result: Result, verdict: Verdict) -> Failure:
    return Failure(
        rule=told.rule,
        level=told.level,  # type: ignore[arg-type]  # Explanation holds the level's value as plain text
        outcome=told.outcome,  # type: ignore[arg-type]  # likewise
        case=told.case,
        sentence=told.sentence,
        source=told.source,
        why=told.why,
        reason="\n".join(told.reason),
        sent=list(told.sent),
        findings=[
            Finding(
                expected=f.expected,
                got=f.got,
                records=[
                    Shown(index=s.index, marked=s.marked, t_ms=s.t_ms, session=s.session, text=s.text) for s in f.shown
                ],
            )
            for f in told.findings
        ],
        more_findings=told.more,
        reproduce=list(told.reproduce),
        history=told.history,
        known=printable("; ".join(reasons(known, result, verdict))),
    )


def _case(result: Result) -> CaseResult:
    return CaseResult(
        id=printable(result.case),
        promises=[printable(rule) for rule in result.promises],
        verdicts=[_verdict(verdict) for verdict in result.verdicts],
        history=printable(result.place),
        note=printable(result.note),
    )


def _verdict(verdict: Verdict) -> CaseVerdict:
    evidence = sorted({index for finding in verdict.findings for index in finding.evidence})
    return CaseVerdict(
        rule=verdict.rule,
        outcome=verdict.outcome.value,
        reason=printable(verdict.reason),
        evidence=evidence[:100],
    )


def render(run: Run, style: Style) -> str:  # noqa: ARG001 -- a renderer's shape
    return msgspec.json.format(msgspec.json.encode(report(run)), indent=2).decode() + "\n"


JSON = Renderer("json", "for machines, with a published schema", render)
