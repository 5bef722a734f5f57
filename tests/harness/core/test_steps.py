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
    names_of,
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


def test_items_keep_every_digit() -> None:
    assert '"items":[1e400,-0.0]' in text_of((Send(("1e400", "-0.0")),), {})


def test_names_come_once_and_in_order() -> None:
    assert names_of((Generate(1), Complete(), Generate(2))) == ("generate", "complete")
