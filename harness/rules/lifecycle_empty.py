"""LC-08: how a stream without any item ends, over a wire and in process.

Never here: what an empty array must look like (`json_array`), the story of an object (`lifecycle_objects` reads it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import (
    Completed,
    Deviation,
    Ended,
    Expired,
    Failed,
    Heartbeat,
    Opened,
    Record,
    Refused,
)
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written
from streamspec.harness.core.written_calls import SETTLED, back, begun, done, end, fail, failed, played
from streamspec.harness.rules import lifecycle_objects
from streamspec.harness.rules._endings import each
from streamspec.harness.rules._wire import ROOTS, by_close, deviations, own_type, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

ROUNDS: Final = 3
_NOTHING_TO_SAY: Final = frozenset({204, 205})  # RFC 9110 §15.3.5, §15.3.6: an answer without a body
_BUDGETS: Final = ("head_ms", "patience_ms", "item_ms", "once_more_ms")


_EXPECTED: Final = "a clean end without an item"


def empty_ends_well(h: History) -> Iterator[Finding]:
    """An error, a cut, silence: held against the target when every one of three tries shows one of them."""
    yield from each(lifecycle_objects.empty_ends)(h)
    sessions = h.sessions("empty")
    found = [finding for session in sessions for finding in _of_one(h, session)]
    bad = [finding for finding in found if finding.stance == "broken"]
    if len(bad) == len(sessions) >= ROUNDS:
        yield from bad
        return
    yield from (finding for finding in found if finding.stance != "broken")
    if bad:
        yield unknown(f"{len(bad)} of {len(sessions)} times: {bad[0].got}")


def _of_one(h: History, session: str) -> Iterator[Finding]:
    answer, refused = h.first(Opened, session), h.first(Refused, session)
    late = next(iter(standing.expired(h, session, *_BUDGETS)), None)
    alive = any(standing.opened(h, s) for s in h.sessions("look"))
    status = answer.event.status if answer and isinstance(answer.event, Opened) else 0
    if answer and status in _NOTHING_TO_SAY:
        yield held(answer)
    elif answer and status == 500:
        yield broken(answer, expected=_EXPECTED, got="status 500")
    elif answer and not why_unlike(h, session):
        yield from _of_a_stream(h, session, answer, late)
    elif not answer and late:
        yield broken(late, expected=_EXPECTED, got=standing.not_opened(h, session))
    elif alive and refused and isinstance(refused.event, Refused) and refused.event.why in {"closed", "reset"}:
        yield broken(refused, expected=_EXPECTED, got=standing.not_opened(h, session))
    else:
        yield unknown(why_unlike(h, session))


def _of_a_stream(h: History, session: str, answer: Record, late: Record | None) -> Iterator[Finding]:
    over, completed = standing.whole(h, session), standing.theirs(h, Completed, session)
    if items := standing.items(h, session):
        yield unknown("empty sent an item", items[0])
    elif failed := standing.theirs(h, Failed, session):
        yield broken(answer, failed[0], expected=_EXPECTED, got="an error")
    elif completed:
        yield held(completed[0], over)
    elif by_close(over):
        yield unknown("the body ends with its connection: success and failure look alike", over)
    elif over and (_is_bare(over) or (own_type(h, session) and not deviations(h, session, "sse.field"))):
        yield held(answer, over)
    elif over:
        yield unknown("octets came, and no stream of this binding", over)
    elif cut := standing.cut(h, session) or standing.reset(h, session):
        yield broken(answer, cut, expected=_EXPECTED, got="a message cut short")
    elif late and isinstance(late.event, Expired):
        waited_s = late.event.after_ms / 1e3
        yield broken(answer, late, expected=_EXPECTED, got=f"a stream that stays open, for {waited_s:g} s and more")
    else:
        yield unknown("empty had not ended when we left")


def _is_bare(over: Record) -> bool:
    return isinstance(over.event, Ended) and over.event.size == 0


_TM: Final[dict[str, str | int | bool]] = {"profile.terminal": True, "profile.error_channel": True}


def _thrice(*events: Event, declared: dict[str, str | int | bool] | None = None, binding: str = "sse") -> History:
    rows = (row for n in (1, 2, 3) for row in told(f"empty-{n}", ASK, *events, start_ms=6000 * n))
    return written(*told("look", ASK, head(), item(0), *CLOSE), *rows, declared=declared, binding=binding)


_OPENS: Final = (head(), Expired("item_ms", 5000), *CLOSE)

LC_08 = Rule(
    id="LC-08",
    level=Level.MUST,
    sentence="An empty stream completes cleanly.",
    source="Reactive Streams §1.5",
    why="No result is a result: a consumer that gets an error or nothing cannot tell it from a failure.",
    needs=("object|role:empty", "feature:complete|role:empty"),
    after=(*ROOTS, "LC-12"),
    check=empty_ends_well,
    good=(
        _thrice(head(), Completed(), ENDED, EOF, declared=_TM),
        _thrice(head(), ENDED, EOF),
        _thrice(head(("Content-Length", "0"), ("Content-Type", "text/event-stream")), Ended("length", 0), *CLOSE),
        _thrice(head(status=204), Ended("none", 0), *CLOSE),
        _thrice(chunked("json_array"), Completed(1), ENDED, EOF, binding="json_array"),
        # a heartbeat on the way is no item, and a connection that stays open after the terminal is no wait
        _thrice(head(), Heartbeat(), Completed(), Expired("terminal_ms", 1000), *CLOSE, declared=_TM),
        # whether it was cut cannot be told
        _thrice(head(), Ended("close", 0), EOF),
        # slow twice, then in time
        written(
            *told("empty-1", ASK, *_OPENS),
            *told("empty-2", ASK, *_OPENS, start_ms=6000),
            *told("empty-3", ASK, head(), ENDED, EOF, start_ms=12000),
        ),
        # the path is a wrong one, or the server has its reasons
        _thrice(head(status=404), ENDED, EOF),
        _thrice(head(status=503), ENDED, EOF),
        # no stream at all: pages
        _thrice(head(("Content-Type", "text/html")), Ended("length", 9), *CLOSE),
        _thrice(head(), Deviation("sse.field", 0, "<html>"), ENDED, EOF),
        _thrice(head(("Content-Type", "text/html")), Deviation("ndjson.not-json", 0), ENDED, EOF, binding="ndjson"),
        played(done(0, "complete"), end(1), SETTLED),
        played(begun(0, "receive", "consumer"), SETTLED, done(1, "complete"), back(0, "end"), SETTLED),
        # the end came, and with it what a cleanup of ours raised
        played(done(0, "listen", arg="raises"), failed(1, "complete"), end(2)),
        # paused, an end need not show
        played(done(0, "pause", "consumer"), begun(1, "receive", "consumer"), done(2, "complete"), SETTLED),
        # in some dialects an error wins until the end was told
        played(done(0, "complete"), done(1, "error", arg="NOT_FOUND"), fail(2, "NOT_FOUND")),
        # cancelled by us before it could show
        played(begun(0, "receive", "consumer"), done(1, "complete"), done(2, "cancel"), back(0, "end"), SETTLED),
    ),
    bad=(
        _thrice(*_OPENS),
        _thrice(Expired("head_ms", 10000), *CLOSE),
        _thrice(head(), Deviation("chunk.no-last", 80), EOF),
        _thrice(head(), RESET),
        _thrice(head(), Failed("INTERNAL"), ENDED, EOF, declared=_TM),
        _thrice(head(status=500), ENDED, EOF),
        _thrice(Refused("closed")),
        played(begun(0, "receive", "consumer"), SETTLED, done(1, "complete"), SETTLED),
        played(done(0, "complete"), fail(1, "UNKNOWN"), SETTLED),
        played(failed(0, "complete", "INTERNAL"), SETTLED),
    ),
)
