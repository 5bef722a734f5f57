"""RC: a resume behind an id that nobody knows, and one behind the end of what is over. Only what is declared.

Never here: whether a resume has gaps (`resume`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.asking import items_read
from streamspec.harness.core.event import Completed, Ended, Expired, Failed, Item, Meta, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, told, written
from streamspec.harness.rules._resumes import fresh, kind_of, reading, resumed, words
from streamspec.harness.rules._wire import ROOTS, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_ON: Final = ("sse",)
ROUNDS: Final = 3
_DECLARED: Final[dict[str, str | int | bool]] = {"profile.terminal": True}


# -- an id that nobody knows -------------------------------------------------------------------------------------------

# Answers that have another reason than the id: authorisation, a wrong path, limits of rate.
_OTHER_REASONS: Final = frozenset({401, 403, 404, 405, 407, 408, 429})


def unknown_id_is_signalled(h: History) -> Iterator[Finding]:
    """A silent restart is known by its first item: it is one with which a fresh connection begins."""
    if h.declared("resumable", "signals_unknown") != "yes":
        yield unknown("declared: it does not signal an id that it does not know")
        return
    for session in h.sessions("resumable"):
        if standing.ask_of(h, session).behind:
            yield from _signalled(h, session)


def _signalled(h: History, session: str) -> Iterator[Finding]:
    answer, first = h.first(Opened, session), next(iter(standing.items(h, session)), None)
    status = answer.event.status if answer and isinstance(answer.event, Opened) else 0
    begun = [r for s in fresh(h) for r in standing.items(h, s)]
    if answer and 400 <= status < 500 and status not in _OTHER_REASONS:
        yield held(answer)
    elif reason := why_unlike(h, session):
        yield unknown(reason, answer)
    elif not begun:
        yield unknown("no item came from the beginning: nothing to tell a restart by")
    elif said := _said_ahead(h, session):
        yield held(answer, said)
    elif not first:
        yield unknown("no item came", answer)
    elif kind_of(first) not in {kind_of(r) for r in begun}:
        yield held(answer, first)  # an event of its own: reset, gap
    elif _mark(first) in {_mark(r) for r in begun}:
        got = "the stream, as if it was new"
        yield broken(answer, first, expected="a refusal, or an event that says so", got=got)
    else:
        yield unknown("its first item is none that a new connection began with: it may be the signal", first)


def _said_ahead(h: History, session: str) -> Record | None:
    """What came before the first item and is no item, where a new connection has nothing of the kind."""
    signs = {s: next(iter(standing.theirs(h, (Item, Meta, Failed), s)), None) for s in (session, *fresh(h))}
    mine = signs.pop(session)
    greets = any(sign and isinstance(sign.event, Meta) for sign in signs.values())
    if not mine or isinstance(mine.event, Item) or (greets and isinstance(mine.event, Meta)):
        return None
    return mine


def _mark(record: Record) -> tuple[str, str]:
    """By what an item is known again."""
    event = record.event
    return (event.id, "" if event.id else event.sha) if isinstance(event, Item) else ("", "")


_SIGNALS: Final[dict[str, str | int | bool]] = {"resumable.signals_unknown": "yes"}


def _asked_behind_nonsense(*came: Event, declared: Mapping[str, str | int | bool] = _SIGNALS) -> History:
    return written(
        *told("resumable-1", ASK, head(), *words("a", "b", "c"), *CLOSE),
        *told("resumable-2", ASK, *came, start_ms=100),
        declared=declared,
        asks={"resumable-2": Ask(behind="no-such-id")},
    )


RC_04 = Rule(
    id="RC-04",
    level=Level.SHOULD,
    sentence="Behind an id that it does not know, the target says so; it does not start anew in silence.",
    source="rule book RC-04 (a declared behaviour); practice",
    why="A client that was away for too long takes what it gets for what it missed.",
    needs=("role:resumable.signals_unknown=yes",),
    after=(*ROOTS, "RC-11"),
    on=_ON,
    check=unknown_id_is_signalled,
    good=(
        _asked_behind_nonsense(head(status=412), ENDED, EOF),
        _asked_behind_nonsense(head(), Item(0, 2, "0", "{}", 0, "reset"), *words("a"), *CLOSE),
        _asked_behind_nonsense(head(), Meta("start"), *words("a"), *CLOSE),
        _asked_behind_nonsense(head(), Failed("UNKNOWN_ID"), ENDED, EOF),
        # a first item that may be the signal; refused for another reason
        _asked_behind_nonsense(head(), *words("z"), *CLOSE),
        _asked_behind_nonsense(head(status=429), ENDED, EOF),
        _asked_behind_nonsense(head(), *words("a"), *CLOSE, declared={"resumable.signals_unknown": "no"}),
    ),
    bad=(_asked_behind_nonsense(head(), *words("a", "b"), *CLOSE),),
)


# -- behind the end ----------------------------------------------------------------------------------------------------


def finished_stays_finished(h: History) -> Iterator[Finding]:
    """Only a stream that said it was complete is known to be over: others close, and go on when they are asked again.
    Waiting counts when it happens three times out of three."""
    if not h.header.declared.get("profile.terminal"):
        return
    waits: list[tuple[Record | None, Record]] = []
    for session in resumed(h):
        after = standing.ask_of(h, session).after
        over = next(iter(standing.theirs(h, Completed, after)), None)
        if not over:
            yield unknown("resumable did not complete while we read")
            return
        if len(items_read(h, after)) < len(h.of(Item, after)):
            yield unknown("its end came along with what we read, and we resumed ahead of it")
            return
        if end := _ended(h, session):
            yield held(over, end)
        elif late := next(iter(standing.expired(h, session)), None):
            waits.append((over, late))
        else:
            yield unknown(standing.not_opened(h, session) or "we left before it ended")
    if waits and len(waits) == len(resumed(h)) >= ROUNDS:
        least_s = min(late.event.after_ms for _, late in waits if isinstance(late.event, Expired)) / 1e3
        got = f"a stream that stays open, for {least_s:g} s and more, every time"
        yield broken(waits, expected="a terminal, 204, a refusal, or the end", got=got)
    elif waits:
        yield unknown(f"{len(waits)} of {len(resumed(h))} resumed streams stayed open", waits)


def _ended(h: History, session: str) -> Record | None:
    """What shows that the answer to a resume came to its end: a terminal, a whole message, a refusal."""
    answer = h.first(Opened, session)
    status = answer.event.status if answer and isinstance(answer.event, Opened) else 0
    if answer and (status in {204, 205} or 400 <= status < 500):
        return answer
    if not standing.opened(h, session):
        return None
    return next(iter(standing.terminals(h, session)), None) or standing.whole(h, session)


def _behind_the_end(*each: tuple[Event, ...], first: tuple[Event, ...] = (Completed(), ENDED, EOF)) -> History:
    rows = (row for n, events in enumerate(each, 2) for row in told(f"resumable-{n}", ASK, *events, start_ms=6000 * n))
    return written(
        *told("resumable-1", ASK, head(), *words("a", "b"), *first),
        *rows,
        declared=_DECLARED,
        asks={f"resumable-{n}": Ask(after="resumable-1") for n in range(2, len(each) + 2)},
    )


_STAYS: Final = (head(), Expired("item_ms", 5000), *CLOSE)
_OVER: Final = (head(), Completed(), ENDED, EOF)

RC_05 = Rule(
    id="RC-05",
    level=Level.MUST,
    sentence="A resume behind the end of a finished stream ends in bounded time: by a terminal, a 204 or a refusal.",
    source="HTML §9.2.1 (204); rule book LC-01",
    why="A client whose connection broke right behind the end waits for ever for what is over.",
    needs=("role:resumable", "terminal"),
    after=ROOTS,
    on=_ON,
    check=finished_stays_finished,
    good=(
        _behind_the_end(_OVER, _OVER, _OVER),
        _behind_the_end((head(status=204), Ended("none", 0), EOF)),
        _behind_the_end((head(status=412), ENDED, EOF)),
        _behind_the_end((head(), *words("a", "b"), ENDED, EOF)),
        # waited twice, in time once
        _behind_the_end(_STAYS, _STAYS, _OVER),
        # nobody said that it is over
        _behind_the_end(_STAYS, _STAYS, _STAYS, first=(ENDED, EOF)),
        _behind_the_end(_STAYS, _STAYS, _STAYS, first=CLOSE),
        # the end came along, and who read one item of two does not resume behind it
        reading(_behind_the_end(_STAYS, _STAYS, _STAYS), "resumable-1", 1),
    ),
    bad=(
        _behind_the_end(_STAYS, _STAYS, _STAYS),
        _behind_the_end(*((Expired("item_ms", 5000), *CLOSE) for _ in range(3))),
    ),
)
