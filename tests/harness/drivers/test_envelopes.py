"""Envelopes, and messages of a stream that has its connection to itself: over WebSocket and TCP alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import (
    Completed,
    Deviation,
    Ended,
    Event,
    Failed,
    Heartbeat,
    Item,
    Meta,
    Opened,
)
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import Driver, NoSuchWord
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers.tcp_frames import TCP_FRAMES
from streamspec.harness.drivers.ws_envelope import WS_ENVELOPE
from streamspec.harness.profile_file import profile

STREAMSPEC, RAFFEL, DOCS = profile("streamspec"), profile("raffel"), profile("raffel-docs")
PLAIN = Profile("plain", "anything")
MARKED = Profile("marked", "", items="json", clauses=(Clause((("event", "done"),), "completed"),))
DRIVERS = pytest.mark.parametrize("driver", [WS_ENVELOPE, TCP_FRAMES], ids=["ws", "tcp"])


def read(*messages: str | bytes, mapped: Profile = STREAMSPEC, seq: str = "", limits: Limits = LIMITS) -> list[Event]:
    decoder = TCP_FRAMES.decoder(mapped, seq, limits)
    out: list[Event] = []
    for message in messages:
        out += decoder.feed(message.encode() if isinstance(message, str) else message)
    return [*out, *decoder.end()]


def data(payload: str, stream: str = "s") -> str:
    return f'{{"id":"{stream}","type":"stream:data","payload":{payload}}}'


END = '{"id":"s","type":"stream:end"}'
ERROR = '{"id":"s","type":"stream:error","payload":{"code":"INTERNAL","message":"boom"}}'


def names(events: list[Event]) -> list[str]:
    return [event.code if isinstance(event, Deviation) else type(event).__name__ for event in events]


# -- what recognises them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "driver"),
    [
        (Opened(101, "Switching Protocols", "HTTP/1.1", ()), WS_ENVELOPE),
        (Opened(0, "", "TCP", ()), TCP_FRAMES),
        (Opened(200, "OK", "HTTP/1.1", (("Content-Type", "application/json"),)), None),
        (Opened(200, "OK", "HTTP/2", ()), None),
    ],
)
def test_each_carrier_is_recognised_by_how_it_opens(opened: Opened, driver: Driver | None) -> None:
    found = [known for known in (WS_ENVELOPE, TCP_FRAMES) if known.recognises(opened)]
    assert found == ([driver] if driver else [])


def test_each_stands_on_its_carrier_and_accepts_no_media_type() -> None:
    assert (WS_ENVELOPE.name, WS_ENVELOPE.carrier, WS_ENVELOPE.accept) == ("ws", "websocket", "")
    assert (TCP_FRAMES.name, TCP_FRAMES.carrier, TCP_FRAMES.accept) == ("tcp", "framed", "")


# -- envelopes ---------------------------------------------------------------------------------------------------------


@DRIVERS
def test_a_stream_in_envelopes_begins_goes_on_and_ends(driver: Driver) -> None:
    decoder = driver.decoder(STREAMSPEC, "$.n", LIMITS)
    messages = ['{"id":"s","type":"stream:start"}', data('{"n":1}'), '{"id":"s","type":"stream:heartbeat"}', END]
    said = [decoder.feed(message.encode()) for message in messages]
    at = [sum(map(len, messages[:n])) for n in range(5)]
    assert said[0] == [Meta("start", 0)]
    [item] = said[1]
    assert isinstance(item, Item)
    assert (item.n, item.seq, item.prefix, item.size, item.offset, item.kind, item.id) == (
        *(0, 1, '{"n":1}', 7, at[1]),
        *("stream:data", ""),
    )
    assert said[2] == [Heartbeat(at[2])]
    assert said[3] == [Completed(at[3]), Ended("envelope", at[4])]


def test_a_failure_has_its_code_and_its_message() -> None:
    events = read(data("1"), ERROR)
    assert names(events) == ["Item", "Failed", "Ended"]
    failed = events[1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.message, failed.offset) == ("INTERNAL", "boom", len(data("1")))
    assert events[2] == Ended("envelope", len(data("1") + ERROR))


def test_what_follows_a_terminal_is_read_and_the_end_said_once() -> None:
    assert names(read(END, data("1"), ERROR, END)) == ["Completed", "Ended", "Item", "Failed", "Completed"]


@pytest.mark.parametrize("payload", ["1.50", "12345678901234567890123", '"\\u0041\\u2028"', '{ "b":1, "a":2 }', "null"])
def test_an_item_is_its_payload_as_it_stands(payload: str) -> None:
    [item] = [event for event in read(data(payload)) if isinstance(event, Item)]
    assert (item.prefix, item.size) == (payload, len(payload.encode()))


@given(st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_an_item_is_the_same_as_anywhere_else(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    [one] = [event for event in read(data(text)) if isinstance(event, Item)]
    [other] = [event for event in read(text, mapped=PLAIN) if isinstance(event, Item)]
    assert (one.sha, one.size, one.prefix) == (other.sha, other.size, other.prefix)


def test_an_item_without_a_payload_is_an_empty_one() -> None:
    [item] = read('{"id":"s","type":"stream:data"}')
    assert isinstance(item, Item)
    assert (item.size, item.prefix) == (0, "")


def test_a_payload_may_look_like_a_record_of_another_binding() -> None:
    assert names(read(data('{"type":"end"}'), data('{"type":"error"}'))) == ["Item", "Item"]


def test_what_is_noted_of_json_is_noted_of_a_payload() -> None:
    assert names(read(data('{"a":1,"a":2}'))) == ["json.duplicate-name", "Item"]


@pytest.mark.parametrize(
    ("message", "code", "detail"),
    [
        ("{bad", "envelope.not-json", "Expecting property name enclosed in double quotes at character 1"),
        ("", "envelope.not-json", "Expecting value at character 0"),
        ("[]", "envelope.not-json", "no object"),
        ("null", "envelope.not-json", "no object"),
        ('{"id":"s"}', "envelope.type", "no type"),
        ('{"id":"s","type":7}', "envelope.type", "no type"),
        ('{"id":"s","type":"stream:\u202eodd"}', "envelope.type", "stream:\\u202eodd"),
        ('{"type":"stream:data","payload":1}', "envelope.id", "no id, type stream:data"),
        ('{"id":null,"type":"stream:end"}', "envelope.id", "no id, type stream:end"),
    ],
)
def test_what_is_no_envelope_is_said(message: str, code: str, detail: str) -> None:
    assert read(data("1"), message)[1:] == [Deviation(code, len(data("1")), detail)]


def test_invalid_utf8_is_said_where_it_stands_and_the_message_read() -> None:
    message = data('"x"').encode().replace(b"x", b"\xff")
    fault, item = read(data("1"), message)[1:]
    assert fault == Deviation("envelope.utf8", len(data("1")) + message.index(b"\xff"), "0xff")
    assert isinstance(item, Item)


def test_a_payload_may_nest_as_deep_as_anywhere() -> None:
    def nested(levels: int) -> str:
        return data("[" * levels + "]" * levels)

    assert names(read(nested(LIMITS.json_depth))) == ["Item"]
    assert names(read(nested(LIMITS.json_depth + 1))) == ["envelope.too-deep", "Item"]
    assert names(read(nested(100_000), END)) == ["envelope.too-deep", "Item", "Completed", "Ended"]
    assert names(read('{"id":' + "[" * 100_000 + "]" * 100_000 + "}")) == ["envelope.too-deep"]


def test_a_terminal_that_nests_too_deep_is_one() -> None:
    deep = "[" * 100 + "]" * 100
    assert names(read(f'{{"id":"s","type":"stream:error","payload":{deep}}}')) == ["Failed", "Ended"]


@pytest.mark.parametrize("mapped", [STREAMSPEC, RAFFEL, DOCS], ids=lambda mapped: str(mapped.name))
def test_an_error_that_names_no_stream_ends_none(mapped: Profile) -> None:
    assert read('{"type":"error","payload":{"code":"INVALID_ARGUMENT"}}', mapped=mapped) == [Meta("error", 0)]


def test_a_notice_ends_no_stream_whatever_id_it_carries() -> None:
    assert read('{"id":"s","type":"error","payload":{"code":"INVALID_ARGUMENT"}}') == [Meta("error", 0)]


@given(st.lists(st.sampled_from([data("1"), data("[2]"), END, ERROR, "{bad", "[]", '{"type":"error"}']), max_size=12))
def test_offsets_count_the_octets_of_the_messages(messages: list[str]) -> None:
    starts = {0, *(sum(map(len, messages[:n])) for n in range(len(messages)))}
    events = read(*messages)
    assert len(events) - sum(isinstance(event, Ended) for event in events) == len(messages)
    assert all(event.offset in starts for event in events if not isinstance(event, Ended))  # type: ignore[union-attr]
    assert sum(isinstance(event, Ended) for event in events) == min(1, messages.count(END) + messages.count(ERROR))


# -- whose a message is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "stream"),
    [
        (b'{"id":"s1","type":"x"}', "s1"),
        (b'{"type":"x","payload":{"id":"inner"},"id":"s1"}', "s1"),
        (b'{"id":7}', "7"),
        (b'{"id":"s1:stream:data:0"}', "s1:stream:data:0"),
        (b'{"id":null}', ""),
        (b'{"id":true}', ""),
        (b'{"id":["s1"]}', ""),
        (b'{"id":{"a":1}}', ""),
        (b'{"id":1.5}', ""),
        (b'{"id":' + b"9" * 5_000 + b"}", ""),
        (b'{"id":-}', ""),
        (b'{"type":"error"}', ""),
        (b'{"id":"s1"', "s1"),
        (b"{bad", ""),
        (b"\xff\xfe", ""),
        (b"[]", ""),
        (b"", ""),
    ],
)
@DRIVERS
def test_a_message_names_its_stream(driver: Driver, message: bytes, stream: str) -> None:
    assert driver.addressee is not None
    assert driver.addressee(STREAMSPEC, message) == stream
    assert driver.addressee(PLAIN, message) == ""


# -- what we say -------------------------------------------------------------------------------------------------------


@DRIVERS
def test_we_speak_in_the_envelopes_of_the_dialect(driver: Driver) -> None:
    assert driver.talker is not None
    talker = driver.talker(STREAMSPEC, 'a"b')
    assert json.loads(talker.item('{"n":1.50}')) == {"id": 'a"b', "type": "stream:data", "payload": {"n": 1.5}}
    assert b'"payload":{"n":1.50}' in talker.item('{"n":1.50}')
    assert json.loads(talker.end() or b"") == {"id": 'a"b', "type": "stream:end"}
    assert json.loads(talker.cancel() or b"") == {"id": 'a"b', "type": "stream:cancel"}


def test_what_a_dialect_has_no_message_for_cannot_be_said() -> None:
    assert TCP_FRAMES.talker is not None
    raffel, docs = TCP_FRAMES.talker(RAFFEL, "s"), TCP_FRAMES.talker(DOCS, "s")
    assert json.loads(raffel.cancel() or b"") == {"id": "s", "type": "cancel"}
    with pytest.raises(NoSuchWord, match="a client's item"):
        raffel.item("1")
    with pytest.raises(NoSuchWord, match="a client's end"):
        raffel.end()
    with pytest.raises(NoSuchWord, match="a client's cancel"):
        docs.cancel()


def test_without_envelopes_an_item_is_a_message_and_the_carrier_has_its_own_words() -> None:
    assert TCP_FRAMES.talker is not None
    talker = TCP_FRAMES.talker(PLAIN, "s")
    assert talker.item('"ü"') == '"ü"'.encode()
    assert talker.end() is None
    assert talker.cancel() is None


# -- without envelopes -------------------------------------------------------------------------------------------------


def test_without_envelopes_each_message_is_an_item() -> None:
    events = read('{"n":1}', "no json", "", mapped=PLAIN, seq="$.n")
    assert [(e.n, e.size, e.seq, e.offset) for e in events if isinstance(e, Item)] == [
        (0, 7, 1, 0),
        (1, 7, None, 7),
        (2, 0, None, 14),
    ]
    assert names(events) == ["Item"] * 3


def test_a_record_has_the_kind_of_its_type() -> None:
    events = read('{"type":"a"}', '{"type":"done"}', '{"type":"b"}', mapped=MARKED)
    assert names(events) == ["Item", "Completed", "Item"]
    assert [event.kind for event in events if isinstance(event, Item)] == ["a", "b"]


def test_what_is_not_json_is_said_ahead_of_the_item_where_the_dialect_says_json() -> None:
    assert names(read("{bad", mapped=MARKED)) == ["envelope.not-json", "Item"]
    assert names(read("[" * 65 + "]" * 65, mapped=MARKED)) == ["envelope.too-deep", "Item"]
    assert read(b'"\xff"', mapped=MARKED)[0] == Deviation("envelope.utf8", 1, "0xff")


# -- Raffel ------------------------------------------------------------------------------------------------------------


def test_the_transcript_of_raffels_code_is_read() -> None:
    """What package 0.2.3 answered (seeds: the counter of two)."""
    events = read(
        '{"id":"s1:stream:start","procedure":"counter","type":"stream:start","payload":null,"metadata":{}}',
        '{"id":"s1:stream:data:1795182184604","procedure":"counter","type":"stream:data","payload":{"n":1},"metadata":{}}',
        '{"id":"s1:stream:data:1795182184604","procedure":"counter","type":"stream:data","payload":{"n":2},"metadata":{}}',
        '{"id":"s1:stream:end","procedure":"counter","type":"stream:end","payload":null,"metadata":{}}',
        mapped=RAFFEL,
        seq="$.n",
    )
    assert names(events) == ["Meta", "Item", "Item", "Completed", "Ended"]
    items = [event for event in events if isinstance(event, Item)]
    assert [item.seq for item in items] == [1, 2]
    assert {item.id for item in items} == {"s1:stream:data:1795182184604"}


@pytest.mark.parametrize(
    ("message", "code", "told"),
    [
        (
            (
                '{"id":"s1:stream:error","procedure":"counter","type":"stream:error",'
                '"payload":{"code":"STREAM_ERROR","status":500,"message":"boom"}}'
            ),
            "STREAM_ERROR",
            "boom",
        ),
        (
            (
                '{"id":"s1:error","procedure":"nope","type":"error",'
                '"payload":{"code":"NOT_FOUND","status":404,"message":"Stream \'nope\' not found"}}'
            ),
            "NOT_FOUND",
            "Stream 'nope' not found",
        ),
        (
            (
                '{"id":"s1:stream:error","procedure":"","type":"stream:error",'
                '"payload":{"code":"CANCELLED","message":"Stream cancelled"}}'
            ),
            "CANCELLED",
            "Stream cancelled",
        ),
    ],
)
def test_raffels_failures_are_read(message: str, code: str, told: str) -> None:
    assert TCP_FRAMES.addressee is not None
    assert TCP_FRAMES.addressee(RAFFEL, message.encode()) == "s1"
    failed, ended = read(message, mapped=RAFFEL)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.message) == (code, told)
    assert ended == Ended("envelope", len(message))


def test_a_response_of_raffels_is_the_end_of_what_was_asked() -> None:
    message = '{"id":"s1:response","procedure":"add","type":"response","payload":{"sum":3},"metadata":{}}'
    assert TCP_FRAMES.addressee is not None
    assert TCP_FRAMES.addressee(RAFFEL, message.encode()) == "s1"
    assert names(read(message, mapped=RAFFEL)) == ["Completed", "Ended"]


def test_raffels_page_is_read() -> None:
    events = read(
        '{ "type": "stream:data", "id": "stream_1", "payload": { "message": "Error..." } }',
        '{ "type": "stream:data", "id": "stream_1", "payload": { "message": "Another..." } }',
        '{ "type": "stream:end", "id": "stream_1" }',
        mapped=DOCS,
    )
    assert names(events) == ["Item", "Item", "Completed", "Ended"]
    assert next(event.prefix for event in events if isinstance(event, Item)) == '{ "message": "Error..." }'
