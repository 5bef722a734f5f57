"""The records of an answer, as lines and as events; and which of the two a client gets."""

from __future__ import annotations

import json

import pytest

from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item
from streamspec.reference_impl.services.transport import wire
from streamspec.reference_impl.services.transport.channel import Header, batch_of
from streamspec.reference_impl.stream.errors import Code

HEADER = wire.framed(1, Header(7, {"took": "3"}))
BATCH = wire.framed(2, batch_of({"text": "№ 7\u2028"}, {"total": "1"}))
OCTETS = wire.framed(3, batch_of(b"\x00\xff"))
FRAMES: tuple[Frame, ...] = (
    *(Begun(), HEADER, BATCH, OCTETS, Heartbeat(), Completed()),
    Failed(Code.NOT_FOUND, "gone\nfor good"),
)


def test_a_header_stands_before_batches_that_count_from_one() -> None:
    assert [frame.n for frame in (HEADER, BATCH, OCTETS)] == [0, 1, 2]


def test_every_record_is_one_line_of_json() -> None:
    lines = b"".join(wire.line(frame) for frame in FRAMES).decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == [
        {"type": "header", "correlation-id": 7, "headers": {"took": "3"}},
        {"type": "batch", "n": 1, "response": {"text": "№ 7\u2028"}, "metadata": {"total": "1"}},
        {"type": "batch", "n": 2, "response": {"base64": "AP8="}},
        {"type": "heartbeat"},
        {"type": "complete"},
        {"type": "error", "code": "NOT_FOUND", "message": "gone\nfor good"},
    ]


def test_events_have_names_but_for_batches_and_no_ids() -> None:
    events = b"".join(wire.event(frame) for frame in FRAMES).decode()
    names = [line for line in events.split("\n") if not line.startswith("data: ")]
    assert [name for name in names if name] == ["event: header", ": heartbeat", "event: complete", "event: error"]
    data = [json.loads(line.removeprefix("data: ")) for line in events.split("\n") if line.startswith("data: ")]
    assert [record["type"] for record in data] == ["header", "batch", "batch", "complete", "error"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "ndjson"),
        ("*/*", "ndjson"),
        ("application/*", "ndjson"),
        ("text/event-stream", "sse"),
        ("text/*;q=0.5, application/x-ndjson;q=0.4", "sse"),
        ("text/event-stream, application/x-ndjson", "sse"),
        ("application/x-ndjson, text/event-stream", "ndjson"),
        ("text/event-stream;q=0.1, */*", "ndjson"),
        ("*/*, application/x-ndjson;q=0", "sse"),
        ("TEXT/EVENT-STREAM ; Q=1", "sse"),
        ("text/html", None),
        ("text/event-stream;q=0", None),
        ("text/event-stream;q=much", None),
    ],
)
def test_a_client_gets_what_it_likes_best(accept: str, kind: str | None) -> None:
    binding = wire.accepted(accept)
    assert (binding and binding.name) == kind


def test_an_item_keeps_its_json_as_it_was_written() -> None:
    assert wire.record(Item(1, '{"n":1}', json=True)) == '{"n":1}'
