"""What every body over HTTP owes, whatever is streamed in it: an honest length, an end that can be told from a cut, no
coding that nobody asked for (RFC 9110, RFC 9112).

Never here: the grammar of chunks (`chunked`), or what stands in a body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Ended, Item, content_coding
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, head, item, told, written
from streamspec.harness.rules._wire import HTTP, SUCCEEDING, answers, by_close, deviations, why_no_lines, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_TYPE: Final = ("Content-Type", "text/event-stream")
_LENGTH: Final = ("Content-Length", "100")

# An empty line after a message harms nobody: receivers skip it (RFC 9112 §2.2 asks servers to, of requests).
_EMPTY_LINE: Final = (r"begins with '\r'", r"begins with '\n'")
_LENGTHS: Final = ("head.length-and-coding", "head.lengths-differ", "head.length-invalid", "body.excess")


def length_is_honest(h: History) -> Iterator[Finding]:
    for session, record, opened in answers(h):
        # A message cut short is how a failure shows itself, and a reset may have destroyed the rest (decision 2).
        short = h.role(session) in SUCCEEDING and not standing.reset(h, session)
        bad = deviations(h, session, *_LENGTHS, *(("body.short",) if short else ()))
        bad = tuple(r for r in bad if isinstance(r.event, Deviation) and r.event.detail not in _EMPTY_LINE)
        end = standing.whole(h, session)
        if bad:
            yield broken(record, bad[:2], expected="a length that the body keeps", got=worded(bad[0]))
        elif not h.first(Item, session):
            yield unknown("no item came while we looked")
        elif end or opened.header("content-length") is None:
            yield held(record, end)
        else:
            yield unknown("the announced length was not reached, by our doing or in a failure that shows itself")


SSE_13 = Rule(
    id="SSE-13",
    level=Level.MUST,
    sentence="The HTTP length is honest: no Content-Length beside Transfer-Encoding, and a Content-Length that fits.",
    source="RFC 9112 §6.2, §6.3; RFC 9110 §8.6",
    why="Two lengths are two messages: proxies and clients cut the stream at different places.",
    check=length_is_honest,
    good=(
        written(*told("look", ASK, head(), item(0), ENDED, EOF)),
        written(*told("finite", ASK, head(_TYPE, _LENGTH), item(0), Ended("length", 100), EOF)),
        written(
            *told("look", ASK, head(), item(0), *CLOSE),
            *told("failing", ASK, head(_TYPE, _LENGTH), item(0), Deviation("body.short", 80), EOF),
        ),
        # of a URL without a role nobody knows whether it failed
        written(*told("look", ASK, head(_TYPE, _LENGTH), item(0), Deviation("body.short", 80), EOF)),
        # a document of a known length that comes bit by bit
        written(*told("look", ASK, chunked("ndjson"), item(0), ENDED, EOF), binding="ndjson"),
    ),
    bad=(
        written(*told("look", ASK, head(), Deviation("head.length-and-coding", 17), item(0), *CLOSE)),
        written(*told("finite", ASK, head(), item(0), Deviation("body.short", 80), EOF)),
        written(*told("finite", ASK, head(), item(0), ENDED, Deviation("body.excess", 220), EOF)),
        written(
            *told("finite", ASK, chunked("json_array"), item(0), ENDED, Deviation("body.excess", 220), EOF),
            binding="json_array",
        ),
    ),
    on=HTTP,
)

_ENDING: Final = ("look", "finite", "text", "large", "resumable")


def end_can_be_told_from_a_cut(h: History) -> Iterator[Finding]:
    """Read from the head where we left before the end. Failing streams may be cut, and endless ones have no end."""
    for session, record, opened in answers(h):
        if h.role(session) not in _ENDING:
            continue
        first, end = h.first(Item, session), standing.whole(h, session)
        delimited = opened.header("transfer-encoding") or opened.header("content-length")
        other = why_no_lines(h, session) if h.header.binding == "ndjson" else ""
        if not standing.opened(h, session) or not first or other:
            yield unknown(standing.not_opened(h, session) or other or "no item came while we looked")
        elif opened.version != "HTTP/1.1":
            yield unknown(f"{opened.version} has no chunks", record)
        elif by_close(end):
            got = "a body that ends with its connection"
            yield broken(record, end, expected="chunks, or a Content-Length", got=got)
        elif delimited:
            yield held(record, first, end)
        else:
            yield unknown("whether it has an end was not seen")


CJ_09 = Rule(
    id="CJ-09",
    level=Level.SHOULD,
    sentence="A finite NDJSON or JSON stream over HTTP/1.1 is chunked or has a length; it does not end by closing.",
    source="RFC 9112 §6.3, §8",
    why="A stream that was cut on its way looks whole: nobody can tell the end from a lost connection.",
    on=("ndjson", "json_array"),
    check=end_can_be_told_from_a_cut,
    good=(
        written(*told("look", ASK, chunked("ndjson"), item(0), *CLOSE), binding="ndjson"),
        written(*told("finite", ASK, chunked("json_array"), item(0), ENDED, EOF), binding="json_array"),
        # without an end there is nothing to tell apart
        written(*told("endless", ASK, head(("Content-Type", "application/x-ndjson")), item(0), EOF), binding="ndjson"),
    ),
    bad=(
        written(
            *told("finite", ASK, head(("Content-Type", "application/x-ndjson")), item(0), Ended("close", 20), EOF),
            binding="ndjson",
        ),
        written(
            *told("look", ASK, head(("Content-Type", "application/json")), item(0), Ended("close", 20), EOF),
            binding="json_array",
        ),
    ),
)


def comes_without_coding(h: History) -> Iterator[Finding]:
    for session, record, opened in answers(h):
        asked = h.header.requests[h.role(session)]
        wanted = next((value for name, value in asked.headers if name.lower() == "accept-encoding"), "identity")
        if standing.offered(h, session) or wanted.strip().lower() != "identity":
            continue  # whoever offers a coding may get it
        first, coding = h.first(Item, session), content_coding(opened)
        if not 200 <= opened.status < 300 or opened.status == 204:
            yield unknown(standing.not_opened(h, session), record)
        elif coding:
            yield broken(record, expected="no Content-Encoding", got=f"Content-Encoding: {coding}")
        elif first:
            yield held(record, first)
        else:
            yield unknown("no item came while we looked")


CJ_12 = Rule(
    id="CJ-12",
    level=Level.SHOULD,
    sentence="Where only identity is accepted, the body has no content coding.",
    source="RFC 9110 §12.5.3",
    why="A client that said it cannot inflate gets octets that it cannot read.",
    check=comes_without_coding,
    good=(
        written(*told("look", ASK, head(), item(0), *CLOSE)),
        written(*told("look", ASK, head(_TYPE, ("Content-Encoding", "identity")), item(0), *CLOSE)),
        # a page of an error is no stream
        written(
            *told("finite", ASK, head(("Content-Encoding", "gzip"), status=500), ENDED, EOF),
            *told("look", ASK, head(), item(0), *CLOSE),
        ),
    ),
    bad=(
        written(*told("look", ASK, head(_TYPE, ("Content-Encoding", "gzip")), *CLOSE)),
        written(
            *told("finite", ASK, chunked("ndjson", ("Content-Encoding", "br")), ENDED, EOF),
            binding="ndjson",
        ),
    ),
    on=HTTP,
)
