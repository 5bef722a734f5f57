"""ER at its edges: codes, items before a failure, and what must not be told to clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from streamspec.harness.core.event import Completed, Elided, Event, Failed, Item
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
MARKED: dict[str, str | int | bool] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "failing.items_before": 3,
}
THREE = (item(0), item(1), item(2))
FAILED = Failed("INTERNAL", "it failed")


def failing(*events: Event) -> History:
    return written(*told("failing", ASK, head(), *events), declared=MARKED)


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (FAILED, ENDED, EOF)),
        ("PASS", (Failed("0"), *CLOSE)),
        ("FAIL", (Failed("", "it failed"), ENDED, EOF)),
        ("FAIL", (Failed(), RESET)),
        ("INCONCLUSIVE", (EOF,)),
        ("INCONCLUSIVE", (Completed(), ENDED, EOF)),
        ("INCONCLUSIVE", (*CANCEL, Failed())),
    ],
)
def test_an_error_has_a_code(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("ER-01", failing(*events)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (*THREE, FAILED, ENDED, EOF)),
        ("PASS", (*THREE, item(3), FAILED, ENDED, EOF)),
        ("PASS", (*THREE, EOF)),
        ("PASS", (*THREE, FAILED, ENDED, RESET)),
        ("FAIL", (item(0), item(1), FAILED, ENDED, EOF)),
        ("FAIL", (FAILED, ENDED, EOF)),
        ("FAIL", (item(0), EOF)),
        ("FAIL", (item(0), FAILED, ENDED, RESET)),
        ("INCONCLUSIVE", (item(0), RESET)),
        ("INCONCLUSIVE", (item(0), FAILED, RESET)),
        ("INCONCLUSIVE", (item(0), *CLOSE)),
        ("INCONCLUSIVE", (item(0), Completed(), ENDED, EOF)),
        ("INCONCLUSIVE", (item(0), ENDED, EOF)),
        ("INCONCLUSIVE", (item(0), FAILED, ENDED, EOF, Elided("Item", 2))),
    ],
)
def test_items_come_before_the_error(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("ER-04", failing(*events)).outcome == outcome


def test_items_that_come_after_the_error_did_not_come_before_it(rule_on: RuleOn) -> None:
    """An error that jumps the queue: all three items arrive, and the consumer stopped listening before them."""
    assert rule_on("ER-04", failing(FAILED, *THREE, ENDED, EOF)).outcome == "FAIL"


@pytest.mark.parametrize(
    "message",
    [
        "it failed",
        "no such order: /orders/home/12",
        "see https://example.com/home/errors",
        "line 12 of your input is empty",
        "at step 3 (of 4)",
        "try again at 10:15",
        "C: is not a drive we know",
        "file report.py is missing",
        "upstream at example.com:443 did not answer",
    ],
)
def test_a_message_for_clients_is_no_spill(rule_on: RuleOn, message: str) -> None:
    assert rule_on("ER-10", failing(Failed("X", message), ENDED, EOF)).outcome == "PASS"


@pytest.mark.parametrize(
    "spill",
    [
        "Traceback (most recent call last):",
        'File "/srv/app.py", line 3, in f',
        'File \\"/srv/app.py\\", line 3',
        "at Object.run (/srv/app.js:10:5)",
        "at com.example.Main.run(Main.java:42)",
        "at async next (file:///app/server.mjs:3:1)",
        "panic: boom\n\ngoroutine 1 [running]:",
        "cannot open /home/ann/app/secret.key",
        "cannot open '/root/.config'",
        "C:\\Users\\ann\\app.cs",
    ],
)
@pytest.mark.parametrize("where", ["message", "prefix", "code"])
def test_a_stack_trace_or_a_path_is_a_spill(rule_on: RuleOn, spill: str, where: str) -> None:
    failed = Failed(**{"code": "X", "message": "", "prefix": "", where: spill})  # type: ignore[arg-type]  # all text
    assert rule_on("ER-10", failing(failed, ENDED, EOF)).outcome == "WARN"


# -- other bindings, other dialects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("binding", ["sse", "ndjson", "json_array"])
@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("ER-01", (Failed("", "x"),), (FAILED,)),
        ("ER-04", (item(0), FAILED), (*THREE, FAILED)),
        ("ER-10", (Failed("X", "panic: boom\n\ngoroutine 1 [running]:"),), (FAILED,)),
    ],
)
def test_a_failure_is_read_alike_in_every_binding(
    rule_on: RuleOn, rule: str, bad: tuple[Event, ...], good: tuple[Event, ...], binding: str
) -> None:
    for events, outcomes in ((bad, {"FAIL", "WARN"}), (good, {"PASS"})):
        rows = told("failing", ASK, chunked(binding), *events, ENDED, EOF)
        assert rule_on(rule, written(*rows, declared=MARKED, binding=binding)).outcome in outcomes


@pytest.mark.parametrize("rule", ["ER-01", "ER-04", "ER-10"])
def test_a_dialect_without_a_word_for_failure_says_so(rule_on: RuleOn, rule: str) -> None:
    """An array has an end of its own under every profile, and under `plain` no error."""
    declared: dict[str, str | int | bool] = {"profile.terminal": True, "failing.items_before": 3}
    rows = told("failing", ASK, chunked("json_array"), item(0), Completed(9), ENDED, EOF)
    verdict = rule_on(rule, written(*rows, declared=declared, binding="json_array"))
    assert verdict.outcome == "INCONCLUSIVE"
    assert "no word for a failure" in verdict.reason


def record(n: int, *, fatal: bool) -> Item:
    return replace(item(n, kind="error"), kept={"type": "error", "code": "X", **({"fatal": True} if fatal else {})})


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (*THREE, record(3, fatal=True))),
        ("FAIL", (*THREE[:2], record(2, fatal=True))),
        ("PASS", (*THREE, record(3, fatal=False))),
        ("INCONCLUSIVE", (*THREE[:2], record(2, fatal=False))),  # an item that failed, or the failure of all
        ("FAIL", (item(0), record(1, fatal=False))),
    ],
)
def test_the_record_of_the_failure_is_no_item_before_it(
    rule_on: RuleOn, outcome: str, events: tuple[Event, ...]
) -> None:
    rows = told("failing", ASK, chunked("ndjson"), *events, Failed("error"), ENDED, EOF)
    assert rule_on("ER-04", written(*rows, declared=MARKED, binding="ndjson")).outcome == outcome
