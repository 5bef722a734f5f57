"""From a verdict to words: what was sent, expected, got, where, why it matters, how to see it again.

The one maker of failure text: every report shows these blocks. The target's octets are printed inert: no control
character, escape sequence or bidirectional mark of theirs ever reaches a terminal or a file as itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.asking import items_read, request_of
from streamspec.harness.core.by_hand import by_hand
from streamspec.harness.core.event import (
    Called,
    Closed,
    Deviation,
    Did,
    Ended,
    Item,
    Opened,
    Raised,
    Record,
    Refused,
    Returned,
    Settled,
    Told,
)
from streamspec.harness.core.inert import printable
from streamspec.harness.core.property import was_drawn
from streamspec.harness.core.script import LOOK, SCRIPT, Ask, Open
from streamspec.harness.core.scripted import gate_request

if TYPE_CHECKING:
    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.ports import Request
    from streamspec.harness.core.rule import Finding, Rule

AROUND: Final = 2  # records shown on either side of the evidence
COMMANDS_MAX: Final = 4  # ways to ask again by hand
SHOWN_MAX: Final = 14  # records shown for one finding
FINDINGS_MAX: Final = 3  # findings told in full for one verdict
TEXT_MAX: Final = 160  # characters of one record's line
_DEFAULT_KINDS: Final = ("", "message")  # an event without a name (HTML §9.2.6)
_RUN: Final = "r1"  # the id of a stream, where one is asked for by hand
TOLD_MAX: Final = 1_000  # characters of what was expected, of what came, of one line of a reason


@dataclass(frozen=True, slots=True)
class Shown:
    """One record of a failure's surroundings; `marked` when the finding points to it."""

    index: int
    marked: bool
    t_ms: float
    session: str
    text: str


@dataclass(frozen=True, slots=True)
class Telling:
    """One finding in words."""

    expected: str
    got: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict in words; every string is inert text."""

    rule: str
    level: str
    outcome: str
    case: str
    sentence: str
    source: str
    why: str
    reason: tuple[str, ...]
    sent: tuple[str, ...]
    findings: tuple[Telling, ...]
    more: int
    reproduce: tuple[str, ...]
    history: str


def explain(rule: Rule, verdict: Verdict, history: History | None, case: str, place: str) -> Explanation:
    """`place` is the file of the stored history, empty when it was not stored."""
    unlike = {(finding.expected, finding.got): finding for finding in reversed(verdict.findings)}  # the first of each
    findings = tuple(reversed(unlike.values()))[:FINDINGS_MAX]
    sessions: tuple[str, ...] = ()
    if history:
        touched = {history.records[i].session for f in findings for i in f.evidence}
        sessions = tuple(s for s in history.sessions() if s in touched)
    return Explanation(
        rule=rule.id,
        level=rule.level.value,
        outcome=verdict.outcome.value,
        case=printable(case),
        sentence=rule.sentence,
        source=rule.source,
        why=rule.why,
        reason=tuple(printable(line, TOLD_MAX) for line in verdict.reason.splitlines()),
        sent=_sent(history, sessions) if history else (),
        findings=tuple(_told(finding, history) for finding in findings) if history else (),
        more=len(verdict.findings) - len(findings),
        reproduce=_reproduce(history, sessions, place, rule.id) if history else (),
        history=printable(place),
    )


def _told(finding: Finding, history: History) -> Telling:
    return Telling(
        printable(finding.expected, TOLD_MAX), printable(finding.got, TOLD_MAX), _around(finding.evidence, history)
    )


def _around(evidence: tuple[int, ...], history: History) -> tuple[Shown, ...]:
    """The records of the evidence with their neighbours of the same sessions, bounded."""
    marked = set(evidence)
    near: dict[int, None] = {}
    for session in dict.fromkeys(history.records[i].session for i in evidence):
        own = [r.index for r in history.records if r.session == session]
        for place, index in enumerate(own):
            if index in marked:
                near.update(dict.fromkeys(own[max(0, place - AROUND) : place + AROUND + 1]))
    chosen = sorted(near)
    if len(chosen) > SHOWN_MAX:  # keep the evidence first, and of it the beginning and the end
        kept = [i for i in chosen if i in marked]
        half = SHOWN_MAX // 2
        chosen = kept if len(kept) <= SHOWN_MAX else kept[:half] + kept[-half:]
    records = [history.records[i] for i in chosen]
    return tuple(
        Shown(r.index, r.index in marked, r.t_ns / 1e6, printable(r.session), describe(r.event)) for r in records
    )


def describe(event: Event) -> str:
    """One event on one line, inert and bounded."""
    match event:
        case Opened(status, reason, version, _):
            kind = event.header("content-type") or "no Content-Type"
            text = f"{version} {status} {reason}, {kind}"
        case Refused(why, detail):
            text = f"no answer: {why}{f' ({detail})' if detail else ''}"
        case Item(n=n, size=size, prefix=prefix, offset=offset, kind=kind):
            named = "" if kind in _DEFAULT_KINDS else f" {kind!r}"
            text = f"item {n}{named}, {size} octets at octet {offset} of the body: {prefix}"
        case Deviation(offset=offset, detail=detail):
            text = f"{event.sentence}, at octet {offset} {event.place}{f': {detail}' if detail else ''} [{event.code}]"
        case Ended(framing, size):
            text = f"the message is whole ({framing}, {size} octets of body)"
        case Closed(how, detail):
            by = {
                "eof": "the target closed the connection",
                "reset": "the connection was reset",
                "ours": "closed by us",
            }
            text = by[how] + (f" ({detail})" if detail else "")
        case Did(act):
            text = f"we did: {act}"
        case Called() | Returned() | Raised() | Settled() | Told():
            text = _in_process(event)
        case _:
            told = (
                f"{f.name}={_plain(value)!r}"
                for f in fields(event)
                if (value := getattr(event, f.name)) not in ("", {})
            )
            text = f"{type(event).__name__}({', '.join(told)})"
    text = printable(text)
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _in_process(event: Called | Returned | Raised | Settled | Told) -> str:
    match event:
        case Called(call, op, by, arg):
            return f"call {call}: {by} calls {op}({arg})"
        case Returned(call, value):
            return f"call {call} returned {value}".rstrip()
        case Raised(call, code, kind, message):
            return f"call {call} raised {kind}{f' with code {code}' if code else ''}{f': {message}' if message else ''}"
        case Settled(exact, late):
            return "nothing moves any more" if exact else f"quiet{'; due but late: ' + ', '.join(late) if late else ''}"
        case Told(values=values):
            return "told: " + ", ".join(f"{name} = {value}" for name, value in values.items())


def record_line(record: Record) -> str:
    """A record as one line, for `streamspec explain` and histories shown whole."""
    return f"{record.index:>4} {record.t_ns / 1e6:>10.3f} ms  {printable(record.session):<12} {describe(record.event)}"


def _sent(history: History, sessions: tuple[str, ...]) -> tuple[str, ...]:
    told = (f"{r.method} {r.url}  ({role})" for role, r in _asked(history, sessions))
    return tuple(dict.fromkeys(printable(line) for line in told))


def _reproduce(history: History, sessions: tuple[str, ...], place: str, rule: str) -> tuple[str, ...]:
    asked = _asked(history, sessions) or [(LOOK, r) for role, r in history.header.requests.items() if role == LOOK]
    commands = list(dict.fromkeys(by_hand(request) for _, request in asked))[:COMMANDS_MAX]
    commands += list(dict.fromkeys(by_hand(request) for request in _gates(history, sessions)))[:COMMANDS_MAX]
    drawn = was_drawn(history.header.scenario)  # no case of `run` plays it
    if (name := history.header.declared.get("object")) and not drawn:
        commands.append(f"streamspec run --object {shlex.quote(str(name))} --rule {rule}")
    if history.header.by_hand:
        commands.append(f"# {history.header.by_hand}")
    if place and drawn:
        commands.append(f"streamspec replay {shlex.quote(place)}")
    if place:
        commands.append(f"streamspec judge {shlex.quote(place)} --rule {rule}")
    return tuple(printable(command) for command in commands)


def _asked(history: History, sessions: tuple[str, ...]) -> list[tuple[str, Request]]:
    """The requests of these sessions as they were sent, with their roles."""
    found: list[tuple[str, Request]] = []
    size = history.declared("large", "item_bytes")
    for session in history.header.script.sessions:
        base = history.header.requests.get(session.role)
        if base is None or session.id not in sessions:
            continue
        ask = next((act for act in session.acts if isinstance(act, Ask)), Ask())
        item_bytes = size if isinstance(size, int) and size > 0 else 1  # a stored history may say anything
        found.append((session.role, request_of(base, ask, session, item_bytes, _last_id(history, ask.after), _RUN)))
    return found


def _gates(history: History, sessions: tuple[str, ...]) -> list[Request]:
    """What opens the gates of these sessions, while the streams above are being read."""
    base, script = history.header.declared.get(SCRIPT), history.header.requests.get(SCRIPT)
    if not isinstance(base, str) or script is None:
        return []
    own = tuple(header for header in script.headers if header[0].lower() != "accept")
    acts = [(s.id, act) for s in history.header.script.sessions for act in s.acts if isinstance(act, Open)]
    return [gate_request(base, own, _RUN, act.gate) for owner, act in acts if (act.of or owner) in sessions]


def _last_id(history: History, session: str) -> str:
    ids = [r.event.id for r in items_read(history, session) if isinstance(r.event, Item) and r.event.id]
    return ids[-1] if ids else ""
