"""Rules about gRPC and about HTTP/2 below it: what the observers see is read by some rule or excused, and what honest
stacks do is not held against them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import Closed, Completed, Deviation, Did, Ended, Failed, Item, Opened, Trailers
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, called, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict

    RuleOn = Callable[[str, History], Verdict]

RULES: Final = all_rules()
OWN: Final = {"GR-01", "GR-02", "GR-12", "CJ-10", "BP-20"}
BAD: Final = {Outcome.FAIL, Outcome.WARN}
# Codes that no rule reads, and why.
FRAMES: Final = "a suite for HTTP/2 alone judges frames; here they explain what became of a stream"
UNREAD: Final = {
    "grpc.message-too-long": "our limit, not theirs (standing condition 1)",
    "grpc.no-text": "another service than ours was asked",
    **dict.fromkeys(
        (
            *("h2.preface", "h2.frame-size", "h2.stream", "h2.headers", "h2.after-end", "h2.length", "h2.settings"),
            *("h2.increment", "h2.cut"),
        ),
        FRAMES,
    ),
}
CODES: Final = [code for code in DEVIATIONS if code.startswith(("grpc.", "h2."))]
WHOLE: Final = Ended("end-stream", 30)
OK: Final = Trailers((("grpc-status", "0"),))
DONE: Final = (OK, Completed(), WHOLE)
PACKED: Final = called(("grpc-encoding", "gzip"))


def call(*events: Event, role: str = "look", ask: Ask | None = None) -> History:
    terms: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": True}
    return written(*told(role, ASK, *events), binding="grpc", declared=terms, asks={role: ask} if ask else {})


def broken_in(history: History) -> set[str]:
    verdicts = judge(history, RULES, tuple(OWN))
    return {verdict.rule for verdict in verdicts if verdict.outcome in BAD and verdict.rule in OWN}


@pytest.mark.parametrize("code", CODES)
def test_every_deviation_is_read_by_some_rule_or_excused(code: str) -> None:
    found = broken_in(call(PACKED, item(0), Deviation(code, 9), *DONE))
    assert bool(found) is (code not in UNREAD)


def test_an_excuse_is_for_a_deviation_that_exists() -> None:
    assert set(UNREAD) <= set(CODES)


HONEST: Final = {
    "a stream without messages, in one block": (
        *(called(("grpc-status", "0")), Trailers((("content-type", "application/grpc"), ("grpc-status", "0")))),
        *(Completed(), WHOLE),
    ),
    "a failure without a message of its own": (
        *(called(), item(0), Trailers((("grpc-status", "2"), ("grpc-message", "")))),
        *(Failed("UNKNOWN"), WHOLE),
    ),
    "grpcio at a deadline: a message that no window took is cut, then the status, then a reset without an error": (
        *(called(), item(0), Trailers((("grpc-status", "4"),)), Deviation("grpc.cut", 40, "65 of 90 octets")),
        *(Failed("TIMED_OUT"), WHOLE),
    ),
    "a reset": (called(), item(0), Closed("reset", "RST_STREAM INTERNAL_ERROR", 2)),
    "a reset in the midst of a message": (called(), Closed("reset", "RST_STREAM CANCEL", 8), Deviation("grpc.cut", 0)),
    "a proxy that has nobody behind it": (head(("content-type", "text/html"), status=502), WHOLE),
    "a page for everybody": (head(("content-type", "text/html")), WHOLE),
    "a server of the web kind of gRPC": (
        *(head(("content-type", "application/grpc-web+proto")), Trailers((("grpc-status", "0"),))),
        *(Completed(), WHOLE),
    ),
}


@pytest.mark.parametrize("events", HONEST.values(), ids=list(HONEST))
def test_what_honest_servers_do_is_held_against_nobody(events: tuple[Event, ...]) -> None:
    assert broken_in(call(*events)) == set()


@pytest.mark.parametrize("way", [Ask(malformed=True), Ask(method="STREAMSPEC")])
def test_the_answer_to_what_is_no_call_need_be_none_of_grpc(way: Ask) -> None:
    events = (Did(f"ask:{way.way}"), called(), Trailers(()), Deviation("grpc.no-status", 0), WHOLE)
    assert broken_in(written(*told("look", *events), binding="grpc", asks={"look": way})) == set()


def test_a_refused_call_owes_its_status_as_any_other() -> None:
    bare = (called(), Trailers(()), Deviation("grpc.no-status", 0), WHOLE)
    assert broken_in(call(*bare, role="unknown")) == {"GR-01"}


# -- windows -----------------------------------------------------------------------------------------------------------

STALL: Final = (Did("stall"), Did("resume"))


def large(n: int, offset: int) -> Item:
    return Item(n, 4_000, f"{n}", f'{{"n":{n + 1}', offset, "", n + 1)


@pytest.mark.parametrize(
    ("read", "beyond", "outcome"),
    [
        (0, LIMITS.window_bytes, Outcome.INCONCLUSIVE),
        (0, LIMITS.window_bytes + 1, Outcome.PASS),
        # what was read before the stall was given back
        (10_000, 14_000 + LIMITS.window_bytes, Outcome.INCONCLUSIVE),
        (10_000, 14_001 + LIMITS.window_bytes, Outcome.PASS),
    ],
)
def test_a_window_was_full_where_an_item_came_from_beyond_it(
    rule_on: RuleOn, read: int, beyond: int, outcome: Outcome
) -> None:
    before = (large(0, read),) if read else ()
    events = (called(), *before, *STALL, large(1, read + 4_000), large(2, beyond), *CLOSE)
    assert rule_on("BP-20", call(*events, role="large")).outcome is outcome


@pytest.mark.parametrize("name", ["CJ-10", "BP-20"])
def test_other_versions_of_http_show_nothing_of_this_one(rule_on: RuleOn, name: str) -> None:
    h = written(*told("large", ASK, Opened(200, "OK", "HTTP/1.1", ()), *STALL, large(0, 90_000), *CLOSE))
    assert rule_on(name, h).outcome is Outcome.INCONCLUSIVE
