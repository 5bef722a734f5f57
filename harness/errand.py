"""An errand: bindings of the embedded reference that a process of its own judges, as data that crosses processes; and
the runs that come back, as frames.

Written by `errands`, read by `errand_child`, and the other way round. Never here: a process, or traffic. It holds the
secrets with which the reference is asked: it goes over pipes of our own alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.history import from_lines, to_lines
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.rule import Finding
from streamspec.harness.core.run import About, Result, Run, Section
from streamspec.harness.core.typed import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.rule import Rule

LINES_BYTES: Final = 1_048_576  # of a history that crosses in one frame
OP_HISTORY, OP_RESULT, OP_RUN = "history", "result", "run"


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be judged, and with which of a person's settings (`assembly.Settings` has their meanings; `headers`
    are those of its look). `chosen` are ids of rules, `started` is when the run began (ISO 8601), and `place` its
    directory, empty when nothing is kept."""

    bindings: tuple[str, ...]
    chosen: tuple[str, ...]
    started: str
    place: str
    headers: tuple[tuple[str, str], ...] = ()
    rules: tuple[str, ...] = ()
    seed: int = 0
    strict: bool = False
    claims: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    instances: int = 0
    directory: str = ""
    grace_ms: int = 0
    effort: str = "quick"
    auth: str = ""
    other: tuple[tuple[str, str], ...] = ()


SAME: Final = ("rules", "seed", "strict", "claims", "tells", "instances", "grace_ms", "effort", "auth", "other")


def errand_from_json(data: Any) -> Errand:
    """The inverse of `asdict`. Raises `TypeError` for anything else."""
    return build(Errand, data)


def frames_of(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """The frames of one run, each its op and its fields. A history in which every verdict is PASS stays where it is:
    reports quote only what went another way."""
    for result in run.results:
        quoted = any(verdict.outcome is not Outcome.PASS for verdict in result.verdicts)
        if quoted and result.history:
            for text in _pieces(to_lines(result.history)):
                yield OP_HISTORY, {"text": text}
        told = [_told(verdict) for verdict in result.verdicts]
        yield (
            OP_RESULT,
            {
                "case": result.case,
                "promises": result.promises,
                "verdicts": told,
                "place": result.place,
                "note": result.note,
            },
        )
    yield (
        OP_RUN,
        {
            "about": asdict(run.about),
            "rules": [rule.id for rule in run.rules],
            "skips": [asdict(skip) for skip in run.skips],
            "duration_s": run.duration_s,
            "problem": run.problem,
            "sections": [asdict(section) for section in run.sections],
        },
    )


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    held, size = [], 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        if size >= LINES_BYTES:
            yield "\n".join(held)
            held, size = [], 0
    if held:
        yield "\n".join(held)


def _told(verdict: Verdict) -> list[Any]:
    findings = [[f.stance, f.evidence, f.expected, f.got, f.reason] for f in verdict.findings]
    return [verdict.rule, verdict.outcome, verdict.reason, findings]


class Runs:
    """Runs out of their frames, in the order in which they came; `rules` are all there are, by their ids."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.whole: list[Run] = []
        self._rules = rules
        self._lines: list[str] = []
        self._results: list[Result] = []

    def take(self, said: Mapping[str, Any]) -> None:
        """One frame. Raises `ValueError`, `KeyError` or `TypeError` for what is none of a run."""
        match said["op"]:
            case str(op) if op == OP_HISTORY:
                self._lines += said["text"].split("\n")
            case str(op) if op == OP_RESULT:
                lines, self._lines = self._lines, []
                history = from_lines(lines, said["case"]) if lines else None
                verdicts = tuple(_verdict(*told) for told in said["verdicts"])
                promises = tuple(said["promises"])
                self._results.append(Result(said["case"], promises, verdicts, history, said["place"], said["note"]))
            case str(op) if op == OP_RUN:
                results, self._results = self._results, []
                self.whole.append(
                    Run(
                        build(About, said["about"]),
                        tuple(self._rules[name] for name in said["rules"]),
                        tuple(results),
                        tuple(build(Skip, skip) for skip in said["skips"]),
                        said["duration_s"],
                        problem=said["problem"],
                        sections=tuple(build(Section, section) for section in said["sections"]),
                    )
                )
            case other:
                raise ValueError(f"{other!r} is no part of a run")


def _verdict(rule: str, outcome: str, reason: str, findings: list[list[Any]]) -> Verdict:
    made = (Finding(stance, tuple(at), expected, got, why) for stance, at, expected, got, why in findings)
    return Verdict(rule, Outcome(outcome), tuple(made), reason)
