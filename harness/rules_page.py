"""`docs/rules.md`: every rule with its source, its proofs and who promises it, as Markdown. Made from the constants.

Pure but for the data file that lies beside the rules. Never here: what a rule means, or which variants there are (they
are handed in, as the reference lists them).
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.explain import describe
from streamspec.harness.core.inert import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Rule

RECORDS_MAX: Final = 16  # of a history that stands for many
_TAIL: Final = 8  # of these at its end, where most histories break
LINE_MAX: Final = 116  # characters
_RIVALS: Final = ("streamspec.harness.rules", "rivals.toml")
_MARKUP: Final = re.compile(r"([\\`*<>\[\]|])|(?<!\w)(_)|(_)(?!\w)")
_HEAD: Final = """\
<!-- Made by `streamspec catalogue > docs/rules.md`. Not to be edited: the rules are in harness/rules/. -->
# The rules

{rules} rules in {families} families, {musts} MUST and {shoulds} SHOULD, promised by {scenarios} scenarios. Ids are
never renumbered or used again; one that is missing was merged or left out (`docs/decisions/`), or is yet to come.

Each rule carries its proof: histories written by hand on which its check holds and breaks, of which one each stands
here (`streamspec explain ID` shows all), and a broken variant of the reference that it kills (`streamspec serve` serves
them under `/broken/`). *Needs* are what a target must offer, or its user declare, before a rule applies; a report says
what to add. *Other suites* are those that cover the sentence for what streams, wholly (each for its own binding) or
partly:

"""


def rivals() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The suites by their short names, and what each rule is covered by."""
    package, name = _RIVALS
    data = tomllib.loads((files(package) / name).read_text(encoding="utf-8"))
    return data["suites"], data["covered"]


def page(rules: Sequence[Rule], scenarios: Sequence[Scenario], killers: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """The whole page. `killers` are, by rule, the names of its variants and what each does wrong."""
    suites, covered = rivals()
    families = dict.fromkeys(rule.family for rule in rules)
    musts = sum(rule.level.value == "MUST" for rule in rules)
    lines = [
        _HEAD.format(
            rules=len(rules),
            families=len(families),
            musts=musts,
            shoulds=len(rules) - musts,
            scenarios=len(scenarios),
        ),
        *(f"- {short}: {_plain(name)}" for short, name in suites.items()),
        "",
        " · ".join(f"[{family}](#{family.lower()})" for family in families),
    ]
    for family in families:
        lines += ["", f"## {family}"]
        for rule in rules:
            if rule.family == family:
                lines += _rule(rule, scenarios, killers.get(rule.id, ()), covered.get(rule.id, "not looked up"))
    return "\n".join(lines) + "\n"


def _rule(rule: Rule, scenarios: Sequence[Scenario], variants: Sequence[tuple[str, str]], other: str) -> Iterator[str]:
    yield from ("", f"### {rule.id} {rule.level.value}", "", _plain(rule.sentence), "")
    yield f"- why: {_plain(rule.why)}"
    yield f"- source: {_plain(rule.source)}"
    yield f"- needs: {_codes(rule.needs)}"
    yield f"- speaks of: {_codes(rule.on) or _targets(rule)}"
    if rule.after:
        yield f"- a failure there explains one here: {', '.join(rule.after)}"
    yield f"- promised by: {_codes([s.id for s in scenarios if rule.id in s.promises]) or 'nobody'}"
    killed = "; ".join(f"`{name}` ({_plain(sentence.rstrip('.'))})" for name, sentence in variants)
    yield f"- kills: {killed or 'nothing'}"
    yield f"- other suites: {_plain(other)}"
    for word, histories in (("Good", rule.good), ("Bad", rule.bad)):
        if histories:
            ending = [_finding(rule, histories[0])] if word == "Bad" else []
            yield from ("", f"{word}, over `{histories[0].header.binding}`:", "")
            yield from ("```", *short(histories[0]), *ending, "```")


def _finding(rule: Rule, history: History) -> str:
    """What the check says of a bad history."""
    told = next(finding for finding in rule.check(history) if finding.stance == "broken")
    return f"=> expected {printable(told.expected)}, got {printable(told.got)}"


def short(history: History) -> tuple[str, ...]:
    """A history, one line a record: who, and what was seen. Of a long one the middle is left out."""
    width = max((len(record.session) for record in history.records), default=0)
    shown = [
        printable(f"{record.session:<{width}}  {describe(record.event)}", LINE_MAX).rstrip()
        for record in history.records
    ]
    more = len(shown) - RECORDS_MAX
    return (*shown[: RECORDS_MAX - _TAIL], f"… {more} more", *shown[-_TAIL:]) if more > 0 else tuple(shown)


def _targets(rule: Rule) -> str:
    if "object" in rule.needs:
        return "stream objects"
    either = any("object" in need.split("|") for need in rule.needs)
    return f"every binding{', and stream objects' if either else ''}"


def _codes(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _plain(text: str) -> str:
    """Words that Markdown would read as more than words."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", text)
