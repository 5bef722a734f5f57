"""A query's texts: what they become where a schema wants something, and where none does."""

from __future__ import annotations

from typing import Any

import pytest

from streamspec.reference_impl.services.framework.faults import Misfit
from streamspec.reference_impl.services.framework.queries import read_query, read_without_schema

WANTED = {
    "type": "object",
    "properties": {
        "level": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "limit": {"type": "integer"},
        "ratio": {"type": ["number", "null"]},
        "follow": {"type": "boolean"},
        "symbols": {"type": "array", "items": {"type": "string"}},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        "range": {"type": "object"},
        "place": {"$ref": "#/$defs/Place"},
        "fixed": {"const": 5},
        "one_of": {"enum": ["5", "6"]},
        "anything": {},
    },
    "$defs": {"Place": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("error", "level", "error"),
        ("404", "level", "404"),
        ("null", "level", "null"),
        ("100", "limit", 100),
        ("-1", "limit", -1),
        ("1.5", "ratio", 1.5),
        ("null", "ratio", None),
        ("true", "follow", True),
        ("0", "follow", False),
        ("AAPL", "symbols", ["AAPL"]),
        ("123", "symbols", ["123"]),
        ('["a","b"]', "symbols", ["a", "b"]),
        ('{"from":1}', "range", {"from": 1}),
        ("7", "place", 7),
        ("5", "fixed", 5),
        ("5", "one_of", "5"),
        ("5", "anything", 5),
        ("five", "anything", "five"),
        # What is nothing that is wanted stays a text, about which the schema complains.
        ("many", "limit", "many"),
        ("", "limit", ""),
        (" 5", "limit", " 5"),
        ("1_000", "limit", "1_000"),
        ("\u0665", "limit", "\u0665"),
        ("NaN", "ratio", "NaN"),
        ("yes", "follow", "yes"),
        ("x", "range", "x"),
    ],
)
def test_a_text_becomes_what_is_wanted(text: str, name: str, value: object) -> None:
    read = read_query({name: text}, WANTED)
    assert read == {name: value}
    assert type(read[name]) is type(value)


@pytest.mark.parametrize(
    ("texts", "name", "value"),
    [
        (["a", "b"], "symbols", ["a", "b"]),
        (["1", "2"], "symbols", ["1", "2"]),
        (["1", "2"], "pair", [1, "2"]),
        (["1", "2"], "limit", 2),  # the last counts
    ],
)
def test_several_of_one_name(texts: list[str], name: str, value: object) -> None:
    assert read_query({name: texts}, WANTED) == {name: value}


def test_other_members_are_wanted_alike() -> None:
    numbers = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert read_query({"a": "1", "b": "x"}, numbers) == {"a": 1, "b": "x"}


def test_of_a_choice_of_objects_each_is_looked_at() -> None:
    choice = {
        "anyOf": [
            {"properties": {"n": {"type": "integer"}, "both": {"type": "integer"}}},
            {"properties": {"s": {"type": "string"}, "both": {"type": "boolean"}}},
        ]
    }
    assert read_query({"n": "1", "s": "1", "both": "true"}, choice) == {"n": 1, "s": "1", "both": True}


def test_where_nothing_is_wanted_json_is_read_as_json() -> None:
    texts = {"n": "5", "list": "[1]", "text": "error", "odd": "1 2", "last": ["1", "x"]}
    assert read_without_schema(texts) == {"n": 5, "list": [1], "text": "error", "odd": "1 2", "last": "x"}
    assert read_without_schema(None) == {}


def test_a_schema_that_contains_itself_has_an_end() -> None:
    tree: dict[str, Any] = {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"anyOf": [{"$ref": "#/$defs/Tree"}]}}}
    assert read_query({"n": "5"}, tree) == {"n": 5}


@pytest.mark.parametrize("deep", ["[" * 100_000, "{" * 5, "9" * 10_000, "\ud800"])
def test_a_text_that_would_break_a_reader_stays_a_text(deep: str) -> None:
    assert read_query({"limit": deep}, WANTED) == {"limit": deep}


@pytest.mark.parametrize("texts", ["a=1", ["a"], 5])
def test_what_is_no_query_is_refused(texts: object) -> None:
    with pytest.raises(Misfit, match="a query has names and texts"):
        read_query(texts, WANTED)
