"""SSE, ND and CJ on scripted servers: an item is seen before the next one is released, and a head before the first.

A gate holds the producer until we say that we have seen enough: what did not come until then waits for what follows it.
Never here: pauses by the clock (`promptness`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Did, Expired, Opened, Record
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.steps import Complete, Gate, Generate, Step
from streamspec.harness.core.written import ASK, CLOSE, chunked, item, retold, told, written
from streamspec.harness.rules._accounts import every_time
from streamspec.harness.rules._scripted_items import asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_LATE: Final = "it came only when the next one had been released"
_HEAD_LATE: Final = "no head came before the first item"


def seen_before_the_next(h: History) -> Iterator[Finding]:
    """Items ahead of the first gate, in each of the sessions that wait for them."""
    yield from every_time([_item_is_seen(h, s) for s in asked(h) if _ahead(h.steps(s))], _LATE)


def head_before_the_first(h: History) -> Iterator[Finding]:
    """The control is a stream that begins with an item: who lets that wait as well is slow, and no more."""
    waiting = [s for s in asked(h) if isinstance(next(iter(h.steps(s)), None), Gate)]
    others = [s for s in asked(h) if s not in waiting]
    if waiting and not any(standing.opened(h, s) for s in others):
        yield unknown("no stream that begins with an item was answered")
        return
    yield from every_time([_head_is_seen(h, s) for s in waiting], _HEAD_LATE)


def _ahead(steps: tuple[Step, ...]) -> int:
    """How many items a script sends before its first gate, when it is of one kind: so many, then a gate."""
    first, gate = (*steps, None, None)[:2]
    return first.n if isinstance(first, Generate) and isinstance(gate, Gate) else 0


def _gate_of(h: History, session: str) -> Record | None:
    """Where we opened the first gate of the script, and the target said that it is open."""
    gate = next((step.name for step in h.steps(session) if isinstance(step, Gate)), "")
    return accounts.opened_gate(h, session, gate) if gate else None


def _item_is_seen(h: History, session: str) -> Finding:
    due = _ahead(h.steps(session))
    items, gate = standing.items(h, session), _gate_of(h, session)
    before = [record for record in items if gate is None or record.index < gate.index]
    if len(before) >= due:
        return held(before[due - 1])
    if gate is None or not standing.opened(h, session):
        return unknown(standing.not_opened(h, session) or "its gate was not opened")
    waited = [r for r in standing.expired(h, session, "item_ms") if r.index < gate.index]
    if len(items) > len(before) and waited:
        got = f"{len(before)} until then, and {len(items) - len(before)} afterwards"
        return broken(waited[-1], gate, items[len(before)], expected=f"{due} items before the gate is opened", got=got)
    return unknown("its items did not come, released or not", gate)


def _head_is_seen(h: History, session: str) -> Finding:
    if head := standing.opened(h, session):
        return held(head)
    late = next(iter(standing.expired(h, session, "look_ms")), None)
    if late is None or h.first(Opened, session):
        return unknown(standing.not_opened(h, session))
    return broken(late, expected="the head before there is an item", got="no head while the handler sends nothing")


# -- histories written by hand -----------------------------------------------------------------------------------------

_GATED: Final = (Generate(1), Gate("next"), Generate(1), Complete())
_BEHIND: Final = (Gate("first"), Generate(1), Complete())
_OPEN: Final = Did("open:next")
_WAITED: Final = Expired("item_ms", 5_000)


def _of(binding: str, *parts: tuple[tuple[Step, ...], tuple[Event, ...]]) -> History:
    """One scripted session each, far apart."""
    rows = [row for n, (_, events) in enumerate(parts, 1) for row in told(f"script-{n}", *events, start_ms=9e3 * n)]
    h = written(*rows, binding=binding)
    steps = {f"script-{n}": steps for n, (steps, _) in enumerate(parts, 1)}
    return retold(h, lambda s: replace(s, steps=steps[s.id]))


def gated(binding: str) -> tuple[History, ...]:
    """Seen in time; late twice of three times; and never, gate or not."""
    late = (_GATED, (ASK, chunked(binding), _WAITED, _OPEN, item(0), item(1), *CLOSE))
    seen = (_GATED, (ASK, chunked(binding), item(0), _OPEN, item(1), *CLOSE))
    return _of(binding, seen, seen, seen), _of(binding, late, late, seen)


def held_back(binding: str) -> History:
    return _of(binding, *[(_GATED, (ASK, chunked(binding), _WAITED, _OPEN, item(0), item(1), *CLOSE))] * 3)


_HEAD_WAITS: Final = (_BEHIND, (ASK, Expired("look_ms", 2_000), *CLOSE))
_HEAD_COMES: Final = (_BEHIND, (ASK, chunked("sse"), *CLOSE))
_CONTROL: Final = ((Generate(1), Complete()), (ASK, chunked("sse"), item(0), *CLOSE))
HEADS: Final = (
    _of("sse", _CONTROL, *[_HEAD_COMES] * 3),
    _of("sse", _CONTROL, _HEAD_WAITS, _HEAD_WAITS, _HEAD_COMES),
    # it answers nobody so soon
    _of("sse", (_CONTROL[0], _HEAD_WAITS[1]), *[_HEAD_WAITS] * 3),
)
HEADS_HELD: Final = _of("sse", _CONTROL, *[_HEAD_WAITS] * 3)
