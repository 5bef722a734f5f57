"""SSE: what only an event stream over HTTP promises (HTML §9.2, RFC 9110 to 9112)."""

from __future__ import annotations

import re
from email.utils import parsedate
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Ended, Heartbeat, Item, Lagged, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_SSE: Final = ("sse",)
_TYPE: Final = ("Content-Type", "text/event-stream")


def _answers(h: History) -> Iterator[tuple[str, Record, Opened]]:
    """Sessions that were answered at all, except those asked with a malformed request."""
    for session in h.sessions():
        record = h.first(Opened, session)
        if record and isinstance(record.event, Opened) and not standing.malformed(h, session):
            yield session, record, record.event


def _deviations(h: History, session: str, *codes: str) -> tuple[Record, ...]:
    found = standing.theirs(h, Deviation, session)
    return tuple(r for r in found if isinstance(r.event, Deviation) and r.event.code in codes)


def _got(record: Record) -> str:
    event = record.event
    if not isinstance(event, Deviation):
        return ""
    return f"{event.sentence}{f': {event.detail}' if event.detail else ''} (octet {event.offset} {event.place})"


# Beyond our own limits octets were skipped: what was not read proves nothing.
_UNREAD: Final = ("sse.line-too-long", "sse.event-too-long", "sse.data-too-deep")


def _grammar(h: History, codes: tuple[str, ...], expected: str) -> Iterator[Finding]:
    """Broken by any of these deviations; held by a stream with items and none of them. A body without items is no
    event stream that we know of, whatever it was labelled."""
    for session in h.sessions():
        if standing.malformed(h, session):
            continue
        if not standing.opened(h, session):
            yield unknown(standing.not_opened(h, session))
        elif bad := _deviations(h, session, *codes):
            yield broken(bad[:3], expected=expected, got=_got(bad[0]))
        elif unread := _deviations(h, session, *_UNREAD):
            yield unknown("a line or an event was longer than we read", unread[0])
        elif seen := standing.items(h, session):
            yield held(seen[0], seen[-1])
        else:
            yield unknown("no item came while we looked")


def _charset(content_type: str) -> str:
    match = re.search(r";\s*charset\s*=\s*\"?([^\";\s]+)\"?", content_type, re.IGNORECASE)
    return match[1].lower() if match else ""


def answers_with_an_event_stream(h: History) -> Iterator[Finding]:
    for session, record, opened in _answers(h):
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
    for session, record, opened in _answers(h):
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
    return _grammar(h, ("sse.utf8",), "valid UTF-8")


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
    for session in h.sessions():
        if h.role(session) == "failing":
            continue
        end = standing.whole(h, session)
        bad = _deviations(h, session, "sse.unterminated")
        if not end:
            yield unknown(standing.not_opened(h, session) or "the stream did not end by itself while we looked")
        elif isinstance(end.event, Ended) and end.event.framing == "close" and h.role(session) != "finite":
            yield unknown("the body ends with its connection: a clean end and a cut look alike", end)
        elif bad:
            yield broken(bad, end, expected="a blank line after the last event", got=_got(bad[0]))
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
    return _grammar(
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


_GAP_LEAST_MS: Final = 50


def sent_when_produced(h: History) -> Iterator[Finding]:
    """The second item is produced gap_ms after the first: when both come together, the first was held back. One in
    time proves little and one late nothing; all of them decide."""
    gap_ms = h.declared("prompt", "gap_ms")
    if not isinstance(gap_ms, int):
        return
    if gap_ms < _GAP_LEAST_MS:
        yield unknown(f"a gap of {gap_ms} ms is too small to see; declare at least {_GAP_LEAST_MS}")
        return
    sessions = h.sessions("prompt")
    late: list[Record] = []
    in_time: list[Record] = []
    for session in sessions:
        pair = standing.items(h, session)[:2]
        if len(pair) < 2:
            yield unknown(standing.not_opened(h, session) or "prompt sent fewer than two items")
        elif standing.lagged(h, pair[0].t_ns - gap_ms * 1_000_000, pair[1].t_ns, gap_ms / 4):
            yield unknown("this machine stood still meanwhile")
        elif (pair[1].t_ns - pair[0].t_ns) / 1e6 < gap_ms / 4:
            late += pair
        else:
            in_time += pair
    if late and not in_time and len(late) == 2 * len(sessions) >= 6:
        came = (late[1].t_ns - late[0].t_ns) / 1e6
        expected = f"the first item about {gap_ms} ms before the second"
        yield broken(late[:2], expected=expected, got=f"{came:.1f} ms before it, as every time")
    elif late:
        yield unknown(f"the first item was late {len(late) // 2} of {len(sessions)} times", late)
    elif in_time:
        yield held(in_time)


_GAP: Final = {"prompt.gap_ms": 300}


def _prompt(n: int, gap_ms: float) -> tuple[tuple[str, float, Item], ...]:
    return ((f"prompt-{n}", 1000.0 * n, item(0)), (f"prompt-{n}", 1000.0 * n + gap_ms, item(1)))


SSE_08 = Rule(
    id="SSE-08",
    level=Level.SHOULD,
    sentence="Each event is on the wire soon after it was produced.",
    source="seed 002 (curl -N); practice",
    why="A buffer on the way turns a live stream into a late answer; users see nothing, then everything.",
    needs=("role:prompt.gap_ms",),
    check=sent_when_produced,
    good=(
        written(*_prompt(1, 299), *_prompt(2, 301), *_prompt(3, 280), declared=_GAP),
        # late twice, in time once: not three times out of three
        written(*_prompt(1, 1), *_prompt(2, 1), *_prompt(3, 300), declared=_GAP),
        # our own loop stood still: the two were read together, whenever they came
        written(
            *_prompt(1, 1),
            ("prompt-1", 1002.0, Lagged(200)),
            *_prompt(2, 1),
            *_prompt(3, 1),
            declared=_GAP,
        ),
    ),
    bad=(written(*_prompt(1, 1), *_prompt(2, 0), *_prompt(3, 2), declared=_GAP),),
)


# An empty line after a message harms nobody: receivers skip it (RFC 9112 §2.2 asks servers to, of requests).
_EMPTY_LINE: Final = (r"begins with '\r'", r"begins with '\n'")


def length_is_honest(h: History) -> Iterator[Finding]:
    codes = (
        "head.length-and-coding",
        "head.lengths-differ",
        "head.length-invalid",
        "body.excess",
        "body.short",
    )
    for session, record, opened in _answers(h):
        bad = _deviations(h, session, *codes)
        bad = tuple(r for r in bad if isinstance(r.event, Deviation) and r.event.detail not in _EMPTY_LINE)
        if h.role(session) == "failing" or standing.reset(h, session):
            # A message cut short is how a failure shows itself; a reset may have destroyed the rest.
            bad = tuple(r for r in bad if isinstance(r.event, Deviation) and r.event.code != "body.short")
        end = standing.whole(h, session)
        if bad:
            yield broken(record, bad[:2], expected="a length that the body keeps", got=_got(bad[0]))
        elif not h.first(Item, session):
            yield unknown("no item came while we looked")
        elif end or opened.header("content-length") is None:
            yield held(record, end)
        else:
            yield unknown("we left before the announced length was reached")


SSE_13 = Rule(
    id="SSE-13",
    level=Level.MUST,
    sentence="The HTTP length is honest: no Content-Length beside Transfer-Encoding, and a Content-Length that fits.",
    source="RFC 9112 §6.2, §6.3; RFC 9110 §8.6",
    why="Two lengths are two messages: proxies and clients cut the stream at different places.",
    check=length_is_honest,
    good=(
        written(*told("look", ASK, head(), item(0), ENDED, EOF)),
        written(*told("finite", ASK, head(_TYPE, ("Content-Length", "100")), item(0), Ended("length", 100), EOF)),
        written(
            *told("look", ASK, head(), item(0), *CLOSE),
            *told(
                "failing",
                ASK,
                head(_TYPE, ("Content-Length", "100")),
                item(0),
                Deviation("body.short", 80),
                EOF,
            ),
        ),
    ),
    bad=(
        written(*told("look", ASK, head(), Deviation("head.length-and-coding", 17), item(0), *CLOSE)),
        written(*told("finite", ASK, head(), item(0), Deviation("body.short", 80), EOF)),
        written(*told("finite", ASK, head(), item(0), ENDED, Deviation("body.excess", 220), EOF)),
    ),
)


_JSON: Final = {"profile.items": "json"}


def items_are_json(h: History) -> Iterator[Finding]:
    if h.header.declared.get("profile.items") != "json":
        return
    yield from _grammar(h, ("sse.data-not-json",), "one RFC 8259 text as data")


SSE_24 = Rule(
    id="SSE-24",
    level=Level.MUST,
    sentence="Where the profile says JSON, each item's data is one RFC 8259 text.",
    source="RFC 8259 §2; the profile",
    why="A client's JSON parser throws in the middle of the stream.",
    needs=("wire", "feature:json-items"),
    on=_SSE,
    check=items_are_json,
    good=(written(*told("look", ASK, head(), item(0), *CLOSE), declared=_JSON),),
    bad=(
        written(*told("look", ASK, head(), Deviation("sse.data-not-json", 6, "NaN"), item(0), *CLOSE), declared=_JSON),
    ),
)
