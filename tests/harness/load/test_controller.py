"""The engines' words, put together: nothing counted twice, nothing missing unnoticed. Without a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamspec.harness.core.load import Seen
from streamspec.harness.load.controller import EVIDENCE_EACH, Controller, controller_from_json
from streamspec.harness.load.figures import problem_of, total_of
from streamspec.harness.load.tally import Tally


def batch(seq: int, good: int = 0, op: str = "batch", **more: Any) -> dict[str, Any]:
    made = Tally()
    for _ in range(good):
        made.counts.update(("due", "started"))
        made.stream(Seen("", 1, 1_000, 1_000, (), 2_000), [("OI-01", "held")])
    made.counts.update({"cpu_us": 100_000, "wall_us": 1_000_000})
    return {"op": op, "seq": seq, "tick": seq * 50, "tally": made.to_json(), "problem": "", **more}


def heard(*said: dict[str, Any], expected: int = 1) -> Controller:
    controller = Controller(expected)
    for frame in said:
        controller.take("1", frame)
    return controller


def test_batches_add_up_and_the_final_word_ends_it() -> None:
    controller = heard(batch(1, 3), batch(2, 4))
    assert not controller.over
    controller.take("1", batch(3, 2, "final"))
    assert controller.over
    assert problem_of(controller) == ""
    assert total_of(controller).counts["good"] == 9
    assert controller.workers["1"].busiest == pytest.approx(0.1)


def test_two_engines_are_added_up_by_somebody_else_alike() -> None:
    controller = Controller(2)
    for name, goods in (("1", (5, 1)), ("2", (2, 8))):
        controller.take(name, batch(1, goods[0]))
        controller.take(name, batch(2, goods[1], "final"))
    assert controller.over
    total = total_of(controller)
    assert (total.counts["good"], total.histograms["whole"].count, total.rules["OI-01"]["held"]) == (16, 16, 16)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((batch(1, 1),), "did not have its final word"),
        ((batch(2, 1),), "batch 2 where 1 was due"),
        ((batch(1, 1), batch(1, 1)), "batch 1 where 2 was due"),
        ((batch(1, 1, "final"), batch(2, 1)), "more after its final word"),
        (({"op": "batch"},), "cannot be read"),
        (({"op": "batch", "seq": 1, "tick": 1, "tally": {}},), "no tally"),
        (({"op": "fatal", "message": "the job does not fit"},), "the job does not fit"),
        ((batch(1, 1, "final", problem="KeyError: 'x'"),), "KeyError"),
        ((), "0 of 1 engines began"),
    ],
)
def test_figures_that_are_not_whole_have_a_problem(said: tuple[dict[str, Any], ...], why: str) -> None:
    assert why in problem_of(heard(*said))


def test_counts_that_do_not_add_up_are_a_problem() -> None:
    lost = batch(1, 2, "final")
    lost["tally"]["counts"]["started"] += 1
    assert "do not add up" in problem_of(heard(lost))


def test_an_engine_that_is_lost_leaves_what_it_said_and_a_problem() -> None:
    controller = heard(batch(1, 3))
    controller.lost("1", "its worker is not there any more")
    assert controller.over
    assert total_of(controller).counts["good"] == 3
    assert problem_of(controller) == "engine 1: its worker is not there any more"


def test_fewer_engines_than_were_to_come_are_a_problem() -> None:
    controller = heard(batch(1, 1, "final"), expected=2)
    assert not controller.over
    assert problem_of(controller) == "1 of 2 engines began"


def test_evidence_is_kept_a_little_of_each_kind() -> None:
    controller = heard(*({"op": "evidence", "why": why, "lines": "{}"} for why in ("OI-01", "reset") for _ in range(9)))
    assert [kept["why"] for kept in controller.evidence] == ["OI-01"] * EVIDENCE_EACH + ["reset"] * EVIDENCE_EACH


def test_a_result_is_read_back_whole() -> None:
    controller = heard(batch(1, 3), {"op": "evidence", "why": "", "lines": "x"}, batch(2, 1, "final"))
    controller.stopped = True
    again = controller_from_json(json.loads(json.dumps(controller.to_json())))
    assert again.to_json() == controller.to_json()


@pytest.mark.parametrize("data", [None, {}, {"version": 2}, {"version": 1, "expected": 1, "stopped": False}])
def test_what_is_no_result_is_not_read(data: Any) -> None:
    with pytest.raises(ValueError, match=r"no result|result of version"):
        controller_from_json(data)
