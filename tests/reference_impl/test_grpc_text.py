"""The one message of the contract over gRPC, in octets; protobuf's own codec is the second opinion."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl import grpc_names, grpc_services, grpc_text
from streamspec.reference_impl.routing import LOSSY, PROTECTED
from streamspec.reference_impl.stream.errors import Code

WELL = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module")
def text_class() -> Any:
    pool = grpc_services.pool(("streamspec.Script",))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("streamspec.Text"))


@pytest.mark.parametrize("text", ["", "{}", "a" * 127, "a" * 128, "№ 𝄞", "x" * 70_000, "\0"])
def test_a_text_is_what_protobuf_reads(text: str, text_class: Any) -> None:
    assert text_class.FromString(grpc_text.encoded(text)).json == text
    assert grpc_text.decoded(text_class(json=text).SerializeToString()) == text


@given(WELL)
def test_what_is_written_is_read(text: str) -> None:
    assert grpc_text.decoded(grpc_text.encoded(text)) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"", ""),
        (b"\x0a\x01a\x0a\x01b", "b"),  # the last one counts
        (b"\x10\x96\x01\x0a\x01a", "a"),  # a number in a field that is not known
        (b"\x0a\x01a\x1a\x02zz", "a"),
        (b"\x21" + b"8" * 8 + b"\x0a\x01a", "a"),
        (b"\x25" + b"4" * 4 + b"\x0a\x01a", "a"),
        (b"\x08\x01\x0a\x01a", "a"),  # field 1 as a number is another field
        (b"\x0a\x81\x80\x00a", "a"),  # a length in more octets than it needs
    ],
)
def test_fields_that_are_not_known_are_passed_over(message: bytes, text: str, text_class: Any) -> None:
    assert grpc_text.decoded(message) == text == text_class.FromString(message).json


@pytest.mark.parametrize(
    "message",
    [
        b"\x0a",
        b"\x0a\x02a",
        b"\x0a\x80",
        b"\x80" * 11,
        b"\x0b\x0c",
        b"\x0f",
        b"\x00\x01",
        b"\x02\x01a",
        b"\x21" + b"8" * 7,
        b"\x0a\x01\xff",
    ],
)
def test_what_is_no_message_is_told(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        grpc_text.decoded(message)


@given(message=st.binary(max_size=40))
def test_any_octets_are_a_text_or_an_error_and_where_both_read_one_it_is_the_same(
    message: bytes, text_class: Any
) -> None:
    try:
        text = grpc_text.decoded(message)
        theirs = text_class.FromString(message)
    except (ValueError, DecodeError):
        return
    assert theirs.json == text


def test_every_mount_has_a_service_of_its_own() -> None:
    names = [grpc_names.service_of(mount) for mount in ("", LOSSY, PROTECTED, "bad-chunks", "protected")]
    assert names == [
        "streamspec.Script",
        "streamspec.lossy.Script",
        "streamspec.protected.Script",
        "streamspec.broken.bad_chunks.Script",
        "streamspec.broken.protected.Script",
    ]


def test_every_code_has_a_status() -> None:
    statuses = [grpc.StatusCode[grpc_names.status_of(code)] for code in Code]
    assert len(set(statuses)) == len(Code)
