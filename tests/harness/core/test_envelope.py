"""Envelopes: whose message it is, what we say, and a payload's text as it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.envelope import Envelope, filled, id_text, member_text, places_of

RAFFEL = Envelope(suffixes=(":response", ":error", ":stream:start", ":stream:data:*", ":stream:end", ":stream:error"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
SPELLINGS = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 3])})


@pytest.mark.parametrize(
    ("told", "stream"),
    [
        ("s1", "s1"),
        ("s1:stream:start", "s1"),
        ("s1:stream:data:0", "s1"),
        ("s1:stream:data:1795182184604", "s1"),
        ("s1:stream:end", "s1"),
        ("s1:stream:error", "s1"),
        ("s1:error", "s1"),
        ("s1:response", "s1"),
        ("a:b:c:stream:end", "a:b:c"),  # ids of clients may have colons
        ("a:error:stream:end", "a:error"),  # one suffix is the server's
        ("s1:stream:data:", "s1:stream:data:"),
        ("s1:stream:data:x", "s1:stream:data:x"),
        ("s1:stream:end\n", "s1:stream:end\n"),
        ("s1:errors", "s1:errors"),
        (":error", ""),
    ],
)
def test_a_server_may_add_a_suffix_to_the_id_of_a_stream(told: str, stream: str) -> None:
    assert RAFFEL.stream_of(told) == stream


def test_without_suffixes_an_id_is_the_streams_own() -> None:
    assert Envelope().stream_of("s1:stream:end") == "s1:stream:end"


def test_a_suffix_is_a_text_and_no_pattern() -> None:
    assert Envelope(suffixes=(".+",)).stream_of("ab") == "ab"
    assert Envelope(suffixes=(".+",)).stream_of("ab.+") == "ab"


def test_a_template_is_filled_in_one_go() -> None:
    template = '{"id":{id},"payload":{payload},"x":{other}}'
    said = filled(template, {"id": '"{payload}"', "payload": '{"a":"{id}"}'})
    assert said == '{"id":"{payload}","payload":{"a":"{id}"},"x":{other}}'
    assert places_of(template) == ("id", "payload", "other")


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5), SPELLINGS)
def test_the_text_of_each_member_is_what_the_library_reads(value: dict[str, Any], spelling: dict[str, Any]) -> None:
    text = json.dumps(value, **spelling)
    for name, expected in value.items():
        found = member_text(text, name)
        assert found is not None
        assert json.loads(found) == expected
        assert found == found.strip()
    assert member_text(text, "longer than any") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id":1,"payload":1.50}', "1.50"),
        ('{"payload":12345678901234567890123}', "12345678901234567890123"),
        (' \r\n\t{ "payload" :\t{"a" : [1 ,2]} }', '{"a" : [1 ,2]}'),
        ('{"a":{"payload":1},"payload":2}', "2"),
        ('{"a":"\\"payload\\":3","payload":2}', "2"),
        ('{"a":"}{][","payload":"\\\\"}', '"\\\\"'),
        ('{"pa\\u0079load":true}', "true"),
        ('{"payload":1,"payload":2}', "1"),
        ('{"payload":"\u2028 \u00a0"}', '"\u2028 \u00a0"'),
        ('{"payload":""}', '""'),
        ('{"payloads":1}', None),
        ("{}", None),
        ("[]", None),
        ('"payload"', None),
        ("", None),
        ("   ", None),
        ("{", None),
        ('{"payload"', None),
        ('{"payload":', None),
        ('{"payload":"torn', None),
        ('{"payload":[1,', None),
        ('{"a":1', None),
    ],
)
def test_a_payload_keeps_its_spelling(text: str, expected: str | None) -> None:
    assert member_text(text, "payload") == expected


def test_a_payload_may_nest_deeper_than_anybody_reads() -> None:
    deep = '[{"]":"}\\\\\\"["},' + "[" * 200_000 + "]" * 200_000 + "]"
    assert member_text(f'{{"payload":{deep},"id":"s"}}', "id") == '"s"'
    assert member_text(f'{{"id":"s","payload":{deep}}}', "payload") == deep


@pytest.mark.parametrize(
    ("value", "text"), [("s1", "s1"), (7, "7"), (True, ""), (None, ""), (1.5, ""), ([], ""), ("", "")]
)
def test_an_id_is_a_text_or_a_number(value: object, text: str) -> None:
    assert id_text(value) == text
