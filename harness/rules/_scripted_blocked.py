"""BP on scripted servers: a handler inside a send that finds no room, and what ends its waiting while its client stands
still.

Never here: a rule (BP-10 and BP-21 are in `pressure_releases`), or a client that leaves (BP-09).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Did, Expired, Failed
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, ENDED, EOF, RESET, account, head, item, told, written
from streamspec.harness.rules._accounts import did, every_time, stood_still_ourselves
from streamspec.harness.rules._scripted import parked, playing, said, streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

BLOCKED: Final = "script-blocked-"
LATE_NS: Final = 3e9  # beyond a time that was asked for, before a send that still waits is late
# What ends a stream by itself, and in words.
ENDS: Final[Mapping[str, str]] = {
    "deadline_ms": "its deadline passes",
    "expires_ms": "its client's credentials expire",
}
_TIMEOUT: Final = "send_timeout_ms"
_TIMED_OUT: Final = "TIMED_OUT"


def freed_by_its_end(h: History) -> Iterator[Finding]:
    """The half of BP-10 about servers: the stream is over by itself, and its client still there, and not reading."""
    for option, how in ENDS.items():
        found = [_freed(h, s, option, how) for s in streams(h, BLOCKED) if h.options(s).get(option)]
        yield from every_time(found, f"a send was still blocked some time after {how}")


def gives_up(h: History) -> Iterator[Finding]:
    """The half of BP-21 about servers."""
    found = [_gives_up(h, s) for s in streams(h, BLOCKED) if h.options(s).get(_TIMEOUT)]
    yield from every_time(found, "a send did not give up in time")


def _freed(h: History, session: str, option: str, how: str) -> Finding:
    """Whether a send that was seen to wait went on, when the time of this option had passed."""
    ask, opened = accounts.asked(h, session), standing.opened(h, session)
    stall = did(h, session, "stall")
    if not ask or not opened or not stall:
        return unknown(standing.not_opened(h, session) or "no reader stood still")
    limit_ns = int(h.options(session)[option]) * 1e6
    waited = parked(h, session, ask.t_ns + limit_ns)
    if not waited:
        return unknown(f"no send was seen to wait before {how}", stall)
    free = _free(h, session, waited[1])
    late = accounts.late(accounts.of_this(h, session, "sending"), opened, limit_ns + LATE_NS)
    if free and free.record.t_ns < ask.t_ns + limit_ns / 2:
        return unknown(f"it did not wait until {how}", free.record)
    if free and (not late or free.asked_ns <= late[0].asked_ns):
        return held(stall, waited[1].record, free.record)
    if not late or stood_still_ourselves(h, stall, late[-1].record):
        return unknown("it was not seen for long enough", stall)
    since_s = (late[0].asked_ns - opened.t_ns - limit_ns) / 1e9
    wanted = f"no send waits any more when {how}"
    return broken(
        stall, waited[1].record, late[0].record, expected=wanted, got=f"one is still waiting {since_s:.1f} s later"
    )


def _free(h: History, session: str, waited: Figure) -> Figure | None:
    """The first account, after this one, in which the handler is in no send, or over."""
    sending = (f for f in accounts.of_this(h, session, "sending") if not f.value)
    over = (f for f in accounts.of_this(h, session, "ended") if f.value)
    found = [f for f in (*sending, *over) if f.record.index > waited.record.index]
    return min(found, key=lambda f: f.record.index, default=None)


def _gives_up(h: History, session: str) -> Finding:
    freed = _freed(h, session, _TIMEOUT, "its send's time is up")
    if freed.stance != "held":
        return freed
    resumed = did(h, session, "resume")
    if (code := said(h, session, "send_code")) and code[1] != _TIMED_OUT:
        return broken(code[0], expected=f"a send whose time is up fails with {_TIMED_OUT}", got=code[1])
    shown = _failure(h, session)
    wanted = "an error or a close, once a send has given up"
    if shown:
        return held([h.records[n] for n in freed.evidence], code[0] if code else None, shown)
    if well := _success(h, session):
        return broken(resumed, well, expected=wanted, got="the stream ended well")
    if (silent := standing.expired(h, session)) and resumed and silent[-1].index > resumed.index:
        return broken(resumed, silent[-1], expected=wanted, got="the stream stays open, and is silent")
    return unknown("the stream was not read to its end", resumed)


def _failure(h: History, session: str) -> Record | None:
    """What showed that the stream failed."""
    said_ = next((r for r in standing.terminals(h, session) if isinstance(r.event, Failed)), None)
    whole = standing.whole(h, session)
    unmarked = whole if h.header.declared.get("profile.terminal") and not _success(h, session) else None
    return said_ or standing.cut(h, session) or standing.reset(h, session) or unmarked


def _success(h: History, session: str) -> Record | None:
    """What showed that it ended well: its marker, or its whole message where there is none."""
    marked = next((r for r in standing.terminals(h, session) if isinstance(r.event, Completed)), None)
    return marked or (None if h.header.declared.get("profile.terminal") else standing.whole(h, session))


# -- by hand -----------------------------------------------------------------------------------------------------------

_LIMIT_MS: Final = 1_000
_FREE: Final = {"sending": 0, "ended": 1}


def blocked(
    *freed_ms: int,
    option: str = "deadline_ms",
    after: dict[str, int | str] | None = None,
    end: tuple[Event, ...] = (),
    watched_ms: int = 5_000,
    moves: bool = False,
    marked: bool = True,
) -> History:
    """Rounds in which nothing is read for so long and the send goes on so many milliseconds after the request; then
    the stream is read, and this is its end."""
    rows: list[Row] = []
    for n, free_ms in enumerate(freed_ms, 1):
        session, start_ms = f"{BLOCKED}{n}", 20_000.0 * n
        rows += told(session, ASK, head(), Did("stall"), start_ms=start_ms)
        last_ms = min(free_ms + 200, watched_ms)
        for k, at_ms in enumerate(range(100, last_ms + 1, 100)):
            free = at_ms >= free_ms
            values: dict[str, int | str] = {"sending": 1, "produced": 60 + (k if moves else 0)}
            values |= {**_FREE, **(after or {})} if free else {}
            rows.append((session, start_ms + at_ms, account(start_ms + at_ms - 1, **values)))
        rows += told(session, Did("resume"), *(end or CANCEL), start_ms=start_ms + last_ms + 1)
    declared: dict[str, str | int | bool] = {"profile.terminal": marked}
    return playing(written(*rows, declared=declared), {option: _LIMIT_MS})


_NEVER: Final = 1_000_000
FREED: Final = (
    *(blocked(1_100, 1_200, 1_100, option=option) for option in ENDS),
    # late twice, in time once
    blocked(_NEVER, _NEVER, 1_100),
    # not watched for long enough; only twice
    blocked(_NEVER, _NEVER, _NEVER, watched_ms=3_500),
    blocked(_NEVER, _NEVER),
    # nobody waited: there is always room
    blocked(_NEVER, _NEVER, _NEVER, moves=True),
    # it had gone on before
    blocked(300, 300, 300),
)
STUCK: Final = tuple(blocked(_NEVER, _NEVER, _NEVER, option=option) for option in ENDS)

_FAILED: Final = (item(0), Failed(_TIMED_OUT), ENDED, EOF)
_IN_TIME: Final = (1_100, 1_100, 1_100)


def _timed(*freed_ms: int, end: tuple[Event, ...] = _FAILED, code: str = _TIMED_OUT, marked: bool = True) -> History:
    after: dict[str, int | str] = {"send_code": code} if code else {}
    return blocked(*freed_ms, option=_TIMEOUT, after=after, end=end, marked=marked)


GAVE_UP: Final = (
    _timed(*_IN_TIME),
    # an error without a code; a cut, a reset, a whole message without its marker
    _timed(*_IN_TIME, code=""),
    *(_timed(*_IN_TIME, end=(item(0), *end)) for end in ((EOF,), (RESET,), (ENDED, EOF))),
    # it was read no further
    _timed(*_IN_TIME, end=CANCEL),
    # once in three times it did not give up
    _timed(_NEVER, 1_100, 1_100),
)
WAITED_ON: Final = (
    _timed(_NEVER, _NEVER, _NEVER),
    _timed(*_IN_TIME, code="INTERNAL"),
    _timed(*_IN_TIME, end=(item(0), Completed(), ENDED, EOF)),
    _timed(*_IN_TIME, end=(item(0), ENDED, EOF), marked=False),
    _timed(*_IN_TIME, end=(item(0), Expired("large_ms", 30_000))),
)
