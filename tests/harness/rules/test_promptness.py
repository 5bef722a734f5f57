"""SSE-07, SSE-08, ND-10, CJ-05 at their edges: what is late, how often, and beside what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from streamspec.harness.core.event import Item, Lagged
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, EOF, Row, chunked, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
PROMPT = {"sse": "SSE-08", "ndjson": "ND-10", "json_array": "CJ-05"}


def timed(
    *gaps_ms: float, declared: int = 200, stalled_at: float | None = None, stall_ms: float = 100, binding: str = "sse"
) -> History:
    rows: list[Row] = []
    for n, gap_ms in enumerate(gaps_ms, 1):
        start = 1000.0 * n
        rows += [(f"prompt-{n}", start, item(0)), (f"prompt-{n}", start + gap_ms, item(1))]
    if stalled_at is not None:
        rows.append(("", stalled_at, Lagged(stall_ms)))
    return written(*rows, declared={"prompt.gap_ms": declared}, binding=binding)


@pytest.mark.parametrize("binding", PROMPT)
@pytest.mark.parametrize(
    ("outcome", "gaps_ms"),
    [
        ("PASS", (200, 200, 200)),
        ("PASS", (150, 199, 400)),
        ("PASS", (51, 51, 51)),
        ("WARN", (0, 0, 0)),
        ("WARN", (49, 49, 49)),
        ("INCONCLUSIVE", (0, 0, 200)),
        ("INCONCLUSIVE", (0, 200, 200)),
        ("INCONCLUSIVE", (0, 0)),
        ("PASS", (200,)),
    ],
)
def test_an_item_is_late_only_when_it_is_late_every_time(
    rule_on: RuleOn, outcome: str, gaps_ms: tuple[float, ...], binding: str
) -> None:
    assert rule_on(PROMPT[binding], timed(*gaps_ms, binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "at_ms", "stall_ms"),
    [
        ("INCONCLUSIVE", 1001.0, 100.0),
        ("INCONCLUSIVE", 1080.0, 100.0),
        ("WARN", 1001.0, 30.0),
        ("WARN", 500.0, 100.0),
        ("WARN", 5000.0, 100.0),
    ],
)
def test_our_own_stall_near_an_item_excuses_it(rule_on: RuleOn, outcome: str, at_ms: float, stall_ms: float) -> None:
    assert rule_on("SSE-08", timed(0, 0, 0, stalled_at=at_ms, stall_ms=stall_ms)).outcome == outcome


@pytest.mark.parametrize("gap_ms", [0, 1, 5])
def test_a_gap_too_small_to_see_proves_nothing(rule_on: RuleOn, gap_ms: int) -> None:
    """With `gap_ms = 0` a server that holds everything back "is prompt"; a few milliseconds are the network's."""
    assert rule_on("SSE-08", timed(0, 0, 0, declared=gap_ms)).outcome == "INCONCLUSIVE"


def test_one_item_alone_shows_no_promptness(rule_on: RuleOn) -> None:
    history = written(*told("prompt-1", ASK, head(), item(0), EOF), declared={"prompt.gap_ms": 200})
    assert rule_on("SSE-08", history).outcome == "INCONCLUSIVE"


# -- under a coding ----------------------------------------------------------------------------------------------------


def coded(binding: str, without: Sequence[float], under: Sequence[float]) -> History:
    """Sessions without a coding, and sessions under gzip, with these gaps."""
    rows: list[Row] = []
    for n, gap_ms in enumerate((*without, *under), 1):
        opened = chunked(binding, *((("Content-Encoding", "gzip"),) if n > len(without) else ()))
        start = 1000.0 * n
        rows += [*told(f"prompt-{n}", ASK, opened, start_ms=start - 5), (f"prompt-{n}", start, item(0))]
        rows.append((f"prompt-{n}", start + gap_ms, item(1)))
    asks = {f"prompt-{n}": Ask(coding="gzip") for n in range(len(without) + 1, len(without) + len(under) + 1)}
    return written(*rows, declared={"prompt.gap_ms": 200}, binding=binding, asks=asks)


@pytest.mark.parametrize("binding", PROMPT)
@pytest.mark.parametrize(
    ("outcome", "without", "under"),
    [
        ("PASS", (200,), (200, 200, 200)),
        ("WARN", (200,), (0, 0, 0)),
        ("INCONCLUSIVE", (200,), (0, 0, 200)),
        ("INCONCLUSIVE", (200,), (0, 0)),  # not three times
        ("INCONCLUSIVE", (0,), (0, 0, 0)),  # late without a coding as well
        ("INCONCLUSIVE", (), (0, 0, 0)),  # without a control
        ("WARN", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_a_coding_is_judged_beside_an_answer_without_one(
    rule_on: RuleOn, outcome: str, without: tuple[float, ...], under: tuple[float, ...], binding: str
) -> None:
    assert rule_on(PROMPT[binding], coded(binding, without, under)).outcome == outcome


def test_the_finding_says_under_what_it_was_late(rule_on: RuleOn) -> None:
    (finding,) = rule_on("SSE-08", coded("sse", (200,), (0, 0, 0))).findings
    assert finding.got == "0.0 ms before it under a content coding, every time, and in time without"


@pytest.mark.parametrize(("outcome", "payload"), [("INCONCLUSIVE", "1"), ("INCONCLUSIVE", "null"), ("WARN", '"one"')])
def test_an_element_without_an_end_of_its_own_waits_for_the_next(rule_on: RuleOn, outcome: str, payload: str) -> None:
    pair = (Item(0, 1, "a", payload, 1), Item(1, 1, "b", payload, 3))
    rows = (row for n in (1, 2, 3) for row in told(f"prompt-{n}", *pair, start_ms=1000 * n))
    history = written(*rows, declared={"prompt.gap_ms": 200}, binding="json_array")
    assert rule_on("CJ-05", history).outcome == outcome


# -- the head ----------------------------------------------------------------------------------------------------------


def begun(*waits_ms: float, declared: int = 300) -> History:
    rows: list[Row] = []
    for n, wait_ms in enumerate(waits_ms, 1):
        rows += [
            *told(f"endless-{n}", ASK, head(), start_ms=1000 * n),
            (f"endless-{n}", 1000 * n + 1 + wait_ms, item(0)),
        ]
    return written(*rows, declared={"endless.first_item_ms": declared})


@pytest.mark.parametrize(
    ("outcome", "waits_ms"),
    [
        ("PASS", (300, 299, 310)),
        ("PASS", (300, 80, 900)),
        ("WARN", (0, 1, 2)),
        ("INCONCLUSIVE", (0, 0, 300)),
        ("INCONCLUSIVE", (0, 0)),
    ],
)
def test_a_head_comes_before_the_first_item(rule_on: RuleOn, outcome: str, waits_ms: tuple[float, ...]) -> None:
    assert rule_on("SSE-07", begun(*waits_ms)).outcome == outcome


def test_a_first_item_that_is_nearly_there_shows_nothing_of_the_head(rule_on: RuleOn) -> None:
    assert rule_on("SSE-07", begun(0, 0, 0, declared=20)).outcome == "INCONCLUSIVE"
