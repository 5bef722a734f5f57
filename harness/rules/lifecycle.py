"""LC: how a stream ends, and whether the target still serves afterwards.

Checks are pure functions of a history; each rule carries the histories that prove it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.case import Control
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Did,
    Ended,
    Expired,
    Failed,
    Item,
    Opened,
    Record,
    Refused,
)
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import AGAIN
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_TM: Final = {"profile.terminal": True, "profile.error_channel": True}
_OPEN: Final = (ASK, head(), item(0))
_FAILED: Final = Failed("INTERNAL", "it failed")


def one_terminal(h: History) -> Iterator[Finding]:
    """A stream without any terminal is LC-14's, not this rule's."""
    for session in h.sessions():
        ends = standing.terminals(h, session)
        if len(ends) == 1:
            yield held(ends)
        elif ends:
            yield broken(ends, expected="one terminal signal, complete or error", got=f"{len(ends)} of them")


LC_01 = Rule(
    id="LC-01",
    level=Level.MUST,
    sentence="A stream shows at most one terminal signal, complete or error.",
    source="seed 000 'Completion' (never call both); Reactive Streams §1.7",
    why="A consumer acts on the first terminal; a second one contradicts it, or ends the next stream.",
    needs=("wire", "terminal"),
    after=("SSE-01", "LC-14"),
    check=one_terminal,
    good=(
        written(*told("finite", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        written(*told("failing", *_OPEN, _FAILED, ENDED, EOF), declared=_TM),
    ),
    bad=(
        written(*told("finite", *_OPEN, Completed(), Completed(), ENDED, EOF), declared=_TM),
        written(*told("failing", *_OPEN, _FAILED, Completed(), ENDED, EOF), declared=_TM),
    ),
)


def silent_after_terminal(h: History) -> Iterator[Finding]:
    """Only what was watched counts: a stream that we left at its terminal shows nothing."""
    for session in h.sessions():
        ends = standing.terminals(h, session)
        if not ends:
            continue
        late = tuple(r for r in standing.theirs(h, (Item, *standing.TERMINALS), session) if r.index > ends[0].index)
        watched = next(
            (
                r
                for r in h.of((Ended, Closed, Expired), session)
                if r.index > ends[0].index and r.event != Closed("ours")
            ),
            None,
        )
        if late:
            yield broken(ends[0], late[:3], expected="nothing after the terminal", got=f"{len(late)} more signals")
        elif watched:
            yield held(ends[0], watched)
        else:
            yield unknown("we left the stream at its terminal", ends[0])


LC_02 = Rule(
    id="LC-02",
    level=Level.MUST,
    sentence="No item and no second terminal follows the terminal.",
    source="Reactive Streams §1.7",
    why="Consumers stop listening at the terminal: whatever follows is lost, or taken for another stream's.",
    needs=("wire", "terminal"),
    after=("SSE-01", "LC-01", "LC-14"),
    check=silent_after_terminal,
    good=(
        written(*told("finite", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        # a server that keeps its connection open after the terminal says nothing wrong by that
        written(*told("finite", *_OPEN, Completed(), Expired("terminal_ms", 1000), *CLOSE), declared=_TM),
    ),
    bad=(written(*told("finite", *_OPEN, Completed(), item(1), ENDED, EOF), declared=_TM),),
)


def failure_is_visible(h: History) -> Iterator[Finding]:
    silent: list[Record] = []
    sessions = h.sessions("failing")
    alive = any(standing.opened(h, s) for s in h.sessions("look"))
    for session in sessions:
        answer = h.first(Opened, session)
        refused = h.first(Refused, session)
        late = next(iter(standing.expired(h, session)), None)
        if isinstance(answer and answer.event, Opened) and not standing.opened(h, session):
            status = answer.event.status  # type: ignore[union-attr]
            # Below 500 the handler that fails was never reached: a wrong path, a refusal, a redirect.
            yield held(answer) if status >= 500 else unknown(f"failing answered {status}", answer)
        elif answer:
            yield from _failure_in_stream(h, session, answer)
            silent += [late] if late and not standing.terminals(h, session) else []
        elif alive and refused and isinstance(refused.event, Refused) and refused.event.why in {"closed", "reset"}:
            yield held(refused)
        elif late:
            silent.append(late)
        else:
            yield unknown(standing.not_opened(h, session))
    if silent and len(silent) == len(sessions) >= 3:
        yield broken(silent, expected="the failure, in bounded time", got="silence until the deadline, every time")
    elif silent:
        yield unknown(f"silent until the deadline {len(silent)} of {len(sessions)} times", silent)


def _failure_in_stream(h: History, session: str, answer: Record) -> Iterator[Finding]:
    """An in-band error, a cut or a reset shows the failure; a success terminal or a clean end hides it."""
    ends = standing.terminals(h, session)
    clean = standing.whole(h, session)
    if ends and isinstance(ends[0].event, Failed):
        yield held(ends[0])
    elif ends:
        yield broken(ends[0], expected="an error, or an end that is visibly broken", got="the success terminal")
    elif clean:
        yield _clean_failure(h, answer, clean)
    elif end := standing.cut(h, session) or standing.reset(h, session):
        yield held(end)


def _clean_failure(h: History, answer: Record, clean: Record) -> Finding:
    """No terminal, and a message whole by its framing. Where success has a marker, its absence shows the failure, but
    a dialect that has a word for failure must use it. A body that ends with its connection ends alike either way."""
    declared = h.header.declared
    by_close = isinstance(clean.event, Ended) and clean.event.framing == "close"
    if declared.get("profile.terminal") and (by_close or not declared.get("profile.error_channel")):
        return held(clean)
    if by_close:
        return unknown("the body ends with its connection: success and failure look alike", clean)
    wanted = "the profile's error terminal" if declared.get("profile.error_channel") else "a message cut short"
    return broken(answer, clean, expected=wanted, got="a clean end, as after success")


LC_07 = Rule(
    id="LC-07",
    level=Level.MUST,
    sentence="A handler's exception ends the stream in bounded time as an error, never as completion.",
    source="seed 000 'Completion'; Reactive Streams §1.4; RFC 9112 §8",
    why="A failure that looks like a clean end makes half an answer look like a whole one: data is lost in silence.",
    needs=("role:failing",),
    after=("SSE-01",),
    check=failure_is_visible,
    good=(
        written(*told("failing", *_OPEN, EOF)),
        written(*told("failing", *_OPEN, RESET)),
        # close-delimited: nobody can tell, unless the profile has a marker
        written(*told("failing", *_OPEN, Ended("close", 20), EOF)),
        written(*told("failing", *_OPEN, Ended("close", 20), EOF), declared=_TM),
        written(*told("failing", ASK, head(status=500), ENDED, *CLOSE)),
        written(*told("failing", *_OPEN, _FAILED, ENDED, EOF), declared=_TM),
        # slow twice, then in time: a late budget counts three times out of three
        written(
            *told("failing-1", *_OPEN, Expired("failing_ms", 5000), *CLOSE),
            *told("failing-2", *_OPEN, Expired("failing_ms", 5000), *CLOSE, start_ms=6000),
            *told("failing-3", *_OPEN, EOF, start_ms=12000),
        ),
    ),
    bad=(
        written(*told("failing", *_OPEN, ENDED, EOF)),
        written(*told("failing", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        written(
            *(
                row
                for n in (1, 2, 3)
                for row in told(f"failing-{n}", *_OPEN, Expired("failing_ms", 5000), *CLOSE, start_ms=6000 * n)
            )
        ),
    ),
)


def clean_end_has_its_marker(h: History) -> Iterator[Finding]:
    if not h.header.declared.get("profile.terminal"):
        return
    for session in h.sessions("finite"):
        ends = standing.terminals(h, session)
        clean = standing.whole(h, session)
        if not standing.opened(h, session):
            yield unknown(standing.not_opened(h, session))
        elif ends:
            yield held(ends[0])
        elif clean:
            yield broken(clean, expected="the profile's terminal marker before the end", got="a clean end without it")
        else:
            yield unknown("finite did not end by itself while we read")


LC_14 = Rule(
    id="LC-14",
    level=Level.MUST,
    sentence="A server never ends the transport cleanly without the profile's terminal marker.",
    source="seed 002 (stream:end); seed 003 (stream-end)",
    why="Without its marker a whole stream cannot be told from one that was cut: consumers must guess.",
    needs=("terminal", "role:finite"),
    after=("SSE-01",),
    check=clean_end_has_its_marker,
    good=(written(*told("finite", *_OPEN, Completed(), ENDED, EOF), declared=_TM),),
    bad=(written(*told("finite", *_OPEN, ENDED, EOF), declared=_TM),),
)


def served_again(h: History) -> Iterator[Finding]:
    """Judged on every case: the runner looks again after each. Two answers before are the control; one of three
    looks afterwards is enough, each within `recover_ms`."""
    looks = [s for s in h.sessions("look") if s.startswith(AGAIN)]
    start = h.first(Did, looks[0]) if looks else None
    if not start:
        return
    disturbance = _disturbance(h, start.index)
    if not disturbance:
        return
    before = [r for s in h.sessions() if (r := standing.opened(h, s)) and r.index < disturbance.index]
    if len(before) < 2:
        yield unknown("fewer than two answers before the disturbance")
        return
    control = _control(h, looks)
    if not control:
        yield unknown("no look was answered with a stream before the disturbance")
    elif again := next((r for s in looks if (r := standing.served_as(h, control, s))), None):
        yield held(before[-2:], disturbance, again)
    elif any(h.of(Expired, s) and not standing.expired(h, s) for s in looks):
        yield unknown("this machine stood still meanwhile")
    elif any(_busy(h, s) for s in looks):
        yield unknown("the target answered 429: it limits our rate")
    elif len(looks) >= 3:
        last = h.first((Opened, Refused, Expired), looks[-1]) or h.of(Did, looks[-1])[-1]
        got = standing.not_opened(h, looks[-1]) or "an answer unlike the one before"
        yield broken(before[-1], disturbance, last, expected="the look answered as before", got=f"{got}, three times")
    else:
        yield unknown("looked again too seldom")


def _disturbance(h: History, before: int) -> Record | None:
    """The last act of ours (or failure of theirs) that a server must outlive."""
    for record in reversed(h.records[:before]):
        if not isinstance(record.event, Did):
            if h.role(record.session) == "failing" and isinstance(record.event, Closed | Failed):
                return record
        elif record.event.act in {"cancel:rst", "cancel:fin", "ask:malformed"}:
            return record
        elif record.event.act == "close" and standing.opened(h, record.session):
            done = standing.whole(h, record.session) or standing.terminals(h, record.session)
            if not done:
                return record
    return None


def _control(h: History, looks: list[str]) -> Control | None:
    """How this case's first look was answered, before anything disturbed the target. It must have been a stream: an
    item came, or the body stayed open. One page for every request is served again, and shows nothing."""
    for session in h.sessions("look"):
        record = standing.opened(h, session)
        if session not in looks and record and isinstance(record.event, Opened):
            items = h.first(Item, session) is not None
            if items or (standing.expired(h, session) and not standing.whole(h, session)):
                return Control(record.event.status, record.event.essence, items, 0.0)
    return None


def _busy(h: History, session: str) -> bool:
    record = h.first(Opened, session)
    return isinstance(record and record.event, Opened) and record.event.status == 429  # type: ignore[union-attr]


_CONTROLS: Final = (*told("look-1", *_OPEN, ENDED, EOF), *told("look-2", *_OPEN, ENDED, EOF, start_ms=10))
_CANCELLED: Final = told("look-3", *_OPEN, *CANCEL, start_ms=20)
_UNSERVED: Final = (ASK, head(("Content-Type", "text/plain"), status=503), ENDED, EOF)

LC_16 = Rule(
    id="LC-16",
    level=Level.MUST,
    sentence="The same request is served again after a cancel, a failure, a stall or a malformed request.",
    source="seed 000 'framework handles cleanup'; seed 004 cleanup",
    why="A server that loses a worker, a slot or itself to a client that leaves is brought down by closing tabs.",
    check=served_again,
    good=(
        written(*_CONTROLS, *_CANCELLED, *told(f"{AGAIN}1", *_OPEN, *CLOSE, start_ms=40)),
        # back within its budget, at the second look
        written(
            *_CONTROLS,
            *_CANCELLED,
            *told(f"{AGAIN}1", *_UNSERVED, start_ms=40),
            *told(f"{AGAIN}2", *_OPEN, *CLOSE, start_ms=80),
        ),
    ),
    bad=(
        written(
            *_CONTROLS,
            *_CANCELLED,
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", *_UNSERVED, start_ms=40 * n)),
        ),
        written(
            *_CONTROLS,
            *told("look-3", Did("ask:malformed"), Refused("closed"), start_ms=20),
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, Refused("refused"), start_ms=40 * n)),
        ),
    ),
)
