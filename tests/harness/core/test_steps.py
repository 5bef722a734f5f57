"""Steps and their JSON: what a server is told, and what a history keeps."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.steps import (
    STEPS,
    Complete,
    Fail,
    Generate,
    Send,
    Wait,
    names_of,
    scaled,
    step_from_json,
    step_to_json,
    text_of,
)

STEP = st.one_of(*map(st.builds, STEPS.values()))


@given(STEP)
def test_a_step_round_trips_through_the_json_of_a_history(step: object) -> None:
    assert step_from_json(json.loads(json.dumps(step_to_json(step)))) == step  # type: ignore[arg-type]


def test_a_script_is_told_as_the_contract_has_it() -> None:
    steps = (Generate(3, 40), Fail("INTERNAL", 'no "more"'), Complete())
    assert json.loads(text_of(steps, {"deadline_ms": 500})) == {
        "steps": [
            {"do": "generate", "n": 3, "bytes": 40},
            {"do": "fail", "code": "INTERNAL", "message": 'no "more"'},
            {"do": "complete"},
        ],
        "deadline_ms": 500,
    }


def test_a_wait_of_nothing_says_so() -> None:
    assert text_of((Wait(0),), {}) == '{"steps":[{"do":"wait","ms":0}]}'


def test_items_keep_every_digit() -> None:
    assert '"items":[1e400,-0.0]' in text_of((Send(("1e400", "-0.0")),), {})


def test_names_come_once_and_in_order() -> None:
    assert names_of((Generate(1), Complete(), Generate(2))) == ("generate", "complete")


def test_what_depends_on_the_run_or_the_target_is_put_in_before_it_is_told() -> None:
    counted, sized = Generate(100, per_cycle=True), Generate(1, -1, from_limit=True)
    assert scaled(counted, cycles=30, limit_bytes=9) == Generate(3_000)
    assert scaled(sized, cycles=30, limit_bytes=1_000) == Generate(1, 999)
    assert scaled(sized, cycles=30, limit_bytes=0) == Generate(1, 0)
    assert text_of((scaled(sized, 1, 1_000),), {}) == '{"steps":[{"do":"generate","n":1,"bytes":999}]}'


def test_other_steps_are_the_same_in_every_run() -> None:
    for step in (Wait(5), Generate(7, 40), Send(("1",))):
        assert scaled(step, cycles=30, limit_bytes=9) == step
