"""Known failures: what a person has said of a target's failures in advance, each with a reason. Pure.

An entry tolerates what it names and nothing else, and it is stale as soon as that is kept again. Never here: files,
today's date (it is an argument), or a word that makes a verdict better than it is: a known failure stays a FAIL or a
WARN, it only does not fail the run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.judge import Outcome

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence

    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.run import Result, Run

BROKEN: Final = (Outcome.FAIL, Outcome.WARN)  # what can be known; INCONCLUSIVE and ERROR never are
UNWRITTEN: Final = "TODO"  # the reason of an entry that nobody has thought about yet: it is refused when it is read


@dataclass(frozen=True, slots=True)
class Known:
    """One entry of a baseline: this rule may be broken, and why. `case` is a pattern of case ids (`conformance/leave*`;
    `*` and `?` as in a shell), `binding` a name; empty means any. After the day `until` it is stale. `place` is where
    it stands, FILE:LINE."""

    rule: str
    reason: str
    case: str = ""
    binding: str = ""
    until: dt.date | None = None
    place: str = ""

    def concerns(self, result: Result) -> bool:
        """Whether it speaks of this case."""
        name, _, binding = result.case.partition("@")
        spoken = result.history.header.binding if result.history else binding.partition("+")[0]
        return (not self.case or fnmatchcase(result.case, self.case) or fnmatchcase(name, self.case)) and (
            not self.binding or spoken == self.binding
        )

    def says(self, result: Result, verdict: Verdict) -> bool:
        """Whether this failure is the one that it names."""
        return verdict.rule == self.rule and verdict.outcome in BROKEN and self.concerns(result)


def reasons(known: Iterable[Known], result: Result, verdict: Verdict) -> tuple[str, ...]:
    """Why this failure is tolerated; empty when it is not."""
    return tuple(entry.reason for entry in known if entry.says(result, verdict))


def held_against(run: Run, entries: Sequence[Known], today: dt.date) -> Run:
    """The run with what is known of its failures, and with each stale entry as something that fails it. An entry is
    stale when its day is over, or when its rule was kept wherever it speaks of it. One whose rule this run did not
    judge there is neither, and no entry is stale in a run that was stopped or has no verdict."""
    chosen = {rule.id for rule in run.rules}
    expired = [entry for entry in entries if entry.until and entry.until < today and entry.rule in chosen]
    valid = tuple(entry for entry in entries if entry not in expired)
    said = [
        f"stale baseline entry: {_named(e)} was to be over after {e.until}: mend it or say it anew" for e in expired
    ]
    if not (run.stopped or run.problem):
        said += [words for entry in valid if entry.rule in chosen and (words := _stale(entry, run))]
    return replace(run, known=valid, crossed=(*run.crossed, *said))


def _stale(entry: Known, run: Run) -> str:
    """Why this entry should go, in words; empty when it should not, or when nobody can tell."""
    judged = [(result, verdict) for result in run.results for verdict in result.verdicts if verdict.rule == entry.rule]
    here = {verdict.outcome for result, verdict in judged if entry.concerns(result)}
    if here == {Outcome.PASS}:  # a case without a verdict may be the one that would have failed
        return f"stale baseline entry: {_named(entry)} passes now: remove it"
    anywhere = replace(entry, case="")
    if not any(map(entry.concerns, run.results)) and any(anywhere.concerns(result) for result, _ in judged):
        return f"stale baseline entry: {_named(entry)} names no case of this run: remove it"
    return ""


def _named(entry: Known) -> str:
    where = "".join((f" in {entry.case}" if entry.case else "", f" over {entry.binding}" if entry.binding else ""))
    return f"{entry.place} {entry.rule}{where}".strip()


def written(run: Run) -> str:
    """A baseline that names each failure of this run which is not known yet, as TOML. Its reasons are for people to
    write: as they stand here, nobody's reader takes them."""
    return "\n".join(_lines(run))


def _lines(run: Run) -> Iterator[str]:
    yield f"# Known failures of {json.dumps(run.about.target)}, each with a reason that a person has to write."
    chosen = {rule.id for rule in run.rules}
    verdicts = [(result, verdict) for result in run.results for verdict in result.verdicts if verdict.rule in chosen]
    kept = {verdict.rule for _, verdict in verdicts if verdict.outcome is Outcome.PASS}
    found = sorted(
        (verdict.rule, result.case.partition("@")[0] if verdict.rule in kept else "")
        for result, verdict in verdicts
        if verdict.outcome in BROKEN and not reasons(run.known, result, verdict)
    )
    for rule, case in dict.fromkeys(found):
        yield ""
        yield "[[known]]"
        yield f"rule = {json.dumps(rule)}"
        if case:  # a rule that is kept nowhere needs none
            yield f"case = {json.dumps(case)}"
        yield f"reason = {json.dumps(UNWRITTEN)}"
    yield ""
