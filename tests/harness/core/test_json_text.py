"""One RFC 8259 text: what is one, what is none and why, and what is legal and yet worth a note."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.json_text import DUPLICATE, HUGE, TOO_DEEP, JsonText, Reader, read

DEPTH = 64


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (" \t\r\n true \n", True),
        ("-0", 0),
        ("1.50e2", 150.0),
        ('"\\u0041\\n\\ud83d\\ude00"', "A\n\U0001f600"),
        ('"\\ud800"', "\ud800"),
        ('"\u2028\ufeff\x7f"', "\u2028\ufeff\x7f"),
        ('{"a":[{},[],"]}"]}', {"a": [{}, [], "]}"]}),
        ('{"":0}', {"": 0}),
    ],
)
def test_a_text_has_its_value(text: str, value: Any) -> None:
    assert read(text, DEPTH) == JsonText(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "NaN", "-Infinity", "[Infinity]", "undefined", "True", "'a'", "{a:1}", "[1,]", '{"a":1,}', "[,1]"),
        *(
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "0x1",
            "--1",
            "1 2",
            "{}{}",
            "[}",
            '"a',
            '"\\x"',
            '"\\u12"',
            '"a\tb"',
            '"a\nb"',
        ),
        *("\ufeff1", "\xa01", "1\x0c", "[1\u2028]", "/**/1", '{"a" 1}', '{"a":}', "{1:1}", "]", "\u0661"),
    ],
)
def test_what_is_no_text_has_a_fault_and_no_value(text: str) -> None:
    found = read(text, DEPTH)
    assert found.fault
    assert not found.unread
    assert (found.value, found.notes) == (None, ())


def test_a_fault_says_what_and_where() -> None:
    assert read('{"a":1 "b"}', DEPTH).fault == "Expecting ',' delimiter at character 7"
    assert read("[NaN]", DEPTH).fault == "NaN is no JSON number"


@pytest.mark.parametrize(
    "text",
    ["{", "[", '{"a"', '{"a":', '{"a":1', '{"a":1,', "[1", "[1,", '[{"a":[]}', "[ \t\r\n", '{"a" \n', "[1, ", "[[]"],
)
def test_a_text_that_stops_between_two_tokens_is_unfinished(text: str) -> None:
    assert read(text, DEPTH).unfinished


@pytest.mark.parametrize(
    "text",
    ["[tru", '"a', '["a', '{"a":"', '["\\', '["\\u12', "[1.", "[-", "[1,,", "{}{", "[1}", "-", "hi", "<", "NaN"],
)
def test_a_text_that_is_torn_inside_a_token_or_wrong_before_its_end_is_not_unfinished(text: str) -> None:
    found = read(text, DEPTH)
    assert found.fault
    assert not found.unfinished


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ('{"a":1,"a":1}', (DUPLICATE,)),
        ('[{"a":1},{"a":1}]', ()),
        ('{"a":{"b":1,"\\u0062":2}}', (DUPLICATE,)),
        ("9007199254740992", ()),
        ("-9007199254740992", ()),
        ("9007199254740993", (HUGE,)),
        ("[-9007199254740993, 9007199254740993]", (HUGE,)),
        ("1e308", ()),
        ("1e309", (HUGE,)),
        ("-1e309", (HUGE,)),
        ("0.1000000000000000055511151231257827", ()),
        ('{"a":1e400,"a":1}', (HUGE, DUPLICATE)),
        ("9" * 5_000, (HUGE,)),
    ],
)
def test_what_readers_read_differently_is_noted_once_and_is_no_fault(text: str, notes: tuple[str, ...]) -> None:
    found = read(text, DEPTH)
    assert (found.fault, found.notes) == ("", notes)


def test_of_a_name_that_stands_twice_the_last_counts() -> None:
    assert read('{"a":1,"a":2}', DEPTH).value == {"a": 2}


def test_numbers_of_any_length_are_read() -> None:
    assert read("1" * 300, DEPTH).value == int("1" * 300)
    assert read("1" * 301, DEPTH).value == pytest.approx(float("1" * 301))
    assert read("-" + "1" * 400_000, DEPTH).value == -math.inf
    assert read("0." + "1" * 400_000, DEPTH).value == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("[[[1]]]", False),
        ("[[[1]],[]]", False),
        ("[[[[1]]]]", True),
        ('[{"a":[1]}]', False),
        ('[{"a":[{}]}]', True),
        ("[[[", False),
        ("[[[[", True),
        ("[],[],[],[]", False),
        ('["[[[[","\\"{{{{"]', False),
        ('["\\\\",[[[0]]]]', True),
    ],
)
def test_beyond_the_depth_a_text_stays_unread_and_that_is_no_evidence(text: str, *, unread: bool) -> None:
    found = read(text, 3)
    assert found.unread is unread
    assert (found.fault == TOO_DEEP) is unread


def test_a_caller_deep_in_its_own_stack_is_not_blamed_on_the_text() -> None:
    def from_below(depth: int) -> JsonText:
        return from_below(depth - 1) if depth else read("[" * 50 + "]" * 50, DEPTH)

    faults = set()
    for depth in range(sys.getrecursionlimit()):
        try:
            faults.add(from_below(depth).fault)
        except RecursionError:
            break
    assert faults <= {"", TOO_DEEP}
    assert "" in faults


TEXTS = st.lists(
    st.sampled_from(
        [*'{}[]:,"\\ \n01-.eE', '"a"', '"a":', "null", "true", "NaN", "\\u0041", "\ufeff", "é", "{}", "[]", '{"a":']
    ),
    max_size=8,
).map("".join)


@given(TEXTS)
def test_the_standard_library_agrees_apart_from_its_constants(text: str) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    found = read(text, DEPTH)
    try:
        expected = json.loads(text, parse_constant=refuse)
    except ValueError:
        assert found.fault
    else:
        assert (found.fault, found.value) == ("", expected)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[-+.\w]+|.')


@given(VALUES, st.sampled_from(["", " ", "\n"]))
def test_every_beginning_of_a_text_that_stops_between_two_tokens_is_unfinished(value: Any, blank: str) -> None:
    tokens = _TOKEN.findall(json.dumps([value], separators=(",", ":")))
    assert [read(blank.join(tokens[:n]) + blank, DEPTH).unfinished for n in range(1, len(tokens) + 1)] == [
        *([True] * (len(tokens) - 1)),
        False,
    ]


@given(st.lists(VALUES.map(json.dumps) | st.text(max_size=6) | st.sampled_from(['{"a":1,"a":2}', "1e999", "[[[[[["])))
def test_a_reader_reads_each_text_as_if_it_was_the_first(texts: list[str]) -> None:
    reader = Reader(5)
    assert [reader.read(text) for text in texts] == [read(text, 5) for text in texts]
