"""The report for CI: JUnit XML, one testcase a rule. Its shape is what Jenkins and GitLab read.

The file is red exactly when the exit code is not 0: what no rule says (no verdict, a stopped run, `--strict`), the
testcase `streamspec.run` says. Only PASS, and a WARN that is none of `--strict`'s, is a testcase without a mark: a
rule that was not judged is skipped, never passed (HN-04), and so is one whose failures a baseline tolerates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from streamspec.harness.core.explain import TOLD_MAX
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Renderer, Style
from streamspec.harness.core.run import EXIT_FAIL, EXIT_NOTHING_RAN, EXIT_OK, Line, Run, exit_code, lines
from streamspec.reports._block import KNOWN, block, reason, title, told_in_full
from streamspec.reports._summary import missing_of, rows, tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.rule import Rule

_PROPERTIES: Final = ("tool", "target", "binding", "profile", "seed", "effort")
_RED: Final = ("failure", "error")
# A rule has no time of its own: its cases are shared with others. The suite has the run's.
_NO_TIME: Final = "0.000"
# In an output, GitLab and a plugin of Jenkins take this for a file to attach; no target may name one.
_ATTACHMENT: Final = "[[ATTACHMENT|"


def render(run: Run, style: Style) -> str:  # noqa: ARG001 -- a renderer's shape
    suite = _suite(run)
    totals = {name: suite.attrib[name] for name in ("name", "tests", "failures", "errors", "time")}
    root = Element("testsuites", totals)
    root.append(suite)
    indent(root)
    # ASCII, the rest as character references: the same document whatever the encoding of the stream that it goes to
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="us-ascii").decode("ascii")}\n'


def _suite(run: Run) -> Element:
    found = {line.rule.id: line for line in lines(run)}
    cases = [_case(rule, found.get(rule.id), run) for rule in run.rules]
    cases = [*_of_the_run(run, red=any(_marks(case, *_RED) for case in cases)), *cases]
    suite = Element("testsuite", _legal({"name": f"streamspec {run.about.target}", "tests": str(len(cases))}))
    for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(plural, str(sum(_marks(case, tag) for case in cases)))
    suite.set("time", f"{run.duration_s:.3f}")
    if timestamp := _timestamp(run.about.started):
        suite.set("timestamp", timestamp)
    properties = SubElement(suite, "properties")
    for name in _PROPERTIES:
        if value := str(getattr(run.about, name)):  # what this run has none of is left out
            SubElement(properties, "property", _legal({"name": name, "value": value}))
    for section in run.sections:
        for what, value in rows(section):
            SubElement(properties, "property", _legal({"name": f"{section.title}: {what}", "value": value}))
    suite.extend(cases)
    if run.about.notes:
        _text(SubElement(suite, "system-out"), "\n".join(printable(note, TOLD_MAX) for note in run.about.notes))
    return suite


def _marks(case: Element, *tags: str) -> bool:
    return any(child.tag in tags for child in case)


def _case(rule: Rule, line: Line | None, run: Run) -> Element:
    case = _testcase(f"streamspec.{rule.family}", f"{rule.id} {rule.sentence}")
    if line is None:
        _mark(case, "skipped", f"not judged: {_why_unjudged(run)}")
        return case
    if line.known:
        _mark(case, "skipped", f"{KNOWN}: {reason(line)}")
        return case
    match line.outcome:
        case Outcome.FAIL:
            _tell(case, "failure", line)
        case Outcome.WARN if run.about.strict:
            _tell(case, "failure", line)
        case Outcome.WARN:
            _text(SubElement(case, "system-out"), _in_full(line))
        case Outcome.ERROR:
            _tell(case, "error", line)
        case Outcome.INCONCLUSIVE:
            _mark(case, "skipped", f"INCONCLUSIVE: {reason(line)}")
        case Outcome.SKIP:
            _mark(case, "skipped", f"SKIP: to see it, add {missing_of(run, line.missing)}")
        case Outcome.PASS:
            pass
    return case


def _why_unjudged(run: Run) -> str:
    if run.stopped or run.problem:
        return "the run ended before it"
    return "no history of this run speaks of it"


def _of_the_run(run: Run, *, red: bool) -> list[Element]:
    """What the exit code says and no rule does, as a testcase; `red` is whether some rule says so already."""
    case = _testcase("streamspec", "run")
    ended = [f"stopped by {run.stopped}: the report is partial"] if run.stopped else []
    ended += [f"no verdict: {run.problem}"] if run.problem else []
    code = exit_code(run)
    if ended:
        _mark(case, "error", "; ".join(ended), "stopped" if run.stopped else "no verdict")
    elif run.crossed:
        _mark(case, "failure", "; ".join(run.crossed), "crossed")
    elif red or code == EXIT_OK:
        return []
    elif code == EXIT_FAIL:
        _mark(case, "failure", f"--strict: {tally(run)}", "strict")
    else:
        said = "nothing applicable ran" if code == EXIT_NOTHING_RAN else "no rule was judged"
        _mark(case, "error", f"no verdict: {said}", "no verdict")
    return [case]


def _testcase(classname: str, name: str) -> Element:
    return Element("testcase", _legal({"classname": classname, "name": name, "time": _NO_TIME}))


def _tell(case: Element, tag: str, line: Line) -> None:
    """The block of a failure; its message is the first thing that was wrong."""
    told = told_in_full(line)
    kind = told.outcome if tag == "error" else told.level
    if told.findings:
        message = f"expected {told.findings[0].expected}; got {told.findings[0].got}"
    else:  # a crash of ours: the last line of its traceback says what was raised
        message = told.reason[-1] if told.reason else told.sentence
    _text(SubElement(case, tag, _legal({"type": kind, "message": message})), _in_full(line))


def _in_full(line: Line) -> str:
    told = told_in_full(line)
    return "\n".join((title(told), *block(told, line)))


def _mark(case: Element, tag: str, message: str, kind: str = "") -> None:
    """A mark whose text is its message: Jenkins shows the one, GitLab the other."""
    message = message[:TOLD_MAX]
    typed = {"type": kind} if kind else {}
    _text(SubElement(case, tag, _legal({**typed, "message": message})), message)


def _text(element: Element, text: str) -> None:
    element.text = "\n".join(_inert(line) for line in text.split("\n"))


def _legal(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: _inert(value) for name, value in attributes.items()}


def _inert(text: str) -> str:
    """What XML 1.0 cannot hold (§2.2: most control characters, lone surrogates, U+FFFE) is an escape already in every
    word of a target; here once more for whatever else enters the tree."""
    return printable(text).replace(_ATTACHMENT, _ATTACHMENT.replace("[[", "[\\x5b"))


def _timestamp(started: str) -> str:
    """In UTC and without a zone, which the format has no place for; empty when a foreign run says no time."""
    try:
        moment = datetime.fromisoformat(started)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return ""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


JUNIT = Renderer("junit", "for CI: JUnit XML, one testcase a rule", render)
