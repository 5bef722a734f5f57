"""The standing conditions, asked one by one, and HN-13: an honest server that violates only what a condition excuses
gets no FAIL from any rule.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core import standing
from streamspec.harness.core.case import Control
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Elided,
    Ended,
    Event,
    Expired,
    Failed,
    Heartbeat,
    Item,
    Lagged,
    Opened,
    Record,
    Refused,
)
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.script import AGAIN, Ask
from streamspec.harness.core.written import (
    ASK,
    CANCEL,
    CLOSE,
    ENDED,
    EOF,
    RESET,
    Row,
    head,
    item,
    told,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.history import History

RULES = all_rules()
WS = Opened(101, "Switching Protocols", "HTTP/1.1", ())
MARKED: dict[str, str | int | bool] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "finite.items": 3,
    "finite.seq": "$.n",
}
THREE = (item(0), item(1), item(2))
TYPE = ("Content-Type", "text/event-stream")
PAGE = (Deviation("sse.field", 0), Deviation("sse.unterminated", 9), Ended("length", 9), EOF)


def index_of(record: Record | None) -> int | None:
    return record.index if record else None


# -- the questions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["cancel:rst", "cancel:fin", "close", "enough"])
def test_after_our_own_end_nothing_is_the_targets(act: str) -> None:
    history = written(*told("look", ASK, head(), item(0), Did(act), item(1), Completed(), ENDED, EOF))
    assert standing.own_end(history, "look") == 3
    assert [r.index for r in standing.theirs(history, Item, "look")] == [2]
    assert standing.terminals(history, "look") == ()
    assert standing.whole(history, "look") is None
    assert standing.cut(history, "look") is None


@pytest.mark.parametrize("act", ["ask", "ask:malformed", "stop", "look around"])
def test_other_acts_end_nothing(act: str) -> None:
    history = written(*told("look", Did(act), head(), ENDED))
    assert standing.own_end(history, "look") == 3


@pytest.mark.parametrize("way", ["", "malformed", "method", "1.0"])
def test_how_we_asked_is_known(way: str) -> None:
    history = written(*told("look", Did(f"ask:{way}" if way else "ask"), head(), *CLOSE))
    assert standing.unusual(history, "look") == way
    assert standing.usual(history) == (() if way else ("look",))


def test_our_end_of_one_session_is_none_of_another() -> None:
    history = written(*told("look-1", ASK, head(), *CANCEL), *told("look-2", ASK, head(), item(0), ENDED))
    assert standing.own_end(history, "look-2") == len(history.records)
    assert standing.whole(history, "look-2") is not None


@pytest.mark.parametrize(("status", "open_"), [(200, True), (206, True), (299, True), (199, False), (302, False)])
def test_a_stream_was_opened_by_a_2xx(status: int, open_: bool) -> None:  # noqa: FBT001
    history = written(*told("look", ASK, head(status=status)))
    assert bool(standing.opened(history, "look")) is open_


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((ASK, head()), ""),
        ((ASK, head(status=404)), "finite answered 404"),
        ((ASK, Refused("tls")), "finite was not answered (tls)"),
        ((ASK, Expired("head_ms", 10000)), "finite sent no whole head in 10000 ms"),
        ((ASK, *CLOSE), "finite was not answered"),
        ((Heartbeat(),), "finite was not asked"),
    ],
)
def test_why_there_is_no_stream_is_said_in_words(events: tuple[Event, ...], words: str) -> None:
    assert standing.not_opened(written(*told("finite", *events)), "finite") == words


@pytest.mark.parametrize(
    ("control", "events", "served"),
    [
        (Control(200, "text/event-stream", items=True, head_ms=1), (head(), item(0)), True),
        (Control(200, "text/event-stream", items=True, head_ms=1), (head(),), False),
        (Control(200, "text/event-stream", items=False, head_ms=1), (head(),), True),
        (Control(201, "text/event-stream", items=False, head_ms=1), (head(),), False),
        (Control(200, "text/plain", items=False, head_ms=1), (head(),), False),
        (Control(503, "text/event-stream", items=False, head_ms=1), (head(status=503),), False),
        (Control(200, "text/event-stream", items=False, head_ms=1), (Refused("refused"),), False),
    ],
)
def test_a_look_is_served_when_it_is_answered_alike(
    control: Control,
    events: tuple[Event, ...],
    served: bool,  # noqa: FBT001
) -> None:
    assert bool(standing.served_as(written(*told("look", ASK, *events)), control, "look")) is served


def test_framing_ends_a_message_and_not_eof() -> None:
    history = written(*told("look", ASK, head(), item(0), ENDED, EOF))
    assert index_of(standing.whole(history, "look")) == 3
    assert standing.cut(history, "look") is None


def test_a_close_inside_a_message_is_a_cut() -> None:
    history = written(*told("look", ASK, head(), item(0), EOF))
    assert index_of(standing.cut(history, "look")) == 3
    assert standing.whole(history, "look") is None
    assert standing.reset(history, "look") is None


_SECOND = {"endless-again": Ask(on="endless-held", same="endless-held")}
_HELD = (ASK, WS, item(0))
_IN_USE = (Failed("ALREADY_EXISTS"), Ended("envelope", 90))


def disturbed(*after: Event, act: Event | None = None, asks: Mapping[str, Ask] = MappingProxyType(_SECOND)) -> History:
    """A stream in envelopes, a second start under its id or what we wrote of our own making, and what came then."""
    own = (act,) if act else ()
    rows = (*told("endless-held", *_HELD), *told("endless-again", ASK, start_ms=10))
    rows += told("endless-held", *own, *after, *CLOSE, start_ms=20)
    return written(*rows, declared=MARKED, binding="ws", asks=asks)


@pytest.mark.parametrize(
    ("history", "ends"),
    [
        (disturbed(*_IN_USE, item(1)), 0),
        (disturbed(*_IN_USE, *_IN_USE, item(1), Completed()), 1),
        (disturbed(*_IN_USE), 1),  # the stream itself has failed, as far as anybody can tell
        (disturbed(Completed(), item(1)), 1),
        (disturbed(*_IN_USE, item(1), act=Did("write:ws-no-type"), asks={}), 0),
        (disturbed(*_IN_USE, item(1), asks={}), 1),
        (disturbed(*_IN_USE, item(1), asks={"endless-again": Ask(on="endless-held")}), 1),
        (disturbed(*_IN_USE, item(1), asks={"endless-held": Ask(twice=True)}), 0),
        (disturbed(*_IN_USE, item(1), asks={"endless-again": Ask(on="endless-held", twice=True)}), 1),
    ],
)
def test_a_failure_behind_which_a_stream_goes_on_answered_what_we_said_out_of_order(
    history: History, ends: int
) -> None:
    assert len(standing.terminals(history, "endless-held")) == ends


@pytest.mark.parametrize(
    ("asks", "doubled"),
    [
        (_SECOND, ["endless-held"]),
        ({"endless-held": Ask(twice=True)}, ["endless-held"]),
        ({"endless-again": Ask(on="endless-held")}, []),
    ],
)
def test_a_stream_is_doubled_where_a_second_start_has_its_id(asks: Mapping[str, Ask], doubled: list[str]) -> None:
    history = disturbed(item(1), asks=asks)
    assert [session for session in history.sessions() if standing.is_doubled(history, session)] == doubled


def test_a_reset_inside_a_message_is_no_cut() -> None:
    history = written(*told("look", ASK, head(), item(0), RESET))
    assert index_of(standing.reset(history, "look")) == 3
    assert standing.cut(history, "look") is None


def test_a_reset_after_the_end_of_the_message_says_nothing() -> None:
    assert standing.reset(written(*told("look", ASK, head(), item(0), ENDED, RESET)), "look") is None


@pytest.mark.parametrize(("what", "seen"), [("Item", False), ("sse.field", False), ("Heartbeat", True)])
def test_an_elided_span_was_not_seen(what: str, seen: bool) -> None:  # noqa: FBT001
    history = written(*told("look", ASK, head(), item(0), ENDED, Elided(what, 3)))
    assert standing.seen_whole(history, "look") is seen
    assert standing.seen_whole(history, "elsewhere")


@pytest.mark.parametrize(
    ("span_ms", "found"),
    [((0, 50), False), ((0, 60), True), ((60, 150), True), ((90, 95), True), ((100, 200), True), ((101, 200), False)],
)
def test_a_stall_of_ours_touches_the_span_it_lies_in(span_ms: tuple[float, float], found: bool) -> None:  # noqa: FBT001
    history = written(("look", 100.0, Lagged(45.0)))
    start, end = (int(ms * 1e6) for ms in span_ms)
    assert bool(standing.lagged(history, start, end, 40.0)) is found
    assert standing.lagged(history, start, end, 46.0) is None


@pytest.mark.parametrize(
    ("stall", "counts"),
    [
        (None, True),
        (("", 1000.0, Lagged(499.0)), True),
        (("", 1000.0, Lagged(500.0)), False),
        (("", 1400.0, Lagged(500.0)), False),
        (("", 1600.0, Lagged(500.0)), True),
        (("", -1.0, Lagged(500.0)), True),
    ],
)
def test_a_budget_ran_out_only_if_our_loop_ran(stall: Row | None, counts: bool) -> None:  # noqa: FBT001
    late: Row = ("look", 1000.0, Expired("item_ms", 1000.0))
    history = written(late, *((stall,) if stall else ()))
    assert bool(standing.expired(history, "look")) is counts
    assert bool(standing.expired(history, "look", "item_ms")) is counts
    assert standing.expired(history, "look", "head_ms") == ()


def test_a_budget_that_ran_out_after_our_own_end_is_nobodys() -> None:
    assert standing.expired(written(*told("look", ASK, *CLOSE, Expired("item_ms", 10))), "look") == ()


# -- HN-13: an honest server gets no FAIL from any rule ------------------------------------------------------


def failures(history: History) -> dict[str, tuple[str, ...]]:
    """What any rule of the house holds against the target, its reason with it."""
    verdicts = judge(history, RULES, [rule.id for rule in RULES])
    assert [v.reason for v in verdicts if v.outcome is Outcome.ERROR] == []
    return {v.rule: tuple(f.got for f in v.findings) for v in verdicts if v.outcome is Outcome.FAIL}


def thrice(name: str, *events: Event, apart_ms: float = 10_000.0) -> tuple[Row, ...]:
    return tuple(row for n in (1, 2, 3) for row in told(f"{name}-{n}", *events, start_ms=apart_ms * n))


LOOKS = (*told("look-1", ASK, head(), item(0), *CLOSE), *told("look-2", ASK, head(), item(0), *CLOSE, start_ms=10))
CUT_SHORT = Deviation("chunk.no-last", 80)

OWN_END = {  # 1: nothing is held against what we ended
    "we close in the middle": written(*told("finite", ASK, head(), item(0), *CLOSE), declared=MARKED),
    "we cancel in the middle": written(*told("finite", ASK, head(), item(0), *CANCEL), declared=MARKED),
    "we cancel, and its last octets still come": written(
        *told("finite", ASK, head(), item(0), Did("cancel:fin"), item(2), Completed(), item(1), CUT_SHORT, EOF),
        declared=MARKED,
    ),
    "we had enough, in the middle of an event": written(
        *told("look", ASK, head(), item(0), Did("enough"), Deviation("sse.unterminated", 20), ENDED, EOF)
    ),
    "we leave after the head": written(
        *told("failing", ASK, head(), *CLOSE), declared=MARKED | {"failing.items_before": 3}
    ),
    "our limit cut a chunk line": written(
        *told(
            "look",
            ASK,
            head(TYPE, ("Transfer-Encoding", "chunked")),
            item(0),
            Deviation("chunk.line-too-long", 90, "limit 4096 octets"),
            *CLOSE,
        )
    ),
    "our limit cut the trailers": written(
        *told(
            "look",
            ASK,
            head(TYPE, ("Transfer-Encoding", "chunked")),
            item(0),
            Deviation("chunk.trailers-too-long", 90, "limit 16384 octets"),
            *CLOSE,
        )
    ),
    "our limit cut a line and an event": written(
        *told(
            "look",
            ASK,
            head(),
            Deviation("sse.line-too-long", 0, "limit 1048576 octets"),
            Deviation("sse.event-too-long", 0, "limit 4194304 octets"),
            item(0),
            *CLOSE,
        )
    ),
    "our limit elided items of a finite stream": written(
        *told("finite", ASK, head(), item(0), Completed(), ENDED, EOF, Elided("Item", 2)), declared=MARKED
    ),
    "our limit elided items before a failure": written(
        *told("failing", ASK, head(), item(0), Failed("X"), ENDED, EOF, Elided("Item", 2)),
        declared=MARKED | {"failing.items_before": 3},
    ),
    "our limit elided items of an endless stream": written(
        *told("endless", ASK, head(), item(0), item(1), *CLOSE, Elided("Item", 20_000)), declared=MARKED
    ),
}

CODED = head(("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip"), ("Cache-Control", "no-store"))


def test_a_body_in_a_coding_that_we_did_not_ask_for_is_no_evidence() -> None:
    history = written(*told("finite", ASK, CODED, Deviation("sse.utf8", 1), ENDED, EOF), declared=MARKED)
    assert standing.opened(history, "finite") is None
    assert standing.not_opened(history, "finite") == "finite answered 200 in Content-Encoding gzip"
    assert failures(history) == {}


OUT_OF_ORDER = {  # 1: nor is the answer to what we said out of order, in the word that also ends a stream
    "an id in use": disturbed(*_IN_USE, item(1), item(2)),
    "a message of our own making": disturbed(*_IN_USE, item(1), item(2), act=Did("write:ws-no-type"), asks={}),
}

FRAMING = {  # 2: framing ends a message
    "keep-alive, never closed": written(
        *told("finite", ASK, head(), *THREE, Completed(), ENDED, *CLOSE), declared=MARKED
    ),
    "a reset after the end": written(*told("finite", ASK, head(), *THREE, Completed(), ENDED, RESET), declared=MARKED),
    "a reset after the end, with a length": written(
        *told("finite", ASK, head(TYPE, ("Content-Length", "60")), *THREE, Completed(), Ended("length", 60), RESET),
        declared=MARKED,
    ),
    "a reset in the middle of a finite stream": written(*told("finite", ASK, head(), item(0), RESET), declared=MARKED),
    "a reset right after an error, its items lost": written(
        *thrice("failing", ASK, head(), item(0), Failed("INTERNAL"), RESET),
        declared=MARKED | {"failing.items_before": 3},
    ),
    "a close-delimited body": written(
        *told("finite", ASK, head(TYPE, ("Connection", "close")), *THREE, Completed(), Ended("close", 60), EOF),
        declared=MARKED,
    ),
    "the terminal, and the connection stays open": written(
        *told("finite", ASK, head(), *THREE, Completed(), Expired("terminal_ms", 1000), *CLOSE), declared=MARKED
    ),
    "a trailing comment after the last event": written(
        *told("finite", ASK, head(), *THREE, Completed(), Heartbeat(80), ENDED, Heartbeat(90), EOF), declared=MARKED
    ),
    "a finite Content-Length": written(
        *told("finite", ASK, head(TYPE, ("Content-Length", "60")), *THREE, Completed(), Ended("length", 60), *CLOSE),
        declared=MARKED,
    ),
    "an announced length that we did not wait for": written(
        *told("look", ASK, head(TYPE, ("Content-Length", "9000000")), item(0), *CLOSE)
    ),
    "a failure cut short": written(
        *thrice("failing", ASK, head(TYPE, ("Transfer-Encoding", "chunked")), *THREE, CUT_SHORT, EOF),
        declared={"failing.items_before": 3},
    ),
    "a failure cut short of its length": written(
        *thrice("failing", ASK, head(TYPE, ("Content-Length", "900")), *THREE, Deviation("body.short", 90), EOF),
        declared={"failing.items_before": 3},
    ),
}

LATE = {  # 5: three times out of three, and never while our own loop stood still
    "slow to fail twice of three times": written(
        *told("failing-1", ASK, head(), item(0), Expired("failing_ms", 5000), *CLOSE),
        *told("failing-2", ASK, head(), item(0), Expired("failing_ms", 5000), *CLOSE, start_ms=6000),
        *told("failing-3", ASK, head(), item(0), EOF, start_ms=12_000),
    ),
    "slow to come back twice of three times": written(
        *LOOKS,
        *told("look-3", ASK, head(), item(0), *CANCEL, start_ms=20),
        *told(f"{AGAIN}1", ASK, Expired("recover_ms", 5000), *CLOSE, start_ms=30),
        *told(f"{AGAIN}2", ASK, Expired("recover_ms", 5000), *CLOSE, start_ms=5040),
        *told(f"{AGAIN}3", ASK, head(), item(0), *CLOSE, start_ms=10_050),
    ),
    "a silent failure while our own loop stood still": written(
        *thrice("failing", ASK, head(), item(0), Expired("failing_ms", 5000), Lagged(6000), *CLOSE, apart_ms=7000),
    ),
    "not back while our own loop stood still": written(
        *LOOKS,
        *told("look-3", ASK, head(), item(0), *CANCEL, start_ms=20),
        *(
            row
            for n in (1, 2, 3)
            for row in told(f"{AGAIN}{n}", ASK, Expired("recover_ms", 5000), Lagged(6000), *CLOSE, start_ms=7000 * n)
        ),
    ),
    "a silent sibling while our own loop stood still": written(
        *(
            row
            for n in (1, 2, 3)
            for row in (
                *told(f"endless-stays-{n}", ASK, head(), item(0), start_ms=9000 * n),
                *told(f"endless-leaves-{n}", ASK, head(), item(0), *CANCEL, start_ms=9000 * n + 10),
                *told(
                    f"endless-stays-{n}",
                    Expired("sibling_ms", 200),
                    Expired("item_ms", 5000),
                    Lagged(6000),
                    *CLOSE,
                    start_ms=9000 * n + 20,
                ),
            )
        )
    ),
    "a sibling with rare items and a beating heart": written(
        *(
            row
            for n in (1, 2, 3)
            for row in (
                *told(f"endless-stays-{n}", ASK, head(), item(0), start_ms=9000 * n),
                *told(f"endless-leaves-{n}", ASK, head(), item(0), *CANCEL, start_ms=9000 * n + 10),
                *told(
                    f"endless-stays-{n}",
                    Heartbeat(40),
                    Expired("sibling_ms", 200),
                    Heartbeat(50),
                    Expired("item_ms", 5000),
                    *CLOSE,
                    start_ms=9000 * n + 20,
                ),
            )
        )
    ),
}

REFUSING = {
    f"every role answered {status}": written(
        *(
            row
            for role in ("look", "finite", "endless-stays", "endless-leaves", "failing", "prompt")
            for row in thrice(
                role,
                ASK,
                Opened(status, "No", "HTTP/1.1", (("Content-Type", "text/html"), ("Content-Length", "9"))),
                Ended("length", 9),
                *CLOSE,
            )
        ),
        declared=MARKED | {"failing.items_before": 3, "prompt.gap_ms": 200},
    )
    for status in (301, 302, 401, 403, 404, 405, 408, 429, 500, 502, 503)
}
CAUSES = {  # 6: a precondition that is not met is unknown, not broken
    **REFUSING,
    "a finite stream that failed in band": written(
        *told("finite", ASK, head(), item(0), item(1), Failed("BACKEND_DOWN"), ENDED, EOF), declared=MARKED
    ),
    "a failure before the first item": written(
        *thrice("failing", ASK, head(status=500), ENDED, EOF), declared=MARKED | {"failing.items_before": 3}
    ),
    "no error marker in the dialect, and a failure without the success marker": written(
        *thrice("failing", ASK, head(), *THREE, ENDED, EOF),
        declared={"profile.terminal": True, "profile.error_channel": False, "failing.items_before": 3},
    ),
    "items that carry no number": written(
        *told(
            "finite",
            ASK,
            head(),
            *(Item(n, 5, f"{n:016x}", "tick", 20 * n) for n in range(3)),
            Completed(),
            ENDED,
            EOF,
        ),
        declared=MARKED,
    ),
    "busy ever after: it limits our rate": written(
        *LOOKS,
        *told("look-3", ASK, head(), item(0), *CANCEL, start_ms=20),
        *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, head(status=429), ENDED, EOF, start_ms=40 * n)),
    ),
    "a malformed request answered 400 and closed": written(
        *LOOKS,
        *told("look-3", Did("ask:malformed"), head(("Content-Type", "text/plain"), status=400), ENDED, EOF),
        *told(f"{AGAIN}1", ASK, head(), item(0), *CLOSE, start_ms=40),
    ),
    "a malformed request answered as if it were none": written(
        *LOOKS,
        *told("look-3", Did("ask:malformed"), head(), item(0), *CLOSE),
        *told(f"{AGAIN}1", ASK, head(), item(0), *CLOSE, start_ms=40),
    ),
    "another method answered with a page": written(
        *LOOKS,
        *told("look-3", Did("ask:method"), head(("Content-Type", "text/html")), *PAGE, start_ms=20),
        *told(f"{AGAIN}1", ASK, head(), item(0), *CLOSE, start_ms=40),
    ),
    "HTTP/1.0 answered up to the end of the connection": written(
        *LOOKS,
        *told("look-3", Did("ask:1.0"), head(), item(0), Ended("close", 20), EOF, start_ms=20),
        *told(f"{AGAIN}1", ASK, head(), item(0), *CLOSE, start_ms=40),
    ),
    "asked to end, and gone": written(
        *LOOKS,
        *told("endless", ASK, head(), item(0), Did("stop"), item(1), Failed("UNAVAILABLE"), ENDED, EOF, start_ms=20),
        declared=MARKED,
    ),
    "one look only, and then nothing": written(
        *told("look-1", ASK, head(), item(0), *CANCEL),
        *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, Refused("refused"), start_ms=40 * n)),
    ),
}

HONEST = {**OWN_END, **OUT_OF_ORDER, **FRAMING, **LATE, **CAUSES}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_server_gets_no_fail_from_any_rule(name: str) -> None:
    assert failures(HONEST[name]) == {}


def test_a_page_instead_of_a_stream_is_one_finding() -> None:
    """6, the cause once: a wrong path that a catch-all answers with 200 and a page is SSE-01's and nobody else's."""
    page = (head(("Content-Type", "text/html"), ("Cache-Control", "no-store")), Ended("length", 9), *CLOSE)
    rows = (row for role in ("finite", "failing", "prompt", "endless-stays") for row in thrice(role, ASK, *page))
    declared = MARKED | {"failing.items_before": 3, "prompt.gap_ms": 200}
    assert set(failures(written(*rows, declared=declared))) == {"SSE-01"}


# The four carriage returns of condition 2 are the decoder's to accept; were one a deviation, it would have a code.
def test_a_line_end_of_cr_or_crlf_is_no_deviation() -> None:
    from streamspec.harness.core.limits import LIMITS
    from streamspec.harness.core.profile import Profile
    from streamspec.harness.drivers.sse import SSE

    decoder = SSE.decoder(Profile("plain", ""), "", LIMITS)
    seen = [*decoder.feed(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n: bye\r\n"), *decoder.end()]
    assert [type(event).__name__ for event in seen] == ["Item", "Item", "Item", "Heartbeat"]


# -- and the same history without its excuse does fail: the excuse is what saves it --------------------------


@pytest.mark.parametrize(
    ("rule", "history"),
    [
        ("OI-02", written(*told("finite", ASK, head(), item(0), Completed(), ENDED, EOF), declared=MARKED)),
        ("LC-02", written(*told("finite", ASK, head(), *THREE, Completed(), item(3), ENDED, EOF), declared=MARKED)),
        ("LC-02", disturbed(*_IN_USE, item(1), item(2), asks={})),
        ("SSE-04", written(*told("look", ASK, head(), item(0), Deviation("sse.unterminated", 20), ENDED, EOF))),
        ("LC-07", written(*thrice("failing", ASK, head(), item(0), Expired("failing_ms", 5000), *CLOSE))),
        (
            "ER-04",
            written(
                *told("failing", ASK, head(), item(0), Failed("X"), ENDED, EOF),
                declared=MARKED | {"failing.items_before": 3},
            ),
        ),
        (
            "LC-16",
            written(
                *LOOKS,
                *told("look-3", ASK, head(), item(0), *CANCEL, start_ms=20),
                *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, Expired("recover_ms", 5000), *CLOSE)),
            ),
        ),
    ],
)
def test_without_its_excuse_it_fails(rule: str, history: History) -> None:
    assert rule in failures(history)


def test_a_closed_record_of_ours_is_never_the_targets() -> None:
    history = written(*told("look", ASK, head(), item(0), *CLOSE))
    assert standing.cut(history, "look") is None
    assert standing.reset(history, "look") is None
    assert [r.event for r in history.of(Closed)] == [Closed("ours")]
