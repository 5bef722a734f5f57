"""CN in the binding's own word, and around it: a cancel that comes with the start, and one behind a half-close.

Never here: the cancel of an open stream (`_cancel_words`), or what its neighbours see of it (`multiplexing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.contract import BOTH_WAYS
from streamspec.harness.core.event import Completed, Expired, Failed
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.steps import Generate, Receive
from streamspec.harness.core.written import CLOSE, item
from streamspec.harness.rules._accounts import budget_ns, stood_still_ourselves
from streamspec.harness.rules._both_ways import (
    CANCELS,
    FINISH,
    SAY,
    WORD,
    Spoken,
    failed,
    first_act,
    named,
    opening,
    rounds,
    spoken,
    told,
)
from streamspec.harness.rules._cancel_words import silent_after, ticks
from streamspec.harness.rules._scripted import LATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

FINISHED: Final = "script-finished-"  # streams that are cancelled when we have half-closed
AT_ONCE: Final = "endless-at-once-"  # streams that are cancelled in the write that opens them
HOST: Final = "endless-host-"  # whose connection they share
BEHIND: Final = "endless-then-"  # what is opened there afterwards


# -- CN-09: behind a half-close ----------------------------------------------------------------------------------------


def learns_behind_a_half_close(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, FINISHED), _learns, "its handler had not learnt some time after the cancel")


def _learns(h: History, session: str) -> Finding:
    finish, at = first_act(h, session, "finish"), first_act(h, session, WORD)
    if not finish or not at or at.index < finish.index:
        return unknown("it was not cancelled behind our half-close", at)
    if over := next((r for r in standing.terminals(h, session) if r.index < at.index), None):
        return unknown("it had ended before", over)
    seen = told(h, session, "cancel_seen")
    before, since = accounts.until(seen, at), accounts.after(seen, at)
    if not before or before[-1].value:
        return unknown("nothing says that its handler did not know already", at)
    knows = next((f for f in since if f.value), None)
    return held(finish, at, knows.record) if knows else _deaf(h, session, finish, at)


def _deaf(h: History, session: str, finish: Record, at: Record) -> Finding:
    since = accounts.after(told(h, session, "cancel_seen"), at)
    late = accounts.late(since, at, LATE * budget_ns(h, "learn_ms"))
    sent = accounts.after(told(h, session, "sent"), at)
    if not late or stood_still_ourselves(h, at, late[-1].record):
        return unknown("it was not seen for long enough", at)
    if not sent or sent[-1].value <= sent[0].value:
        return unknown("its handler was not seen to go on sending", at)
    got = f"{(late[-1].asked_ns - at.t_ns) / 1e9:.1f} s and {sent[-1].value - sent[0].value} sends later it had not"
    wanted = "a handler learns of a cancel behind the half-close"
    return broken(finish, at, late[-1].record, expected=wanted, got=got)


def _finished(*after: Seen, n: int = 1) -> Spoken:
    seen = (*opening(), SAY, FINISH, item(0), {"cancel_seen": 0, "sent": 3}, CANCELS, *after, *CLOSE)
    return Spoken(f"{FINISHED}{n}", seen, (Receive(), Generate(every_ms=5)), "bidi", start_ms=10e3 * n)


_KNOWS: Final[tuple[Seen, ...]] = (50, {"cancel_seen": 1, "sent": 9})
_RESTS: Final[tuple[Seen, ...]] = ({"cancel_seen": 0, "sent": 9}, {"cancel_seen": 0, "sent": 9})
_DEAF: Final[tuple[Seen, ...]] = (50, {"cancel_seen": 0, "sent": 9}, 4_900, {"cancel_seen": 0, "sent": 900})

CN_09 = Rule(
    id="CN-09",
    level=Level.MUST,
    sentence="A cancel is a cancel, also when the client has half-closed.",
    source="gRPC over HTTP/2 (RST_STREAM behind END_STREAM); seed 001 (context.Done)",
    why="Most requests are half-closed from the start: whoever hears no cancel then works for nobody.",
    needs=("direction:bidi", "half-close", "cancel-word", "feature:receive", "told:cancel_seen"),
    on=BOTH_WAYS,
    check=learns_behind_a_half_close,
    good=(
        spoken(*(_finished(*_KNOWS, n=n) for n in (1, 2, 3))),
        spoken(_finished(*_DEAF), _finished(*_KNOWS, n=2), _finished(*_KNOWS, n=3)),
        # it sends nothing any more, and tells nothing: a cancel may look like that
        spoken(
            *(_finished(5_000, {"cancel_seen": 0, "sent": 9}, {"cancel_seen": 0, "sent": 9}, n=n) for n in (1, 2, 3))
        ),
    ),
    bad=(spoken(*(_finished(*_DEAF, n=n) for n in (1, 2, 3))),),
)


# -- CN-19: with the start ---------------------------------------------------------------------------------------------


def a_cancel_with_the_start_counts(h: History) -> Iterator[Finding]:
    sessions = [s for s in h.sessions("endless") if s.startswith(AT_ONCE)]
    yield from rounds(h, sessions, _counts, _WENT_ON, timed=True)


_WENT_ON: Final = "a stream that was cancelled with its start went on"


def _counts(h: History, session: str) -> Finding:
    """Silence is an answer where others are served on the same connection meanwhile."""
    ask = accounts.asked(h, session)
    if ask is None or not first_act(h, session, WORD):
        return unknown("it was not cancelled with its start")
    end = h.first((Completed, Failed), session)
    found = silent_after(h, session, ask)
    return held(ask, end) if end and found.stance == "unknown" else found


def _started(*after: Seen, n: int = 1) -> tuple[Spoken, ...]:
    start = 60e3 * n
    on = f"{HOST}{n}"
    return (
        Spoken(on, (*opening(), *(item(k) for k in range(6))), start_ms=start),
        Spoken(
            f"{AT_ONCE}{n}",
            (opening()[0], CANCELS, opening()[1], *after, *CLOSE),
            acts=(Ask(on=on, cancelled=True),),
            start_ms=start + 20,
        ),
        Spoken(f"{BEHIND}{n}", (*opening(), item(0)), acts=(Ask(on=on),), start_ms=start + 40),
    )


def _starts(*after: Seen) -> History:
    return spoken(*(one for n in (1, 2, 3) for one in _started(*after, n=n)))


_NOTHING: Final[tuple[Seen, ...]] = (500, Expired("steady_ms", 500))
_SOME: Final = (item(0), item(1))

CN_19 = Rule(
    id="CN-19",
    level=Level.MUST,
    sentence="A cancel that comes together with the start of its stream is honoured, or answered in time.",
    source="docs/contract.md (a cancel may follow its start at once); contract 3 (design 1)",
    why="A user who clicks twice opens a stream that nobody reads, and that nobody can end any more.",
    needs=("mux", "cancel-word", "role:endless"),
    on=("ws", "tcp"),
    check=a_cancel_with_the_start_counts,
    good=(
        _starts(*_NOTHING),
        _starts(*failed()),
        # it had begun
        _starts(*_SOME, 40, *_NOTHING),
        spoken(*_started(*ticks(6_000)), *_started(*_NOTHING, n=2), *_started(*_NOTHING, n=3)),
    ),
    bad=(_starts(*ticks(6_000)),),
)
