"""The report for people: one line a rule, then each failure in full, then what to add to see more.

Pure text out. Every word of the target's was made inert by `core.explain`; colour codes are ours alone.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Renderer, Style
from streamspec.harness.core.run import Line, Run, counts, lines
from streamspec.reports._block import TOLD, block, in_full, mark, reason, title, told_in_full
from streamspec.reports._summary import rows, tally, to_add

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLOURS: Final = {
    Outcome.FAIL: "31",
    Outcome.ERROR: "35",
    Outcome.WARN: "33",
    Outcome.INCONCLUSIVE: "36",
    Outcome.PASS: "32",
    Outcome.SKIP: "2",
}


def render(run: Run, style: Style) -> str:
    return "\n".join(_report(run, style)) + "\n"


def _report(run: Run, style: Style) -> Iterator[str]:
    yield from _header(run, style)
    yield ""
    found = lines(run)
    width = max((len(mark(line)) for line in found if line.outcome is not Outcome.SKIP), default=4)
    for line in found:
        if line.outcome is not Outcome.SKIP:
            yield _row(line, style, width)
    for line in found:
        if in_full(line):
            yield ""
            yield from _failure(line, style)
    yield from _sections(run)
    yield ""
    if run.problem:
        yield _paint(f"no verdict: {printable(run.problem)}", _COLOURS[Outcome.INCONCLUSIVE], style)
        return
    yield from _footer(run, style)


def _header(run: Run, style: Style) -> Iterator[str]:
    about = run.about
    yield f"{_paint(printable(about.tool), '1', style)}  {printable(about.target)}"
    if not about.binding:
        return
    serial = ", one stream at a time" if about.serial else ""
    known = f"binding {about.binding} ({about.binding_reason}){serial}, profile {about.profile}, effort {about.effort}"
    yield printable(known)
    if about.roles:
        yield "roles " + "  ".join(printable(f"{name}={path}") for name, path in about.roles)


def _row(line: Line, style: Style, width: int) -> str:
    colour = _COLOURS[Outcome.INCONCLUSIVE if line.known else line.outcome]
    word = _paint(mark(line).ljust(width), colour, style)
    why = f"\n{' ' * (width + 9)}{reason(line)}" if line.known or line.outcome is Outcome.INCONCLUSIVE else ""
    return f"{word}  {line.rule.id:<6} {line.rule.sentence}{why}"


def _failure(line: Line, style: Style) -> Iterator[str]:
    dash = "──" if style.unicode else "--"
    told = told_in_full(line)
    yield _paint(f"{dash} {title(told)} {dash}", _COLOURS[line.outcome], style)
    yield from block(told, line)


def _sections(run: Run) -> Iterator[str]:
    for section in run.sections:
        told = rows(section)
        width = max((len(what) for what, _ in told), default=0)
        yield f"\n{printable(section.title)}"
        yield from (f"  {what.ljust(width)}  {value}" for what, value in told)


def _footer(run: Run, style: Style) -> Iterator[str]:
    found = counts(run)
    worst = next((outcome for outcome in TOLD if found[outcome]), Outcome.PASS)
    if not found[Outcome.PASS] and worst is Outcome.PASS:
        worst = Outcome.INCONCLUSIVE
    partial = f"  (partial: stopped by {printable(run.stopped)})" if run.stopped else ""
    yield f"{_paint(tally(run), _COLOURS[worst], style)}  in {run.duration_s:.1f} s{partial}"
    yield from (_paint(f"fails: {printable(words)}", _COLOURS[Outcome.FAIL], style) for words in run.crossed)
    yield from (f"note: {printable(note)}" for note in run.about.notes)
    if run.about.place:
        yield printable(f"stored in {run.about.place}   (streamspec judge {shlex.quote(run.about.place)})")
    if wanted := to_add(run):
        yield "to see more, add:"
        yield from (f"  {words}   -> {rules}" for words, rules in wanted)


def _paint(text: str, code: str, style: Style) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if style.colour else text


TERMINAL = Renderer("text", "for people", render)
