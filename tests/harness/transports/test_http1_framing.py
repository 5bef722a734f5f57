"""Message bodies: the framing chosen, the coding removed, each deviation at its offset."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import Deviation, Ended, Event, Opened
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.ports import Body
from streamspec.harness.transports.http1_framing import BodyObserver, framing_of

CHUNKED = (("Transfer-Encoding", "chunked"),)
LENGTH_5 = (("Content-Length", "5"),)
SMALL = replace(LIMITS, chunk_line_bytes=16, trailer_bytes=16)
BASE = 100  # the head's size: offsets are of the response

Headers = tuple[tuple[str, str], ...]


def answer(*headers: tuple[str, str], status: int = 200) -> Opened:
    return Opened(status, "", "HTTP/1.1", headers)


def observed(pieces: list[bytes], headers: Headers = CHUNKED, limits: Limits = SMALL) -> list[Event | Body]:
    """Everything up to and including EOF, neighbouring bodies joined: their cuts mean nothing."""
    observer = BodyObserver(answer(*headers), "GET", BASE, limits)
    out: list[Event | Body] = list(observer.feed(b""))
    for piece in pieces:
        out += observer.feed(piece)
        assert observer.buffered_bytes <= max(limits.chunk_line_bytes, limits.trailer_bytes) + 1
    out += observer.end()
    joined: list[Event | Body] = []
    for event in out:
        if isinstance(event, Body) and joined and isinstance(joined[-1], Body):
            joined[-1] = Body(joined[-1].data + event.data)
        else:
            joined.append(event)
    return joined


def seen(data: bytes, headers: Headers = CHUNKED) -> list[object]:
    """The same in short: body octets, code and offset, framing and size."""
    short: list[object] = []
    for event in observed([data], headers):
        match event:
            case Body(octets):
                short.append(octets)
            case Deviation(code, offset):
                short.append((code, offset - BASE))
            case Ended(framing, size):
                short.append((framing, size))
            case other:
                short.append(other)
    return short


HELLO = b"5\r\nhello\r\n"  # 10 octets

GOLDEN: dict[str, tuple[Headers, bytes, list[object]]] = {
    "chunks": (CHUNKED, HELLO + b"1\r\n!\r\n0\r\n\r\n", [b"hello!", ("chunked", 6)]),
    "no chunk but the last": (CHUNKED, b"0\r\n\r\n", [("chunked", 0)]),
    "everything legal": (
        CHUNKED,
        b'005;a=1; b="x"\r\nhello\r\n0A ;x\r\n0123456789\r\n000;y\r\nX: 1\r\ny:\r\n\r\n',
        [b"hello0123456789", ("chunked", 15)],
    ),
    "hexadecimal in any case": (
        CHUNKED,
        b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
        [b"0123456789" * 2, ("chunked", 20)],
    ),
    "0x": (CHUNKED, HELLO + b"0x5\r\nhello\r\n0\r\n\r\n", [b"hello", ("chunk.size", 10)]),
    "a sign": (CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "a minus": (CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "an underscore": (CHUNKED, b"1_0\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "a blank inside": (CHUNKED, b"1 0\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "a blank before": (CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "no size": (CHUNKED, b"\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "no size but an extension": (CHUNKED, b";a\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "letters": (CHUNKED, b"zz\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "a CR after the size": (CHUNKED, b"5\r\r\nhello\r\n0\r\n\r\n", [("chunk.size", 0)]),
    "an unchunked body": (CHUNKED, b"data: x\n\n", [("chunk.size", 0)]),
    "a blank after": (CHUNKED, b"5 \r\nhello\r\n0\r\n\r\n", [("chunk.size", 0), b"hello", ("chunked", 5)]),
    "bare LFs": (
        CHUNKED,
        b"5\nhello\n0\n\n",
        [
            ("chunk.bare-lf", 1),
            b"hello",
            ("chunk.bare-lf", 7),
            ("chunk.bare-lf", 9),
            ("chunk.bare-lf", 10),
            ("chunked", 5),
        ],
    ),
    "data longer than said": (CHUNKED, b"5\r\nhello!\r\n0\r\n\r\n", [b"hello", ("chunk.data-end", 8)]),
    "a CR without LF after data": (CHUNKED, b"5\r\nhello\r0\r\n\r\n", [b"hello", ("chunk.data-end", 8)]),
    "two CRs after data": (CHUNKED, b"5\r\nhello\r\r\n0\r\n\r\n", [b"hello", ("chunk.data-end", 8)]),
    "data shorter than said": (CHUNKED, b"7\r\nhello\r\n0\r\n\r\n", [b"hello\r\n", ("chunk.data-end", 10)]),
    "data one octet shorter": (
        CHUNKED,
        b"6\r\nhello\r\n0\r\n\r\n",
        [b"hello\r", ("chunk.bare-lf", 9), ("chunked", 6)],
    ),
    "a long line": (
        CHUNKED,
        HELLO + b"5;" + b"x" * 15 + b"\r\nhello\r\n",
        [b"hello", ("chunk.line-too-long", 10)],
    ),
    "a line at the limit": (
        CHUNKED,
        b"5;" + b"x" * 13 + b"\r\nhello\r\n0\r\n\r\n",
        [b"hello", ("chunked", 5)],
    ),
    "a trailer without colon": (CHUNKED, b"0\r\nabc\r\n\r\n", [("chunk.trailer", 3), ("chunked", 0)]),
    "a trailer with a bad name": (CHUNKED, b"0\r\na b: c\r\n\r\n", [("chunk.trailer", 4), ("chunked", 0)]),
    "a trailer with a control octet": (
        CHUNKED,
        b"0\r\na: \0\r\n\r\n",
        [("chunk.trailer", 6), ("chunked", 0)],
    ),
    "a folded trailer": (CHUNKED, b"0\r\na: b\r\n c\r\n\r\n", [("chunk.trailer", 9), ("chunked", 0)]),
    "too many trailers": (CHUNKED, b"0\r\n" + b"a: b\r\n" * 4 + b"\r\n", [("chunk.trailers-too-long", 21)]),
    "one long trailer": (CHUNKED, b"0\r\na: " + b"b" * 20, [("chunk.trailers-too-long", 3)]),
    "cut before anything": (CHUNKED, b"", [("chunk.no-last", 0)]),
    "cut in a size": (CHUNKED, HELLO + b"1", [b"hello", ("chunk.no-last", 11)]),
    "cut in data": (CHUNKED, b"5\r\nhel", [b"hel", ("chunk.no-last", 6)]),
    "cut after data": (CHUNKED, b"5\r\nhello\r", [b"hello", ("chunk.no-last", 9)]),
    "cut between chunks": (CHUNKED, HELLO, [b"hello", ("chunk.no-last", 10)]),
    "cut before the final line end": (CHUNKED, HELLO + b"0\r\n", [b"hello", ("chunk.no-last", 13)]),
    "more after the last chunk": (
        CHUNKED,
        HELLO + b"0\r\n\r\nmore",
        [b"hello", ("chunked", 5), ("body.excess", 15)],
    ),
    "a length": (LENGTH_5, b"hello", [b"hello", ("length", 5)]),
    "a length not reached": (LENGTH_5, b"hell", [b"hell", ("body.short", 4)]),
    "a length exceeded": (LENGTH_5, b"hello\r\n", [b"hello", ("length", 5), ("body.excess", 5)]),
    "a length of nothing": ((("Content-Length", "0"),), b"", [("length", 0)]),
    "more than nothing": ((("Content-Length", "0"),), b"x", [("length", 0), ("body.excess", 0)]),
    "until the close": ((), b"hello", [b"hello", ("close", 5)]),
    "nothing until the close": ((), b"", [("close", 0)]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_body_is_read_as_it_stands(name: str) -> None:
    headers, data, expected = GOLDEN[name]
    assert seen(data, headers) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_a_body_reads_the_same_octet_by_octet(name: str) -> None:
    headers, data, _ = GOLDEN[name]
    assert observed([data[i : i + 1] for i in range(len(data))], headers) == observed([data], headers)


@given(st.sampled_from(sorted(GOLDEN)), st.lists(st.integers(0, 60), max_size=5))
def test_a_body_reads_the_same_however_it_is_cut(name: str, cuts: list[int]) -> None:
    headers, data, _ = GOLDEN[name]
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert observed([data[a:b] for a, b in pairwise(places)], headers) == observed([data], headers)


@given(st.lists(st.binary(max_size=12), max_size=12), st.sampled_from([CHUNKED, LENGTH_5, ()]))
def test_no_octets_make_the_observer_raise_or_depend_on_cuts(pieces: list[bytes], headers: Headers) -> None:
    assert observed(pieces, headers) == observed([b"".join(pieces)], headers)


@given(st.text("0aA5x \t;\r\n:", max_size=40))
def test_nearly_right_chunking_is_read_the_same_however_it_is_cut(text: str) -> None:
    data = text.encode()
    assert observed([data[i : i + 1] for i in range(len(data))]) == observed([data])


@pytest.mark.parametrize(
    ("opened", "method", "expected"),
    [
        (answer(*CHUNKED), "GET", ("chunked", 0)),
        (answer(*LENGTH_5, *CHUNKED), "GET", ("chunked", 0)),
        (answer(("transfer-encoding", "gzip"), ("TRANSFER-ENCODING", "Chunked")), "GET", ("chunked", 0)),
        (answer(("Transfer-Encoding", "chunked, gzip")), "GET", ("close", 0)),
        (answer(("Transfer-Encoding", ""), *LENGTH_5), "GET", ("close", 0)),
        (answer(*LENGTH_5), "GET", ("length", 5)),
        (answer(*LENGTH_5, ("content-length", "05")), "GET", ("length", 5)),
        (answer(*LENGTH_5, ("content-length", "6")), "GET", ("close", 0)),
        (answer(("Content-Length", "-1")), "GET", ("close", 0)),
        (answer(), "POST", ("close", 0)),
        (answer(*LENGTH_5), "HEAD", ("none", 0)),
        (answer(*CHUNKED, status=204), "GET", ("none", 0)),
        (answer(*LENGTH_5, status=304), "GET", ("none", 0)),
        (answer(status=101), "GET", ("none", 0)),
    ],
)
def test_the_framing_is_chosen_in_the_order_of_rfc_9112(opened: Opened, method: str, expected: tuple[str, int]) -> None:
    assert framing_of(opened, method) == expected


def test_an_answer_without_a_body_is_whole_at_once() -> None:
    observer = BodyObserver(answer(*LENGTH_5, status=304), "GET", 0, LIMITS)
    assert observer.feed(b"") == [Ended("none", 0)]
    assert observer.feed(b"hello") == [Deviation("body.excess", 0, "begins with 'h'")]
    assert observer.end() == []


def test_neighbouring_chunks_are_handed_over_as_one_body() -> None:
    observer = BodyObserver(answer(*CHUNKED), "GET", 0, LIMITS)
    assert observer.feed(b"1\r\na\r\n1\r\nb\r\n2\r\nc") == [Body(b"abc")]


def test_excess_is_said_once_and_discarded() -> None:
    observer = BodyObserver(answer(*LENGTH_5), "GET", 0, LIMITS)
    observer.feed(b"hello")
    assert len(observer.feed(b"x" * 100)) == 1
    assert observer.feed(b"x" * 100) == []
    assert observer.end() == []


def test_after_a_fault_nothing_more_is_said_or_held() -> None:
    observer = BodyObserver(answer(*CHUNKED), "GET", 0, LIMITS)
    assert observer.feed(b"zz\r\n") == [Deviation("chunk.size", 0, "'zz'")]
    assert observer.feed(HELLO * 1000) == []
    assert observer.buffered_bytes == 0
    assert observer.end() == []


def test_a_gigantic_size_is_only_a_number() -> None:
    observer = BodyObserver(answer(*CHUNKED), "GET", 0, LIMITS)
    assert observer.feed(b"f" * 4000 + b"\r\nhello") == [Body(b"hello")]
    assert [event.code for event in observer.end() if isinstance(event, Deviation)] == ["chunk.no-last"]
