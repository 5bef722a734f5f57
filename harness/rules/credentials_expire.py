"""AU on scripted servers: what becomes of an open stream whose client's credentials expire, as its server declares it.

Never here: requests without credentials (`credentials`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Completed, Expired, Failed
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told
from streamspec.harness.rules._accounts import every_time
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_times import (
    CODED,
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

EXPIRES: Final = "script-expires"  # it sends without end, and its client's credentials expire
LASTS: Final = "script-free-expires"  # and those of this one do not
OUTLIVES: Final = "script-outlives"  # it completes when they have expired
WHOLE: Final = "script-free-outlives"
_OPTION: Final = "expires_ms"


def expiry_is_as_declared(h: History) -> Iterator[Finding]:
    yield from unopened(h, EXPIRES, OUTLIVES)
    ending, lasting = limits(h, EXPIRES, _OPTION), limits(h, OUTLIVES, _OPTION)
    if ending and (anyway := ends_anyway(h, LASTS)):
        yield anyway
    elif ending:
        yield from every_time([_is_over(h, limit) for limit in ending], "it was ended late")
    if not lasting:
        return
    free = [end for session in streams(h, WHOLE) if (end := end_of(h, session))]
    if not free or free[0].how != "succeeded":
        yield unknown("with credentials that do not expire it was not seen to succeed either")
    else:
        yield from every_time([_goes_on(h, limit) for limit in lasting], "it did not outlive its credentials")


def _is_over(h: History, limit: Limit) -> Finding:
    end, late = end_of(h, limit.session), still_open(h, limit)
    expected = "a failure, soon after they have expired"
    if end and (end.record.t_ns < limit.earliest_ns or end.how == "unclear"):
        return unknown(f"it ended with {end.shown}", end.record)
    if end and end.how == "failed" and end.record.t_ns < limit.latest_ns:
        return held(limit.head, end.record)
    if end and end.how == "succeeded":
        return broken(limit.head, end.record, expected=expected, got=end.shown)
    if at := end.record if end else late:
        return broken(limit.head, at, expected=expected, got=f"it still goes on {limit.after(at.t_ns)}")
    return unknown("it was not watched for long enough")


def _goes_on(h: History, limit: Limit) -> Finding:
    end = end_of(h, limit.session)
    if end and end.how == "succeeded" and end.record.t_ns > limit.earliest_ns:
        return held(limit.head, end.record)
    if end and end.how == "failed":
        got = f"{end.shown} {limit.after(end.record.t_ns)}"
        return broken(limit.head, end.record, expected="it goes on as if they had not expired", got=got)
    return unknown("it was not seen to its end" if end is None else f"it ended with {end.shown}")


# -- histories written by hand -----------------------------------------------------------------------------------------

_LIMITS: Final = {name: {_OPTION: 400} for name in (EXPIRES, OUTLIVES)}
_OVER: Final = (Failed("UNAUTHENTICATED"), ENDED, EOF)
_WELL: Final = (Completed(), ENDED, EOF)
_STAYS: Final = (Expired("item_ms", 5_000), *CLOSE)
Timed = tuple[float, tuple["Event", ...]]


def _expiring(*each: Timed, kind: str = EXPIRES, free: Timed = (2_000, _STAYS)) -> History:
    rows: list[Row] = []
    for n, (after_ms, events) in enumerate((free, *each)):
        session = f"{kind}-{n}" if n else LASTS if kind == EXPIRES else WHOLE
        start_ms = 10_000.0 * n
        rows += told(session, ASK, head(), item(0), start_ms=start_ms)
        rows += told(session, *events, start_ms=start_ms + after_ms)
    return given(*rows, options=_LIMITS, declared=CODED)


AU_02 = Rule(
    id="AU-02",
    level=Level.SHOULD,
    sentence="When a client's credentials expire, its open stream goes on or ends as a failure, as is declared.",
    source="seed 003 step 4; docs/contract.md `expires_ms`, `expiry`",
    why="A stream that ends unforeseen loses what was under way; one that goes on shows what it should not.",
    needs=("script", "feature:expires_ms", "feature:expiry"),
    check=expiry_is_as_declared,
    good=(
        _expiring((405, _OVER), (410, _OVER), (900, (EOF,))),
        _expiring((5_000, _STAYS), (5_000, _STAYS), (405, _OVER)),
        _expiring((1_200, _WELL), (1_210, _WELL), (1_220, _WELL), kind=OUTLIVES, free=(1_200, _WELL)),
        # it ends anyhow, or for another reason
        _expiring((405, _OVER), free=(405, _OVER)),
        _expiring((100, _OVER)),
        _expiring((405, _OVER), (405, _OVER), (405, _OVER), kind=OUTLIVES, free=(405, _OVER)),
    ),
    bad=(
        _expiring((5_000, _STAYS), (5_000, _STAYS), (5_000, _STAYS)),
        _expiring((405, _WELL), (405, _WELL), (405, _WELL)),
        _expiring((405, _OVER), (405, _OVER), (405, _OVER), kind=OUTLIVES, free=(1_200, _WELL)),
    ),
)
