"""SSE-11, SSE-12 at their edges: how a server says no."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Completed, Deviation, Did, Ended, Event, Expired, Item, Refused
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, TYPES, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
PLAIN, PAGE, JSON = (("Content-Type", kind) for kind in ("text/plain", "text/html", "application/json"))

# -- another method ----------------------------------------------------------------------------------------------------


def in_another_way(*events: Event, binding: str = "sse", way: str = "ask:method", usual: bool = True) -> History:
    kind = ("Content-Type", TYPES[binding])
    first = (head(kind), item(0), *CLOSE) if usual else (head(PAGE), ENDED, EOF)
    return written(*told("look-1", ASK, *first), *told("look-2", Did(way), *events, start_ms=50), binding=binding)


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        *(("PASS", (head(PLAIN, status=status), ENDED, EOF)) for status in (400, 401, 404, 426, 500, 501, 503)),
        ("PASS", (head(PLAIN, ("allow", "GET, HEAD"), status=405), ENDED, EOF)),
        ("PASS", (head(PLAIN, ("Allow", ""), status=405), ENDED, EOF)),
        ("WARN", (head(PLAIN, status=405), ENDED, EOF)),
        ("WARN", (head(PAGE), Deviation("sse.field", 0), ENDED, EOF)),
        ("WARN", (head(JSON, status=202), ENDED, EOF)),
        ("PASS", (head(), item(0), *CLOSE)),
        ("INCONCLUSIVE", (head(), Expired("lasting_ms", 200), *CLOSE)),
        ("INCONCLUSIVE", (head(), Deviation("sse.field", 0), ENDED, EOF)),
        ("INCONCLUSIVE", (head(), ENDED, EOF)),
        ("INCONCLUSIVE", (head(PAGE, status=302), ENDED, EOF)),
        ("INCONCLUSIVE", (head(PAGE, status=204), Ended("none", 0), EOF)),
        ("INCONCLUSIVE", (head(("Content-Length", "0")), Ended("length", 0), EOF)),
        *(("INCONCLUSIVE", (Refused(why),)) for why in ("closed", "reset", "not-http")),
        ("INCONCLUSIVE", (Expired("look_ms", 2000), *CLOSE)),
    ],
)
def test_a_method_is_served_or_refused(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("SSE-12", in_another_way(*events)).outcome == outcome


@pytest.mark.parametrize("binding", sorted(TYPES))
def test_every_binding_is_held_to_it(rule_on: RuleOn, binding: str) -> None:
    assert rule_on("SSE-12", in_another_way(head(PAGE), ENDED, EOF, binding=binding)).outcome == "WARN"


def test_a_document_about_a_refusal_has_the_type_of_an_array(rule_on: RuleOn) -> None:
    events = (head(JSON), Deviation("array.none", 0), ENDED, EOF)
    assert rule_on("SSE-12", in_another_way(*events, binding="json_array")).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("way", ["ask", "ask:malformed", "ask:1.0"])
def test_other_requests_say_nothing_of_it(rule_on: RuleOn, way: str) -> None:
    assert rule_on("SSE-12", in_another_way(head(PAGE), ENDED, EOF, way=way)).outcome == "INCONCLUSIVE"


def test_a_page_for_everybody_is_no_answer_to_a_method(rule_on: RuleOn) -> None:
    assert rule_on("SSE-12", in_another_way(head(PAGE), ENDED, EOF, usual=False)).outcome == "INCONCLUSIVE"
    refused = in_another_way(head(PLAIN, status=405), ENDED, EOF, usual=False)
    assert rule_on("SSE-12", refused).outcome == "INCONCLUSIVE"


# -- behind the final end ----------------------------------------------------------------------------------------------

WHOLE = (Item(0, 2, "0", "{}", 0, id="a"), Item(1, 2, "1", "{}", 20, id="b"), Completed(), ENDED, EOF)


def came_back(*events: Event, final: str = "204", first: tuple[Event, ...] = WHOLE) -> History:
    return written(
        *told("resumable-1", ASK, head(), *first),
        *told("resumable-2", ASK, *events, start_ms=50),
        declared={"resumable.final": final} if final else {},
        asks={"resumable-2": Ask(after="resumable-1")},
    )


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (head(status=204), Ended("none", 0), EOF)),
        ("WARN", (head(), Completed(), ENDED, EOF)),
        ("WARN", (head(), *WHOLE)),
        ("WARN", (head(status=200), *CLOSE)),
        *(("WARN", (head(status=status), ENDED, EOF)) for status in (205, 404, 410, 412, 500)),
        *(("INCONCLUSIVE", (head(status=status), ENDED, EOF)) for status in (401, 403, 429, 503)),
        ("INCONCLUSIVE", (Refused("closed"),)),
        ("INCONCLUSIVE", (Expired("head_ms", 10_000), *CLOSE)),
    ],
)
def test_who_comes_back_behind_the_end_is_told_to_stay_away(
    rule_on: RuleOn, outcome: str, events: tuple[Event, ...]
) -> None:
    assert rule_on("SSE-11", came_back(*events)).outcome == outcome


@pytest.mark.parametrize(
    "first",
    [
        WHOLE[:2] + CLOSE,
        (*WHOLE[:2], ENDED, EOF),
        (WHOLE[0], item(1), *WHOLE[2:]),
        (item(0), *WHOLE[2:]),
        WHOLE[2:],
    ],
    ids=["left", "no terminal", "last without an id", "none with an id", "empty"],
)
def test_only_a_whole_stream_is_over(rule_on: RuleOn, first: tuple[Event, ...]) -> None:
    assert rule_on("SSE-11", came_back(head(), Completed(), ENDED, EOF, first=first)).outcome == "INCONCLUSIVE"


def test_only_who_declares_it_is_held_to_it(rule_on: RuleOn) -> None:
    assert rule_on("SSE-11", came_back(head(), Completed(), ENDED, EOF, final="")).outcome == "INCONCLUSIVE"
