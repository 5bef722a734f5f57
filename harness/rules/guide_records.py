"""OI, ND: what a dialect of typed records promises of them: an end that counts, failures of one record, a total told
ahead (seed 003). Only where the profile declares the feature.

The profile keeps the fields that are read here. Every reading that the guide's own pages use fits; only what fits none
is held against anybody. Never here: the order and the number of items (`ordering`), how the stream ends (`lifecycle`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Failed, Item, Meta, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, item, told, written
from streamspec.harness.rules._wire import (
    RECORD_ERRORS,
    ROOTS,
    features,
    is_fatal,
    is_record_error,
    unread,
    why_unlike,
    worded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

COUNTED_END: Final = "counted-end"
ANNOUNCED_TOTAL: Final = "announced-total"
_PROCESSED: Final = ("totalProcessed", "processed")
_ERRORS: Final = ("totalErrors", "errors")
_TOTAL: Final = "totalRecords"
_DATA: Final = frozenset({"data", "success", "large-record"})


def _number(kept: Mapping[str, int | str | bool], *names: str) -> int | None:
    """The first of these fields that is a number."""
    found = (kept[name] for name in names if name in kept)
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool)), None)


def _whole(h: History, session: str) -> tuple[Record, Completed] | Finding:
    """The success terminal of a stream that was read from its beginning; else why nothing is to be counted."""
    asked = standing.ask_of(h, session)
    end = next(iter(standing.theirs(h, Completed, session)), None)
    if reason := why_unlike(h, session):
        return unknown(reason)
    if asked.after or asked.behind:
        return unknown("a stream that was resumed may count what came before")
    if skipped := unread(h, session):
        return unknown(f"not all of it was read: {worded(skipped)}", skipped)
    if not end or not isinstance(end.event, Completed) or not standing.seen_whole(h, session):
        return unknown(f"{h.role(session)} was not seen to its end")
    return end, end.event


def _tally(h: History, session: str) -> tuple[set[int], set[int]]:
    """How many records succeeded and how many failed, under every reading: all that are no errors, or those that call
    themselves data, if any do; all errors, or those that did not end the stream."""
    items = [r.event for r in standing.items(h, session) if isinstance(r.event, Item)]
    errors = [event for event in items if is_record_error(event)]
    data = [event for event in items if not is_record_error(event)]
    typed = [event for event in data if _DATA & {event.kind, str(event.kept.get("type", ""))}]
    mild = [event for event in errors if not is_fatal(event)]
    return {len(data), len(typed) or len(data)}, {len(errors), len(mild)}


# -- the end counts ----------------------------------------------------------------------------------------------------


def end_counts_rightly(h: History) -> Iterator[Finding]:
    if COUNTED_END not in features(h):
        return
    for session in standing.usual(h):
        found = _whole(h, session)
        if isinstance(found, Finding):
            yield found
            continue
        end, completed = found
        processed, errors = _number(completed.kept, *_PROCESSED), _number(completed.kept, *_ERRORS)
        good, bad = _tally(h, session)
        readings = good | {g + b for g in good for b in bad}
        if processed is None and errors is None:
            yield unknown("its end record has no counters", end)
        elif (processed is None or processed in readings) and (errors is None or errors in bad):
            yield held(end)
        else:
            told_of = {"processed": processed, "errors": errors}
            got = ", ".join(f"{name} {value}" for name, value in told_of.items() if value is not None)
            expected = f"counters that fit {max(good)} records and {max(bad)} errors"
            yield broken(standing.items(h, session)[-1:], end, expected=expected, got=got)


_GUIDE: Final[dict[str, str | int | bool]] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "profile.features": f"{COUNTED_END},{RECORD_ERRORS},{ANNOUNCED_TOTAL}",
}


def _data(n: int) -> Item:
    return item(n, kind="data", type="data")


def _error(n: int, **kept: int | str | bool) -> Item:
    return replace(item(n, kind="error"), kept={"type": "error", **kept})


def _seen(*events: Event, role: str = "finite", items: int = 0) -> History:
    declared = _GUIDE | ({"finite.items": items} if items else {})
    return written(*told(role, ASK, chunked("ndjson"), *events), declared=declared, binding="ndjson")


def _end(**kept: int | str | bool) -> tuple[Event, ...]:
    return Completed(99, {"type": "stream-end", **kept}), ENDED, EOF


_MIXED: Final = (_data(0), _error(1, code="X"), _data(2))

OI_09 = Rule(
    id="OI-09",
    level=Level.MUST,
    sentence="The counters of the end record agree with the records that came.",
    source="seed 003 'NDJSON Structure' (processed, errors)",
    why="A consumer checks its import by these numbers: wrong ones hide a loss, or report one that was none.",
    needs=("role:finite", f"feature:{COUNTED_END}"),
    after=(*ROOTS, "OI-02", "OI-03", "OI-10"),
    check=end_counts_rightly,
    good=(
        # both readings of `processed`, both spellings, and what is not said
        _seen(*_MIXED, *_end(reason="completed", processed=2, errors=1)),
        _seen(*_MIXED, *_end(reason="completed", totalProcessed=3, errors=1)),
        _seen(*_MIXED, *_end(totalProcessed=2)),
        _seen(*_MIXED, *_end(reason="completed")),
        _seen(*_end(processed=0, errors=0)),
        # rows without a type are data; a checkpoint need not be
        _seen(item(0), item(1), *_end(totalProcessed=2)),
        _seen(_data(0), item(1), *_end(processed=1, errors=0)),
        # left in the middle; resumed
        _seen(*_MIXED, *CLOSE),
        written(
            *told("resumable-2", ASK, chunked("ndjson"), _data(0), *_end(processed=9)),
            declared=_GUIDE,
            binding="ndjson",
            asks={"resumable-2": Ask(after="resumable-1")},
        ),
    ),
    bad=(
        _seen(*_MIXED, *_end(reason="completed", processed=4, errors=1)),
        _seen(*_MIXED, *_end(reason="completed", processed=2, errors=0)),
        _seen(*_end(totalProcessed=1)),
    ),
)


# -- a record that failed ----------------------------------------------------------------------------------------------


def error_leaves_the_stream_open(h: History) -> Iterator[Finding]:
    """Held by what came behind a record that failed; broken by a stream that ended there and owed more."""
    if RECORD_ERRORS not in features(h):
        return
    for session in standing.usual(h):
        if h.role(session) == "failing":
            continue
        items = standing.items(h, session)
        errors = [r for r in items if is_record_error(r.event) and not is_fatal(r.event)]
        behind = [r for r in items if errors and r.index > errors[0].index]
        if reason := why_unlike(h, session):
            yield unknown(reason)
        elif not errors:
            yield unknown("no record failed in what was read")
        elif behind:
            yield held(errors[0], behind[0])
        else:
            yield _ended_at(h, session, errors[0], len(items))


def _ended_at(h: History, session: str, error: Record, came: int) -> Finding:
    """Nothing came behind the record that failed. Only of a stream that is declared to succeed is it known to owe
    more: its declared items, or a success that it did not show."""
    done, failed = standing.theirs(h, Completed, session), standing.theirs(h, Failed, session)
    end = next(iter(failed), None) or standing.whole(h, session) or standing.cut(h, session)
    due = h.declared("finite", "items")
    if h.role(session) == "finite" and done and isinstance(due, int) and came < due and not unread(h, session):
        got = f"the end, after {came} of {due}"
        return broken(error, done[0], expected="the records behind the one that failed", got=got)
    if h.role(session) == "finite" and end and not done:
        return broken(error, end, expected="the records behind the one that failed", got="the end of the stream")
    return unknown("the record that failed was the last one that was seen", error)


OI_10 = Rule(
    id="OI-10",
    level=Level.MUST,
    sentence="A record that failed does not end the stream: the records behind it arrive.",
    source="seed 003 'Handle errors gracefully by including error objects in the stream'",
    why="One bad record in a million costs the consumer all that stand behind it.",
    needs=("role:finite", f"feature:{RECORD_ERRORS}"),
    after=ROOTS,
    check=error_leaves_the_stream_open,
    good=(
        _seen(*_MIXED, *_end(processed=2, errors=1), items=3),
        # the last record failed, or we left there
        _seen(_data(0), _error(1, code="X"), *_end(processed=1, errors=1), items=2),
        _seen(_data(0), _error(1, code="X"), *CLOSE),
        # fatal, by its own words
        _seen(_error(0, code="X", fatal=True), Failed("error"), ENDED, EOF),
        _seen(_error(0, code="X", recoverable=False), Failed("error"), ENDED, EOF),
        # of a URL without a role nobody knows what it owes
        _seen(_error(0, code="X"), Failed("error"), ENDED, EOF, role="look"),
        _seen(_error(0, code="X"), Failed("error"), ENDED, EOF, role="failing"),
    ),
    bad=(
        _seen(_data(0), _error(1, code="X"), *_end(processed=1, errors=1), items=3),
        _seen(_data(0), _error(1, code="X"), Failed("error"), ENDED, EOF),
        _seen(_data(0), _error(1, code="X"), ENDED, EOF),
        _seen(_data(0), _error(1, code="X"), EOF),
    ),
)


def error_has_a_code(h: History) -> Iterator[Finding]:
    """In bulk streams the code stands under `error`."""
    if RECORD_ERRORS not in features(h):
        return
    for session in standing.usual(h):
        errors = [(r, r.event) for r in standing.items(h, session) if is_record_error(r.event)]
        nameless = [r for r, e in errors if isinstance(e, Item) and not {"code", "error"} & _filled(e.kept)]
        if nameless and isinstance(nameless[0].event, Item):
            got = f"no code: {nameless[0].event.prefix}"
            yield broken(nameless[:3], expected="a machine-readable code in the record", got=got)
        elif errors:
            yield held(errors[0][0])
        else:
            yield unknown(why_unlike(h, session) or "no record failed in what was read")


def _filled(kept: Mapping[str, int | str | bool]) -> set[str]:
    return {name for name, value in kept.items() if not isinstance(value, bool) and value != ""}


ND_09 = Rule(
    id="ND-09",
    level=Level.MUST,
    sentence="The record of a failure carries a code.",
    source="seed 003 'NDJSON Structure' (code)",
    why="A consumer that cannot tell a missing record from a forbidden one tries both again, or neither.",
    needs=("role:finite", f"feature:{RECORD_ERRORS}"),
    after=("ND-01",),
    on=("ndjson",),
    check=error_has_a_code,
    good=(
        _seen(*_MIXED, *_end()),
        _seen(_data(0), _error(1, error="INVALID_STATUS_TRANSITION"), *_end()),
        _seen(_data(0), _error(1, code=404), *_end()),
    ),
    bad=(
        _seen(_data(0), _error(1, message="it failed"), *_end()),
        _seen(_error(0, code=""), *_end()),
    ),
)


# -- the total told ahead ----------------------------------------------------------------------------------------------


def total_is_told_ahead(h: History) -> Iterator[Finding]:
    """Later records about the stream may tell it again."""
    if ANNOUNCED_TOTAL not in features(h):
        return
    for session in standing.usual(h):
        found = _whole(h, session)
        metas = [(r, r.event) for r in standing.theirs(h, Meta, session) if isinstance(r.event, Meta)]
        telling = next(((r, t) for r, e in metas if (t := _number(e.kept, _TOTAL)) is not None), None)
        items = standing.items(h, session)
        if isinstance(found, Finding):
            yield found
        elif not telling:
            yield unknown("no record told a total ahead")
        elif items and items[0].index < telling[0].index:
            yield broken(items[0], telling[0], expected="the total before the first record", got="a record before it")
        else:
            yield _total(h, session, telling, found[0])


def _total(h: History, session: str, telling: tuple[Record, int], end: Record) -> Finding:
    record, total = telling
    good, bad = _tally(h, session)
    if total in {g + b for g in good for b in bad}:
        return held(record, end)
    got = f"{_TOTAL} {total}, and then {max(good)} records and {max(bad)} errors"
    return broken(record, end, expected=f"{_TOTAL} of the records that come", got=got)


_AHEAD: Final = Meta("meta", 0, {"type": "metadata", _TOTAL: 3})

OI_11 = Rule(
    id="OI-11",
    level=Level.SHOULD,
    sentence="A total that is announced comes first, and is that of the records that come, errors included.",
    source="seed 003 'NDJSON Structure' (totalRecords)",
    why="A progress bar that never fills, and a consumer that waits for records that do not exist.",
    needs=("role:finite", f"feature:{ANNOUNCED_TOTAL}"),
    after=(*ROOTS, "OI-02", "OI-03", "OI-10"),
    check=total_is_told_ahead,
    good=(
        _seen(_AHEAD, *_MIXED, *_end()),
        _seen(_AHEAD, _data(0), Meta("meta", 40, {"type": "progress"}), _error(1), _AHEAD, _data(2), *_end()),
        _seen(*_MIXED, *_end()),
        _seen(_AHEAD, _data(0), *CLOSE),
    ),
    bad=(
        _seen(_AHEAD, _data(0), _error(1), *_end()),
        _seen(_data(0), _AHEAD, _error(1), _data(2), *_end()),
    ),
)
