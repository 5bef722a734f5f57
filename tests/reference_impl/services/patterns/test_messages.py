"""Messages and descriptors: those that `protoc` makes of `streams.proto`, and octets that say what the values say."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st
from served_patterns import items

from streamspec.reference_impl.grpc_names import MOST_MESSAGE_BYTES
from streamspec.reference_impl.services.patterns import messages, methods, model
from streamspec.reference_impl.services.patterns.model import Item, ListItemsRequest, StreamRequest, UploadResponse
from streamspec.reference_impl.services.patterns.service import StreamService
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from pathlib import Path

CODEC: Final = messages.codec()
INT32, INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.one_of(
    st.builds(Item, INT64, TEXT, st.binary()),
    st.builds(ListItemsRequest, TEXT, INT64),
    st.builds(model.GetItemRequest, INT64),
    st.builds(model.DeleteItemRequest, INT64),
    st.builds(model.DeleteItemResponse),
    st.builds(UploadResponse, INT32, INT64),
    st.builds(model.ChatMessage, TEXT, TEXT),
    st.builds(StreamRequest, TEXT, st.lists(INT32).map(tuple)),
)


def test_the_descriptors_are_those_of_the_proto_file(tmp_path: Path) -> None:
    source = tmp_path / messages.FILE
    source.parent.mkdir()
    shipped = resources.files("streamspec.reference_impl.services.patterns") / "streams.proto"
    source.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    made = tmp_path / "made"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{tmp_path}", f"--descriptor_set_out={made}"]
    subprocess.run([*command, messages.FILE], check=True)
    (compiled,) = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file
    nobody: Any = None
    described = messages.described(methods.services_of(StreamService(nobody)))
    assert described == compiled


@given(VALUES)
def test_a_value_says_the_same_behind_the_wire(value: Any) -> None:
    kind = type(value)
    assert CODEC.decoder(kind)(CODEC.encoder(kind)(value)) == value


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (Item(150, "a", b"\xff"), "089601 120161 1a01ff"),
        (UploadResponse(2, 300), "0802 10ac02"),
        (StreamRequest("ab", (1, 2)), "0a026162 12020102"),
        (ListItemsRequest(), ""),
    ],
)
def test_octets_are_protobufs(value: Any, octets: str) -> None:
    assert CODEC.encoder(type(value))(value) == bytes.fromhex(octets)


def test_numbers_that_are_not_packed_and_fields_that_are_unknown_are_read() -> None:
    decode = CODEC.decoder(StreamRequest)
    assert decode(bytes.fromhex("1001 1002 7a0178")) == StreamRequest("", (1, 2))


@pytest.mark.parametrize("octets", ["ff", "0a05", "0a01ff", "1a"])
def test_what_is_no_message_is_internal_and_says_which_was_due(octets: str) -> None:
    with pytest.raises(StreamError, match="a message is no ChatMessage") as raised:
        CODEC.decoder(model.ChatMessage)(bytes.fromhex(octets))
    assert raised.value.code is Code.INTERNAL


@pytest.mark.parametrize(
    "value",
    [UploadResponse(2**31, 0), Item(2**63), Item(name=b"\xff"), Item(data="text")],  # type: ignore[arg-type]
)
def test_what_no_field_holds_is_not_written(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        CODEC.encoder(type(value))(value)


def test_an_item_as_large_as_it_may_be_is_a_message_still() -> None:
    largest = Item(2**63 - 1, "n" * model.MOST_NAME_BYTES, bytes(model.MOST_DATA_BYTES))
    model.check(largest)
    assert len(CODEC.encoder(Item)(largest)) <= MOST_MESSAGE_BYTES


@pytest.mark.parametrize(
    "item",
    [
        Item(1),
        Item(name="№" * (model.MOST_NAME_BYTES // 3 + 1)),
        Item(data=bytes(model.MOST_DATA_BYTES + 1)),
    ],
)
def test_an_item_that_cannot_be_kept_is_an_invalid_argument(item: Item) -> None:
    with pytest.raises(StreamError) as raised:
        model.check_new(item)
    assert raised.value.code is Code.INVALID_ARGUMENT


def test_items_that_can_be_kept_are_let_through() -> None:
    for item in items(3):
        model.check_new(item)
