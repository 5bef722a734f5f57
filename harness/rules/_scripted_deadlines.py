"""DL on scripted servers: what a deadline does to the client and to the handler of a stream that only time can end, and
that one which has not passed does nothing.

Never here: a rule (those are in `deadlines` and `deadline_races`), or deadlines that race with something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Expired, Failed, Told
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, account, chunked, head, item, told
from streamspec.harness.rules._accounts import TIMES, every_time, stood_still_ourselves
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_times import (
    CODED,
    TIMED_OUT,
    End,
    Limit,
    end_of,
    ends_anyway,
    given,
    limits,
    still_open,
    unopened,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

# One handler waits at a gate that nobody opens, the other never stops sending. Of each there is one without a deadline.
DUE: Final = ("script-due-waits", "script-due-sends")
FREE: Final = ("script-free-waits", "script-free-sends")
AMPLE: Final = "script-ample"  # this one ends long before its deadline
TOLD: Final = "script-told"  # and of this one we ask what its handler was told
_OPTION: Final = "deadline_ms"


# -- the client --------------------------------------------------------------------------------------------------------


def client_is_told(h: History) -> Iterator[Finding]:
    yield from unopened(h, *DUE)
    for due, free in zip(DUE, FREE, strict=True):
        found = limits(h, due, _OPTION)
        if found and (anyway := ends_anyway(h, free)):
            yield anyway
            continue
        wrong = [finding for limit in found if (finding := _ended_wrongly(h, limit))]
        yield from wrong or every_time([_is_told(h, limit) for limit in found], "it was told late")


def _ended_wrongly(h: History, limit: Limit) -> Finding | None:
    """What its deadline must not end it with. Which code it is counts where codes come back at all."""
    end = end_of(h, limit.session)
    if end is None or end.record.t_ns < limit.earliest_ns:
        return None
    coded = end.code and h.header.declared.get("declares.codes")
    if end.how == "succeeded" or (end.how == "failed" and coded and end.code not in TIMED_OUT):
        return broken(limit.head, end.record, expected=_expected(h), got=end.shown)
    return None


def _expected(h: History) -> str:
    return "the client is told TIMED_OUT" if h.header.declared.get("declares.codes") else "the client is told a failure"


def _is_told(h: History, limit: Limit) -> Finding:
    end, late = end_of(h, limit.session), still_open(h, limit)
    if end is None and late is None:
        return unknown("it was not watched for long enough after its deadline")
    at = end.record if end else late
    assert at is not None
    if at.t_ns < limit.earliest_ns:
        return unknown("it ended before its deadline", at)
    if end and end.how == "unclear":
        return unknown(f"it ended with {end.shown}", at)
    if end is None or at.t_ns > limit.latest_ns:
        got = "still waiting" if end is None else "told so"
        return broken(limit.head, at, expected=_expected(h), got=f"{got} {limit.after(at.t_ns)}")
    return held(limit.head, at)


# -- its handler -------------------------------------------------------------------------------------------------------


def scripted_handler_is_stopped(h: History) -> Iterator[Finding]:
    yield from unopened(h, *DUE)
    for due, free in zip(DUE, FREE, strict=True):
        found = limits(h, due, _OPTION)
        if found and (anyway := ends_anyway(h, free)):
            yield anyway
        else:
            yield from every_time([_is_stopped(h, limit) for limit in found], "its handler was stopped late")


def _is_stopped(h: History, limit: Limit) -> Finding:
    """By the word of its witness, as long as we did not leave: our leaving stops handlers, too."""
    ours = standing.own_end(h, limit.session)
    seen = [f for f in accounts.of_this(h, limit.session, "ended") if f.record.index < ours]
    over = next((f for f in seen if f.value), None)
    late = [f for f in seen if f.asked_ns >= limit.latest_ns]
    if over and over.record.t_ns < limit.earliest_ns:
        return unknown("its handler was over before the deadline", over.record)
    if over and over.asked_ns < limit.latest_ns:
        return held(limit.head, over.record)
    if not late or stood_still_ourselves(h, limit.head, late[-1].record):
        return unknown("nobody looked at its handler long enough after the deadline")
    got = f"it still runs {limit.after(late[0].asked_ns)}"
    return broken(limit.head, late[0].record, expected="the handler's send or sleep raises, and it stops", got=got)


def time_left_is_told(h: History) -> Iterator[Finding]:
    """What the handler was told when it began, which was after our request and before our account."""
    yield from unopened(h, TOLD)
    for limit in limits(h, TOLD, _OPTION):
        left = accounts.of_this(h, limit.session, "remaining_ms")
        said = [
            r for r in h.of(Told, limit.session) if isinstance(r.event, Told) and "remaining_ms" not in r.event.values
        ]
        called = accounts.of_this(h, limit.session, "called") or accounts.of_this(h, limit.session, "sent")
        if not left and called and called[-1].value and said:
            got = "no remaining_ms in its witness"
            yield broken(limit.head, called[-1].record, expected=f"the time left, at most {limit.ms} ms", got=got)
        elif not left:
            yield unknown("its witness tells nothing of this stream")
        else:
            least_ms = limit.ms - (left[0].record.t_ns - limit.asked.t_ns) / 1e6
            told_ms, record = left[0].value, left[0].record
            if max(0.0, least_ms) - limit.slack_ms <= told_ms <= limit.ms + limit.slack_ms:
                yield held(limit.head, record)
            else:
                expected = f"{max(0.0, least_ms):.0f} to {limit.ms} ms left at most"
                yield broken(limit.head, record, expected=expected, got=f"{told_ms} ms")


# -- before its time ---------------------------------------------------------------------------------------------------


def deadline_is_not_early(h: History) -> Iterator[Finding]:
    yield from unopened(h, *DUE, AMPLE)
    for due, free in zip((*DUE, AMPLE), (*FREE, ""), strict=True):
        nameless: list[tuple[Limit, End]] = []
        found = limits(h, due, _OPTION)
        for limit in found:
            end = end_of(h, limit.session)
            if end is None:
                yield unknown("it did not end while we looked")
            elif end.record.t_ns >= limit.earliest_ns or end.how == "succeeded":
                yield held(limit.head, end.record)
            elif end.code in TIMED_OUT:
                yield _early(limit, end)
            else:
                nameless.append((limit, end))
        # A failure without a code may be anything, unless all streams with a deadline have it and the others have not.
        every = len(nameless) == len(found) >= TIMES and all(
            not end.code and end.how == "failed" for _, end in nameless
        )
        if every and free and streams(h, free) and not ends_anyway(h, free):
            yield from (_early(limit, end) for limit, end in nameless)
        else:
            yield from (unknown(f"it ended before, with {end.shown}", end.record) for _, end in nameless)


def _early(limit: Limit, end: End) -> Finding:
    after_ms = (end.record.t_ns - limit.asked.t_ns) / 1e6
    word = end.code or "failure"
    got = f"{end.shown} {after_ms:.0f} ms after we had asked, at most"
    return broken(limit.head, end.record, expected=f"no {word} before {limit.ms} ms have passed", got=got)


# -- histories written by hand -----------------------------------------------------------------------------------------

_OVER: Final = (Failed("TIMED_OUT"), ENDED, EOF)
_CUT: Final = (EOF,)
_STAYS: Final = (Expired("item_ms", 5_000), *CLOSE)
PLAIN: Final = {name: value for name, value in CODED.items() if name.startswith("tells.")}
_LIMITS: Final = {"script-due": {_OPTION: 500}, AMPLE: {_OPTION: 20_000}, TOLD: {_OPTION: 20_000}}


def due(
    *each: tuple[float, tuple[Event, ...]],
    kind: str = DUE[0],
    free: tuple[Event, ...] = (Expired("look_ms", 2_000), *CLOSE),
    declared: dict[str, str | int | bool] = CODED,
    binding: str = "sse",
) -> History:
    """Streams of one kind that end with these events at these times after they were asked for; and the control."""
    opened = head() if binding == "sse" else chunked(binding)
    rows: list[Row] = []
    for n, (after_ms, events) in enumerate(each, 1):
        start_ms = 10_000.0 * n
        rows += told(f"{kind}-{n}", ASK, opened, item(0), start_ms=start_ms)
        rows += told(f"{kind}-{n}", *events, start_ms=start_ms + after_ms)
    if kind in DUE:
        rows += told(FREE[DUE.index(kind)], ASK, opened, item(0), start_ms=0.0)
        rows += told(FREE[DUE.index(kind)], *free, start_ms=2_000.0)
    return given(*rows, options=_LIMITS, declared=declared, binding=binding)


CLIENT_TOLD: Final = (
    due((505, _OVER), (510, _OVER), (900, _OVER)),
    due((505, _CUT), (510, _CUT), (900, _CUT), declared=PLAIN),
    due((505, (ENDED, EOF)), binding="json_array"),
    # a failure under another name, where none are promised
    due((505, (Failed("INTERNAL"), ENDED, EOF)), declared={**CODED, "declares.codes": False}),
    # late twice, in time once; and nobody knows what else ends it
    due((5_000, _STAYS), (5_000, _STAYS), (505, _OVER)),
    due((300, (Failed("INTERNAL"), ENDED, EOF))),
    due((505, (Completed(), ENDED, EOF)), free=(Completed(), ENDED, EOF)),
    # not watched for long enough
    due((2_000, (Expired("item_ms", 2_000), *CLOSE)), (2_000, CLOSE), (2_000, CLOSE)),
)
CLIENT_UNTOLD: Final = (
    due((5_000, _STAYS), (5_000, _STAYS), (5_000, _STAYS)),
    due((4_500, _OVER), (4_500, _OVER), (4_500, _OVER), kind=DUE[1]),
    due((505, (Completed(), ENDED, EOF))),
    due((505, (Failed("CANCELLED"), ENDED, EOF))),
    due((505, (ENDED, EOF)), declared=PLAIN),
)


def _seen(*ended_at_ms: int, until_ms: int = 5_500, kind: str = DUE[0]) -> History:
    """Streams whose handler is over so long after they were asked for (0: never), asked about twice a second."""
    rows: list[Row] = []
    for n, at_ms in enumerate(ended_at_ms, 1):
        session, start_ms = f"{kind}-{n}", 10_000 * n
        rows += told(session, ASK, head(), item(0), start_ms=start_ms)
        for after_ms in range(100, until_ms, 500):
            seen = account(start_ms + after_ms, ended=int(0 < at_ms <= after_ms), called=1)
            rows += told(session, seen, *((_OVER[0],) if after_ms == 600 else ()), start_ms=start_ms + after_ms + 1)
    return given(*rows, options=_LIMITS)


HANDLER_STOPPED: Final = (
    _seen(600, 600, 600),
    # slow twice
    _seen(0, 0, 600),
    # over before its time, or not watched for long enough
    _seen(100, 100, 100),
    _seen(0, 0, 0, until_ms=2_000),
)
HANDLER_GOES_ON: Final = (_seen(0, 0, 0), _seen(0, 0, 0, kind=DUE[1]))


def _left_ms(*values: int | None) -> History:
    told_ = [account(3.0, called=1, **({} if value is None else {"remaining_ms": value})) for value in values]
    rows = told(TOLD, ASK, head(), item(0), *told_, *CLOSE)
    return given(*rows, options=_LIMITS)


LEFT_TOLD: Final = (_left_ms(20_000), _left_ms(19_998), given(*told(TOLD, ASK, head(), *CLOSE), options=_LIMITS))
LEFT_UNTOLD: Final = (_left_ms(None), _left_ms(20), _left_ms(10_000), _left_ms(40_000))

NOT_EARLY: Final = (
    due((505, _OVER), (499, _OVER), (9_000, _OVER)),
    due((3, (Completed(), ENDED, EOF)), kind=AMPLE),
    # for another reason, or nobody knows for which
    due((100, (Failed("INTERNAL"), ENDED, EOF)), (100, _CUT), (100, _CUT)),
    due((100, _CUT), (100, _CUT), (100, _CUT), free=_CUT, declared=PLAIN),
)
EARLY: Final = (
    due((250, _OVER)),
    due((3, _OVER), kind=AMPLE),
    due((250, _CUT), (250, _CUT), (250, _CUT), declared=PLAIN),
)
