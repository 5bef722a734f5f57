"""GR: what an answer of gRPC shows on the wire: its status, its messages, the fields around them.

Never here: which status is due (`grpc_limits`), or frames of HTTP/2 (`http2`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Deviation, Ended, Failed, Farewell, Opened, Trailers
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, called, head, item, told, written
from streamspec.harness.rules._wire import deviations, unread, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

GRPC: Final = "application/grpc"
_STATUS: Final = "grpc-status"
_NOT_OURS: Final = ("malformed", "method")  # requests that are no calls: what answers them need not be gRPC


def calls(h: History) -> Iterator[tuple[str, Record, Opened]]:
    """The calls that were answered with 200, whatever the answer says that it is."""
    for session in h.sessions():
        record = h.first(Opened, session)
        if record and isinstance(record.event, Opened) and record.event.status == 200 and _is_call(h, session):
            yield session, record, record.event


def _is_call(h: History, session: str) -> bool:
    return standing.unusual(h, session) not in _NOT_OURS


def is_grpc(answer: Opened) -> bool:
    """Whether an answer says itself that it is one of gRPC."""
    return answer.essence.partition("+")[0] == GRPC


def unanswered(h: History, seen: set[str]) -> Iterator[Finding]:
    """Why the other sessions show nothing."""
    for session in h.sessions():
        if session not in seen:
            yield unknown(standing.not_opened(h, session) or f"{h.role(session)} was answered, and not as a call")


def _said(h: History, session: str) -> Record | None:
    """The status of a call, where it can be read."""
    return next(iter(standing.terminals(h, session)), None)


# -- GR-01 -------------------------------------------------------------------------------------------------------------


def status_is_said(h: History) -> Iterator[Finding]:
    """A reset, a GOAWAY and another status of HTTP say in their own ways how a call ended."""
    seen = {session for session, _, answer in calls(h) if is_grpc(answer)}
    for session, record, answer in calls(h):
        end, status = standing.whole(h, session), _said(h, session)
        if not is_grpc(answer):
            continue
        if missing := deviations(h, session, "grpc.no-status"):
            got = "a stream that ended whole, and no grpc-status"
            yield broken(record, missing[:1], end, expected="a grpc-status behind the messages", got=got)
        elif end and status:
            yield held(record, status, end)
        else:
            yield unknown("the stream did not end by itself while we looked")
    yield from unanswered(h, seen)


_WHOLE: Final = Ended("end-stream", 30)
_OK: Final = Trailers(((_STATUS, "0"),))
_DONE: Final = (_OK, Completed(), _WHOLE)
_LOOK: Final = (ASK, called(), item(0))
_AT_ONCE: Final = (ASK, called((_STATUS, "0")), Trailers((("content-type", GRPC), (_STATUS, "0"))))
_REFUSED: Final = (ASK, called((_STATUS, "12")), Trailers(((_STATUS, "12"),)), Failed("UNIMPLEMENTED"), _WHOLE)
_RESET: Final = Closed("reset", "RST_STREAM CANCEL", 8)
_LATE: Final = (Trailers(((_STATUS, "4"),)), Failed("TIMED_OUT"), _WHOLE)
_BARE: Final = (Trailers(()), Deviation("grpc.no-status", 30), _WHOLE)


def _call(*events: Event, role: str = "look") -> History:
    terms: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": True}
    return written(*told(role, *events), declared=terms, binding="grpc", method="POST")


GR_01 = Rule(
    id="GR-01",
    level=Level.MUST,
    sentence="A call whose stream ends whole ends with a status.",
    source="gRPC over HTTP/2 (Responses: Trailers is HTTP2-HEADERS with Status; Status MUST be sent even if OK)",
    why="A client cannot tell whether it has all of it: one library says UNKNOWN, another waits until its deadline.",
    on=("grpc",),
    check=status_is_said,
    good=(
        _call(*_LOOK, *_DONE),
        _call(*_LOOK, *_LATE, EOF),
        # in one block with the head: a refusal, and a stream without messages
        _call(*_REFUSED, role="unknown"),
        _call(*_AT_ONCE, Completed(), _WHOLE, role="empty"),
        # what ended otherwise: a reset, a GOAWAY and the end of the connection, another status of HTTP, and our own end
        _call(*_LOOK, _RESET),
        _call(*_LOOK, Farewell(0), EOF),
        _call(ASK, head(("content-type", GRPC), status=503), Trailers(()), Deviation("grpc.no-status", 0), _WHOLE),
        _call(ASK, head(("content-type", "text/html"), status=200), Trailers(()), _BARE[1], _WHOLE),
        _call(*_LOOK, *CANCEL, *_BARE, role="endless"),
        _call(*_LOOK, *CLOSE),
    ),
    bad=(
        _call(*_LOOK, *_BARE),
        _call(*_LOOK, Trailers((("grpc-message", "fine"),)), *_BARE[1:]),
        _call(ASK, called(), Trailers((("content-type", GRPC),)), *_BARE[1:], role="unknown"),
    ),
)


# -- GR-02 -------------------------------------------------------------------------------------------------------------

_READABLE: Final = "gzip"  # the one coding whose name means one format for everybody
_FLAGS: Final = ("grpc.flag", "grpc.flag-without-encoding")


def messages_are_framed(h: History) -> Iterator[Finding]:
    """A message that is cut shows a failure, where the status says that there was one: grpcio cuts what no window takes
    at its deadline."""
    seen = {session for session, _, answer in calls(h) if is_grpc(answer)}
    for session, record, answer in calls(h):
        if not is_grpc(answer):
            continue
        codes = [*_FLAGS]
        if (answer.header("grpc-encoding") or "").strip().lower() == _READABLE:
            codes.append("grpc.inflate")
        status = _said(h, session)
        if status and isinstance(status.event, Completed):
            codes.append("grpc.cut")
        if bad := deviations(h, session, *codes):
            yield broken(record, bad[:3], expected="messages with their prefix, and whole", got=worded(bad[0]))
        elif skipped := unread(h, session):
            yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
        elif items := standing.items(h, session):
            yield held(record, items[0], items[-1])
        else:
            yield unknown("no message came while we looked")
    yield from unanswered(h, seen)


_CUT: Final = Deviation("grpc.cut", 20, "50 of 100 octets")
_PACKED: Final = (ASK, called(("grpc-encoding", "gzip")), item(0))
_INFLATE: Final = Deviation("grpc.inflate", 20, "incorrect header check")

GR_02 = Rule(
    id="GR-02",
    level=Level.MUST,
    sentence="Every message has its prefix: the flag 0, or 1 where an encoding is named, and the length that it has.",
    source="gRPC over HTTP/2 (Length-Prefixed-Message); gRPC compression.md",
    why="Some clients drop what they cannot read and report success: a stream that lost its last message looks whole.",
    on=("grpc",),
    check=messages_are_framed,
    good=(
        _call(*_LOOK, *_DONE),
        _call(*_PACKED, *_DONE),
        _call(*_LOOK, *CLOSE),
        # cut, and not said to be whole
        _call(*_LOOK, Trailers(((_STATUS, "4"),)), _CUT, Failed("TIMED_OUT"), _WHOLE),
        _call(*_LOOK, Trailers(()), _CUT, Deviation("grpc.no-status", 30), _WHOLE),
        _call(*_LOOK, _RESET),
        # what we cannot read, or would not; and what is no message of our service
        _call(ASK, called(("grpc-encoding", "snappy")), item(0), Deviation("grpc.inflate", 20, "unknown"), *_DONE),
        _call(*_LOOK, Deviation("grpc.message-too-long", 20), *_DONE),
        _call(*_LOOK, Deviation("grpc.no-text", 20), *_DONE),
        # behind our own end, and in an answer that says that it is something else
        _call(*_LOOK, *CANCEL, Deviation("grpc.flag", 20, "0x07"), role="endless"),
        _call(ASK, head(("content-type", "text/html")), Deviation("grpc.flag", 0, "0x3c"), _CUT, _WHOLE, EOF),
    ),
    bad=(
        *(_call(*_LOOK, Deviation(code, 20, "0x07"), item(1), *_DONE) for code in _FLAGS),
        _call(*_LOOK, Deviation("grpc.flag", 20, "0x07"), *CLOSE),
        _call(*_LOOK, _OK, _CUT, Completed(), _WHOLE),
        _call(*_PACKED, _INFLATE, *_DONE),
    ),
)


# -- GR-12 -------------------------------------------------------------------------------------------------------------


def fields_have_their_form(h: History) -> Iterator[Finding]:
    """Whether an answer of another type is one of gRPC its status shows: nothing else carries it."""
    seen: set[str] = set()
    for session, record, answer in calls(h):
        status = _status_at(h, session, record, answer)
        if bad := deviations(h, session, "grpc.status", "grpc.message"):
            expected = "grpc-status as a number, grpc-message percent-encoded"
            yield broken(record, bad[:3], expected=expected, got=worded(bad[0]))
        elif status and not answer.essence.startswith(GRPC):
            got = answer.essence or "no type at all"
            yield broken(record, status, expected=f"an answer whose content-type begins with {GRPC}", got=got)
        elif status:
            yield held(record, status)
        elif answer.essence.startswith(GRPC):
            yield unknown("the stream did not end by itself while we looked")
        else:
            continue
        seen.add(session)
    yield from unanswered(h, seen)


def _status_at(h: History, session: str, record: Record, answer: Opened) -> Record | None:
    """Where the status stands: behind the body, or in the head."""
    for trailers in standing.theirs(h, Trailers, session):
        if isinstance(trailers.event, Trailers) and trailers.event.field(_STATUS) is not None:
            return trailers
    return record if answer.header(_STATUS) is not None and standing.whole(h, session) else None


_PAGE: Final = head(("content-type", "text/html"))
_BAD_STATUS: Final = Deviation("grpc.status", 30, "'01'")
_BAD_MESSAGE: Final = Deviation("grpc.message", 30, "'% '")

GR_12 = Rule(
    id="GR-12",
    level=Level.MUST,
    sentence="A status is a plain number, its message is percent-encoded, and the answer is called application/grpc.",
    source="gRPC over HTTP/2 (Responses: Status, Status-Message, Content-Type)",
    why="Libraries read what is left of such an answer each in its own way: one a success, another an unknown failure.",
    on=("grpc",),
    check=fields_have_their_form,
    good=(
        _call(*_LOOK, *_DONE),
        _call(*_LOOK, Trailers(((_STATUS, "13"), ("grpc-message", ""))), Failed("INTERNAL"), _WHOLE),
        _call(ASK, head(("content-type", "application/grpc+proto")), *_DONE),
        _call(*_REFUSED, role="unknown"),
        _call(*_AT_ONCE, Completed(), _WHOLE, role="empty"),
        # a page, an answer of HTTP that failed, and what came behind our own end
        _call(ASK, _PAGE, _WHOLE),
        _call(ASK, head(("content-type", "text/plain"), status=415), _WHOLE),
        _call(*_LOOK, *CLOSE, _BAD_STATUS),
        _call(*_LOOK, _RESET),
    ),
    bad=(
        _call(*_LOOK, Trailers(((_STATUS, "01"),)), _BAD_STATUS, Failed("CANCELLED"), _WHOLE),
        _call(*_LOOK, Trailers(((_STATUS, "13"),)), _BAD_MESSAGE, Failed("INTERNAL"), _WHOLE),
        _call(ASK, _PAGE, item(0), *_DONE),
        _call(ASK, head((_STATUS, "12")), _WHOLE, role="unknown"),
    ),
)
