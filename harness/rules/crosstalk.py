"""OI: streams that are open at once, each with its own items.

Each item says of which session it is. Never here: what else a stream shows that is not its own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT
from streamspec.harness.core.steps import Send
from streamspec.harness.core.written import ASK, CLOSE, chunked, retold, told, written
from streamspec.harness.rules._scripted_items import asked
from streamspec.harness.rules._wire import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

_FIELD: Final = "of"  # the field of an item that names its session
_LEAST: Final = 2  # items of a stream, and streams at once, before anything is said


def only_its_own(h: History) -> Iterator[Finding]:
    tagged = {tag: s for s in asked(h) if (tag := _tag_sent(h, s))}
    for tag, session in tagged.items():
        came = [(r, _tag(r)) for r in standing.items(h, session)]
        foreign = next((record for record, of in came if of in tagged and of != tag), None)
        own = [record for record, of in came if of == tag]
        beside = [other for other in tagged.values() if other != session and _at_once(h, session, other)]
        if foreign:
            yield broken(own[:1], foreign, expected=f"items of {tag}", got=f"one of {_tag(foreign)}")
        elif len(own) >= _LEAST and beside:
            yield held(own[0], own[-1])
        else:
            yield unknown(standing.not_opened(h, session) or "fewer than two streams were open at once, with items")


def _tag_sent(h: History, session: str) -> str:
    """The one tag of all that this session's script sends; empty where it has none."""
    sent = [item for step in h.steps(session) if isinstance(step, Send) for item in step.items]
    tags = {_tag_of(item) for item in sent}
    return tags.pop() if len(tags) == 1 else ""


def _tag(record: Record) -> str:
    return _tag_of(record.event.prefix) if isinstance(record.event, Item) else ""


def _tag_of(text: str) -> str:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    tag = value.get(_FIELD) if isinstance(value, dict) else None
    return tag if isinstance(tag, str) else ""


def _at_once(h: History, one: str, other: str) -> bool:
    """Whether items came of each before the last of the other."""
    mine, theirs = standing.items(h, one), standing.items(h, other)
    return bool(mine and theirs) and mine[0].index < theirs[-1].index and theirs[0].index < mine[-1].index


def _items(*tags: str) -> tuple[Item, ...]:
    return tuple(Item(n, 12, f"{tag}{n}", f'{{"{_FIELD}": "{tag}"}}', 0) for n, tag in enumerate(tags))


def _two(first: tuple[str, ...], second: tuple[str, ...], start_ms: float = 0.5) -> History:
    """Two sessions whose scripts send items of `a` and of `b`, the second of which begins so much later."""
    rows: list[Row] = [
        *told("script-a", ASK, chunked("sse"), *_items(*first)),
        *told("script-b", ASK, chunked("sse"), *_items(*second), start_ms=start_ms),
    ]
    rows.sort(key=lambda row: row[1])
    end = rows[-1][1]
    h = written(*rows, *told("script-a", *CLOSE, start_ms=end), *told("script-b", *CLOSE, start_ms=end))
    return retold(h, lambda s: replace(s, role=SCRIPT, steps=(Send((f'{{"{_FIELD}":"{s.id[-1]}"}}',)),)))


OI_14 = Rule(
    id="OI-14",
    level=Level.MUST,
    sentence="Of several streams at once each shows its own items, and none of another.",
    source="seed 002 'Multiplexing'; docs/contract.md (a run is one stream)",
    why="An item of another stream is another customer's data.",
    needs=("script", "feature:send", "concurrent"),
    after=ROOTS,
    check=only_its_own,
    good=(
        _two(("a", "a", "a"), ("b", "b", "b")),
        # one after the other
        _two(("a", "a"), ("b", "b"), start_ms=50),
    ),
    bad=(_two(("a", "b", "a"), ("b", "b", "b")), _two(("a", "a"), ("a", "b"))),
)
