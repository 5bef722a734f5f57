"""One rule's outcome in words, the same in every report for people: the block of a failure, the reason of a silence.

Lines of inert text. Colour, markup and escapes are each report's own, and nothing here looks at a whole run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.explain import Explanation, explain
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.run import Line

TOLD: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.WARN)  # outcomes that are told in full
KNOWN: Final = "KNOWN"  # the mark of a rule whose failures a baseline tolerates


def in_full(line: Line) -> bool:
    """Whether people read this line's block: a known failure has its reason instead."""
    return line.outcome in TOLD and not line.known


def mark(line: Line) -> str:
    """The word ahead of a rule."""
    return KNOWN if line.known else line.outcome.value


def told_in_full(line: Line) -> Explanation:
    """The first of the verdicts that made this outcome, in words; `block` names the cases of the others."""
    result, verdict = line.told[0]
    return explain(line.rule, verdict, result.history, result.case, result.place)


def title(told: Explanation) -> str:
    """The one line above a block."""
    return f"{told.outcome}  {told.rule}  {told.level}  {told.case}"


def block(told: Explanation, line: Line) -> Iterator[str]:
    """What was due, what was sent and seen, where, why it matters, and how to see it again."""
    yield f"  {told.sentence}"
    yield f"  source    {told.source}"
    for n, sent in enumerate(told.sent):
        yield f"  {'sent' if not n else '    '}      {sent}"
    for finding in told.findings:
        yield f"  expected  {finding.expected}"
        yield f"  got       {finding.got}"
        for shown in finding.shown:
            mark = ">" if shown.marked else " "
            yield f"    {mark} {shown.index:>4} {shown.t_ms:>10.3f} ms  {shown.session:<16} {shown.text}"
    if told.more:
        yield f"  and {told.more} more findings like these"
    if len(line.told) > 1:
        others = ", ".join(printable(result.case) for result, _ in line.told[1:])
        yield f"  also in   {others}"
    yield from (f"  | {text}" for text in told.reason)
    yield f"  why       {told.why}"
    for n, command in enumerate(told.reproduce):
        yield f"  {'again' if not n else '     '}     {command}"


def reason(line: Line) -> str:
    """Why this line's cases could not tell, each reason once; of known failures, why they are tolerated."""
    if line.known:
        return printable(f"{line.outcome}, and known: {line.known}")
    return printable("; ".join(dict.fromkeys(verdict.reason for _, verdict in line.told if verdict.reason)))
