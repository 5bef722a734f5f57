"""SSE: what only an event stream promises of its head and its octets (HTML §9.2).

Never here: when an item comes (`promptness`), what its text is (`text_payloads`), what every HTTP body owes
(`http_bodies`).
"""

from __future__ import annotations

import re
from email.utils import parsedate
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Ended, Heartbeat, Item, Opened
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written
from streamspec.harness.rules._wire import (
    SUCCEEDING,
    answers,
    by_close,
    deviations,
    grammar,
    one_grammar,
    why_unlike,
    worded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_SSE: Final = ("sse",)
_TYPE: Final = ("Content-Type", "text/event-stream")


def _charset(content_type: str) -> str:
    match = re.search(r";\s*charset\s*=\s*\"?([^\";\s]+)\"?", content_type, re.IGNORECASE)
    return match[1].lower() if match else ""


def answers_with_an_event_stream(h: History) -> Iterator[Finding]:
    for session, record, opened in answers(h):
        method = h.header.requests[h.role(session)].method
        kind = opened.header("content-type") or ""
        if not 200 <= opened.status < 300 or opened.status == 204:  # 204: there is no stream, do not come back
            yield unknown(f"{h.role(session)} answered {opened.status}", record)
        elif opened.essence != "text/event-stream":
            yield broken(record, expected="Content-Type text/event-stream", got=kind or "no Content-Type")
        elif _charset(kind) not in {"", "utf-8", "utf8"}:
            yield broken(record, expected="charset utf-8, or none", got=kind)
        elif method == "GET" and opened.status != 200:
            yield broken(record, expected="status 200", got=f"status {opened.status}")
        elif shown := standing.streams(h, session):
            yield held(record, shown)
        else:
            yield unknown("no item came while we looked")


SSE_01 = Rule(
    id="SSE-01",
    level=Level.MUST,
    sentence="A request that opens an event stream is answered 200 with text/event-stream, charset absent or utf-8.",
    source="HTML §9.2.2 step 15, §17.7 (text/event-stream)",
    why="An EventSource closes for good, without reconnecting, on any other status or type.",
    on=_SSE,
    check=answers_with_an_event_stream,
    good=(
        written(
            *told(
                "look",
                ASK,
                head(("content-type", 'Text/Event-Stream; charset="UTF-8"; v=1')),
                item(0),
                *CLOSE,
            )
        ),
        written(*told("look", ASK, head(_TYPE, status=201), item(0), *CLOSE), method="POST"),
        written(*told("look", ASK, head(_TYPE), item(0), *CLOSE), *told("finite", ASK, head(status=503), *CLOSE)),
    ),
    bad=(
        written(*told("look", ASK, head(("Content-Type", "text/html")), item(0), *CLOSE)),
        written(*told("look", ASK, head(("Content-Type", "text/event-stream; charset=iso-8859-1")), item(0), *CLOSE)),
        written(*told("look", ASK, head(_TYPE, status=206), item(0), *CLOSE)),
    ),
)

# Not `no-cache="field"` or `private="field"`: those speak of that field only (RFC 9111 §5.2.2).
_FRESH: Final = re.compile(r"(?:^|,)\s*(?:no-store|no-cache|private|max-age\s*=\s*\"?0\"?)\s*(?:$|,)", re.IGNORECASE)


def _stale(opened: Opened) -> bool:
    """Expired when it was sent, and no max-age says otherwise (RFC 9111 §5.3: what is no date is in the past)."""
    expires, now = opened.header("expires"), opened.header("date")
    if expires is None or "max-age" in (opened.header("cache-control") or "").lower():
        return False
    when = parsedate(expires.strip())
    if when is None:
        return True
    since = parsedate(now) if now else None
    return when <= since if since else when[0] <= 1971


def not_reusable_from_a_cache(h: History) -> Iterator[Finding]:
    for session, record, opened in answers(h):
        asked = h.header.requests[h.role(session)]
        authorised = any(name.lower() == "authorization" for name, _ in asked.headers)
        if asked.method != "GET" or authorised:
            yield unknown("only answers to a GET without Authorization are judged")
        elif not (shown := standing.streams(h, session)):
            yield unknown(standing.not_opened(h, session) or "no item came while we looked")
        elif (opened.header("vary") or "").strip() == "*":
            yield held(record, shown)  # RFC 9111 §4.1: never matches another request
        elif _FRESH.search(value := opened.header("cache-control") or "") or _stale(opened):
            yield held(record, shown)
        else:
            got = f"Cache-Control: {value}" if value else "no Cache-Control"
            yield broken(record, expected="Cache-Control with no-store, no-cache, private or max-age=0", got=got)


SSE_02 = Rule(
    id="SSE-02",
    level=Level.SHOULD,
    sentence="A GET answer cannot be reused unvalidated from a cache.",
    source="RFC 9111 §4.2.2; practice",
    why="A shared cache may store the stream and replay old events to the next client as if they were live.",
    needs=("wire", "get"),
    on=_SSE,
    check=not_reusable_from_a_cache,
    good=(
        written(*told("look", ASK, head(_TYPE, ("Cache-Control", "no-cache, no-transform")), item(0), *CLOSE)),
        written(*told("look", ASK, head(_TYPE, ("Cache-Control", "max-age=0")), item(0), *CLOSE)),
    ),
    bad=(
        written(*told("look", ASK, head(_TYPE), item(0), *CLOSE)),
        written(*told("look", ASK, head(_TYPE, ("Cache-Control", "public, max-age=3600")), item(0), *CLOSE)),
    ),
)


def is_utf8(h: History) -> Iterator[Finding]:
    return grammar(h, ("sse.utf8",), "valid UTF-8")


SSE_03 = Rule(
    id="SSE-03",
    level=Level.MUST,
    sentence="The stream is valid UTF-8.",
    source="HTML §9.2.5",
    why="Clients replace bad octets by U+FFFD or die: the item they get is not the one that was sent.",
    on=_SSE,
    check=is_utf8,
    good=(written(*told("look", ASK, head(), item(0), *CLOSE)),),
    bad=(written(*told("look", ASK, head(), Deviation("sse.utf8", 6, "0xff"), item(0), *CLOSE)),),
)


def last_block_is_finished(h: History) -> Iterator[Finding]:
    for session in standing.usual(h):
        if h.role(session) == "failing":
            continue
        end = standing.whole(h, session)
        bad = deviations(h, session, "sse.unterminated")
        if not end or why_unlike(h, session):
            yield unknown(why_unlike(h, session) or "the stream did not end by itself while we looked")
        elif by_close(end) and h.role(session) not in SUCCEEDING:
            yield unknown("the body ends with its connection: a clean end and a cut look alike", end)
        elif bad:
            yield broken(bad, end, expected="a blank line after the last event", got=worded(bad[0]))
        elif h.first(Item, session):
            yield held(standing.items(h, session)[-1], end)
        else:
            yield unknown("no item came before the end")


SSE_04 = Rule(
    id="SSE-04",
    level=Level.MUST,
    sentence="Every event block that carries data ends with a blank line before a clean end.",
    source="HTML §9.2.5, §9.2.6 (an incomplete block is discarded)",
    why="Clients drop the last event in silence.",
    on=_SSE,
    check=last_block_is_finished,
    good=(
        written(*told("finite", ASK, head(), item(0), ENDED, EOF)),
        # cut by a failure, in a body that ends with its connection
        written(*told("look", ASK, head(), item(0), Deviation("sse.unterminated", 20), Ended("close", 27), EOF)),
    ),
    bad=(written(*told("finite", ASK, head(), item(0), Deviation("sse.unterminated", 20), ENDED, EOF)),),
)


def fields_are_known(h: History) -> Iterator[Finding]:
    return grammar(
        h,
        ("sse.field", "sse.id-nul", "sse.retry", "sse.bom"),
        "fields data, event, id (without NUL), retry (digits)",
    )


SSE_06 = Rule(
    id="SSE-06",
    level=Level.SHOULD,
    sentence="Field names are known, an id has no NUL, a retry is only digits.",
    source="HTML §9.2.6",
    why="Clients ignore everything else: what was sent in it is lost in silence.",
    on=_SSE,
    check=fields_are_known,
    good=(written(*told("look", ASK, head(), Heartbeat(), item(0), *CLOSE)),),
    bad=(
        written(*told("look", ASK, head(), Deviation("sse.field", 0, "error"), item(0), *CLOSE)),
        written(*told("look", ASK, head(), Deviation("sse.retry", 0, "soon"), item(0), *CLOSE)),
    ),
)


_JSON: Final = {"profile.items": "json"}


def items_are_json(h: History) -> Iterator[Finding]:
    """A text role whose texts stand in no field of JSON sends them as they are: that is what it was declared for."""
    if h.header.declared.get("profile.items") != "json":
        return
    raw = h.sessions("text") if not h.declared("text", "field") else ()
    for session in h.sessions():
        if session not in raw and not standing.unusual(h, session):
            bad = deviations(h, session, "sse.data-not-json")
            yield one_grammar(h, session, bad, "one RFC 8259 text as data")


SSE_24 = Rule(
    id="SSE-24",
    level=Level.MUST,
    sentence="Where the profile says JSON, each item's data is one RFC 8259 text.",
    source="RFC 8259 §2; the profile",
    why="A client's JSON parser throws in the middle of the stream.",
    needs=("wire", "feature:json-items"),
    on=_SSE,
    check=items_are_json,
    good=(
        written(*told("look", ASK, head(), item(0), *CLOSE), declared=_JSON),
        written(
            *told("look", ASK, head(), item(0), *CLOSE),
            *told("text", ASK, head(), Deviation("sse.data-not-json", 0), item(0), ENDED, EOF),
            declared=_JSON,
        ),
    ),
    bad=(
        written(*told("look", ASK, head(), Deviation("sse.data-not-json", 6, "NaN"), item(0), *CLOSE), declared=_JSON),
    ),
)
