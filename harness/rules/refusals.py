"""SSE: how a server says no: to a method that its stream does not serve, to a client that has had everything.

Never here: whether it still serves afterwards (`recovery`), or where a resume goes on (`resume`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Did, Ended, Expired, Item, Opened, Record, Refused
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, head, item, told, written
from streamspec.harness.rules._resumes import given, resumed, words
from streamspec.harness.rules._wire import HTTP, ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History


# -- another method ----------------------------------------------------------------------------------------------------


def other_methods_are_refused_or_served(h: History) -> Iterator[Finding]:
    """Serving every method alike is legal: what is answered well must be the stream that others get."""
    for session in h.sessions():
        if standing.unusual(h, session) != "method":
            continue
        record, stream = h.first(Opened, session), _stream(h, session)
        if not record or not isinstance(record.event, Opened):
            yield unknown(standing.not_opened(h, session))
        elif not stream:
            yield unknown(f"no {h.role(session)} was answered with a stream, asked as usual")
        elif record.event.status == 405 and record.event.header("allow") is None:
            yield broken(record, expected="an Allow field (it may be empty)", got="405 without Allow")
        elif record.event.status >= 400:
            yield held(record)
        else:
            yield _answered_well(h, session, record, stream)


def _stream(h: History, session: str) -> Record | None:
    """The head of a stream that the same request, asked as usual, was answered with. A page is nobody's fault."""
    alike = (s for s in standing.usual(h) if h.role(s) == h.role(session))
    return next((standing.opened(h, s) for s in alike if standing.streams(h, s)), None)


def _answered_well(h: History, session: str, record: Record, stream: Record) -> Finding:
    opened, usual = record.event, stream.event
    if not isinstance(opened, Opened) or not isinstance(usual, Opened):
        return unknown("no head")
    if not standing.opened(h, session) or not opened.essence:
        return unknown(f"{h.role(session)} answered {opened.status}, and nothing that has a type", record)
    if opened.essence != usual.essence:
        got = f"{opened.status} {opened.essence}"
        return broken(stream, record, expected="a refusal (405, 501, 4xx), or the stream itself", got=got)
    first, alike = h.first(Item, session), h.first(Item, stream.session)
    if first and alike:
        return held(stream, alike, record, first)
    return unknown("an answer of the stream's type, and no item in it", record)


_OTHER: Final = Did("ask:method")
_PLAIN: Final = ("Content-Type", "text/plain")
_PAGE: Final = ("Content-Type", "text/html")
_ALLOW: Final = ("Allow", "GET")


def _asked_otherwise(*events: Event, binding: str = "sse", usually: tuple[Event, ...] | None = None) -> History:
    first = (chunked(binding), item(0), *CLOSE) if usually is None else usually
    return written(*told("look-1", ASK, *first), *told("look-2", _OTHER, *events, start_ms=50), binding=binding)


SSE_12 = Rule(
    id="SSE-12",
    level=Level.SHOULD,
    sentence="A method that a stream does not serve is not answered with 200 and another type; a 405 carries Allow.",
    source="RFC 9110 §9.1, §15.5.6",
    why="A client takes the page that it gets for a stream without items, and never learns how to ask.",
    check=other_methods_are_refused_or_served,
    good=(
        _asked_otherwise(head(_PLAIN, _ALLOW, status=405), ENDED, EOF),
        _asked_otherwise(head(_PLAIN, ("Allow", ""), status=405), ENDED, EOF),
        _asked_otherwise(head(_PLAIN, status=501), ENDED, EOF),
        _asked_otherwise(head(_PLAIN, status=404), ENDED, EOF),
        # served like any other; refused without a word; sent elsewhere; nothing to say
        _asked_otherwise(head(), item(0), *CLOSE),
        _asked_otherwise(Refused("closed")),
        _asked_otherwise(head(_PAGE, status=302), ENDED, EOF),
        _asked_otherwise(head(_PAGE, status=204), Ended("none", 0), EOF),
        # nobody saw a stream here: this page is what everybody gets
        _asked_otherwise(head(_PAGE), ENDED, EOF, usually=(head(_PAGE), ENDED, EOF)),
    ),
    bad=(
        _asked_otherwise(head(_PLAIN, status=405), ENDED, EOF),
        _asked_otherwise(head(_PAGE), ENDED, EOF),
        _asked_otherwise(head(("Content-Type", "application/json")), ENDED, EOF, binding="ndjson"),
    ),
    on=HTTP,
)


# -- behind the final end ----------------------------------------------------------------------------------------------

_BY_POLICY: Final = frozenset({401, 403, 429, 503})


def final_end_stops_reconnects(h: History) -> Iterator[Finding]:
    """Only where it is declared: HTML leaves it to the server, and a client may know the end by its terminal."""
    if h.declared("resumable", "final") != "204":
        return
    for session in resumed(h):
        before = standing.ask_of(h, session).after
        over = next(iter(standing.theirs(h, Completed, before)), None)
        last, items = given(h, before), standing.items(h, before)
        answer = h.first(Opened, session)
        if not over or not last or last[0] is not items[-1]:
            yield unknown("no resumable completed behind an item with an id")
        elif not answer or not isinstance(answer.event, Opened):
            yield unknown(standing.not_opened(h, session))
        elif answer.event.status == 204:
            yield held(over, answer)
        elif answer.event.status in _BY_POLICY:
            yield unknown(f"{standing.not_opened(h, session)}: a refusal by policy", answer)
        else:
            wanted = f"204 behind the last id, {last[1].id!r}"
            yield broken(over, answer, expected=wanted, got=str(answer.event.status))


_FINAL: Final[dict[str, str | int | bool]] = {"resumable.final": "204", "profile.terminal": True}
_WHOLE: Final[tuple[Event, ...]] = (*words("a", "b"), Completed(), ENDED, EOF)


def _came_back(*events: Event, first: tuple[Event, ...] = _WHOLE) -> History:
    return written(
        *told("resumable-1", ASK, head(), *first),
        *told("resumable-2", ASK, *events, start_ms=50),
        declared=_FINAL,
        asks={"resumable-2": Ask(after="resumable-1")},
    )


_NO_MORE: Final = (head(status=204), Ended("none", 0), EOF)
_ONCE_MORE: Final = (head(), Completed(), ENDED, EOF)

SSE_11 = Rule(
    id="SSE-11",
    level=Level.SHOULD,
    sentence="A stream that is over for good answers a reconnect behind its last id with 204.",
    source="HTML §9.2.1; rule book SSE-11 (a declared behaviour)",
    why="An EventSource takes every end for an accident: it comes back every few seconds, for ever.",
    needs=("role:resumable.final=204", "terminal"),
    after=(*ROOTS, "RC-05", "RC-11"),
    on=("sse",),
    check=final_end_stops_reconnects,
    good=(
        _came_back(*_NO_MORE),
        # not over, or not behind its last item; another reason not to be served; no answer
        _came_back(*_ONCE_MORE, first=(*words("a", "b"), *CLOSE)),
        _came_back(*_ONCE_MORE, first=(*words("a"), item(1), Completed(), ENDED, EOF)),
        _came_back(head(status=429), ENDED, EOF),
        _came_back(Refused("refused")),
        _came_back(Expired("head_ms", 10_000), Did("close"), Closed("ours")),
    ),
    bad=(
        _came_back(*_ONCE_MORE),
        _came_back(head(), Item(0, 7, "c", "c", 0, "message", id="c"), *CLOSE),
        _came_back(head(status=412), ENDED, EOF),
    ),
)
