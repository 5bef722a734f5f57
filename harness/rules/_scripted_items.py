"""OI and DR on scripted servers: which items a script asks for, and whether a client was given these.

A script says what is sent, so that no server has to be believed: items of `generate` count themselves, those of `send`
are known by their JSON. Here too are the numbers, the sizes and the senders of such items. Never here: a rule.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Elided, Item, Record
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.steps import (
    Abandon,
    Collect,
    Complete,
    Echo,
    Fail,
    Generate,
    Receive,
    Refuse,
    Send,
    Step,
)
from streamspec.harness.core.written import retold
from streamspec.harness.rules._scripted_ends import ending, numbers
from streamspec.harness.rules._wire import unread, worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.history import History

Expected = int | str  # the number of a generated item, or the JSON text of one that was given
_HARMLESS: Final = frozenset({"heartbeat_ms"})  # options that take no item from anybody
# Fails, or sends what only its client knows, or waits for it.
_UNKNOWN_ENDS: Final = (Fail, Abandon, Refuse, Receive, Echo, Collect)
_SHOWN: Final = 5
_SHOWN_CHARS: Final = 80


# -- which items -------------------------------------------------------------------------------------------------------


def asked(h: History) -> tuple[str, ...]:
    """The scripted streams that were asked for as anybody asks, and from their beginning."""
    return tuple(
        session
        for session in h.sessions(SCRIPT)
        if not standing.unusual(h, session)
        and not any(isinstance(act, Ask) and (act.after or act.behind or act.script) for act in h.acts(session))
    )


def counting(h: History) -> tuple[str, ...]:
    """Those whose items all count themselves."""
    return tuple(s for s in asked(h) if not any(isinstance(step, Send | Echo | Collect) for step in h.steps(s)))


def well_ended(h: History) -> tuple[str, ...]:
    """Those whose script sends so many items, and then completes, and nothing else can end them."""
    return tuple(session for session in asked(h) if _ends_well(h, session))


def _ends_well(h: History, session: str) -> bool:
    steps = h.steps(session)
    if any(isinstance(step, _UNKNOWN_ENDS) for step in steps) or set(h.options(session)) - _HARMLESS:
        return False
    if Complete() not in steps and h.header.declared.get("declares.explicit_end"):
        return False
    return not any(isinstance(step, Generate) and not step.n for step in steps)


def expected(steps: tuple[Step, ...]) -> tuple[Expected, ...]:
    """The items of a script that has an end, up to its own end."""
    found: list[Expected] = []
    for step in takewhile(lambda step: not isinstance(step, Complete), steps):
        if isinstance(step, Send):
            found += step.items
        elif isinstance(step, Generate):
            found += range(len(found) + 1, len(found) + 1 + step.n)
    return tuple(found)


# -- OI-02: none is missing --------------------------------------------------------------------------------------------


def all_arrive(h: History) -> Iterator[Finding]:
    if h.header.declared.get("declares.lossy"):
        yield unknown("it may leave items out, as it declares")
        return
    for session in (s for s in counting(h) if _ends_well(h, s)):
        wanted = expected(h.steps(session))
        end = ending(h, session)
        if not wanted:
            continue
        if end.how != "success":
            yield unknown(end.worded, end.at)
        elif skipped := unread(h, session):
            yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
        else:
            yield _counted(h, session, frozenset(wanted), end.at)


def _counted(h: History, session: str, wanted: frozenset[Expected], end: tuple[Record, ...]) -> Finding:
    """Where more came than we keep, they are counted all the same."""
    came = numbers(h, session)
    unseen = sum(r.event.n for r in h.of(Elided, session) if isinstance(r.event, Elided) and r.event.what == "Item")
    seen = len(set(came)) + unseen
    items = standing.items(h, session)
    if seen < len(wanted):
        missing = "" if unseen else f"; missing {_some(wanted - set(came))}"
        return broken(items[-1:], end, expected=f"{len(wanted)} items", got=f"{seen}{missing}")
    if not unseen and not wanted <= set(came):
        return unknown("as many items as the script has, and other numbers", end)
    return held(items[0], items[-1], end)


def _some(missing: frozenset[Expected]) -> str:
    first = sorted(map(int, missing))[:_SHOWN]
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return ", ".join(map(str, first)) + more


# -- DR-01: exactly these, in this order -------------------------------------------------------------------------------


def the_items_of_its_script(h: History) -> Iterator[Finding]:
    if h.header.declared.get("declares.lossy"):
        yield unknown("it may leave items out, as it declares")
        return
    for session in well_ended(h):
        end = ending(h, session)
        skipped = unread(h, session)
        if end.how != "success":
            yield unknown(end.worded, end.at)
        elif skipped or not standing.seen_whole(h, session):
            yield unknown("not all of it was read, or kept", skipped)
        else:
            yield _exactly(h, session, end.at)


def _exactly(h: History, session: str, end: tuple[Record, ...]) -> Finding:
    wanted, came = expected(h.steps(session)), standing.items(h, session)
    for place, item in enumerate(wanted):
        if place >= len(came):
            return broken(came[-1:], end, expected=f"{len(wanted)} items", got=f"{len(came)}")
        same = _is(came[place], item)
        if same is None:
            return unknown("an item is longer than what we keep of it", came[place])
        if not same:
            return broken(came[place], expected=f"item {_word(item)} in place {place + 1}", got=_shown(came[place]))
    if len(came) > len(wanted):
        extra = came[len(wanted)]
        return broken(extra, expected=f"{len(wanted)} items", got=f"{len(came)}: {_shown(extra)}")
    return held(came[:1], came[-1:], end)


def _is(record: Record, item: Expected) -> bool | None:
    """Whether this is that item; None where too little of it is kept."""
    event = record.event
    if not isinstance(event, Item):
        return False
    if isinstance(item, int):
        return event.seq == item
    value = value_of(event)
    return None if value is _UNKNOWN else same_value(value, json.loads(item))


def same_value(one: Any, other: Any) -> bool:
    """JSON values alike: for Python `true` is 1, and no number is a text."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


_UNKNOWN: Final = object()


def value_of(item: Item) -> Any:
    """The JSON of an item that is kept whole, as plain as scripts of this kind send it."""
    if item.size != len(item.prefix) or "\\x" in item.prefix:
        return _UNKNOWN
    try:
        return json.loads(item.prefix)
    except (ValueError, RecursionError):
        return _UNKNOWN


def is_known(value: Any) -> bool:
    return value is not _UNKNOWN


def _word(item: Expected) -> str:
    return str(item)[:_SHOWN_CHARS]


def _shown(record: Record) -> str:
    return record.event.prefix[:_SHOWN_CHARS] if isinstance(record.event, Item) else ""


# -- histories written by hand -----------------------------------------------------------------------------------------


def asking(h: History, asks: Mapping[str, Ask]) -> History:
    """The same history, some of its sessions having asked in another way."""
    return retold(h, lambda s: replace(s, acts=(asks[s.id], *s.acts[1:])) if s.id in asks else s)
