"""Bodies of gRPC and their trailers: messages at any cut, every departure, statuses in the words of the contract."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cuts import cut_into, octet_by_octet
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import (
    Completed,
    Deviation,
    Event,
    Failed,
    Item,
    Opened,
    Trailers,
)
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import HeadDecoder, TrailersDecoder
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers._grpc_messages import percent_decoded, prefixed, text_in, text_message
from streamspec.harness.drivers.grpc import GRPC, GrpcDecoder, opening

if TYPE_CHECKING:
    from google.protobuf.message import Message

PLAIN = Profile("plain", "")
JSON = Profile("json", "", items="json")
OK = Trailers((("grpc-status", "0"),))


def decoder(coding: str = "", seq: str = "", profile: Profile = PLAIN, limits: Limits = LIMITS) -> GrpcDecoder:
    made = GrpcDecoder(profile, seq, limits)
    fields = (("content-type", "application/grpc"), *([("grpc-encoding", coding)] if coding else []))
    made.begin(Opened(200, "", "HTTP/2", fields))
    return made


def read(pieces: list[bytes], by: GrpcDecoder, trailers: Trailers | None = OK) -> list[Event]:
    out = [event for piece in pieces for event in by.feed(piece)]
    return [*out, *(by.end() if trailers is None else by.trailers(trailers))]


def codes(events: list[Event]) -> list[str]:
    return [event.code for event in events if isinstance(event, Deviation)]


def item(n: int, text: str, offset: int, **more: int) -> Item:
    octets = text.encode()
    sha = hashlib.sha256(octets).hexdigest()[:16]
    return Item(n=n, size=len(octets), sha=sha, prefix=text, offset=offset, seq=more.get("seq"))


# -- messages --------------------------------------------------------------------------------------------------------


def test_a_message_is_an_item_and_its_json_the_payload() -> None:
    events = read([opening(PLAIN, b'{"n":1}') + opening(PLAIN, b'{"n":2}')], decoder(seq="$.n"))
    assert events == [item(0, '{"n":1}', 0, seq=1), item(1, '{"n":2}', 14, seq=2), Completed(28)]


def test_a_message_is_read_at_its_last_octet() -> None:
    body, reading = opening(PLAIN, b'{"n":1}'), decoder()
    assert reading.feed(body[:-1]) == []
    assert len(reading.feed(body[-1:])) == 1
    assert reading.buffered_bytes == 0


def test_a_message_without_octets_is_an_empty_text() -> None:
    assert read([b"\0\0\0\0\0" * 2], decoder()) == [item(0, "", 0), item(1, "", 5), Completed(10)]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_message_is_read_as_its_head_says(coding: str) -> None:
    text = text_message(b'{"n":1}')
    packed = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
    body = b"\1" + len(packed).to_bytes(4) + packed + prefixed(text)  # each message says it for itself
    events = read([body], decoder(coding))
    assert events == [item(0, '{"n":1}', 0), item(1, '{"n":1}', 5 + len(packed)), Completed(len(body))]


def test_whatever_a_message_says_only_trailers_end_a_stream() -> None:
    ending = Profile("ending", "", clauses=(Clause((("event", "end"),), "completed"),))
    events = read([opening(PLAIN, b'{"type":"end"}')], decoder(profile=ending))
    assert [type(event) for event in events] == [Item, Completed]


def test_a_body_that_was_cut_owes_no_status() -> None:
    assert read([opening(PLAIN, b"1") + b"\0\0"], decoder(), trailers=None) == [item(0, "1", 0)]


# -- departures ------------------------------------------------------------------------------------------------------

GOOD = opening(PLAIN, b'{"n":1}')
DEPARTURES: dict[str, tuple[bytes, str, str, int]] = {
    "a flag of 7": (b"\7" + GOOD[1:], "", "grpc.flag", 0),
    "a flag without a coding": (GOOD + b"\1" + GOOD[1:], "", "grpc.flag-without-encoding", len(GOOD)),
    "a flag under identity": (b"\1" + GOOD[1:], "identity", "grpc.flag-without-encoding", 0),
    "no gzip": (b"\1" + GOOD[1:], "gzip", "grpc.inflate", 0),
    "a coding that we cannot read": (b"\1" + GOOD[1:], "br", "grpc.inflate", 0),
    "half of a gzip": (b"\1\0\0\0\x0c" + gzip.compress(GOOD)[:12], "gzip", "grpc.inflate", 0),
    "more than a gzip": (
        b"\1\0\0\0\x23" + gzip.compress(b"\n\7" + b'{"n":1}')[:29] + b"excess",
        "gzip",
        "grpc.inflate",
        0,
    ),
    "half of a prefix": (GOOD + b"\0\0\0", "", "grpc.cut", len(GOOD)),
    "half of a message": (GOOD + GOOD[:8], "", "grpc.cut", len(GOOD)),
    "another field": (prefixed(b"\x12\x01x"), "", "grpc.no-text", 0),
    "another type": (prefixed(b"\x08\x01"), "", "grpc.no-text", 0),
    "a text that is longer than its message": (prefixed(b"\x0a\x05x"), "", "grpc.no-text", 0),
    "a length without end": (prefixed(b"\x0a" + b"\xff" * 12), "", "grpc.no-text", 0),
    "no UTF-8": (prefixed(b"\x0a\x01\xff"), "", "grpc.no-text", 0),
}


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_departure_is_said_with_its_offset_at_any_cut(name: str) -> None:
    body, coding, code, offset = DEPARTURES[name]
    events = read([body], decoder(coding))
    assert [(d.code, d.offset) for d in events if isinstance(d, Deviation)] == [(code, offset)]
    assert read(octet_by_octet(body), decoder(coding)) == events
    assert isinstance(events[-1], Completed)


@pytest.mark.parametrize("name", [name for name, row in DEPARTURES.items() if row[2] != "grpc.cut"])
def test_what_cannot_be_read_is_an_item_all_the_same(name: str) -> None:
    body, coding, _, offset = DEPARTURES[name]
    assert any(isinstance(event, Item) and event.offset == offset for event in read([body], decoder(coding)))


def test_a_message_beyond_our_limit_is_skipped_and_what_follows_is_read() -> None:
    few = replace(LIMITS, message_bytes=10)
    body = opening(PLAIN, b'"' + b"x" * 50 + b'"') + opening(PLAIN, b"1")
    events = read([body], decoder(limits=few))
    assert codes(events) == ["grpc.message-too-long"]
    assert [(e.n, e.size) for e in events if isinstance(e, Item)] == [(0, 10), (1, 1)]
    assert read(octet_by_octet(body), decoder(limits=few)) == events


def test_a_bomb_is_inflated_up_to_our_limit() -> None:
    packed = gzip.compress(bytes(1_000_000))
    few = replace(LIMITS, message_bytes=100_000)
    events = read([b"\1" + len(packed).to_bytes(4) + packed], decoder("gzip", limits=few))
    assert codes(events) == ["grpc.message-too-long"]


def test_a_text_that_is_no_json_is_said_where_the_dialect_has_json() -> None:
    assert codes(read([opening(PLAIN, b"{not")], decoder(profile=JSON))) == ["grpc.no-text"]
    assert codes(read([opening(PLAIN, b"{not")], decoder())) == []


def test_every_code_of_this_layer_is_among_the_tests() -> None:
    tried = {code for _, _, code, _ in DEPARTURES.values()} | {code for _, code in STATUSES}
    assert tried | {"grpc.message-too-long"} == {code for code in DEVIATIONS if code.startswith("grpc.")}


# -- statuses --------------------------------------------------------------------------------------------------------

STATUSES: list[tuple[tuple[tuple[str, str], ...], str]] = [
    ((), "grpc.no-status"),
    ((("grpc-message", "x"),), "grpc.no-status"),
    ((("grpc-status", "abc"),), "grpc.status"),
    ((("grpc-status", "00"),), "grpc.status"),
    ((("grpc-status", "+1"),), "grpc.status"),
    ((("grpc-status", ""),), "grpc.status"),
    ((("grpc-status", "-1"),), "grpc.status"),
    ((("grpc-status", "1 "),), "grpc.status"),
    ((("grpc-status", "0"), ("grpc-status", "0")), "grpc.status"),
    ((("grpc-status", "2"), ("grpc-message", "50%")), "grpc.message"),
    ((("grpc-status", "2"), ("grpc-message", "%zz")), "grpc.message"),
    ((("grpc-status", "2"), ("grpc-message", "a\tb")), "grpc.message"),
    ((("grpc-status", "2"), ("grpc-message", "\xe9")), "grpc.message"),
    ((("grpc-status", "2"), ("grpc-message", "%ff")), "grpc.message"),
]


@pytest.mark.parametrize(("fields", "code"), STATUSES)
def test_a_status_in_another_form_is_said(fields: tuple[tuple[str, str], ...], code: str) -> None:
    assert codes(read([], decoder(), Trailers(fields))) == [code]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        *[("1", "CANCELLED"), ("2", "UNKNOWN"), ("3", "INVALID_ARGUMENT"), ("4", "TIMED_OUT"), ("5", "NOT_FOUND")],
        *[("6", "ALREADY_EXISTS"), ("7", "UNAUTHORIZED"), ("8", "RESOURCE_EXHAUSTED"), ("12", "UNIMPLEMENTED")],
        *[("13", "INTERNAL"), ("14", "UNAVAILABLE"), ("16", "UNAUTHENTICATED"), ("17", "UNKNOWN"), ("99", "UNKNOWN")],
    ],
)
def test_a_failure_has_its_name_in_the_words_of_the_contract(status: str, name: str) -> None:
    fields = (("grpc-status", status), ("grpc-message", "no %25 left%0a"))
    assert read([], decoder(), Trailers(fields)) == [Failed(name, "no % left\\n", "no % left\\n", 0)]


def test_a_status_that_nobody_can_read_is_no_success() -> None:
    assert read([], decoder(), Trailers((("grpc-status", "abc"),)))[-1] == Failed("UNKNOWN")


def test_a_stream_without_a_status_has_no_terminal() -> None:
    assert read([GOOD], decoder(), Trailers(())) == [item(0, '{"n":1}', 0), Deviation("grpc.no-status", len(GOOD))]


@pytest.mark.parametrize("text", ["plain", "100 %", "tab\tline\r\nend", "caf\u00e9", "\U0001f600 astral", "%41", ""])
def test_a_message_is_decoded_as_the_specification_encodes_it(text: str) -> None:
    encoded = "".join(
        chr(octet) if 0x20 <= octet <= 0x7E and octet != 0x25 else f"%{octet:02X}" for octet in text.encode()
    )
    assert percent_decoded(encoded) == (text, "")


@given(st.text(st.characters(max_codepoint=255)))
def test_no_message_breaks_its_decoder(text: str) -> None:
    decoded, _ = percent_decoded(text)
    assert isinstance(decoded, str)


# -- how we speak, and who answers -----------------------------------------------------------------------------------


def test_an_item_of_ours_is_one_message_and_http_2_has_the_other_words() -> None:
    assert GRPC.talker
    talker = GRPC.talker(PLAIN, "")
    assert talker.item('{"n":1}') == b'\0\0\0\0\x09\x0a\x07{"n":1}'
    assert (talker.end(), talker.cancel()) == (None, None)
    assert GRPC.opening
    assert GRPC.opening(PLAIN, b'{"n":1}') == talker.item('{"n":1}')


def test_the_decoder_is_one_of_heads_and_of_trailers() -> None:
    made = GRPC.decoder(PLAIN, "", LIMITS)
    assert isinstance(made, HeadDecoder)
    assert isinstance(made, TrailersDecoder)


@pytest.mark.parametrize(
    ("status", "media", "known"),
    [
        *[
            (200, "application/grpc", True),
            (200, "application/grpc+proto; x=y", True),
            (503, "application/grpc", False),
        ],
        *[(200, "application/grpc-web", False), (200, "text/html", False), (200, "application/grpcx", False)],
    ],
)
def test_an_answer_is_recognised_by_its_media_type(status: int, media: str, known: bool) -> None:  # noqa: FBT001
    assert bool(GRPC.recognises(Opened(status, "", "HTTP/2", (("content-type", media),)))) == known


# -- any cut, anything, and a library ----------------------------------------------------------------------------------


def text_class() -> type[Message]:
    """`message Text { string json = 1; }`, as the library of protocol buffers has it."""
    file = descriptor_pb2.FileDescriptorProto(name="text.proto", package="t", syntax="proto3")
    field = file.message_type.add(name="Text").field.add(name="json", number=1)
    field.type, field.label = field.TYPE_STRING, field.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Text"))
    return found


TEXT = text_class()


@given(st.text())
def test_the_library_writes_and_reads_the_same_text(text: str) -> None:
    theirs = TEXT(json=text).SerializeToString()
    assert text_message(text.encode()) == theirs
    assert text_in(theirs) == text


@given(st.binary(max_size=30))
def test_what_we_read_the_library_reads_alike(octets: bytes) -> None:
    ours = text_in(octets)
    if ours is not None:
        message = TEXT()
        message.ParseFromString(octets)
        assert getattr(message, "json") == ours  # noqa: B009 -- made at run time


MESSAGES = st.one_of(
    st.builds(lambda text: opening(PLAIN, text.encode()), st.text(max_size=20)),
    st.builds(lambda flag, octets: bytes((flag,)) + prefixed(octets)[1:], st.integers(0, 3), st.binary(max_size=20)),
    st.builds(lambda text: b"\1" + prefixed(gzip.compress(text.encode()))[1:], st.text(max_size=20)),
)


@given(st.lists(MESSAGES, max_size=6), st.binary(max_size=8), st.lists(st.integers(0, 15), max_size=20))
def test_any_cut_says_the_same_of_anything(messages: list[bytes], rest: bytes, sizes: list[int]) -> None:
    body = b"".join([*messages, rest])
    whole = read([body], decoder("gzip"))
    assert read(cut_into(body, sizes), decoder("gzip")) == whole
    assert read(octet_by_octet(body), decoder("gzip")) == whole


# -- messages that nobody here can read --------------------------------------------------------------------------------

OCTETS = Profile("octets", "messages of any service", items="octets")


def test_of_octets_only_the_size_is_known_and_who_asked_for_sizes_counts_by_it() -> None:
    seen = decoder(seq="$.size", profile=OCTETS).feed(prefixed(b"\x0a\xff") + prefixed(b"") + prefixed(b"abc"))
    told = [(item.seq, item.size, item.prefix) for item in seen if isinstance(item, Item)]
    assert told == [(2, 2, "0aff"), (0, 0, ""), (3, 3, "616263")]
    assert len(seen) == 3, "and nothing is wrong with any of them"


def test_of_octets_a_field_counts_by_its_number_in_its_depth() -> None:
    messages = [b"\x0a\x02\x08\x07", b"\x0a\x02\x10\x07", b"\x0a\x09\x12\x05other\x08\x08", b"\x08\x07", b"\xff"]
    seen = read([b"".join(map(prefixed, messages))], decoder(seq="$.1.1", profile=OCTETS))
    assert [item.seq for item in seen if isinstance(item, Item)] == [7, None, 8, None, None]
    assert not codes(seen), "and nothing is wrong with any of them"


def test_of_octets_that_did_not_come_as_they_were_sent_nothing_counts() -> None:
    counts, squeezed = b"\x08\x07", gzip.compress(b"\x08\x07")
    bad = b"\1" + prefixed(counts)[1:]  # it says that it is compressed, and is not
    good = b"\1" + prefixed(squeezed)[1:]
    long = prefixed(counts + b"\x12\x7f" + bytes(127))
    for seq, known in (("$.1", 7), ("$.size", 2)):
        for pieces, coding, found in ((good, "gzip", known), (bad, "gzip", None), (bad, "", None), (good, "", None)):
            seen = read([pieces], decoder(coding, seq, OCTETS))
            assert [item.seq for item in seen if isinstance(item, Item)] == [found]
        seen = read([long], decoder(seq=seq, profile=OCTETS, limits=replace(LIMITS, message_bytes=2)))
        assert [item.seq for item in seen if isinstance(item, Item)] == [None]


def test_what_opens_a_stream_of_octets_is_written_in_hexadecimal_digits() -> None:
    assert GRPC.opening is not None
    assert GRPC.opening(OCTETS, b"0a02*2") == prefixed(b"\x0a\x02\x0a\x02")
    with pytest.raises(UsageError, match="a message of octets is written in hexadecimal digits"):
        GRPC.opening(OCTETS, b'{"run":"r"}')
