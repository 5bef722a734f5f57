"""LC at its edges: what an honest server may do, and how a broken one may try to slip through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Heartbeat,
    Item,
    Meta,
    Opened,
    Refused,
)
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.script import AGAIN, BEFORE
from streamspec.harness.core.written import (
    ASK,
    CANCEL,
    CLOSE,
    ENDED,
    EOF,
    RESET,
    Row,
    chunked,
    head,
    item,
    told,
    written,
)

RuleOn = Callable[[str, History], Verdict]
MARKED: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": True}
DONE_ONLY: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": False}
OPEN = (ASK, head(), item(0))
FAILED = Failed("INTERNAL", "it failed")


def ends(session: str, *events: Event, declared: dict[str, str | int | bool] | None = None) -> History:
    return written(*told(session, *OPEN, *events), declared=MARKED if declared is None else declared)


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (Completed(), ENDED, EOF)),
        ("PASS", (Completed(), *CLOSE)),
        ("PASS", (Completed(), RESET)),
        ("PASS", (Completed(), Did("cancel:fin"), Completed(), Closed("ours"))),
        ("PASS", (Completed(), Heartbeat(), Meta("usage"), ENDED, EOF)),
        ("FAIL", (FAILED, FAILED, ENDED, EOF)),
        ("FAIL", (Completed(), FAILED, RESET)),
        ("FAIL", (Completed(), Completed(), *CLOSE)),
        ("INCONCLUSIVE", (ENDED, EOF)),
        ("INCONCLUSIVE", CLOSE),
    ],
)
def test_one_terminal_at_most(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("LC-01", ends("finite", *events)).outcome == outcome


def test_two_streams_may_each_end_once(rule_on: RuleOn) -> None:
    rows = (row for n in (1, 2) for row in told(f"finite-{n}", *OPEN, Completed(), ENDED, EOF))
    assert rule_on("LC-01", written(*rows, declared=MARKED)).outcome == "PASS"


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (Completed(), Heartbeat(), Meta(), ENDED, EOF)),
        ("PASS", (FAILED, RESET)),
        ("PASS", (Completed(), ENDED, *CLOSE)),
        ("INCONCLUSIVE", (Completed(), *CLOSE)),
        ("INCONCLUSIVE", (Completed(), *CANCEL)),
        ("FAIL", (FAILED, item(1), *CLOSE)),
        ("FAIL", (Completed(), Expired("terminal_ms", 1000), item(1), *CLOSE)),
        ("FAIL", (Completed(), Completed(), EOF)),
    ],
)
def test_nothing_follows_the_terminal(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("LC-02", ends("finite", *events)).outcome == outcome


# -- LC-07 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (FAILED, ENDED, EOF)),
        ("PASS", (FAILED, *CLOSE)),
        ("PASS", (EOF,)),
        ("PASS", (Deviation("chunk.no-last", 80), EOF)),
        ("PASS", (RESET,)),
        ("FAIL", (ENDED, EOF)),
        ("FAIL", (ENDED, *CLOSE)),
        ("FAIL", (Completed(), ENDED, EOF)),
        ("FAIL", (Completed(), RESET)),
        ("FAIL", (Completed(), FAILED, ENDED, EOF)),
        ("PASS", (Ended("close", 20), EOF)),
        ("INCONCLUSIVE", (Expired("failing_ms", 5000), *CLOSE)),
        ("INCONCLUSIVE", CLOSE),
    ],
)
def test_a_failure_shows_itself(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("LC-07", ends("failing", *events)).outcome == outcome


def test_without_an_error_marker_a_missing_success_marker_shows_the_failure(rule_on: RuleOn) -> None:
    """rules.md LC-07: "Without EC: incomplete message, or no terminal marker" (the dialect of `data: [DONE]`)."""
    assert rule_on("LC-07", ends("failing", ENDED, EOF, declared=DONE_ONLY)).outcome == "PASS"


def test_without_an_error_marker_the_success_marker_hides_the_failure(rule_on: RuleOn) -> None:
    assert rule_on("LC-07", ends("failing", Completed(), ENDED, EOF, declared=DONE_ONLY)).outcome == "FAIL"


@pytest.mark.parametrize("declared", [{}, {"profile.terminal": False, "profile.error_channel": False}])
def test_without_any_marker_a_clean_end_hides_the_failure(
    rule_on: RuleOn, declared: dict[str, str | int | bool]
) -> None:
    assert rule_on("LC-07", ends("failing", ENDED, EOF, declared=declared)).outcome == "FAIL"


def test_a_body_that_ends_with_its_connection_cannot_tell(rule_on: RuleOn) -> None:
    assert rule_on("LC-07", ends("failing", Ended("close", 20), EOF, declared={})).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("status", [301, 302, 304, 307, 401, 403, 404, 405, 429])
def test_an_answer_that_never_reached_the_handler_proves_nothing(rule_on: RuleOn, status: int) -> None:
    """A login page or a rate limit is no failure of the stream's handler: a pass needs evidence."""
    history = written(*told("failing", ASK, head(status=status), ENDED, EOF))
    assert rule_on("LC-07", history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_before_the_first_item_may_be_a_status(rule_on: RuleOn, status: int) -> None:
    assert rule_on("LC-07", written(*told("failing", ASK, head(status=status), ENDED, EOF))).outcome == "PASS"


@pytest.mark.parametrize("why", ["closed", "reset"])
def test_a_close_before_the_head_shows_the_failure_of_a_server_that_lives(
    rule_on: RuleOn, why: Literal["closed", "reset"]
) -> None:
    shut = told("failing", ASK, Refused(why), start_ms=20)
    assert rule_on("LC-07", written(*shut)).outcome == "INCONCLUSIVE"
    assert rule_on("LC-07", written(*told("look", *OPEN, *CLOSE), *shut)).outcome == "PASS"


def rounds(*each: tuple[Event, ...]) -> History:
    return written(
        *(row for n, events in enumerate(each, 1) for row in told(f"failing-{n}", *events, start_ms=9e3 * n))
    )


LATE = (*OPEN, Expired("failing_ms", 5000), *CLOSE)
NO_HEAD = (ASK, Expired("head_ms", 10_000), *CLOSE)


@pytest.mark.parametrize(
    ("outcome", "each"),
    [
        ("FAIL", (LATE, LATE, LATE)),
        ("FAIL", (NO_HEAD, NO_HEAD, NO_HEAD)),
        ("FAIL", (LATE, NO_HEAD, LATE)),
        ("PASS", (LATE, LATE, (*OPEN, EOF))),
        ("INCONCLUSIVE", (LATE, LATE)),
        ("INCONCLUSIVE", (LATE, LATE, (ASK, head(status=404), ENDED, EOF))),
        ("FAIL", ((*OPEN, EOF), (*OPEN, EOF), (*OPEN, ENDED, EOF))),
    ],
)
def test_silence_counts_three_times_out_of_three_and_a_hidden_failure_at_once(
    rule_on: RuleOn, outcome: str, each: tuple[tuple[Event, ...], ...]
) -> None:
    assert rule_on("LC-07", rounds(*each)).outcome == outcome


# -- LC-14 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (Completed(), ENDED, EOF)),
        ("PASS", (FAILED, ENDED, EOF)),
        ("FAIL", (ENDED, EOF)),
        ("FAIL", (ENDED, *CLOSE)),
        ("FAIL", (ENDED, RESET)),
        ("INCONCLUSIVE", (EOF,)),
        ("INCONCLUSIVE", (RESET,)),
        ("INCONCLUSIVE", (Expired("finite_ms", 30_000), *CLOSE)),
    ],
)
def test_a_clean_end_has_its_marker(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("LC-14", ends("finite", *events)).outcome == outcome


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
def test_an_error_page_is_no_stream_that_lacks_a_marker(rule_on: RuleOn, status: int) -> None:
    page = Opened(status, "No", "HTTP/1.1", (("Content-Type", "text/html"), ("Content-Length", "9")))
    history = written(*told("finite", ASK, page, Ended("length", 9), *CLOSE), declared=MARKED)
    assert rule_on("LC-14", history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("declared", [{"profile.terminal": False, "profile.error_channel": False}])
def test_a_dialect_without_a_marker_is_not_held_to_one(rule_on: RuleOn, declared: dict[str, str | int | bool]) -> None:
    """The plan skips LC-14 under `plain`, but the runner judges every rule on every case: a failure there would turn
    OI-02's into "follows from LC-14", and `streamspec judge FILE` has no plan at all."""
    assert rule_on("LC-14", ends("finite", ENDED, EOF, declared=declared)).outcome != "FAIL"


# -- LC-16 ---------------------------------------------------------------------------------------------------------

LOOKED = (*told(f"{BEFORE}1", *OPEN, *CLOSE), *told("look-1", *OPEN, *CLOSE, start_ms=10))
LEFT = told("look-2", *OPEN, *CANCEL, start_ms=20)
GONE = (ASK, Refused("refused"))
SERVED = (*OPEN, *CLOSE)


def again(*each: tuple[Event, ...], disturbed: tuple[Row, ...] = LEFT, before: tuple[Row, ...] = LOOKED) -> History:
    looks = (row for n, events in enumerate(each, 1) for row in told(f"{AGAIN}{n}", *events, start_ms=100.0 * n))
    return written(*before, *disturbed, *looks)


@pytest.mark.parametrize(
    ("outcome", "each"),
    [
        ("PASS", (SERVED,)),
        ("PASS", (GONE, SERVED)),
        ("PASS", (GONE, GONE, SERVED)),
        ("FAIL", (GONE, GONE, GONE)),
        ("INCONCLUSIVE", ((ASK, head(), *CLOSE),) * 3),  # answered alike: its items may be rare
        ("FAIL", ((ASK, Expired("recover_ms", 5000), *CLOSE),) * 3),
        ("FAIL", ((ASK, head(status=500), ENDED, EOF),) * 3),
        ("INCONCLUSIVE", (GONE, GONE)),
        ("INCONCLUSIVE", (GONE, (ASK, head(status=429), ENDED, EOF), GONE)),
    ],
)
def test_it_serves_again_within_three_looks(rule_on: RuleOn, outcome: str, each: tuple[tuple[Event, ...], ...]) -> None:
    assert rule_on("LC-16", again(*each)).outcome == outcome


@pytest.mark.parametrize(
    "disturbed",
    [
        told("look-2", *OPEN, Did("cancel:fin"), Closed("ours"), start_ms=20),
        told("look-2", Did("ask:malformed"), head(status=400), ENDED, EOF, start_ms=20),
        told("look-2", Did("ask:malformed"), Refused("reset"), start_ms=20),
        told("look-2", *OPEN, *CLOSE, start_ms=20),
        told("failing", *OPEN, EOF, start_ms=20),
        told("failing", *OPEN, FAILED, ENDED, *CLOSE, start_ms=20),
    ],
)
def test_every_disturbance_must_be_outlived(rule_on: RuleOn, disturbed: tuple[Row, ...]) -> None:
    assert rule_on("LC-16", again(GONE, GONE, GONE, disturbed=disturbed)).outcome == "FAIL"
    assert rule_on("LC-16", again(SERVED, disturbed=disturbed)).outcome == "PASS"


def test_a_stream_read_to_its_end_disturbs_nobody(rule_on: RuleOn) -> None:
    calm = (*told("look-1", *OPEN, ENDED, EOF), *told("look-2", *OPEN, ENDED, *CLOSE, start_ms=10))
    assert rule_on("LC-16", again(GONE, GONE, GONE, disturbed=(), before=calm)).outcome == "INCONCLUSIVE"


def test_without_two_answers_before_there_is_no_control(rule_on: RuleOn) -> None:
    first = told("look-1", *OPEN, *CANCEL)
    assert rule_on("LC-16", again(GONE, GONE, GONE, disturbed=first, before=())).outcome == "INCONCLUSIVE"


def test_a_look_that_was_never_good_is_no_control(rule_on: RuleOn) -> None:
    bad = tuple(row for n in (1, 2) for row in told(f"look-{n}", ASK, head(status=503), ENDED, EOF))
    left = told("look-3", ASK, head(status=503), *CANCEL, start_ms=20)
    assert rule_on("LC-16", again(GONE, GONE, GONE, disturbed=left, before=bad)).outcome == "INCONCLUSIVE"


def test_another_answer_than_before_is_not_being_served(rule_on: RuleOn) -> None:
    page = (ASK, head(("Content-Type", "text/html")), ENDED, EOF)
    assert rule_on("LC-16", again(page, page, page)).outcome == "FAIL"


def test_a_case_without_looks_afterwards_says_nothing(rule_on: RuleOn) -> None:
    assert rule_on("LC-16", written(*LOOKED, *LEFT)).outcome == "INCONCLUSIVE"


# -- other bindings ----------------------------------------------------------------------------------------------------

LINES = (ASK, chunked("ndjson"), item(0))
ARRAY = (ASK, chunked("json_array"), item(0))


@pytest.mark.parametrize("rule", ["LC-01", "LC-02", "LC-07", "LC-14"])
@pytest.mark.parametrize("binding", ["sse", "ndjson"])
def test_lines_end_as_events_do(rule_on: RuleOn, rule: str, binding: str) -> None:
    role = "failing" if rule == "LC-07" else "finite"
    bad: dict[str, tuple[Event, ...]] = {
        "LC-01": (Completed(), FAILED),
        "LC-02": (Completed(), item(1)),
        "LC-07": (Completed(),),
        "LC-14": (),
    }
    good: tuple[Event, ...] = (FAILED if rule == "LC-07" else Completed(),)
    for events, outcome in ((bad[rule], "FAIL"), (good, "PASS")):
        rows = told(role, ASK, chunked(binding), item(0), *events, ENDED, EOF)
        assert rule_on(rule, written(*rows, declared=MARKED, binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (FAILED, ENDED, EOF)),
        ("PASS", (Deviation("array.open", 7), EOF)),
        ("PASS", (Deviation("array.open", 7), ENDED, EOF)),
        ("PASS", (Deviation("array.open", 7), Ended("close", 7), EOF)),
        ("INCONCLUSIVE", (Completed(9), ENDED, EOF)),  # CJ-04 has it
        ("INCONCLUSIVE", (item(1, kind="error"), Completed(9), ENDED, EOF)),
    ],
)
@pytest.mark.parametrize("channel", [True, False])
def test_an_array_that_is_left_open_shows_the_failure(
    rule_on: RuleOn,
    outcome: str,
    events: tuple[Event, ...],
    channel: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    declared: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": channel}
    history = written(*told("failing", *ARRAY, *events), declared=declared, binding="json_array")
    assert rule_on("LC-07", history).outcome == outcome


@pytest.mark.parametrize(
    "payload",
    ['{"error":"x"}', '{"n":4,"error":{"code":1}}', '{"type":"failed"}', '{"status": "error"}', '{"errors":[1]}'],
)
def test_what_looks_like_an_error_hides_none(rule_on: RuleOn, payload: str) -> None:
    last = Item(1, len(payload), "e", payload, 20)
    history = written(*told("failing", *LINES, last, ENDED, EOF), binding="ndjson")
    assert rule_on("LC-07", history).outcome == "INCONCLUSIVE"


def test_an_error_may_be_told_twice(rule_on: RuleOn) -> None:
    events = (item(1, kind="error"), item(2, kind="error"), ENDED, EOF)
    assert rule_on("LC-07", ends("failing", *events, declared={})).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("payload", ['{"n":4,"error":null}', '{"n":4}', '{"error":""}', '{"state":"ok"}'])
def test_an_error_that_is_none_names_no_failure(rule_on: RuleOn, payload: str) -> None:
    last = Item(1, len(payload), "e", payload, 20)
    history = written(*told("failing", *LINES, last, ENDED, EOF), binding="ndjson")
    assert rule_on("LC-07", history).outcome == "FAIL"


@pytest.mark.parametrize(("rule", "role"), [("LC-07", "failing"), ("LC-14", "finite")])
@pytest.mark.parametrize(("binding", "code"), [("ndjson", "ndjson.not-json"), ("json_array", "array.none")])
def test_a_page_in_a_streams_place_shows_no_end_of_it(
    rule_on: RuleOn, rule: str, role: str, binding: str, code: str
) -> None:
    page = told(role, ASK, head(("Content-Type", "text/html")), Deviation(code, 0), ENDED, EOF)
    assert rule_on(rule, written(*page, declared=MARKED, binding=binding)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("code", ["coding.invalid", "coding.cut", "coding.too-large"])
def test_what_could_not_be_inflated_shows_no_end(rule_on: RuleOn, code: str) -> None:
    history = written(*told("finite", *OPEN, Deviation(code, 9), ENDED, EOF), declared=MARKED)
    assert rule_on("LC-14", history).outcome == "INCONCLUSIVE"
