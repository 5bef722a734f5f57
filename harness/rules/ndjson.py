"""ND: newline-delimited JSON, its lines and its type (ndjson-spec §3).

Never here: when a record comes (`promptness`), what its records mean in a dialect (`guide_records`), how a stream ends
(`lifecycle`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Ended, Item, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, head, item, told, written
from streamspec.harness.rules._wire import (
    JSON_LINES,
    SUCCEEDING,
    answers,
    by_close,
    deviations,
    one_grammar,
    own_type,
    why_no_lines,
    why_unlike,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_ON: Final = ("ndjson",)
_IN_ONE: Final = 4  # empty lines within one declared interval that are no heartbeats: it may be late, and catch up


def _lines(h: History, codes: tuple[str, ...], expected: str) -> Iterator[Finding]:
    for session in h.sessions():
        if standing.unusual(h, session):
            continue
        if reason := why_no_lines(h, session):
            yield unknown(reason)
        else:
            yield one_grammar(h, session, deviations(h, session, *codes), expected)


def records_are_lines(h: History) -> Iterator[Finding]:
    """A text that stands on several lines is ND-02's alone."""
    for session in h.sessions():
        if standing.unusual(h, session):
            continue
        if reason := why_no_lines(h, session):
            yield unknown(reason)
            continue
        bad = deviations(h, session, "ndjson.not-json") or _unterminated(h, session)
        yield one_grammar(h, session, bad, "one JSON text a line, each followed by LF")


def _unterminated(h: History, session: str) -> tuple[Record, ...]:
    """The last line without its LF, at an end that is clean: whoever was cut, or failed, shows it by that."""
    answer, end = standing.opened(h, session), standing.whole(h, session)
    if not end or why_unlike(h, session) or h.role(session) == "failing":
        return ()
    if by_close(end) and h.role(session) not in SUCCEEDING:
        return ()
    if answer and isinstance(answer.event, Opened) and answer.event.essence in JSON_LINES:
        return ()
    return deviations(h, session, "ndjson.unterminated")


_OPEN: Final = (ASK, chunked("ndjson"), item(0))
_TORN: Final = Deviation("ndjson.unterminated", 20)


def _typed(kind: str, *events: Event, role: str = "look") -> History:
    return written(*told(role, ASK, head(("Content-Type", kind)), *events), binding="ndjson")


def _seen(*events: Event, role: str = "look") -> History:
    return written(*told(role, *_OPEN, *events), binding="ndjson")


ND_01 = Rule(
    id="ND-01",
    level=Level.MUST,
    sentence="Each record is one JSON text, followed by a line feed.",
    source="ndjson-spec §3.1; RFC 8259 §2",
    why="A reader of lines throws at the first line that is no JSON, or never sees a last one that is not ended.",
    on=_ON,
    check=records_are_lines,
    good=(
        _seen(item(1), ENDED, EOF),
        # cut, failed, or ended with its connection: a torn line shows that
        _seen(_TORN, EOF),
        _seen(_TORN, ENDED, EOF, role="failing"),
        _seen(_TORN, Ended("close", 27), EOF),
        # JSON Lines promise no last line end
        _typed("application/jsonl", item(0), _TORN, item(1), ENDED, EOF),
        # a page, and a document, that nobody called NDJSON
        _typed("text/html; charset=utf-8", Deviation("ndjson.not-json", 0, "x"), ENDED, EOF),
        _typed("application/json", _TORN, item(0), ENDED, EOF),
        # a text on several lines is another rule's finding
        _seen(Deviation("ndjson.spread", 20), item(1), ENDED, EOF),
    ),
    bad=(
        _seen(Deviation("ndjson.not-json", 20, "NaN is no JSON number"), *CLOSE),
        _seen(_TORN, item(1), ENDED, EOF),
        _seen(_TORN, item(1), Ended("close", 27), EOF, role="finite"),
        _typed("application/x-ndjson", Deviation("ndjson.not-json", 0, "x"), ENDED, EOF),
        _typed("text/plain", item(0), Deviation("ndjson.not-json", 20, "x"), item(1), *CLOSE),
    ),
)


def texts_stand_on_one_line(h: History) -> Iterator[Finding]:
    """A CR right before the LF belongs to the line end, and is legal."""
    yield from _lines(h, ("ndjson.spread", "ndjson.inner-cr"), "no line end inside a JSON text")


ND_02 = Rule(
    id="ND-02",
    level=Level.MUST,
    sentence="No JSON text contains a raw line end: it is not spread over lines.",
    source="ndjson-spec §3.1",
    why="A reader of lines takes each line of a pretty-printed object for a broken record.",
    on=_ON,
    check=texts_stand_on_one_line,
    good=(
        _seen(Deviation("ndjson.crlf", 20), item(1), ENDED, EOF),
        _typed("application/json", Deviation("ndjson.spread", 0), item(0), ENDED, EOF),
    ),
    bad=(
        _seen(Deviation("ndjson.spread", 20), item(1), *CLOSE),
        _seen(Deviation("ndjson.inner-cr", 27), item(1), *CLOSE),
    ),
)


def lines_are_utf8(h: History) -> Iterator[Finding]:
    yield from _lines(h, ("ndjson.utf8", "ndjson.bom"), "UTF-8, and no byte order mark")


ND_03 = Rule(
    id="ND-03",
    level=Level.MUST,
    sentence="The stream is UTF-8, without a byte order mark.",
    source="ndjson-spec §3.1; RFC 8259 §8.1",
    why="Readers replace bad octets or die, and take a mark at a line's start for a part of its JSON.",
    on=_ON,
    check=lines_are_utf8,
    good=(_seen(item(1), ENDED, EOF),),
    bad=(
        _seen(Deviation("ndjson.utf8", 29, "0xff"), item(1), *CLOSE),
        _seen(Deviation("ndjson.bom", 20), item(1), *CLOSE),
    ),
)


def has_its_type(h: History) -> Iterator[Finding]:
    for session, record, opened in answers(h):
        first = h.first(Item, session)
        if reason := why_no_lines(h, session):
            yield unknown(reason)
        elif not first:
            yield unknown("no item came while we looked")
        elif own_type(h, session):
            yield held(record, first)
        else:
            got = opened.header("content-type") or "no Content-Type"
            yield broken(record, first, expected="Content-Type application/x-ndjson", got=got)


ND_04 = Rule(
    id="ND-04",
    level=Level.SHOULD,
    sentence="The type is application/x-ndjson, or a name under which NDJSON is served too.",
    source="ndjson-spec §3.3; seed 003",
    why="A client that goes by the type reads the stream as one document, and waits for its end.",
    on=_ON,
    check=has_its_type,
    good=(
        _typed("application/x-ndjson; charset=utf-8", item(0), *CLOSE),
        _typed("Application/JSONL", item(0), *CLOSE),
        _typed("application/json", item(0), ENDED, EOF),
    ),
    bad=(
        _typed("application/json", item(0), item(1), *CLOSE),
        _typed("text/plain", item(0), *CLOSE),
    ),
)


def no_empty_lines(h: History) -> Iterator[Finding]:
    """What follows a terminal is read by nobody. A target that declares heartbeats may send them as empty lines, but
    not several in the time of one."""
    every_ms = h.declared("idle", "heartbeat_ms")
    for session in h.sessions():
        if standing.unusual(h, session):
            continue
        ends = standing.terminals(h, session)
        empty = [r for r in deviations(h, session, "ndjson.empty-line") if not ends or r.index < ends[0].index]
        if reason := why_no_lines(h, session):
            yield unknown(reason)
        elif empty and isinstance(every_ms, int) and not _crowded(empty, every_ms):
            yield unknown("its empty lines may be the heartbeats that it declares", empty[:3])
        else:
            yield one_grammar(h, session, tuple(empty), "a JSON text on every line")


def _crowded(empty: Sequence[Record], every_ms: int) -> bool:
    """Whether some of them came closer together than any heartbeats do."""
    spans = zip(empty, empty[_IN_ONE - 1 :], strict=False)
    return any((last.t_ns - first.t_ns) / 1e6 < every_ms for first, last in spans)


ND_13 = Rule(
    id="ND-13",
    level=Level.SHOULD,
    sentence="No line is empty, unless heartbeats are declared.",
    source="ndjson-spec §3.2 (parsers may ignore empty lines, and need not)",
    why="A parser need not ignore an empty line: some take it for a broken record.",
    on=_ON,
    check=no_empty_lines,
    good=(
        _seen(item(1), ENDED, EOF),
        written(
            *told("idle", *_OPEN, Deviation("ndjson.empty-line", 20), *CLOSE),
            binding="ndjson",
            declared={"idle.heartbeat_ms": 1000},
        ),
    ),
    bad=(
        _seen(Deviation("ndjson.empty-line", 20), item(1), *CLOSE),
        written(
            *told("finite", *_OPEN, *(Deviation("ndjson.empty-line", 20 + n) for n in range(5)), ENDED, EOF),
            binding="ndjson",
            declared={"idle.heartbeat_ms": 1000},
        ),
    ),
)
