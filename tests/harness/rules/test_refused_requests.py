"""What is to be refused: every honest way to do so is green under every rule, and each way not to is one finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.event import Completed, Deviation, Failed
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, head, item, told, written

if TYPE_CHECKING:
    from streamspec.harness.core.event import Event

WIRE: Final = tuple(rule for rule in all_rules() if "object" not in rule.needs)
RULE_OF: Final = {"unknown": "ER-07", "invalid": "ER-08", "unsupported": "DR-09"}
TM: Final[dict[str, str | int | bool]] = {"profile.terminal": True, "profile.error_channel": True}
JSON: Final = ("Content-Type", "application/json")
HTML: Final = ("Content-Type", "text/html")


def outcomes(role: str, *events: Event, binding: str = "sse") -> dict[str, Outcome]:
    rules = tuple(rule for rule in WIRE if not rule.on or binding in rule.on)
    history = written(*told(role, ASK, *events), declared=TM, binding=binding)
    return {verdict.rule: verdict.outcome for verdict in judge(history, rules, (RULE_OF[role],))}


@pytest.mark.parametrize("role", list(RULE_OF))
@pytest.mark.parametrize(
    "answer",
    [
        (head(JSON, status=404), ENDED, EOF),
        (head(JSON, status=400), ENDED, *CLOSE),
        (head(JSON, status=501), ENDED, EOF),
        (head(), Failed("NOT_FOUND", "no such stream"), ENDED, EOF),
    ],
    ids=["404", "400", "501", "an error inside"],
)
def test_a_refusal_is_held_and_breaks_nothing_else(role: str, answer: tuple[Event, ...]) -> None:
    found = outcomes(role, *answer)
    assert found[RULE_OF[role]] is Outcome.PASS
    assert not {Outcome.FAIL, Outcome.WARN, Outcome.ERROR} & set(found.values())


@pytest.mark.parametrize(
    ("answer", "binding"),
    [
        # a JSON error with status 200, as JSON-RPC has it; the page of an application for every path
        ((head(JSON), ENDED, EOF), "sse"),
        ((head(HTML), Deviation("sse.field", 0), ENDED, EOF), "sse"),
        ((head(JSON), Deviation("array.none", 0), ENDED, EOF), "json_array"),
        ((head(JSON), item(0, kind="error"), ENDED, EOF), "ndjson"),
        ((head(JSON, status=500), ENDED, EOF), "sse"),
    ],
    ids=["json", "page", "document", "a line", "500"],
)
def test_what_may_be_a_refusal_is_held_against_nobody(answer: tuple[Event, ...], binding: str) -> None:
    found = outcomes("unknown", *answer, binding=binding)
    assert found["ER-07"] is Outcome.INCONCLUSIVE
    assert not {Outcome.FAIL, Outcome.WARN, Outcome.ERROR} & set(found.values())


@pytest.mark.parametrize("role", list(RULE_OF))
def test_a_stream_where_a_refusal_was_due_is_one_finding(role: str) -> None:
    found = outcomes(role, head(), item(0), item(1), *CLOSE)
    assert {rule for rule, outcome in found.items() if outcome is Outcome.FAIL} == {RULE_OF[role]}
    assert not {Outcome.WARN, Outcome.ERROR} & set(found.values())


def test_an_empty_success_is_no_refusal() -> None:
    assert outcomes("invalid", chunked("json_array"), Completed(2), ENDED, EOF, binding="json_array")["ER-08"] is (
        Outcome.FAIL
    )
