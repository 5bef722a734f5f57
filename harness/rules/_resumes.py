"""What rules about resuming ask alike: which streams began anew, which resumed behind which, which items carry ids.

Questions to a history, and items to write some by hand. Never here: a finding, or a rule.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.harness.core import standing
from streamspec.harness.core.asking import items_read
from streamspec.harness.core.event import Item, Record
from streamspec.harness.core.script import Read
from streamspec.harness.core.written import retold
from streamspec.harness.rules._wire import is_called_heartbeat

if TYPE_CHECKING:
    from streamspec.harness.core.history import History


def fresh(h: History) -> tuple[str, ...]:
    """Resumable sessions that began anew."""
    return tuple(
        s for s in h.sessions("resumable") if not standing.ask_of(h, s).after and not standing.ask_of(h, s).behind
    )


def resumed(h: History) -> tuple[str, ...]:
    """Resumable sessions that resumed behind what another one has read."""
    return tuple(s for s in h.sessions("resumable") if standing.ask_of(h, s).after)


def marked(h: History, session: str) -> list[tuple[Record, Item]]:
    """The items that carry an id. Whatever else comes (a greeting, a heartbeat) is none to resume behind."""
    found = ((r, r.event) for r in standing.items(h, session) if isinstance(r.event, Item))
    return [(record, event) for record, event in found if event.id and not is_called_heartbeat(event)]


def given(h: History, session: str) -> tuple[Record, Item] | None:
    """The item behind whose id a session resumes that does so after this one: the last that its reads asked for. None
    where that is not known."""
    read = {record.index for record in items_read(h, session)}
    found = [(record, event) for record, event in marked(h, session) if record.index in read]
    return found[-1] if found and standing.seen_whole(h, session) else None


def id_of(record: Record) -> str:
    return record.event.id if isinstance(record.event, Item) else ""


def kind_of(record: Record) -> str:
    return record.event.kind if isinstance(record.event, Item) else ""


def reading(h: History, session: str, items: int) -> History:
    """The same, of a script in which this session read so many items: what is written by hand reads to its end."""
    read = Read(items=items, budget="item_ms")
    return retold(h, lambda s: s if s.id != session else replace(s, acts=(standing.ask_of(h, session), read)))


def words(*ids: str, first: int = 0) -> tuple[Item, ...]:
    """Items whose ids are words."""
    return tuple(Item(first + n, 7, name, name, 20 * n, "message", id=name) for n, name in enumerate(ids))
