"""What rules about a wire ask of a history, alike for every binding: which answers there are, which deviations count,
what came instead of a stream, what looks like an error.

Questions, and the one finding that all grammars share. Never here: a rule, or what one binding alone knows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Ended, Item, Opened, Record
from streamspec.harness.core.rule import Finding, broken, held, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.harness.core.history import History

# What breaks first in each binding. A rule that reads its items or its ending names them in `after`.
ROOTS: Final = ("SSE-01", "ND-01", "CJ-01", "GR-01")
SUCCEEDING: Final = ("finite", "empty", "text")  # roles that are declared to end by themselves, with success
RECORD_ERRORS: Final = "record-errors"
# jsonlines.org lets the last line go without its line end; under these names it promised no more.
JSON_LINES: Final = frozenset({"application/jsonl", "application/x-jsonlines", "application/jsonlines"})
NDJSON_TYPES: Final = JSON_LINES | {"application/x-ndjson", "application/ndjson"}

# Beyond our own limits octets were skipped, and behind a broken coding all of them: what was not read proves nothing.
_CODINGS: Final = ("coding.invalid", "coding.cut", "coding.too-large")
HTTP: Final = ("sse", "ndjson", "json_array")  # bindings of which one answer over HTTP is one stream
_UNREAD: Final = (
    *("sse.line-too-long", "sse.event-too-long", "sse.data-too-deep", "ndjson.line-too-long", "ndjson.too-deep"),
    *("array.element-too-long", "array.too-deep"),
    *("tcp.frame-too-long", "ws.message-too-long", "envelope.too-deep", "grpc.message-too-long"),
    *_CODINGS,
)
_OTHER: Final = ("ndjson.not-json", "array.none")  # and no item: a page, a document, a message for people


def answers(h: History) -> Iterator[tuple[str, Record, Opened]]:
    """Sessions that were answered at all, except those that asked in an unusual way."""
    for session in h.sessions():
        record = h.first(Opened, session)
        if record and isinstance(record.event, Opened) and not standing.unusual(h, session):
            yield session, record, record.event


def deviations(h: History, session: str, *codes: str) -> tuple[Record, ...]:
    """Those of these codes that came before any end of ours."""
    found = standing.theirs(h, Deviation, session)
    return tuple(r for r in found if isinstance(r.event, Deviation) and r.event.code in codes)


def worded(record: Record) -> str:
    """A deviation in words."""
    event = record.event
    if not isinstance(event, Deviation):
        return ""
    return f"{event.sentence}{f': {event.detail}' if event.detail else ''} (octet {event.offset} {event.place})"


def unread(h: History, session: str) -> Record | None:
    """The first record that says that not all of this stream was read."""
    return next(iter(deviations(h, session, *_UNREAD)), None)


def foreign(h: History, session: str) -> Record | None:
    """What shows that something else than a stream of this binding came: octets of another kind, and not one item."""
    return None if h.first(Item, session) else next(iter(deviations(h, session, *_OTHER)), None)


def why_unlike(h: History, session: str) -> str:
    """Why this session shows no stream of the binding, or only its beginning, in words; empty when it may."""
    if reason := standing.not_opened(h, session):
        return reason
    if lost := deviations(h, session, *_CODINGS):
        return f"what came could not be inflated: {worded(lost[0])}"
    return f"{h.role(session)} sent something else than a stream" if foreign(h, session) else ""


def own_type(h: History, session: str) -> bool:
    """Whether the answer calls itself by a name of the binding."""
    record = standing.opened(h, session)
    essence = record.event.essence if record and isinstance(record.event, Opened) else ""
    match h.header.binding:
        case "sse":
            return essence == "text/event-stream"
        case "ndjson":
            return essence in NDJSON_TYPES
        case "json_array":
            return essence in {"application/json", "text/json"} or essence.endswith("+json")
        case _:
            return False


def why_no_lines(h: History, session: str) -> str:
    """Why nothing here may be held to NDJSON, in words: neither the answer's type nor what came says that it is any.
    Whoever asked may have been given a page, or one JSON document."""
    record = standing.opened(h, session)
    if not record or not isinstance(record.event, Opened):
        return standing.not_opened(h, session)
    if own_type(h, session):
        return ""
    seen = standing.items(h, session)
    if not seen:
        return f"{h.role(session)} answered {record.event.essence or 'without a type'}, and no record"
    return "one JSON document came, and no line more" if len(seen) == 1 and standing.whole(h, session) else ""


def by_close(end: Record | None) -> bool:
    """Whether a message ended with its connection: success and failure then look alike."""
    return end is not None and isinstance(end.event, Ended) and end.event.framing == "close"


def features(h: History) -> frozenset[str]:
    """What the dialect promises of its records."""
    return frozenset(str(h.header.declared.get("profile.features", "")).split(","))


def grammar(h: History, codes: tuple[str, ...], expected: str) -> Iterator[Finding]:
    """Broken by any of these deviations; held by a stream with items and none of them. A body without items is no
    stream that we know of, whatever it was labelled."""
    for session in h.sessions():
        if not standing.unusual(h, session):
            yield one_grammar(h, session, deviations(h, session, *codes), expected)


def one_grammar(h: History, session: str, bad: tuple[Record, ...], expected: str) -> Finding:
    """The same of one session, of which `bad` are the faults."""
    if not standing.opened(h, session):
        return unknown(standing.not_opened(h, session))
    if bad:
        return broken(bad[:3], expected=expected, got=worded(bad[0]))
    if skipped := unread(h, session):
        return unknown(f"not all of it was read: {worded(skipped)}", skipped)
    if seen := standing.items(h, session):
        return held(seen[0], seen[-1])
    return unknown("no item came while we looked")


# -- errors inside a stream ----------------------------------------------------------------------------------------

_FILLED: Final = r'(?!null|false|""|0[,}]|\{\}|\[\])'
_NAMED: Final = re.compile(rf'\{{"error":{_FILLED}')
_LIKE: Final = re.compile(
    rf'"(?:error|errors|exception|failure|fault)":{_FILLED}'
    r'|"(?:type|event|kind|level|status|state|result)":"(?:error|failed|failure|fatal|exception|aborted)"'
)
_KINDS: Final = frozenset({"failed", "failure", "fatal", "exception", "aborted"})


def named_error(h: History, session: str) -> Record | None:
    """The last item, if it is called an error. A member `error` that the first item has too names nothing."""
    return _last_unlike_first(h, session, _is_named)


def like_an_error(h: History, session: str) -> Record | None:
    """The last item, if it looks like an error and the first does not. No profile calls it one: it proves nothing, and
    leaves room for an honest server."""
    return _last_unlike_first(h, session, lambda item: _is_named(item) or _is_like(item))


def _last_unlike_first(h: History, session: str, matches: Callable[[Item], bool]) -> Record | None:
    found = [(r, r.event) for r in standing.items(h, session) if isinstance(r.event, Item)]
    if not found:
        return None
    (record, last), first = found[-1], found[0][1]
    alike = len(found) > 1 and last.kind != "error" and matches(first)
    return record if matches(last) and not alike else None


def _is_named(item: Item) -> bool:
    return item.kind == "error" or _NAMED.match(_packed(item)) is not None


def _is_like(item: Item) -> bool:
    return item.kind in _KINDS or _LIKE.search(_packed(item)) is not None


def _packed(item: Item) -> str:
    return "".join(item.prefix.split())


def is_record_error(event: object) -> bool:
    """Whether this is the record of a failure, in a dialect that has such records."""
    return isinstance(event, Item) and "error" in {event.kind, event.kept.get("type")}


def is_fatal(event: object) -> bool:
    """Whether such a record says itself that the stream is over."""
    if not isinstance(event, Item):
        return False
    return event.kept.get("fatal") is True or event.kept.get("recoverable") is False


# -- heartbeats that no profile names ----------------------------------------------------------------------------------

_BEATS: Final = r"heart[_-]?beat|ping|keep[_-]?alive|alive|noop"
_BEAT_KIND: Final = re.compile(_BEATS, re.IGNORECASE)
_BEAT_TYPE: Final = re.compile(rf'"(?:type|event|kind)":"(?:{_BEATS})"', re.IGNORECASE)


def is_called_heartbeat(event: object) -> bool:
    """Whether an item is called what people call a heartbeat: in a dialect without a word for it, it may be one."""
    if not isinstance(event, Item):
        return False
    return bool(_BEAT_KIND.fullmatch(event.kind) or _BEAT_TYPE.search(_packed(event)))
