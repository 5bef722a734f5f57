"""From messages to events by a profile; and what the profile of the guide makes of the records in its text."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.harness.core.event import Completed, Deviation, Event, Failed, Heartbeat, Item, Meta
from streamspec.harness.core.json_text import TOO_DEEP, JsonText
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers._messages import NO_JSON, Message, Messages, begins_as_json, record
from streamspec.harness.drivers.json_array import JSON_ARRAY
from streamspec.harness.drivers.ndjson import NDJSON
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.profile_file import profile

if TYPE_CHECKING:
    from streamspec.harness.core.ports import Driver

PLAIN = Profile("plain", "")
FAILING = Profile("failing", "", clauses=(Clause((("json.ok", "false"),), "failed"),))


def reader(mapped: Profile = PLAIN, seq: str = "") -> Messages:
    return Messages(mapped, seq, LIMITS)


def test_items_are_counted_from_zero_and_keep_what_is_theirs() -> None:
    messages = reader(Profile("keeping", "", keep=("a", "b")), "$.n")
    value = {"n": 7, "a": "\x1b", "b": [1]}
    [first] = messages.events(Message("k\n", "te\txt", b"octets", 5, id="\x00"), JsonText(value))
    assert first == Item(
        0, 6, hashlib.sha256(b"octets").hexdigest()[:16], "te\\txt", 5, "k\\n", 7, "\\x00", {"a": "\\x1b"}
    )
    [second] = messages.events(Message("", "", b"", 9), NO_JSON)
    assert isinstance(second, Item)
    assert (second.n, second.seq, second.size) == (1, None, 0)


def test_what_is_said_of_an_item_comes_before_it_and_not_of_what_is_none() -> None:
    json = reader().parsed('{"a":1e999,"a":2,"ok":false}')
    fault = Deviation("ndjson.too-deep", 3, TOO_DEEP)
    message = Message("", "", b"", 3)
    said = reader().events(message, json, fault)
    assert said[:-1] == [fault, Deviation("json.huge-number", 3), Deviation("json.duplicate-name", 3)]
    assert isinstance(said[-1], Item)
    assert [type(event) for event in reader(FAILING).events(message, json, fault)] == [Failed]


@pytest.mark.parametrize(
    ("mapped", "seq", "parses"),
    [
        (PLAIN, "", False),
        (PLAIN, "$.n", True),
        (FAILING, "", True),
        (Profile("p", "", items="json"), "", True),
        (Profile("p", "", keep=("a",)), "", True),
    ],
)
def test_payloads_are_parsed_where_somebody_asks_for_what_is_inside(mapped: Profile, seq: str, *, parses: bool) -> None:
    assert reader(mapped, seq).parses is parses


@pytest.mark.parametrize(
    ("value", "kind"),
    [({"type": "a"}, "a"), ({"type": 1}, ""), ({"kind": "a"}, ""), (["type"], ""), ("type", ""), (None, "")],
)
def test_a_record_is_named_by_its_type(value: Any, kind: str) -> None:
    assert record("text", b"octets", 3, value) == Message(kind, "text", b"octets", 3, typed=True)


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        ({"type": "error", "message": "m"}, "", "m"),
        ({"type": "error", "code": "E", "message": "m"}, "E", "m"),
        ({"type": "error", "error": {"type": "overloaded", "message": "m"}}, "overloaded", "m"),
        ({"type": "end", "reason": "timeout"}, "timeout", ""),
        ({"type": "end", "reason": "it took too long"}, "", ""),
        ({"type": "end", "reason": ""}, "", ""),
        ({"type": "end", "reason": 3}, "", ""),
        ({"type": "end", "code": 7, "reason": "timeout"}, "7", ""),
    ],
)
def test_the_type_of_a_record_is_no_code_and_a_reason_of_one_word_is(value: Any, code: str, message: str) -> None:
    json = JsonText({**value, "ok": False})
    assert reader(FAILING).events(record("", b"", 0, json.value), json) == [Failed(code, message, "", 0)]


@pytest.mark.parametrize(
    ("octets", "begins"),
    [(b' \t{"', True), (b"[", True), (b'\n"', True), (b"1", False), (b"<p>", False), (b"  ", False), (b"", False)],
)
def test_so_long_are_only_objects_arrays_and_strings(octets: bytes, *, begins: bool) -> None:
    assert begins_as_json(octets) is begins


# -- the guide ---------------------------------------------------------------------------------------------------------


def read(driver: Driver, body: str, seq: str = "") -> list[Event]:
    decoder = driver.decoder(profile("guide"), seq, LIMITS)
    return [*decoder.feed(body.encode()), *decoder.end()]


def brief(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    """Each event's type, and what it keeps; of a failure its code."""
    return [
        (type(event).__name__, {"code": event.code} if isinstance(event, Failed) else dict(event.kept))
        for event in events
        if isinstance(event, Item | Meta | Completed | Failed)
    ]


def test_the_guides_own_records_are_read_as_it_means_them() -> None:
    records = (
        '{"type":"metadata","totalRecords":1000}',
        '{"type":"data","id":"item-1","value":"data"}',
        '{"id":"order-1","status":"PROCESSING","total":99.95}',
        '{"type":"error","code":"PROCESSING_ERROR","recordId":"item-2","recoverable":true}',
        '{"type":"progress","processed":2,"total":1000}',
        '{"type":"stream-end","reason":"completed","processed":999,"errors":1}',
    )
    expected = [
        ("Meta", {"type": "metadata", "totalRecords": 1000}),
        ("Item", {"type": "data"}),
        ("Item", {}),
        ("Item", {"type": "error", "code": "PROCESSING_ERROR", "recordId": "item-2", "recoverable": True}),
        ("Meta", {"type": "progress", "processed": 2}),
        ("Completed", {"type": "stream-end", "reason": "completed", "processed": 999, "errors": 1}),
    ]
    assert brief(read(NDJSON, "".join(f"{text}\n" for text in records))) == expected
    assert brief(read(JSON_ARRAY, f"[\n{','.join(records)}\n]")) == expected
    assert brief(read(SSE, "".join(f"data: {text}\n\n" for text in records))) == expected


def test_an_array_of_the_guide_ends_with_its_bracket() -> None:
    body = '[\n{"id":"order-1","status":"PROCESSING"},\n{"id":"order-2","status":"COMPLETED"}\n]\n'
    assert brief(read(JSON_ARRAY, body)) == [("Item", {}), ("Item", {}), ("Completed", {})]


def test_events_of_the_guide_are_told_apart_by_their_names() -> None:
    body = (
        'event: connected\ndata: {"status":"ready"}\n\n'
        'id: 1\nevent: data-event\ndata: {"id":"item-1","type":"stream-end","sequence":4}\n\n'
        "event: heartbeat\ndata: {}\n\n"
        'event: error\ndata: {"type":"processing-error","message":"Failed to process item"}\n\n'
        'event: token-refresh-required\ndata: {"expiresIn":300}\n\n'
        'event: stream-end\ndata: {"reason":"completed"}\n\n'
    )
    events = read(SSE, body, "$.sequence")
    assert [type(event) for event in events] == [Meta, Item, Heartbeat, Item, Meta, Completed]
    assert [(e.kind, e.seq) for e in events if isinstance(e, Item)] == [("data-event", 4), ("error", None)]
    assert [event.kind for event in events if isinstance(event, Meta)] == ["start", "meta"]


@pytest.mark.parametrize("reason", ["error", "timeout", "cancelled", "server-shutdown", "idle-timeout"])
def test_a_stream_of_the_guide_fails_by_the_reason_of_its_end(reason: str) -> None:
    end = f'{{"type":"stream-end","reason":"{reason}"}}'
    failed = [("Failed", {"code": reason})]
    assert brief(read(NDJSON, f"{end}\n")) == failed
    assert brief(read(JSON_ARRAY, f"[{end}]")) == failed
    assert brief(read(SSE, f'event: stream-end\ndata: {{"reason":"{reason}"}}\n\n')) == failed
    assert [name for name, _ in brief(read(SSE, f"data: {end}\n\n"))] == ["Failed"]


@pytest.mark.parametrize("end", ['{"type":"stream-end","totalProcessed":2}', '{"type":"stream-end","reason":"other"}'])
def test_a_stream_of_the_guide_completes_by_any_other_end(end: str) -> None:
    assert [name for name, _ in brief(read(NDJSON, f"{end}\n"))] == ["Completed"]


def test_the_guide_promises_counts_record_errors_and_a_total() -> None:
    assert set(profile("guide").features) == {"counted-end", "record-errors", "announced-total"}
    assert profile("guide").items == "json"
