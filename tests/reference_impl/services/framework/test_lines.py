"""Streams as lines: what a handler sends, a client that reads as the page says has again, and no item is an end."""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import Any, Final

import msgspec
import pytest
from framework_desk import get, served
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.frame import Completed, Failed, Heartbeat, Item
from streamspec.reference_impl.services.framework.faults import Misfit
from streamspec.reference_impl.services.framework.lines import BINDING
from streamspec.reference_impl.services.framework.router import Router
from streamspec.reference_impl.services.framework.schema import to_json
from streamspec.reference_impl.services.framework.served import stream_server
from streamspec.reference_impl.stream.errors import Code

NDJSON: Final = "application/x-ndjson"
END: Final = {"type": "end"}
FAILED: Final = {"type": "error", "code": "INTERNAL", "message": "gone"}
BEAT: Final = {"type": "heartbeat"}
WRAPPED: Final = {"type": "stream:data", "payload": 1}

# What an item may have in common with the words of a stream: names, types, and what stands in wrapped ones.
NAMES: Final = st.sampled_from(("type", "payload", "code", "message", "Type", "typ")) | st.text(max_size=3)
TYPES: Final = st.sampled_from(
    ("end", "error", "heartbeat", "stream:data", "stream:end", "item", "data", "END", "end ")
)
VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TYPES
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ITEMS: Final = VALUES | st.builds(
    lambda kind, rest: {**rest, "type": kind}, TYPES, st.dictionaries(NAMES, VALUES, max_size=2)
)


class Named(Enum):
    TYPE = "type"


def lines(*items: object) -> bytes:
    encode = BINDING.encoder()
    shown = [encode(Item(n, to_json(item).decode(), json=True)) for n, item in enumerate(items, 1)]
    return b"".join((*shown, encode(Completed())))


def read(body: bytes) -> tuple[list[Any], list[Any]]:
    """As the page says: the items, and the words of the stream itself."""
    items: list[Any] = []
    words: list[Any] = []
    *whole, rest = body.split(b"\n")
    assert not rest
    for line in whole:
        said = json.loads(line)
        match said:
            case {"type": "stream:data"}:
                items.append(said["payload"])
            case {"type": "end" | "error" | "heartbeat"}:
                words.append(said)
            case _:
                items.append(said)
    return items, words


@given(st.lists(ITEMS, max_size=4))
def test_a_client_reads_exactly_what_was_sent(sent: list[Any]) -> None:
    items, words = read(lines(*sent))
    # As texts: `1 == True`, and in Python `1 == 1.0`.
    assert json.dumps(items) == json.dumps(sent)
    assert words == [END]


@given(ITEMS)
def test_an_item_that_is_no_word_of_ours_stands_as_it_is(item: Any) -> None:
    ours = isinstance(item, dict) and item.get("type") in ("end", "error", "heartbeat", "stream:data")
    text = to_json(item).decode()
    line = f'{{"type":"stream:data","payload":{text}}}' if ours else text
    assert lines(item) == f'{line}\n{{"type":"end"}}\n'.encode()


def test_json_that_a_handler_made_itself_is_one_line_or_is_not_sent() -> None:
    with pytest.raises(Misfit):
        to_json(msgspec.Raw(b'{"a":1}\n{"type":"end"}'))


@pytest.mark.parametrize(
    ("item", "sent"),
    [
        pytest.param(msgspec.Raw(b'{\n"type"\r\n:\t"end"}'), END, id="blanks"),
        pytest.param(msgspec.Raw(b'{"t\\u0079pe":"\\u0065nd"}'), END, id="escapes"),
        pytest.param(msgspec.Raw(b'{"type":"end","n":1e999}'), {**END, "n": float("inf")}, id="a number"),
        pytest.param({"type": "end", Named.TYPE: "mine"}, {"type": "mine"}, id="a name twice, ours first"),
        pytest.param({"type": "mine", Named.TYPE: "end"}, END, id="a name twice, ours last"),
    ],
)
def test_no_other_spelling_reads_like_the_end(item: object, sent: object) -> None:
    body = lines(item)
    assert body.startswith(b'{"type":"stream:data","payload":')
    assert read(body) == ([sent], [END])


def test_the_words_themselves_stay_as_they_are() -> None:
    encode = BINDING.encoder()
    assert encode(Heartbeat()) == b'{"type":"heartbeat"}\n'
    assert encode(Failed(Code.INTERNAL, "gone")) == b'{"type":"error","code":"INTERNAL","message":"gone"}\n'
    assert encode(Completed()) == b'{"type":"end"}\n'


def test_a_served_handler_may_send_every_word_as_an_item() -> None:
    router = Router()
    sent = [END, FAILED, BEAT, WRAPPED, {"type": "mine"}, [END]]

    @router.stream("desk.words").content_type(NDJSON).handler
    async def words() -> Any:
        for item in sent:
            yield item

    async def story() -> str:
        async with served(stream_server(router)) as ports:
            return (await get(ports.http, "/streams/desk.words", accept=NDJSON))[2]

    assert read(asyncio.run(story()).encode()) == (sent, [END])
