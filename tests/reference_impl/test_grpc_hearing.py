"""What a client says over HTTP/2 as a server hears it: changed where it is to be, wherever it is cut, and else as it
came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cuts import cut_into, octet_by_octet
from hpack import Decoder, Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame, PingFrame, RstStreamFrame
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl import grpc_hearing, grpc_parts
from streamspec.reference_impl.broken import hangs_up_on_a_reset, passes_no_cancel_on
from streamspec.reference_impl.grpc_parts import DATA, HEADERS, Framed, Frames, Hear

if TYPE_CHECKING:
    from streamspec.reference_impl.variant import Variant

PATH = (":path", "/reference.Streams/Server")
TIMED = (PATH, ("grpc-timeout", "500m"), ("te", "trailers"))
UNTIMED = (PATH, ("te", "trailers"))


def _octets(*frames: Frame) -> bytes:
    return grpc_parts.PREFACE + b"".join(frame.serialize() for frame in frames)


def _asking(encoder: Encoder, *requests: tuple[tuple[str, str], ...]) -> tuple[Frame, ...]:
    """Requests as a client says them, which a table compresses: heads in two frames, and a message that ends each."""
    found: list[Frame] = []
    for number, fields in enumerate(requests):
        block = encoder.encode(fields)
        found.append(HeadersFrame(2 * number + 1, block[:2]))
        found.append(ContinuationFrame(2 * number + 1, block[2:], flags=("END_HEADERS",)))
        found.append(DataFrame(2 * number + 1, b"a message", flags=("END_STREAM",)))
    return tuple(found)


def _heard(hear: Hear, *pieces: bytes) -> list[Framed]:
    said = b"".join(hear(piece) for piece in pieces)
    assert said[: len(grpc_parts.PREFACE)] == grpc_parts.PREFACE
    return list(Frames().feed(said[len(grpc_parts.PREFACE) :]))


def _requests(frames: list[Framed]) -> list[tuple[tuple[str, str], ...]]:
    decoder = Decoder()
    return [
        tuple((str(name), str(value)) for name, value in decoder.decode(frame.payload))
        for frame in frames
        if frame.kind == HEADERS
    ]


def _heard_by(variant: Variant) -> Hear:
    assert variant.seams.relay is not None
    return variant.seams.relay.hear()


@given(st.lists(st.integers(0, 40), max_size=20))
def test_requests_are_heard_without_their_deadlines_and_all_else_as_it_came(sizes: list[int]) -> None:
    octets = _octets(*_asking(Encoder(), TIMED, UNTIMED, TIMED))
    for pieces in ([octets], cut_into(octets, sizes), octet_by_octet(octets)):
        frames = _heard(grpc_hearing.without_timeouts()(), *pieces)
        assert _requests(frames) == [UNTIMED] * 3
        messages = [(frame.stream, frame.payload, frame.flags) for frame in frames if frame.kind == DATA]
        assert messages == [(number, b"a message", grpc_parts.END_STREAM) for number in (1, 3, 5)]


def test_deadlines_of_other_values_are_heard() -> None:
    past = (PATH, ("grpc-timeout", "0m"))
    frames = _heard(grpc_hearing.without_timeouts("0m")(), _octets(*_asking(Encoder(), TIMED, past)))
    assert _requests(frames) == [TIMED, (PATH,)]


def test_a_request_that_ends_its_stream_still_does() -> None:
    asks = HeadersFrame(1, Encoder().encode(TIMED), flags=("END_HEADERS", "END_STREAM"))
    (heard,) = _heard(grpc_hearing.without_timeouts()(), _octets(asks))
    assert heard.flags == grpc_parts.END_STREAM | grpc_parts.END_HEADERS


def test_each_connection_has_a_table_of_its_own() -> None:
    made = grpc_hearing.without_timeouts()
    octets = _octets(*_asking(Encoder(), TIMED))
    assert _requests(_heard(made(), octets)) == _requests(_heard(made(), octets)) == [UNTIMED]


def test_a_cancel_is_left_out_and_nothing_else() -> None:
    ping, cancel = PingFrame(0, b"12345678"), RstStreamFrame(1, 8)
    octets = _octets(ping, cancel, ping)
    assert [frame.octets for frame in _heard(_heard_by(passes_no_cancel_on.VARIANT), octets)] == [ping.serialize()] * 2


def test_a_connection_ends_with_the_stream_that_is_reset() -> None:
    hear = _heard_by(hangs_up_on_a_reset.VARIANT)
    assert hear(_octets(PingFrame(0, b"12345678")))
    with pytest.raises(ConnectionResetError):
        hear(RstStreamFrame(1, 8).serialize())
