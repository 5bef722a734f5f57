"""The report for people: one line a rule, then each failure in full, then what to add to see more.

Pure text out. Every word of the target's was made inert by `core.explain`; colour codes are ours alone.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.explain import Explanation, explain
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.objects import FEATURES
from streamspec.harness.core.ports import Renderer, Style
from streamspec.harness.core.run import Line, Run, counts, lines

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
_TOLD: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.WARN)

# What a person can add so that a need is met.
HINTS: Final = {
    "seq": "--role finite.seq='$.FIELD' (the field of an item that counts)",
    "terminal": "--profile NAME (a dialect whose stream says inside how it ended)",
    "feature:json-items": "--profile NAME (a dialect whose items are JSON)",
    "concurrent": "a server that serves two streams at once",
    "get": "a look by GET, without Authorization",
    "wire": "a URL (these rules read the octets of a server)",
    "object": "--object MODULE:FACTORY (a stream object of this process)",
    "object:asyncio": "an object whose operations are awaited",
    "object:threads": "an object whose operations block their thread",
    **{f"feature:{name}": f"an object with {offered}" for name, offered in FEATURES.items()},
}


def hint(need: str) -> str:
    """How to meet a need, in the words of the command line."""
    if "|" in need:
        return " or ".join(hint(either) for either in need.split("|"))
    if need in HINTS:
        return HINTS[need]
    name, _, rest = need.partition(":")
    if name == "role":
        return f"--role {rest}={'VALUE' if '.' in rest else '/path'}"
    return need


def render(run: Run, style: Style) -> str:
    return "\n".join(_report(run, style)) + "\n"


def _report(run: Run, style: Style) -> Iterator[str]:
    yield from _header(run, style)
    yield ""
    found = lines(run)
    width = max((len(line.outcome) for line in found if line.outcome is not Outcome.SKIP), default=4)
    for line in found:
        if line.outcome is not Outcome.SKIP:
            yield _row(line, style, width)
    for line in found:
        if line.outcome in _TOLD:
            result, verdict = line.told[0]
            told = explain(line.rule, verdict, result.history, result.case, result.place)
            yield ""
            yield from _failure(told, line, style)
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
    yield printable(f"binding {about.binding} ({about.binding_reason}){serial}, profile {about.profile}")
    if about.roles:
        yield "roles " + "  ".join(printable(f"{name}={path}") for name, path in about.roles)


def _row(line: Line, style: Style, width: int) -> str:
    word = _paint(line.outcome.ljust(width), _COLOURS[line.outcome], style)
    reason = ""
    if line.outcome is Outcome.INCONCLUSIVE:
        reason = f"\n{' ' * (width + 9)}{printable(_reason(line))}"
    return f"{word}  {line.rule.id:<6} {line.rule.sentence}{reason}"


def _reason(line: Line) -> str:
    return "; ".join(dict.fromkeys(verdict.reason for _, verdict in line.told if verdict.reason))


def _failure(told: Explanation, line: Line, style: Style) -> Iterator[str]:
    dash = "──" if style.unicode else "--"
    outcome = Outcome(told.outcome)
    title = f"{told.outcome}  {told.rule}  {told.level}  {told.case}"
    yield _paint(f"{dash} {title} {dash}", _COLOURS[outcome], style)
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


def _footer(run: Run, style: Style) -> Iterator[str]:
    found = counts(run)
    parts = [f"{found[outcome]} {outcome.value.lower()}" for outcome in Outcome if found[outcome]]
    worst = next((o for o in (Outcome.FAIL, Outcome.ERROR, Outcome.WARN) if found[o]), Outcome.PASS)
    if not found[Outcome.PASS] and worst is Outcome.PASS:
        worst = Outcome.INCONCLUSIVE
    partial = f"  (partial: stopped by {printable(run.stopped)})" if run.stopped else ""
    yield (
        _paint(", ".join(parts) or "no rule was judged", _COLOURS[worst], style)
        + f"  in {run.duration_s:.1f} s{partial}"
    )
    if run.about.place:
        yield printable(f"stored in {run.about.place}   (streamspec judge {shlex.quote(run.about.place)})")
    if asked := _unmet(run):
        yield "to see more, add:"
        for needs, rules in asked:
            yield printable(f"  {' '.join(hint(need) for need in needs)}   -> {', '.join(rules)}")


def _unmet(run: Run) -> list[tuple[tuple[str, ...], list[str]]]:
    """Needs that are not met with the rules that wait for them; what is said of one role stands together."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for skip in run.skips:
        for need in skip.missing:
            needs, rules = found.setdefault(need.partition(".")[0], ({}, {}))
            needs[need] = None
            rules[skip.rule] = None
    return [(tuple(sorted(needs)), list(rules)) for needs, rules in found.values()]


def _paint(text: str, code: str, style: Style) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if style.colour else text


TERMINAL = Renderer("text", "for people", render)
