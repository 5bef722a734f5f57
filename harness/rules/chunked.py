"""CJ: the chunked transfer coding under every HTTP/1.1 binding (RFC 9112 §6.1, §7.1), and under HTTP/1.0 none.

Never here: what stands in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Did, Ended, Failed, Item, Opened, Refused
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, head, item, told, written
from streamspec.harness.rules._wire import HTTP, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_CHUNKED: Final = (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
_CUT: Final = "chunk.no-last"
_ENDING: Final = ("finite", "text")  # declared to end with success; the cut of an empty stream is LC-08's
# Not `chunk.line-too-long` and `chunk.trailers-too-long`: those limits are ours (standing condition 1).
_FAULTS: Final = frozenset({"chunk.size", "chunk.bare-lf", "chunk.data-end", "chunk.trailer", _CUT})


def chunks_are_well_formed(h: History) -> Iterator[Finding]:
    """A body cut before its last chunk is how an honest server shows a failure: only a stream declared to end by
    itself is held to its last chunk."""
    cuts = any(isinstance(r.event, Deviation) and r.event.code == _CUT for r in h.of(Deviation))
    for session in h.sessions():
        record = standing.opened(h, session)
        if standing.unusual(h, session):
            continue
        if not record or not isinstance(record.event, Opened):
            yield unknown(standing.not_opened(h, session))
            continue
        bad = [
            r
            for r in standing.theirs(h, Deviation, session)
            if isinstance(r.event, Deviation)
            and r.event.code in _FAULTS
            and (r.event.code != _CUT or (h.role(session) in _ENDING and not h.of(Failed, session)))
        ]
        if bad:
            yield broken(bad[:3], expected="chunk framing as in RFC 9112 §7.1", got=worded(bad[0]))
        elif (record.event.header("transfer-encoding") or "").lower() != "chunked":
            yield unknown("the body was not chunked")
        elif cuts:  # one cut in the case, and none of its sessions shows that last chunks come
            yield unknown("the body was cut before its last chunk: a failure shown, or a last chunk forgotten")
        elif first_item := h.first(Item, session):
            yield held(record, first_item, standing.whole(h, session))
        else:
            yield unknown("no item came while we looked")


CJ_02 = Rule(
    id="CJ-02",
    level=Level.MUST,
    sentence="Chunk framing obeys its grammar: size, extensions, line ends, last chunk.",
    source="RFC 9112 §7.1",
    why="Clients and proxies read different octets out of the same answer, or none.",
    check=chunks_are_well_formed,
    needs=("http1",),
    good=(
        written(*told("look", ASK, head(*_CHUNKED), item(0), ENDED, EOF)),
        # cut in the middle: a failure that shows itself
        written(*told("look", ASK, head(*_CHUNKED), item(0), Deviation(_CUT, 80), EOF)),
        written(*told("failing", ASK, chunked("ndjson"), item(0), Deviation(_CUT, 80), EOF), binding="ndjson"),
    ),
    bad=(
        written(*told("look", ASK, head(*_CHUNKED), Deviation("chunk.size", 80, "0x1f"), *CLOSE)),
        written(*told("finite", ASK, head(*_CHUNKED), item(0), Deviation(_CUT, 80), EOF)),
        written(*told("text", ASK, chunked("json_array"), item(0), Deviation(_CUT, 80), EOF), binding="json_array"),
    ),
    on=HTTP,
)


def older_clients_get_no_chunks(h: History) -> Iterator[Finding]:
    """Any answer counts, a refusal too; only one that opens a stream shows that the rule is kept."""
    for session in h.sessions():
        if standing.unusual(h, session) != "1.0":
            continue
        record = h.first(Opened, session)
        coding = record.event.header("transfer-encoding") if record and isinstance(record.event, Opened) else None
        if coding is not None:
            got = f"Transfer-Encoding: {coding}"
            yield broken(record, expected="a body that ends with its length, or its connection", got=got)
        elif standing.opened(h, session) and (first := h.first(Item, session)):
            yield held(record, first)
        else:
            yield unknown(standing.not_opened(h, session) or "no item came while we looked")


_OLD: Final = Did("ask:1.0")
_UNFRAMED: Final = _CHUNKED[:1]

CJ_11 = Rule(
    id="CJ-11",
    level=Level.MUST,
    sentence="An answer to a request in HTTP/1.0 has no Transfer-Encoding.",
    source="RFC 9112 §6.1",
    why="Clients and proxies of HTTP/1.0 take the chunk sizes for items.",
    needs=("http1", "feature:http10"),
    check=older_clients_get_no_chunks,
    good=(
        written(*told("look", _OLD, head(*_UNFRAMED), item(0), *CLOSE)),
        written(*told("look", _OLD, head(*_UNFRAMED), item(0), Ended("close", 100), EOF)),
        # refused, or not answered; and of a request in HTTP/1.1 it says nothing
        written(*told("look", _OLD, head(status=505), ENDED, EOF)),
        written(*told("look", _OLD, Refused("closed"))),
        written(*told("look", ASK, head(*_CHUNKED), item(0), *CLOSE)),
    ),
    bad=(
        written(*told("look", _OLD, head(*_CHUNKED), item(0), *CLOSE)),
        written(*told("look", _OLD, chunked("ndjson"), item(0), ENDED, EOF), binding="ndjson"),
        written(*told("look", _OLD, head(*_CHUNKED, status=505), ENDED, EOF)),
    ),
    on=HTTP,
)
