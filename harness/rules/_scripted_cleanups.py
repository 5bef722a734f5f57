"""CN on scripted servers: that what a handler holds is let go exactly once, however its stream is over.

Never here: a rule (they are in `cancellation_cleanup`), or totals that a server tells of all its streams
(`leaving_learnt`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Did, Ended, Failed, Item
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, ENDED, EOF, account, head, item, told, written
from streamspec.harness.rules._accounts import budget_ns, did, every_time, stood_still_ourselves
from streamspec.harness.rules._scripted import LATE, called, streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

IDLE: Final = "script-idles-"  # whose client left while it waited for something to send
# How a stream was over, and in words.
KINDS: Final[Mapping[str, str]] = {
    "script-left-": "its client left",
    IDLE: "its client left while it waited",
    "script-completed-": "it completed",
    "script-failed-": "it failed",
}
EARLY: Final = "script-early-"  # left before its first item; then its gate is opened, so that it sends
GO: Final = "go"  # that gate


def handlers_clean_up_once(h: History) -> Iterator[Finding]:
    """The half of CN-04 about scripted servers. Of one that waits a cleanup is not due, since nobody has to tell it
    (CN-02), but two are too many."""
    for prefix, how in KINDS.items():
        found = [_once(h, session, how, due=prefix != IDLE) for session in streams(h, prefix)]
        yield from every_time(found, f"the cleanup had not run some time after {how}")


def handlers_clean_up_early(h: History) -> Iterator[Finding]:
    """The half of CN-05. A handler that waits may not be told that its client left, so it is let through: then it
    sends, and has to learn of it."""
    found = [_early(h, session) for session in streams(h, EARLY)]
    yield from every_time(found, "what it held was kept for some time after its client had left")


def _early(h: History, session: str) -> Finding:
    at = did(h, session, "cancel:fin", "cancel:rst")
    if not at or any(r.index < at.index for r in h.of((Item, Ended), session)):
        return unknown(standing.not_opened(h, session) or "it was not left before its first item")
    opened = accounts.opened_gate(h, session, GO)
    if not opened:
        return unknown("its gate was not opened: it may still wait", at)
    return _once(h, session, "its client left before the first item", due=True, since=opened)


def _once(h: History, session: str, how: str, *, due: bool, since: Record | None = None) -> Finding:
    """That the cleanup of this stream, which was over then, ran as often as its handler was called."""
    over = since or _over(h, session)
    if not over or not standing.opened(h, session):
        return unknown(standing.not_opened(h, session) or f"it was not seen that {how}")
    handlers = called(h, session)
    # Of an account that was under way when we left none is too early: a cleanup never falls.
    ran = [f for f in accounts.of_this(h, session, "cleanups") if f.record.index > over.index]
    if not ran or not handlers:
        return unknown("nothing was told of its cleanup, or no handler was called", over)
    wanted = f"the cleanup runs once for each handler when {how}"
    if ran[-1].value > handlers:
        return broken(over, ran[-1].record, expected=wanted, got=f"it ran {ran[-1].value} times for {handlers}")
    if ran[-1].value == handlers:
        return held(over, ran[-1].record)
    late = accounts.late(ran, over, LATE * budget_ns(h, "learn_ms"))
    if not due or not late or stood_still_ourselves(h, over, late[-1].record):
        return unknown("it was not seen for long enough, or had nothing to learn by", over)
    since_s = (late[-1].asked_ns - over.t_ns) / 1e9
    got = f"it ran {ran[-1].value} times for {handlers}" if ran[-1].value else "it never ran"
    return broken(over, late[-1].record, expected=wanted, got=f"{got}, {since_s:.1f} s later")


def _over(h: History, session: str) -> Record | None:
    """Our leaving, or what showed that the stream was over."""
    left = did(h, session, "cancel:fin", "cancel:rst")
    shown = standing.theirs(h, (Completed, Failed), session)
    ends = (standing.whole(h, session), standing.cut(h, session), standing.reset(h, session))
    return left or next(iter((*shown, *(end for end in ends if end))), None)


def cleaned(
    *counts: int, kind: str = "script-left-", handlers: int = 1, watched_ms: int = 5_000, gate: bool = True
) -> History:
    """By hand: streams of this kind, with so many cleanups each."""
    rows: list[Row] = []
    for n, count in enumerate(counts, 1):
        session, start_ms = f"{kind}{n}", 10_000.0 * n
        early = kind == EARLY
        rows += told(session, ASK, head(), *(() if early else (item(0),)), start_ms=start_ms)
        if kind in {"script-completed-", "script-failed-"}:
            end = Completed() if kind == "script-completed-" else Failed("INTERNAL")
            rows += told(session, end, ENDED, EOF, start_ms=start_ms + 5)
        else:
            rows += told(session, Did("cancel:fin"), CANCEL[1], start_ms=start_ms + 5)
        rows += told(session, *((Did(f"open:{GO}"),) if early and gate else ()), start_ms=start_ms + 8)
        for later_ms in (100, 200, watched_ms) if count < handlers else (100, 200):
            at_ms = start_ms + 10 + later_ms
            rows.append((session, at_ms, account(at_ms, cleanups=count, called=handlers)))
    return written(*rows)


CLEANED: Final = (
    *(cleaned(1, 1, 1, kind=kind) for kind in KINDS),
    # asked for twice, by whoever carried the request
    cleaned(2, 2, 2, handlers=2),
    # nobody has to tell a handler that waits
    cleaned(0, 0, 0, kind=IDLE),
    # not watched for long enough, or only twice
    cleaned(0, 0, 0, watched_ms=2_000),
    cleaned(0, 0),
    cleaned(0, 0, 1),
    # no handler was ever called
    cleaned(0, 0, 0, handlers=0),
)
UNCLEANED: Final = (
    *(cleaned(2, 2, 2, kind=kind) for kind in KINDS),
    *(cleaned(0, 0, 0, kind=kind) for kind in KINDS if kind != IDLE),
)
RELEASED: Final = (
    cleaned(1, 1, 1, kind=EARLY),
    # its gate was not opened
    cleaned(0, 0, 0, kind=EARLY, gate=False),
    cleaned(0, 1, 1, kind=EARLY),
    # a body that was never entered holds nothing
    cleaned(0, 0, 0, kind=EARLY, handlers=0),
)
KEPT: Final = (cleaned(0, 0, 0, kind=EARLY), cleaned(2, 2, 2, kind=EARLY))
