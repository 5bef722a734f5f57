"""Profiles: ordered maps, the first clause that matches decides, and what matches nothing is an item."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.profile import KINDS, Clause, Kind, Profile, field_at, text_or_empty

JSON_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)


def dialect(*rows: tuple[dict[str, str], Kind]) -> Profile:
    return Profile("x", "", "any", tuple(Clause(tuple(when.items()), kind) for when, kind in rows))


def test_what_matches_nothing_is_an_item() -> None:
    assert dialect().kind_of("message", "", None) == "item"
    assert dialect(({"event": "end"}, "completed")).kind_of("message", "end", None) == "item"


def test_the_first_clause_that_matches_decides() -> None:
    profile = dialect(({"event": "x"}, "meta"), ({"event": "x"}, "failed"), ({"data": "[DONE]"}, "completed"))
    assert profile.kind_of("x", "[DONE]", None) == "meta"
    assert profile.kind_of("message", "[DONE]", None) == "completed"


def test_every_condition_of_a_clause_must_hold() -> None:
    profile = dialect(({"event": "x", "json.type": "end"}, "completed"))
    assert profile.kind_of("x", "", {"type": "end"}) == "completed"
    assert profile.kind_of("y", "", {"type": "end"}) == "item"
    assert profile.kind_of("x", "", {"type": "on"}) == "item"
    assert profile.kind_of("x", "", None) == "item"


@pytest.mark.parametrize("payload", [None, [], ["end"], "end", 3, True])
def test_a_field_is_asked_of_an_object_only(payload: Any) -> None:
    assert dialect(({"json.type": "end"}, "completed")).kind_of("message", "", payload) == "item"


@pytest.mark.parametrize(
    ("spelled", "written_as"),
    [('"error"', "error"), ("3", "3"), ("-1", "-1"), ("true", "true"), ("false", "false")],
)
def test_a_condition_is_written_as_json_spells_the_value(spelled: str, written_as: str) -> None:
    profile = dialect(({"json.done": written_as}, "completed"))
    assert profile.kind_of("message", "", json.loads(f'{{"done": {spelled}}}')) == "completed"


@pytest.mark.parametrize("value", [None, [], {}, 1.5])
def test_what_is_no_word_or_whole_number_matches_nothing(value: Any) -> None:
    assert dialect(({"json.a": str(value)}, "failed")).kind_of("message", "", {"a": value}) == "item"


@pytest.mark.parametrize("value", ["", "text", 0, False, {}, {"message": "x"}, [None]])
def test_a_field_may_be_asked_only_to_be_there(value: Any) -> None:
    profile = dialect(({"has": "error"}, "failed"))
    assert profile.wants_json
    assert profile.kind_of("message", "", {"error": value}) == "failed"


@pytest.mark.parametrize("payload", [None, "error", ["error"], {}, {"error": None}, {"has": "error"}])
def test_a_field_that_is_null_is_not_there(payload: Any) -> None:
    assert dialect(({"has": "error"}, "failed")).kind_of("message", "", payload) == "item"


def test_a_field_cannot_pretend_to_be_the_event() -> None:
    profile = dialect(({"event": "end"}, "completed"))
    assert profile.kind_of("message", "", {"event": "end"}) == "item"


@given(st.text(), st.text(), JSON_VALUE)
def test_every_message_has_a_kind(event: str, data: str, payload: Any) -> None:
    profile = dialect(({"event": "end"}, "completed"), ({"json.type": "x"}, "failed"), ({"data": ""}, "ignore"))
    assert profile.kind_of(event, data, payload) in KINDS


def test_a_profile_knows_which_ends_it_can_tell() -> None:
    plain, done = dialect(), dialect(({"data": "[DONE]"}, "completed"))
    both = dialect(({"event": "end"}, "completed"), ({"json.type": "error"}, "failed"))
    assert [(p.terminal, p.error_channel, p.wants_json) for p in (plain, done, both)] == [
        (False, False, False),
        (True, False, False),
        (True, True, True),
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a.b", 1),
        ("a.b", 1),
        ("$", {"a": {"b": 1}, "c": None}),
        ("$.c", None),
        ("$.c.d", None),
        ("$.a.b.c", None),
        ("$.x", None),
        ("$.a[0]", None),
    ],
)
def test_a_path_finds_a_field_or_nothing(path: str, value: Any) -> None:
    assert field_at({"a": {"b": 1}, "c": None}, path) == value


@given(JSON_VALUE, st.text())
def test_a_path_never_crashes(payload: Any, path: str) -> None:
    field_at(payload, path)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"code": "X"}, "X"),
        ({"code": 7}, "7"),
        ({"code": 0}, "0"),
        ({"code": True, "type": "t"}, "t"),
        ({"code": None, "type": "t"}, "t"),
        ({"code": 1.5}, ""),
        ({"code": ["X"]}, ""),
        ({"type": "t", "code": "X"}, "X"),
        ({}, ""),
    ],
)
def test_a_code_is_the_first_word_or_number_named(values: dict[str, Any], text: str) -> None:
    assert text_or_empty(values, "code", "type") == text
