"""Scripts: data that goes to JSON and back and refuses everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.script import (
    ACTS,
    LOOK,
    Account,
    Ask,
    Await,
    Call,
    Cancel,
    Finish,
    Heal,
    Open,
    Pass,
    Ping,
    Poison,
    Read,
    Say,
    Script,
    Session,
    Settle,
    Stop,
    Watch,
    Write,
    expanded,
    script_from_json,
    script_to_json,
)
from streamspec.harness.core.steps import Generate

ACT = st.one_of(*map(st.builds, ACTS.values()))
OPTIONS = st.dictionaries(st.text(), st.integers() | st.text(), max_size=3)
SESSION = st.builds(Session, acts=st.lists(ACT, max_size=4).map(tuple), options=OPTIONS)


@given(st.builds(Script, st.lists(SESSION, max_size=4).map(tuple)))
def test_a_script_round_trips_through_json(script: Script) -> None:
    assert script_from_json(json.loads(json.dumps(script_to_json(script)))) == script


def test_every_act_is_named() -> None:
    assert tuple(ACTS.values()) == (
        Ask,
        Read,
        Cancel,
        Say,
        Finish,
        Ping,
        Write,
        Account,
        Watch,
        Open,
        Stop,
        Await,
        Poison,
        Heal,
        Call,
        Settle,
        Pass,
    )


def test_a_session_is_repeated_as_often_as_the_effort_says() -> None:
    script = expanded(Script((Session("batch", "endless", (), times=0), Session("once", "endless", ()))), cycles=3)
    assert [session.id for session in script.sessions] == ["batch", "batch~2", "batch~3", "once"]


def test_steps_are_scaled_to_the_effort_and_to_the_largest_item_of_the_target() -> None:
    steps = (Generate(10, per_cycle=True), Generate(1, 1, from_limit=True))
    script = expanded(Script((Session("counted", "script", (), steps=steps),)), cycles=3, limit_bytes=500)
    assert script.sessions[0].steps == (Generate(30), Generate(1, 501))


def test_where_a_fin_is_no_leave_clients_leave_abruptly() -> None:
    script = Script((Session("a", "endless", (Ask(), Cancel("fin"), Cancel("word"))),))
    assert expanded(script).sessions[0].acts == (Ask(), Cancel("fin"), Cancel("word"))
    assert expanded(script, abrupt=True).sessions[0].acts == (Ask(), Cancel("rst"), Cancel("word"))


def test_repeats_run_together_in_groups() -> None:
    script = expanded(Script((Session("batch", "endless", (), times=5, together=2),)))
    assert [(s.id, s.beside) for s in script.sessions] == [
        ("batch", ""),
        ("batch~2", "batch"),
        ("batch~3", ""),
        ("batch~4", "batch~3"),
        ("batch~5", ""),
    ]


def test_a_repeated_session_is_written_out_under_its_own_ids() -> None:
    acts = (Call("send", "producer"), Settle())
    script = expanded(Script((Session("race", "object", acts, times=3), Session("once", "object", ()))))
    assert [session.id for session in script.sessions] == ["race", "race~2", "race~3", "once"]
    assert all(session.times == 1 for session in script.sessions)
    assert script.sessions[2].acts == acts


@pytest.mark.parametrize(
    "data",
    [
        [{}],
        [{"id": "a", "role": "b", "beside": ""}],
        [{"id": "a", "role": "b", "beside": "", "acts": [], "more": 1}],
        [{"id": "a", "role": 3, "beside": "", "acts": []}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{"act": "Read", "items": "1", "budget": "look_ms"}]}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{"act": "Cancel", "how": "politely"}]}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{}]}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{"act": "Sleep"}]}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{"act": "Read"}]}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{"act": "Cancel", "how": "rst", "why": "bored"}]}],
        ["look"],
        [{"id": "a", "role": "b", "beside": "", "acts": ["Ask"]}],
        [{"id": "a", "role": "b", "beside": "", "acts": [{"act": ["Ask"]}]}],
        3,
    ],
)
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        script_from_json(data)


def test_roles_are_named_once_in_order_and_the_look_is_none() -> None:
    sessions = (Session(str(n), role, ()) for n, role in enumerate(["prompt", LOOK, "finite", "prompt"]))
    assert Script(tuple(sessions)).roles() == ("prompt", "finite")
