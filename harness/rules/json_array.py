"""CJ: one JSON array that comes bit by bit, whole after success, visibly not so after a failure (RFC 8259, seed 003).

Never here: when an element comes (`promptness`), or the HTTP below it (`chunked`, `http_bodies`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Ended, Expired, Failed, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written
from streamspec.harness.rules._wire import (
    SUCCEEDING,
    deviations,
    like_an_error,
    named_error,
    own_type,
    unread,
    why_unlike,
    worded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_ON: Final = ("json_array",)
_BRACKETS: Final = 8  # octets: room for line ends, indents, and the two closing brackets
_FAULTS: Final = (
    *("array.none", "array.element", "array.separator", "array.utf8", "array.bom", "array.open", "array.excess"),
)


def body_is_one_array(h: History) -> Iterator[Finding]:
    """Only of what is declared to succeed: a bare URL may answer with any document."""
    for session in h.sessions(*SUCCEEDING):
        answer, end = standing.opened(h, session), standing.whole(h, session)
        bad = deviations(h, session, *_FAULTS)
        closed = standing.theirs(h, Completed, session)
        if not answer:
            yield unknown(standing.not_opened(h, session))
        elif not (closed or standing.items(h, session) or own_type(h, session)):
            yield unknown(f"{h.role(session)} sent something else than JSON", answer)
        elif failed := standing.theirs(h, Failed, session):
            yield unknown(f"{h.role(session)} ended with an error", failed[0])
        elif not end:
            yield unknown(f"{h.role(session)} did not end whole while we read")
        elif skipped := unread(h, session):
            yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
        elif bad:
            yield broken(bad[:3], end, expected="one whole JSON array, and nothing else", got=worded(bad[0]))
        elif closed:
            yield held(closed[0], end)
        else:
            yield broken(answer, end, expected="one whole JSON array", got="an empty body")


_OPEN: Final = (ASK, chunked("json_array"), item(0))
_CLOSED: Final = (Completed(29), ENDED, EOF)


def _seen(*events: Event, role: str = "finite", declared: dict[str, str | int | bool] | None = None) -> History:
    return written(*told(role, *events), binding="json_array", declared={"profile.terminal": True} | (declared or {}))


CJ_01 = Rule(
    id="CJ-01",
    level=Level.MUST,
    sentence="The body of a stream that succeeds is one valid JSON array, with no element, one or many.",
    source="RFC 8259 §2, §5, §8.1; seed 003 'Chunked JSON'",
    why="A client that parses the body throws at its end, after it was sent all of it.",
    needs=("role:finite|role:empty|role:text",),
    on=_ON,
    check=body_is_one_array,
    good=(
        _seen(*_OPEN, item(1), *_CLOSED),
        _seen(ASK, chunked("json_array"), *_CLOSED, role="empty"),
        # cut short: that shows itself, and is not this rule's
        _seen(*_OPEN, Deviation("array.open", 20), EOF),
        # a page of something else than JSON
        _seen(ASK, head(("Content-Type", "text/html")), Deviation("array.none", 0), ENDED, EOF),
        # of a bare URL nobody said that it answers with an array
        written(
            *told("look", ASK, chunked("json_array"), Deviation("array.none", 0), ENDED, EOF), binding="json_array"
        ),
    ),
    bad=(
        _seen(*_OPEN, Deviation("array.separator", 21, "a comma before the end"), *_CLOSED),
        _seen(*_OPEN, Completed(20), Deviation("array.excess", 22), ENDED, EOF),
        _seen(*_OPEN, Deviation("array.open", 20), ENDED, EOF),
        _seen(ASK, chunked("json_array"), Deviation("array.none", 0, "an object"), ENDED, EOF),
        _seen(ASK, head(("Content-Type", "application/json")), Ended("length", 0), *CLOSE, role="empty"),
    ),
)


def _goes_on_behind(h: History, session: str, closed: Record) -> bool:
    """Whether more than blanks and brackets stands between the last element and the end of the array: then it is a
    member of an object, and that object has others."""
    ends_at = [r.event.offset + r.event.size for r in standing.items(h, session) if isinstance(r.event, Item)]
    offset = closed.event.offset if isinstance(closed.event, Completed) else 0
    return offset - max(ends_at, default=0) > _BRACKETS


def failure_is_visible_in_the_array(h: History) -> Iterator[Finding]:
    """Left open, cut short, or an element that is an error: one of these shows a failure, a closed array hides it."""
    for session in h.sessions("failing"):
        ends = standing.terminals(h, session)
        end = standing.whole(h, session) or standing.cut(h, session) or standing.reset(h, session)
        if reason := why_unlike(h, session):
            yield unknown(reason)
        elif ends and isinstance(ends[0].event, Failed):
            yield held(ends[0])
        elif ends and (error := named_error(h, session)):
            yield held(error, ends[0])
        elif ends and (error := like_an_error(h, session)):
            yield unknown("the last element looks like an error: name it in a profile (docs/adding.md)", error)
        elif ends and _goes_on_behind(h, session, ends[0]):
            yield unknown("what stands behind the array, in the object around it, may name the failure", ends[0])
        elif ends:
            expected = "an array left open, a message cut short, or an element that is an error"
            yield broken(ends[0], expected=expected, got="a closed array, as after success")
        elif not end or not standing.items(h, session):
            yield unknown("failing had begun no array, or had not ended, when we stopped reading")
        else:
            yield held(deviations(h, session, "array.open"), end)


CJ_04 = Rule(
    id="CJ-04",
    level=Level.MUST,
    sentence="A failure in the middle is visible: the array is left open, or cut, or has an element that is an error.",
    source="seed 003 'Handle errors gracefully'; seed 000 'Completion'",
    why="A closed array is a complete answer: half of the data passes for all of it.",
    needs=("role:failing",),
    on=_ON,
    check=failure_is_visible_in_the_array,
    good=(
        _seen(*_OPEN, Deviation("array.open", 20), EOF, role="failing"),
        _seen(*_OPEN, Deviation("array.open", 20), ENDED, EOF, role="failing"),
        _seen(*_OPEN, RESET, role="failing"),
        _seen(*_OPEN, Failed("INTERNAL"), ENDED, EOF, role="failing", declared={"profile.error_channel": True}),
        _seen(*_OPEN, item(1, kind="error"), *_CLOSED, role="failing"),
        # failed before it began: a status, or a document about it
        _seen(ASK, head(status=500), ENDED, EOF, role="failing"),
        _seen(ASK, chunked("json_array"), Deviation("array.none", 0, "an object"), ENDED, EOF, role="failing"),
        _seen(*_OPEN, Expired("failing_ms", 5000), *CLOSE, role="failing"),
        # {"data": [{"n":1}], "error": "it failed"}
        _seen(*_OPEN, Completed(29), ENDED, EOF, role="failing"),
    ),
    bad=(
        _seen(*_OPEN, item(1), *_CLOSED, role="failing"),
        _seen(ASK, chunked("json_array"), Completed(1), ENDED, EOF, role="failing"),
    ),
)
