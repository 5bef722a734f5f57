"""A run in which one hostile text stands wherever a target, or a stored run that is somebody else's, has a word."""

from __future__ import annotations

from dataclasses import replace

from streamspec.harness.core.event import Failed, Item, Opened
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.ports import Request
from streamspec.harness.core.rule import Level, Rule, broken, unknown
from streamspec.harness.core.run import About, Result, Run
from streamspec.harness.core.written import ASK, told, written

OUTCOMES = (Outcome.FAIL, Outcome.WARN, Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.PASS)


def rule(n: int, outcome: Outcome = Outcome.FAIL) -> Rule:
    """An ordinary rule of ours, with nothing foreign in it."""
    level = Level.SHOULD if outcome is Outcome.WARN else Level.MUST
    return Rule(f"XX-{n:02}", level, "A sentence.", "a source", "A cost.", lambda _: (), (), ())


def history_of(text: str) -> History:
    """What a hostile target can say on the wire, and what a foreign file can say of the request."""
    opened = Opened(200, text, text, (("Content-Type", text), (text, text)))
    item = Item(0, 7, "0" * 16, text, 0, text)
    seen = written(*told("finite-1", ASK, opened, item, Failed(text, text, text)))
    request = {"finite": Request(text, text, ((text, text),), text.encode("utf-8", "backslashreplace"))}
    return History(replace(seen.header, requests=request, by_hand=text), seen.records)


def verdict(n: int, outcome: Outcome, text: str, history: History) -> Verdict:
    match outcome:
        case Outcome.FAIL | Outcome.WARN:
            return Verdict(f"XX-{n:02}", outcome, (broken(history.records, expected=text, got=text),))
        case Outcome.INCONCLUSIVE:
            return Verdict(f"XX-{n:02}", outcome, (unknown(text),), text)
        case Outcome.ERROR:
            return Verdict(f"XX-{n:02}", outcome, (), f"Traceback\n  {text}\n{text}")
    return Verdict(f"XX-{n:02}", outcome)


def hostile_run(text: str) -> Run:
    """One rule of each outcome, every foreign word of it `text`; a second case fails too, and one rule is skipped."""
    history = history_of(text)
    verdicts = tuple(verdict(n, outcome, text, history) for n, outcome in enumerate(OUTCOMES))
    results = (
        Result(text, (text,), verdicts, history, text, text),
        Result(f"a {text}", (), verdicts[:1], history, f"a {text}"),
    )
    rules = (*(rule(n, outcome) for n, outcome in enumerate(OUTCOMES)), rule(9))
    skips = (Skip("XX-09", (text, "seq")), Skip(text, ("seq",)))
    about = About(
        target=text,
        binding=text,
        binding_reason=text,
        profile=text,
        roles=((text, text),),
        seed=0,
        tool=text,
        started=text,
        serial=True,
        place=text,
        effort=text,
        process=text,
        notes=(text,),
    )
    return Run(about, rules, results, skips, 0.5, "", "")
