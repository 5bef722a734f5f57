"""Envelopes: what is read of any text, what is written, and that a payload stays as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.envelopes import (
    MOST_CREDIT,
    Envelope,
    Said,
    Unreadable,
    complaint,
    failure,
    granted,
    of,
    read,
    refusal,
    start_of,
    whole,
    written,
)
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.stream.errors import Code, StreamError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.text(" \t\r\n", max_size=3)


@given(JSON, BLANKS, BLANKS, st.booleans())
def test_a_payload_is_kept_as_it_was_written(value: Any, before: str, behind: str, escaped: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=escaped)
    said = read(f'{before}{{"id":"a"{behind},{before}"payload":{before}{text}{behind},"type":"stream:data"}}{behind}')
    assert (said.id, said.type, said.payload) == ("a", "stream:data", text)


@pytest.mark.parametrize("text", ["1.10", "12345678901234567890", "-0.0", "1e999", "9" * 100_000, '"\\ud800"'])
def test_numbers_and_escapes_keep_their_characters(text: str) -> None:
    assert read(f'{{"id":"a","type":"stream:data","payload":[{text}]}}').payload == f"[{text}]"


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        said = read(text)
    except Unreadable:
        return
    assert json.loads(text)["id"] == said.id
    assert json.loads(text)["type"] == said.type


START = '{"id":"a","type":"stream:start"'


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "{bad", "null", "[]", "7", '"a"', '{"id":"a"}', START, START + "}}", START + ",}", START + ";}"),
        *(START + ',"id":"b"}', START + ',"x":NaN}', START + ',"x":Infinity}', "\ufeff" + START + "}"),
        *('{"id":"a","type":"stream:fly"}', '{"id":"a","type":null}', '{"id":"a","type":{}}', "{1:2}"),
        START + ',"x":' + "[" * 100_000 + "}",
        START + ',"x":"\n"}',
    ],
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_octets_are_no_envelope() -> None:
    with pytest.raises(Unreadable, match="text"):
        read(b'{"id":"a","type":"stream:end"}')


@pytest.mark.parametrize(
    "told",
    ['""', '"' + "a" * 129 + '"', '"a\\u0000"', '"a b"', '"\u0430"', "7", "{}", '["a"]', "null", '"\\ud800"', '"a\\n"'],
)
def test_an_id_is_of_a_safe_set(told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(f'{{"id":{told},"type":"stream:start"}}')
    assert refused.value.id == ""


@pytest.mark.parametrize("told", ["a", "A.b_c~d:e-f", "0" * 128])
def test_a_refusal_has_the_id_if_there_was_one(told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read(f'{{"id":"{told}","type":"stream:fly"}}')
    assert refused.value.id == told


def start(**members: Any) -> Said:
    return read(json.dumps({"id": "a", "type": "stream:start", **members}))


def test_a_start_says_what_is_wanted_and_by_whom() -> None:
    asked = start_of(
        start(
            procedure="bidi", payload={"run": 1}, metadata={"Authorization": "Bearer x", "N": "1"}, credit=3, priority=9
        )
    )
    assert (asked.procedure, asked.payload, asked.credit, asked.priority) == ("bidi", '{"run": 1}', 3, 9)
    assert asked.metadata == (("authorization", "Bearer x"), ("n", "1"))


def test_what_a_start_leaves_out_has_defaults() -> None:
    asked = start_of(start(metadata=None))
    assert (asked.procedure, asked.payload, asked.metadata, asked.credit, asked.priority) == ("", "null", (), None, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"procedure": 1}, {"metadata": []}, {"metadata": "x"}, {"credit": -1}, {"credit": "1"}, {"credit": 1.0}),
        *({"credit": MOST_CREDIT + 1}, {"credit": None}, {"priority": 10}, {"priority": -1}, {"priority": True}),
    ],
)
def test_a_start_that_cannot_be_told_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(StreamError) as refused:
        start_of(start(**wrong))
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("value", ["500", "500.0", "9" * 5_000, "true", "false", "null", "[]", '["500"]', "{}"])
def test_metadata_that_are_no_texts_are_refused_and_never_passed_over(value: str) -> None:
    said = f'"metadata":{{"authorization":"Bearer x","x-deadline-ms":{value}}}'
    with pytest.raises(StreamError, match="metadata are texts") as refused:
        start_of(read(f'{{"id":"a","type":"stream:start",{said}}}'))
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("value", ["7", "9" * 5_000, "0", "1.5", "true", "false", '""', "[]"])
def test_metadata_are_an_object_or_nothing(value: str) -> None:
    with pytest.raises(StreamError, match="metadata is an object") as refused:
        start_of(read(f'{{"id":"a","type":"stream:start","metadata":{value}}}'))
    assert refused.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize("text", ["0", "7", str(MOST_CREDIT)])
def test_a_whole_number_is_read(text: str) -> None:
    assert whole(text, MOST_CREDIT) == int(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "null", "٣", str(MOST_CREDIT + 1), "9" * 5000])
def test_anything_else_is_no_whole_number(text: str) -> None:
    with pytest.raises(StreamError):
        whole(text, MOST_CREDIT)


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (Begun(), {"id": "a", "type": "stream:start"}),
        (Item(1, '{"n":1}', json=True), {"id": "a", "type": "stream:data", "payload": {"n": 1}}),
        (Item(1, "x"), {"id": "a", "type": "stream:data", "payload": {"n": 1, "text": "x"}}),
        (Heartbeat(), {"id": "a", "type": "stream:heartbeat"}),
        (Completed(), {"id": "a", "type": "stream:end"}),
        (
            RecordFailed(2, "X", "y"),
            {"id": "a", "type": "stream:data", "payload": {"n": 2, "error": {"code": "X", "message": "y"}}},
        ),
        (
            Failed(Code.INTERNAL, 'q"'),
            {"id": "a", "type": "stream:error", "payload": {"code": "INTERNAL", "message": 'q"'}},
        ),
    ],
)
def test_a_frame_is_one_message(frame: Frame, shown: dict[str, Any]) -> None:
    (message,) = written(of(frame, "a"))
    assert json.loads(message) == shown


@pytest.mark.parametrize(
    ("told", "kept"), [('"server"', '"server"'), ('"\\ud800"', '"\\ud800"'), ("7", ""), ("null", ""), ("", "")]
)
def test_what_was_asked_for_is_kept_as_it_was_written_and_shown_by_other_dialects_alone(told: str, kept: str) -> None:
    said = read(f'{{"id":"a","type":"stream:start"{f""","procedure":{told}""" if told else ""}}}')
    refused = refusal(said, Code.NOT_FOUND, "no")
    assert (said.procedure, refused.procedure, refused.refused) == (kept, kept, True)
    assert written(refused) == written(failure("a", Code.NOT_FOUND, "no"))
    assert [written(of(frame, "a", said.procedure)) for frame in (Begun(), Item(3, "x"), Completed())] == [
        ('{"id":"a","type":"stream:start"}',),
        ('{"id":"a","type":"stream:data","payload":{"n":3,"text":"x"}}',),
        ('{"id":"a","type":"stream:end"}',),
    ]


def test_what_is_about_no_stream_has_no_id() -> None:
    (message,) = written(complaint("", Code.NOT_FOUND, "x"))
    assert json.loads(message) == {"type": "error", "payload": {"code": "NOT_FOUND", "message": "x"}}
    assert complaint("a", Code.NOT_FOUND, "x").type != failure("a", Code.NOT_FOUND, "x").type
    assert granted("a", 16) == Envelope("a", "stream:credit", "16")
