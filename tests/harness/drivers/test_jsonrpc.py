"""JSON-RPC: one answer is a result or an error, however its octets are cut, and nothing else is an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import Completed, Deviation, Failed, Item, Opened
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.profile import Profile
from streamspec.harness.drivers.jsonrpc import JSONRPC

if TYPE_CHECKING:
    from streamspec.harness.core.event import Event

JSON = Profile("json", "items are JSON", "json")


def answered(*pieces: bytes, limits: Limits = LIMITS) -> list[Event]:
    decoder = JSONRPC.decoder(JSON, "$.n", limits)
    seen = [event for piece in pieces for event in decoder.feed(piece)]
    return [*seen, *decoder.end()]


def test_a_result_is_the_item_and_the_success() -> None:
    item, end = answered(b'{"jsonrpc":"2.0","result":{"n": 1, "price": 1.10},"id":1}')
    assert isinstance(item, Item)
    assert (item.seq, item.prefix) == (1, '{"n": 1, "price": 1.10}'), "the text as it stands: a number keeps its digits"
    assert end == Completed()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": -32601, "message": "server is a stream"}, "-32601"),
        ({"code": -32000, "message": "server is a stream", "data": {"code": "NOT_FOUND"}}, "NOT_FOUND"),
        ({"code": -32000, "message": "server is a stream", "data": [1]}, "-32000"),
    ],
)
def test_an_error_is_the_failure_with_the_code_that_is_nearest_to_its_cause(error: dict[str, Any], code: str) -> None:
    (failed,) = answered(json.dumps({"jsonrpc": "2.0", "error": error, "id": None}).encode())
    assert isinstance(failed, Failed)
    assert (failed.code, failed.message) == (code, "server is a stream")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"result":1,"error":{"code":1}}',
        b'{"error":"no"}',
        b"data: 1\n\n",
        b"\xff",
        b'{"result":1}{"result":2}',
    ],
)
def test_what_is_neither_a_result_nor_an_error_is_no_answer(body: bytes) -> None:
    (deviation,) = answered(body)
    assert isinstance(deviation, Deviation)
    assert deviation.code == "jsonrpc.no-answer"


def test_no_body_is_no_answer_to_a_notification_either_and_nothing_is_wrong_with_it() -> None:
    assert answered() == []


def test_no_more_is_held_than_the_limit_allows() -> None:
    limits = Limits(message_bytes=64)
    decoder = JSONRPC.decoder(JSON, "", limits)
    for _ in range(100):
        decoder.feed(b"x" * 10)
        assert decoder.buffered_bytes <= 64  # type: ignore[attr-defined]  # every decoder of ours says it
    assert [event.code for event in decoder.end() if isinstance(event, Deviation)] == ["jsonrpc.too-long"]


@given(st.lists(st.integers(1, 9), max_size=30), st.sampled_from(["result", "error"]))
def test_any_cut_of_the_same_octets_says_the_same(sizes: list[int], what: str) -> None:
    value: Any = {"n": 7, "t": "é"} if what == "result" else {"code": -1, "message": "ü"}
    whole = json.dumps({"jsonrpc": "2.0", what: value, "id": "a"}, ensure_ascii=False).encode()
    pieces, rest = [], whole
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert answered(*pieces, rest) == answered(whole)


def test_nothing_is_taken_for_an_answer_that_nobody_called_one() -> None:
    assert JSONRPC.recognises(Opened(200, "OK", "HTTP/1.1", (("Content-Type", "application/json"),))) is None
