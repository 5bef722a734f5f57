"""The NDJSON encoder: exact bytes, one line a record whatever a text holds. The guide's dialect beside it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.bindings import guide, ndjson
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.stream.errors import Code

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def test_an_item_is_one_json_text_and_a_line_feed() -> None:
    assert ndjson.encode(Item(7, "№ 7")) == '{"n":7,"text":"№ 7"}\n'.encode()


def test_the_endings_are_records_with_a_type() -> None:
    assert ndjson.encode(Completed()) == b'{"type":"end"}\n'
    assert ndjson.encode(Failed(Code.INTERNAL, "no")) == b'{"type":"error","code":"INTERNAL","message":"no"}\n'


def test_a_heartbeat_is_a_record_and_the_beginning_is_none() -> None:
    assert ndjson.encode(Heartbeat()) == b'{"type":"heartbeat"}\n'
    assert ndjson.encode(Begun(5)) == b""


def test_a_record_that_failed_has_its_number_and_what_went_wrong() -> None:
    record = ndjson.encode(RecordFailed(3, "PROCESSING_ERROR", "no"))
    assert record == b'{"n":3,"error":{"code":"PROCESSING_ERROR","message":"no"}}\n'


@given(st.integers(1), TEXT, st.booleans())
def test_any_item_is_one_line_that_reads_back(n: int, text: str, bare: bool) -> None:  # noqa: FBT001 -- drawn
    line = ndjson.encode(Item(n, text, bare=bare))
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert line.endswith(b"\n")
    assert json.loads(line) == {"n": n, "text": text}


@given(TEXT)
def test_an_error_message_cannot_start_another_record(message: str) -> None:
    line = ndjson.encode(Failed(Code.INTERNAL, message))
    assert line.count(b"\n") == 1
    assert json.loads(line)["message"] == message


def _told(*frames: Frame) -> list[dict[str, object]]:
    encode = guide.encoder()
    return [json.loads(line) for line in b"".join(map(encode, frames)).splitlines()]


def test_the_guides_stream_begins_with_metadata_and_its_end_counts() -> None:
    shown = _told(Begun(3), Item(1, "a"), RecordFailed(2, "PROCESSING_ERROR", "no"), Item(3, "c"), Completed())
    assert shown == [
        {"type": "metadata", "totalRecords": 3},
        {"type": "data", "id": "item-1", "n": 1, "text": "a"},
        {"type": "error", "code": "PROCESSING_ERROR", "message": "no", "recordId": "item-2"},
        {"type": "data", "id": "item-3", "n": 3, "text": "c"},
        {"type": "stream-end", "reason": "completed", "processed": 2, "errors": 1},
    ]


def test_the_guides_failure_is_a_fatal_record_and_an_end() -> None:
    shown = _told(Begun(), Item(1, "a"), Failed(Code.INTERNAL, "no"))
    assert shown[0] == {"type": "metadata"}
    assert shown[2:] == [
        {"type": "error", "code": "INTERNAL", "message": "no", "fatal": True},
        {"type": "stream-end", "reason": "error", "processed": 1, "errors": 1},
    ]


def test_the_guides_heartbeat_says_how_far_it_is_and_counts_for_nothing() -> None:
    shown = _told(Item(1, "a"), Heartbeat(), Completed())
    assert shown[1] == {"type": "heartbeat", "processed": 1}
    assert shown[2] == {"type": "stream-end", "reason": "completed", "processed": 1, "errors": 0}


def test_each_stream_of_the_guide_counts_for_itself() -> None:
    assert _told(Item(1, "a"), Completed())[-1] == _told(Item(1, "a"), Completed())[-1]
