"""The JSON array encoder: exact bytes, each element whole at once, and one array whatever happens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.bindings import json_array
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.stream.errors import Code

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ITEM = st.builds(Item, st.integers(1), TEXT, st.booleans())
RECORD = st.builds(RecordFailed, st.integers(1), TEXT, TEXT)


def _pieces(*frames: Frame) -> list[bytes]:
    encode = json_array.encoder()
    return [encode(frame) for frame in frames]


def test_a_comma_comes_with_the_element_after_it() -> None:
    assert _pieces(Begun(2), Item(1, "a"), Item(2, "b"), Completed()) == [
        b"[",
        b'\n{"n":1,"text":"a"}',
        b',\n{"n":2,"text":"b"}',
        b"\n]\n",
    ]


def test_an_empty_array_is_an_array() -> None:
    assert json.loads(b"".join(_pieces(Begun(0), Completed()))) == []


@pytest.mark.parametrize("before", [(), (Item(1, "a"),)])
def test_a_failure_is_an_element_ahead_of_the_bracket(before: tuple[Frame, ...]) -> None:
    failed = json.loads(b"".join(_pieces(Begun(), *before, Failed(Code.INTERNAL, "no"))))
    assert failed[len(before) :] == [{"type": "error", "code": "INTERNAL", "message": "no"}]


def test_a_heartbeat_is_a_blank() -> None:
    pieces = _pieces(Begun(), Heartbeat(), Item(1, "a"), Heartbeat(), Completed())
    assert pieces[1] == b"\n"
    assert len(json.loads(b"".join(pieces))) == 1


@given(st.lists(st.one_of(ITEM, RECORD, st.just(Heartbeat()))))
def test_after_each_item_all_that_came_is_an_array_but_for_its_bracket(frames: list[Frame]) -> None:
    encode = json_array.encoder()
    body, items = encode(Begun()), 0
    for frame in frames:
        body += encode(frame)
        items += not isinstance(frame, Heartbeat)
        assert len(json.loads(body + b"]")) == items
    assert len(json.loads(body + encode(Completed()))) == items
