"""Fields by their numbers: what the protobuf library has written is found, and no octets do harm."""

from __future__ import annotations

import pytest
from conformance_messages import asked, made, numbered
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.drivers._protobuf import counted, number_at, path_of, read_varint


@pytest.mark.parametrize(
    ("seq", "path"),
    [
        *[("$.1", (1,)), ("$.1.1.3", (1, 1, 3)), ("$.536870911", (536_870_911,))],
        *[("", ()), ("$", ()), ("$.size", ()), ("$.1.n", ()), ("$.0", ()), ("$.01", ()), ("$.²", ())],
        ("$." + "9" * 5000, ()),
    ],
)
def test_a_path_of_numbers_is_told_from_one_of_names(seq: str, path: tuple[int, ...]) -> None:
    assert path_of(seq) == path


@given(st.integers(1, 2**32 - 1), st.binary(max_size=20))
def test_a_number_that_the_library_has_written_is_found_in_its_depth(n: int, value: bytes) -> None:
    info = made("RequestInfo", requests=[made("Any", type_url="t", value=value)])
    payload = made("ConformancePayload", data=numbered([n])[0], request_info=info)
    message = made("ServerStreamResponse", payload=payload).SerializeToString()
    assert number_at(message, (1, 1, 1)) == n
    assert counted(message, (1, 1, 1)) == {"1": {"1": {"1": n}}}
    assert number_at(message, (1, 2, 1)) is None, "the request's header, or nothing"


def test_of_several_the_last_one_counts() -> None:
    assert number_at(b"\x08\x01\x08\x02", (1,)) == 2
    definition = asked(numbered([7, 8, 9]))
    assert number_at(definition, (1, 2, 1)) == 9


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"", "nothing"),
        (b"\x10\x01", "another field"),
        (b"\x0a\x01\x01", "octets"),
        (b"\x0d\x01\x00\x00\x00", "four octets that may be a float"),
        (b"\x09" + b"\x01" * 8, "eight octets that may be one"),
        (b"\x08" + b"\xff" * 9 + b"\x01", "a negative number"),
        (b"\x08\x01\x08", "a number that is cut behind one that is whole"),
        (b"\x08\x01\x12\x05a", "a field that is cut behind it"),
        (b"\x08\x01\x00\x01", "the field 0"),
        (b"\x08\x01\x0b", "a group"),
        (b"\x08\x01" + b"\xff" * 11, "a tag without end"),
        (b"\x08\x01\x80\x80\x80\x80\x10\x01", "a field with a number that no field has"),
    ],
)
def test_what_is_no_number_of_that_field_is_none(message: bytes, what: str) -> None:
    assert number_at(message, (1,)) is None, what
    assert counted(message, (1,)) == {}


def test_fields_of_four_and_eight_octets_are_passed_over() -> None:
    assert number_at(b"\x15\xff\xff\xff\xff\x19" + b"\xff" * 8 + b"\x08\x05", (1,)) == 5


@given(st.binary(max_size=60), st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_any_octets_are_a_number_or_none(message: bytes, path: list[int]) -> None:
    found = number_at(message, path)
    assert found is None or 0 <= found < 2**63


FIELDS = st.one_of(
    st.integers(1, 2**32 - 1).map(lambda n: numbered([n])[0]),
    st.binary(max_size=5).map(lambda octets: b"\x12" + bytes((len(octets),)) + octets),
    st.sampled_from([b"\x18\x96\x01", b"\x25abcd", b"\x29abcdefgh"]),
)


@given(st.lists(FIELDS, max_size=5).map(b"".join), st.integers(0, 12))
def test_what_the_library_reads_we_read_alike(message: bytes, cut: int) -> None:
    octets, theirs = message[: max(0, len(message) - cut)], made("Numbered")
    ours = number_at(octets, (1,))
    try:
        theirs.ParseFromString(octets)
    except DecodeError:
        assert ours is None
    else:
        assert (ours or 0) == theirs.n


@given(st.integers(0, 2**70 - 1))
def test_a_varint_is_read_to_its_last_octet(value: int) -> None:
    octets, rest = bytearray(), value
    while rest > 0x7F:
        octets.append(rest & 0x7F | 0x80)
        rest >>= 7
    octets.append(rest)
    assert read_varint(bytes(octets) + b"\x01", 0) == (value, len(octets))
    assert read_varint(bytes(octets)[:-1], 0) == (-1, len(octets) - 1)
