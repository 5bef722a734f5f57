"""What we write outside the grammar does what its name says, in the eyes of a server's parser that is not ours."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from streamspec.harness.core.raw import RAW, raw_octets
from streamspec.harness.core.raw_websocket import WEBSOCKET

OP_TEXT, OP_BINARY, OP_CLOSE, OP_PING = Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE, Opcode.PING

# What `websockets` as a server makes of each: the opcodes that it hands on, and the code with which it fails.
SEEN: dict[str, tuple[list[int], int | None]] = {
    "ws-not-json": ([OP_TEXT], None),
    "ws-no-type": ([OP_TEXT], None),
    "ws-no-id": ([OP_TEXT], None),
    "ws-array": ([OP_TEXT], None),
    "ws-nested": ([OP_TEXT], None),
    "ws-unknown-id": ([OP_TEXT], None),
    "ws-binary": ([OP_BINARY], None),
    "ws-fragments": ([OP_TEXT, 0, OP_PING, 0], None),
    "ws-fragmented-item": ([OP_TEXT, OP_PING, 0], None),
    "ws-close": ([OP_CLOSE], None),
    "ws-bad-utf8": ([OP_TEXT], None),  # it looks at UTF-8 when the message is read
    "ws-unmasked": ([], 1002),
    "ws-reserved-bits": ([], 1002),
    "ws-reserved-opcode": ([], 1002),
    "ws-long-ping": ([], 1002),
    "ws-fragmented-ping": ([], 1002),
    "ws-continuation": ([], 1002),
    "ws-huge": ([], 1009),
}


def read(octets: bytes) -> tuple[list[Frame], int | None]:
    server = Protocol(SERVER, state=OPEN, max_size=2**20)
    server.receive_data(octets)
    frames = [event for event in server.events_received() if isinstance(event, Frame)]
    failed = server.close_rcvd is None and server.close_sent is not None
    return frames, server.close_sent.code if failed and server.close_sent else None


def messages(what: str) -> list[str]:
    frames, _ = read(raw_octets(what, "s1"))
    return [b"".join(bytes(f.data) for f in frames if f.opcode in {OP_TEXT, OP_BINARY, 0}).decode(errors="replace")]


def test_every_name_is_proved_here_and_found_among_all() -> None:
    assert set(SEEN) == set(WEBSOCKET)
    assert set(WEBSOCKET) <= set(RAW)
    assert all(name.startswith("ws-") for name in WEBSOCKET)


@pytest.mark.parametrize("what", SEEN)
def test_a_server_sees_what_the_name_says(what: str) -> None:
    frames, code = read(raw_octets(what, "s1"))
    assert ([frame.opcode for frame in frames], code) == SEEN[what]


def test_the_octets_are_the_same_each_time() -> None:
    assert all(raw_octets(what, "s1") == raw_octets(what, "s1") for what in WEBSOCKET)


def test_messages_that_are_no_envelopes_lack_what_their_names_say() -> None:
    assert messages("ws-not-json") == ["{bad"]
    [no_type], [no_id], [array] = (messages(what) for what in ("ws-no-type", "ws-no-id", "ws-array"))
    assert json.loads(no_type).keys() == {"id", "payload"}
    assert json.loads(no_id).keys() == {"type", "payload"}
    assert json.loads(array) == [1, 2]


def test_what_is_legal_speaks_of_a_stream_that_nobody_opened() -> None:
    for what in ("ws-fragments", "ws-binary"):
        assert [json.loads(message) for message in messages(what)] == [{"id": "nobody", "type": "stream:cancel"}]
    [unknown] = messages("ws-unknown-id")
    assert json.loads(unknown) == {"id": "nobody", "type": "stream:data", "payload": {"n": 1}}


def test_the_item_in_fragments_is_one_of_this_stream() -> None:
    [item] = messages("ws-fragmented-item")
    assert json.loads(item) == {"id": "s1", "type": "stream:data", "payload": {"n": 2}}


def test_the_nested_one_is_of_this_stream_and_ten_thousand_deep() -> None:
    [nested] = messages("ws-nested")
    assert nested.startswith('{"id":"s1","type":"stream:data","payload":[[')
    assert nested.count("[") == nested.count("]") == 10_000


def test_the_text_that_is_no_utf8_is_none() -> None:
    [frame], _ = read(raw_octets("ws-bad-utf8", "s1"))
    with pytest.raises(UnicodeDecodeError):
        bytes(frame.data).decode()


def test_the_huge_one_announces_and_brings_nothing() -> None:
    octets = raw_octets("ws-huge", "s1")
    assert len(octets) == 2 + 8 + 4
    assert int.from_bytes(octets[2:10]) == 2**62
