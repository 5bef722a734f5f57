"""CN over connections that streams share: a client cancels in the binding's own word, and goes on reading.

What was on its way may still arrive. What shows that the target has read the word is an answer to what was said behind
it. Never here: a rule (they are in `cancellation_objects`, `leaving` and `cancel_words`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts
from streamspec.harness.core.event import Closed, Completed, Did, Expired, Failed, Item
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.steps import Complete, Gate, Generate
from streamspec.harness.core.written import CLOSE, EOF, item
from streamspec.harness.rules._accounts import budget_ns
from streamspec.harness.rules._both_ways import (
    CANCELS,
    TERMINAL,
    WORD,
    Spoken,
    behind,
    failed,
    first_act,
    gone,
    named,
    opening,
    read_on,
    rounds,
    silent_since,
    spoken,
    told,
)
from streamspec.harness.rules._scripted import LATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

LATE_ITEMS: Final = "script-gated-word-"  # a handler that sends, and ends, when its client has long cancelled
WORDS: Final = "endless-word-"  # a stream without end that is cancelled after some items
BEHIND: Final = "endless-behind-"  # what is opened on the same connection afterwards
_GO: Final = "go"


# -- CN-03: nothing afterwards -----------------------------------------------------------------------------------------


def nothing_after_the_word(h: History) -> Iterator[Finding]:
    """The half of CN-03 about servers: what a handler sends behind a gate that was opened when its client had
    cancelled was not on its way then."""
    yield from rounds(h, named(h, LATE_ITEMS), _nothing, "something came behind a cancel")


def _nothing(h: History, session: str) -> Finding:
    at, gate = first_act(h, session, WORD), accounts.opened_gate(h, session, _GO)
    if at is None or gate is None or gate.index < at.index:
        return unknown("it was not cancelled before its gate was opened", at)
    if early := next((r for r in behind(h, (Item, Completed), session, at) if r.index < gate.index), None):
        return broken(at, early, gate, expected=_NOTHING, got=f"{_word_for(early)}, while its handler waits")
    knows = next((f.record for f in told(h, session, "cancel_seen") if f.value and f.record.index < gate.index), None)
    if knows is None and gate.t_ns - at.t_ns < LATE * budget_ns(h, "learn_ms"):
        return unknown("nothing says that the cancel had arrived when the gate was opened", gate)
    came = behind(h, (Item, Completed), session, gate)
    if came:
        return broken(at, knows, gate, came[0], expected=_NOTHING, got=_word_for(came[0]))
    return _unshown(h, session, at, gate)


def _unshown(h: History, session: str, at: Record, gate: Record) -> Finding:
    if end := gone(h, session, at):
        return unknown("the connection was closed", end)
    shown = [*behind(h, Failed, session, at), *behind(h, Expired, session, gate)]
    return held(at, gate, shown[-1]) if shown else unknown("it was not read for long enough", gate)


_NOTHING: Final = "nothing behind a cancel, but a failure that says so"


def _word_for(record: Record) -> str:
    return "an item" if isinstance(record.event, Item) else "the end, as after success"


def _gated(*after: Seen, n: int = 1, knows: int | None = 1, first: tuple[Event, ...] = ()) -> Spoken:
    seen_it: tuple[Seen, ...] = ({"cancel_seen": knows},) if knows is not None else (5_000,)
    seen = (*opening(), item(0), CANCELS, *first, 20, *seen_it, Did(f"open:{_GO}"), *after, *CLOSE)
    return Spoken(f"{LATE_ITEMS}{n}", seen, (Generate(1), Gate(_GO), Generate(2), Complete()), start_ms=9e3 * n)


_SILENT: Final[tuple[Seen, ...]] = (500, Expired("steady_ms", 500))
NOTHING: Final = (
    spoken(*(_gated(*_SILENT, n=n) for n in (1, 2, 3))),
    # it says that it was cancelled, before or afterwards
    spoken(*(_gated(*failed(), n=n) for n in (1, 2, 3))),
    # it never says that it knows
    spoken(*(_gated(*_SILENT, n=n, knows=None) for n in (1, 2, 3))),
    spoken(*(_gated(item(1), *TERMINAL, n=n, knows=0) for n in (1, 2, 3))),
    spoken(_gated(EOF)),
)
SOMETHING: Final = (
    spoken(*(_gated(item(1), item(2), *TERMINAL, n=n) for n in (1, 2, 3))),
    spoken(*(_gated(*TERMINAL, n=n) for n in (1, 2, 3))),
    # its handler was at the gate
    spoken(_gated(*_SILENT, knows=0, first=TERMINAL)),
    spoken(*(_gated(item(1), *_SILENT, n=n, knows=None) for n in (1, 2, 3))),
)


# -- CN-08: silence ----------------------------------------------------------------------------------------------------


def falls_silent(h: History) -> Iterator[Finding]:
    """The half of CN-08 about streams that share a connection."""
    words = [s for s in h.sessions("endless") if s.startswith(WORDS)]
    yield from rounds(h, words, lambda h, s: silent_after(h, s, first_act(h, s, WORD)), _STILL, timed=True)


_STILL: Final = "items still came some time after a cancel"


def silent_after(h: History, session: str, at: Record | None) -> Finding:
    """Whether this stream fell silent, once the target had read the cancel."""
    trip = read_on(h, session, at) if at else None
    if at is None or trip is None:
        return unknown("nothing shows that the target has read the cancel", at)
    items = behind(h, Item, session, at)
    late = [r for r in items if r.t_ns - trip.t_ns > LATE * budget_ns(h, "learn_ms")]
    if late:
        got = f"{len(items)} of them, the last {(late[-1].t_ns - trip.t_ns) / 1e9:.1f} s after it had read the cancel"
        return broken(at, trip, late[-1], expected="no items some time after a cancel", got=got)
    if ends := behind(h, (Completed, Failed, Closed), session, at):
        return _behind_its_end(at, ends[0], items)
    quiet = silent_since(h, session, at)
    return held(at, trip, quiet) if quiet else unknown("it was not read for long enough", at)


def _behind_its_end(at: Record, end: Record, items: tuple[Record, ...]) -> Finding:
    if isinstance(end.event, Closed):
        return unknown("the connection was closed", end)
    more = next((r for r in items if r.index > end.index), None)
    return broken(at, end, more, expected="nothing behind its own end", got="an item") if more else held(at, end)


def _word(*after: Seen, n: int = 1) -> tuple[Spoken, Spoken]:
    start = 60e3 * n
    return (
        Spoken(f"{WORDS}{n}", (*opening(), *(item(k) for k in range(6)), CANCELS, *after, *CLOSE), start_ms=start),
        Spoken(f"{BEHIND}{n}", (*opening(), item(0)), acts=(Ask(on=f"{WORDS}{n}"),), start_ms=start + 20),
    )


def ticks(upto_ms: int) -> tuple[Seen, ...]:
    """Items that come all the time."""
    found: list[Seen] = []
    for n in range(upto_ms // 100):
        found += [99, item(6 + n)]
    return tuple(found)


def _words(*after: Seen) -> History:
    return spoken(*(one for n in (1, 2, 3) for one in _word(*after, n=n)))


STOPPED: Final = (
    _words(*_SILENT),
    # what was on its way, and the end
    _words(item(6), item(7), 40, *_SILENT),
    _words(item(6), *failed(), Expired("steady_ms", 500)),
    # for a while
    _words(*ticks(3_000), 600, Expired("steady_ms", 500)),
    # late twice
    spoken(*_word(*ticks(6_000), n=1), *_word(*ticks(6_000), n=2), *_word(*_SILENT, n=3)),
    # nobody knows whether it has read the word
    spoken(*(_word(*ticks(6_000), n=n)[0] for n in (1, 2, 3))),
)
GOES_ON: Final = (_words(*ticks(6_000)), _words(*failed(), item(6)))
