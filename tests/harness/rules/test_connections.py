"""Rules about connections of messages: what the observers see is read by some rule, and what honest stacks do is not
held against them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import Closed, Completed, Deviation, Did, Farewell, Meta, Opened
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, item, told
from streamspec.harness.rules import _carriers as carriers
from streamspec.harness.rules._carriers import EOF, PONG, STARTED, TCP, UPGRADE, WS, carried, waited, writes
from streamspec.harness.rules._connections import connection, sharing

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict

    RuleOn = Callable[[str, History], Verdict]

RULES: Final = all_rules()
BAD: Final = {Outcome.FAIL, Outcome.WARN}
DEFLATED: Final = Opened(101, "", "HTTP/1.1", (*UPGRADE, ("Sec-WebSocket-Extensions", "permessage-deflate")))
# Codes that no rule reads, and why.
OURS: Final = "our limit, not theirs (standing condition 1)"
BROKEN_OFF: Final = "a connection that breaks off shows a failure (standing condition 2)"
UNREAD: Final = {
    **dict.fromkeys(("ws.message-too-long", "tcp.frame-too-long", "envelope.too-deep"), OURS),
    **dict.fromkeys(("ws.cut", "tcp.cut"), BROKEN_OFF),
}
CODES: Final = [code for code in DEVIATIONS if code.startswith(("ws.", "tcp.", "envelope."))]


def broken_in(history: History) -> set[str]:
    verdicts = judge(history, RULES, tuple(rule.id for rule in RULES))
    return {verdict.rule for verdict in verdicts if verdict.outcome in BAD}


def compressed(*extra: Event) -> History:
    whole = (STARTED, item(0), Completed(), *CLOSE)
    return carried(
        *told("finite-1", ASK, WS, *whole),
        *told("finite-2", ASK, DEFLATED, STARTED, item(0), *extra, Completed(), *CLOSE, start_ms=50),
        *told("finite-3", ASK, WS, *whole, start_ms=90),
        asks={"finite-2": Ask(offers="permessage-deflate")},
    )


@pytest.mark.parametrize("code", CODES)
def test_every_deviation_is_read_by_some_rule_or_excused(code: str) -> None:
    binding = "tcp" if code.startswith("tcp.") else "ws"
    opened = TCP if binding == "tcp" else WS
    found = set[str]()
    for extra in ((), (Deviation(code, 30),)):
        history = carried(*told("look-1", ASK, opened, STARTED, item(0), *extra, *CLOSE), binding=binding)
        here = broken_in(history) | broken_in(compressed(*extra))
        found = here - found if extra else here
    assert bool(found) is (code not in UNREAD)


def test_an_excuse_is_for_a_deviation_that_exists() -> None:
    assert set(UNREAD) <= set(CODES)


# -- what honest stacks do ---------------------------------------------------------------------------------------------

SEND_ONLY: Final = (ASK, WS, item(0))
HONEST: Final[dict[str, tuple[Event, ...]]] = {
    "answers neither a Ping nor a Close": (
        *(*SEND_ONLY, Did("ping"), waited(), writes("ws-close"), item(1), waited(), *CLOSE),
    ),
    "just closes when it is closed": (*SEND_ONLY, Did("ping"), PONG, writes("ws-close"), EOF),
    "closes without a code": (*SEND_ONLY, writes("ws-close"), Farewell(), EOF),
    "ends with a FIN": (*SEND_ONLY, EOF),
    "closes bad text without 1007": (*SEND_ONLY, writes("ws-bad-utf8"), EOF),
    "resets bad text": (*SEND_ONLY, writes("ws-bad-utf8"), Closed("reset", "Connection reset by peer")),
    "never reads bad text": (*SEND_ONLY, writes("ws-bad-utf8"), waited(), *CLOSE),
    "ends a large message with 1009": (*SEND_ONLY, writes("ws-huge"), Farewell(1009), EOF),
    "ends a large message with a FIN": (*SEND_ONLY, writes("ws-huge"), EOF),
    "ends unmasked frames with 1002": (*SEND_ONLY, writes("ws-unmasked"), Farewell(1002), EOF),
    "echoes a code that we sent": (
        *(*SEND_ONLY, writes("ws-close-1005"), Deviation("ws.close-code", 9), Farewell(1005), EOF),
    ),
    "refuses the handshake": (ASK, Opened(403, "Forbidden", "HTTP/1.1", ()), EOF),
    "goes on behind our cancel": (*SEND_ONLY, *CANCEL, item(1), Deviation("ws.after-close", 9), EOF),
    "says that it goes away": (*SEND_ONLY, Farewell(1001), EOF),
}


@pytest.mark.parametrize("events", HONEST.values(), ids=HONEST)
def test_an_honest_stack_breaks_no_must(events: tuple[Event, ...]) -> None:
    rows = [row for n in (1, 2, 3) for row in told(f"look-{n}", *events, start_ms=9_000.0 * n, step_ms=400)]
    verdicts = judge(carried(*rows, opening=b""), RULES, ())
    assert [verdict for verdict in verdicts if verdict.outcome is Outcome.FAIL] == []


def test_a_message_for_nobody_may_be_complained_of(rule_on: RuleOn) -> None:
    events = (ASK, WS, STARTED, item(0), writes("ws-unknown-id"), Deviation("envelope.id", 90, "nobody"), item(1))
    assert rule_on("WS-01", carried(*told("look-1", *events, *CLOSE))).outcome is Outcome.PASS


def test_what_is_on_its_way_to_a_stream_that_was_left_is_no_fault(rule_on: RuleOn) -> None:
    rows = [
        *told("endless-1", ASK, WS, item(0)),
        *told("endless-2", ASK, WS, item(0), *CLOSE, start_ms=10),
        *told("endless-1", Deviation("envelope.id", 90, "endless-2"), item(1), *CLOSE, start_ms=20),
    ]
    asks = {"endless-2": Ask(on="endless-1")}
    assert rule_on("WS-01", carried(*rows, asks=asks)).outcome is Outcome.PASS
    assert rule_on("WS-01", carried(*rows)).outcome is Outcome.FAIL


# -- connections -------------------------------------------------------------------------------------------------------

CHAIN: Final = {"look-2": Ask(on="look-1"), "look-3": Ask(on="look-2")}


def chain(*rows: tuple[str, float, Event]) -> History:
    return carried(*(("look-1", 0, ASK), ("look-2", 1, ASK), ("look-3", 2, ASK), ("look-4", 3, ASK)), *rows, asks=CHAIN)


def test_a_stream_on_the_connection_of_another_stream_shares_it_with_all() -> None:
    h = chain()
    assert [connection(h, f"look-{n}") for n in (1, 2, 3, 4)] == ["look-1", "look-1", "look-1", "look-4"]
    assert sharing(h, "look-3") == ("look-1", "look-2", "look-3")
    assert tuple(carriers.connections(h)) == ("look-1", "look-4")


def test_a_connection_that_names_itself_is_its_own() -> None:
    h = carried(("look-1", 0, ASK), ("look-2", 0, ASK), asks={"look-1": Ask(on="look-2"), "look-2": Ask(on="look-1")})
    assert {connection(h, session) for session in h.sessions()} <= {"look-1", "look-2"}


def test_what_came_to_a_neighbour_is_of_the_same_connection() -> None:
    h = chain(("look-1", 4, writes("ws-bad-utf8")), ("look-3", 5, Farewell(1007)), ("look-3", 6, EOF))
    write = carriers.wrote(h, "look-1", "ws-bad-utf8")[0]
    end = carriers.their_end(h, "look-1", write)
    assert end
    assert end.event == Farewell(1007)
    assert carriers.their_end(h, "look-4", write) is None


def test_only_a_stream_that_was_opened_later_shows_that_what_was_before_it_was_read() -> None:
    rows = (("look-1", 4, Did("ping")), ("look-2", 5, WS), ("look-2", 6, item(0)))
    h = chain(*rows)
    assert carriers.later_answer(h, "look-1", h.records[4]) is None
    late = carried(("look-1", 0, ASK), ("look-1", 1, Did("ping")), *told("look-2", ASK, WS, item(0)), asks=CHAIN)
    assert carriers.later_answer(late, "look-1", late.records[1]) == (late.records[2], late.records[4])


def test_an_item_is_no_answer_to_what_is_no_message() -> None:
    events = (ASK, WS, STARTED, writes("ws-not-json"), item(0), Meta("start"), Completed())
    h = carried(*told("look-1", *events))
    assert carriers.answer_to(h, "look-1", h.records[3]) is None
    answered = carried(*told("look-1", *events, Meta("error")))
    assert carriers.answer_to(answered, "look-1", answered.records[3]) == answered.records[7]


def test_whoever_has_written_is_not_blameless_until_then() -> None:
    h = chain(("look-2", 4, writes("ws-close")), ("look-2", 5, writes("ws-array")), ("look-1", 6, item(0)))
    assert carriers.blameless(h, "look-1", h.records[5])
    assert not carriers.blameless(h, "look-1", h.records[6])
    assert carriers.blameless(h, "look-4")
