"""CJ, BP: what an answer over HTTP/2 owes to its carrier, whatever the binding: its fields, and our windows.

Never here: what stands in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Did, Ended, Item, Opened
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, called, head, item, told, written
from streamspec.harness.rules._wire import HTTP, deviations, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

_VERSION: Final = "HTTP/2"
_ON: Final = (*HTTP, "grpc")


def _answers(h: History) -> Iterator[tuple[str, Record]]:
    """Sessions that were answered over HTTP/2."""
    for session in h.sessions():
        record = h.first(Opened, session)
        if record and isinstance(record.event, Opened) and record.event.version == _VERSION:
            yield session, record


def _unanswered(h: History) -> Iterator[Finding]:
    seen = {session for session, _ in _answers(h)}
    for session in h.sessions():
        if session not in seen:
            yield unknown(
                standing.not_opened(h, session) or f"{h.role(session)} was answered in another version of HTTP"
            )


# -- CJ-10 -------------------------------------------------------------------------------------------------------------


def no_field_is_about_the_connection(h: History) -> Iterator[Finding]:
    """Trailers are fields as well."""
    for session, record in _answers(h):
        if bad := deviations(h, session, "h2.connection-field"):
            yield broken(record, bad[:3], expected="no field that is about a connection", got=worded(bad[0]))
        else:
            yield held(record)
    yield from _unanswered(h)


_SSE: Final = Opened(200, "", _VERSION, (("content-type", "text/event-stream"),))
_KEEP_ALIVE: Final = Deviation("h2.connection-field", 40, "keep-alive")
_WHOLE: Final = Ended("end-stream", 30)

CJ_10 = Rule(
    id="CJ-10",
    level=Level.MUST,
    sentence="An answer over HTTP/2 has no field that is about a connection.",
    source="RFC 9113 §8.2.2",
    why="Such an answer is malformed: proxies and browsers drop all of it, and the error that they show says nothing.",
    needs=("carrier:http2",),
    on=_ON,
    check=no_field_is_about_the_connection,
    good=(
        written(*told("look", ASK, _SSE, item(0), *CLOSE)),
        written(*told("look", ASK, called(), item(0), *CLOSE), binding="grpc"),
        written(*told("look", ASK, Opened(404, "", _VERSION, ()), _WHOLE)),
        # in HTTP/1.1 they are legal, and behind our own end nothing counts
        written(*told("look", ASK, head(("Connection", "keep-alive")), item(0), EOF)),
        written(*told("endless", ASK, _SSE, item(0), *CANCEL, _KEEP_ALIVE)),
    ),
    bad=(
        written(*told("look", ASK, _KEEP_ALIVE, _SSE, item(0), *CLOSE)),
        written(*told("look", ASK, called(), item(0), _KEEP_ALIVE, _WHOLE), binding="grpc"),
    ),
)


# -- BP-20 -------------------------------------------------------------------------------------------------------------


def windows_are_kept(h: History) -> Iterator[Finding]:
    """Kept is shown by a stall alone, and by what lies behind the window: it had to wait there. Whoever reads on gives
    windows back before anybody could be tempted."""
    for session, record in _answers(h):
        if bad := deviations(h, session, "h2.window"):
            yield broken(record, bad[:3], expected="no octet beyond the window that we gave", got=worded(bad[0]))
        elif shown := _beyond(h, session):
            yield held(shown)
        else:
            yield unknown("no window was full: less than that was sent while nobody read")
    yield from _unanswered(h)


def _beyond(h: History, session: str) -> tuple[Record, Record] | None:
    """A stall, and an item that came behind it from beyond the window of that time."""
    stalls = [r for r in standing.theirs(h, Did, session) if isinstance(r.event, Did) and r.event.act == "stall"]
    items = standing.items(h, session)
    for stall in stalls:
        read = max((_ahead(r, whole=True) for r in items if r.index < stall.index), default=0)
        for record in items:
            if record.index > stall.index and _ahead(record) > read + LIMITS.window_bytes:
                return stall, record
    return None


def _ahead(record: Record, *, whole: bool = False) -> int:
    """How many octets of the body stand ahead of this item, or of what follows the `whole` of it."""
    item_ = record.event
    return item_.offset + (item_.size if whole else 0) if isinstance(item_, Item) else 0


_STALL: Final = (Did("stall"), Did("resume"))
_OVER: Final = Deviation("h2.window", 70_000, "1024 octets too many")


def _item(n: int, offset: int) -> Item:
    return Item(n, 4_000, f"{n}", f'{{"n":{n + 1}', offset, "", n + 1)


def _large(*events: Event, binding: str = "grpc") -> History:
    answer = called() if binding == "grpc" else _SSE
    return written(*told("large", ASK, answer, *events), binding=binding)


BP_20 = Rule(
    id="BP-20",
    level=Level.MUST,
    sentence="Over HTTP/2 no more is sent than the windows of the stream and of the connection allow.",
    source="RFC 9113 §6.9.1",
    why="A client must end the stream, or the connection and all its streams; one that does not has no limit at all.",
    needs=("carrier:http2",),
    on=_ON,
    check=windows_are_kept,
    good=(
        _large(*_STALL, _item(0, 0), _item(17, 68_000), *CLOSE),
        _large(_item(0, 0), *_STALL, _item(1, 4_000), _item(34, 136_000), *CLOSE, binding="sse"),
        # it was read at once, or had nothing more to say
        _large(_item(0, 0), _item(17, 68_000), *CLOSE),
        _large(*_STALL, _item(0, 0), _WHOLE),
        # behind our own end
        _large(*_STALL, _item(0, 0), _item(17, 68_000), *CANCEL, _OVER),
    ),
    bad=(
        _large(*_STALL, _OVER, _item(0, 0), _item(17, 68_000), *CLOSE),
        _large(_item(0, 0), _OVER, *CLOSE, binding="sse"),
    ),
)
