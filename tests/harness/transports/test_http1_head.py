"""Response heads: what is read, what is refused, and each deviation at its offset."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import Opened, Refused
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.transports.http1_head import Head, HeadObserver, codings_of, lengths_of

SMALL = replace(LIMITS, head_bytes=64, head_fields=3, interim_heads=2)


def read(pieces: list[bytes], limits: Limits = LIMITS) -> Head | Refused | None:
    """The outcome of these pieces, `rest` being whatever was not read."""
    observer = HeadObserver(limits)
    for index, piece in enumerate(pieces):
        outcome = observer.feed(piece)
        if isinstance(outcome, Head):
            return replace(outcome, rest=outcome.rest + b"".join(pieces[index + 1 :]))
        if outcome is not None:
            return outcome
    return None


def octet_by_octet(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def head(data: bytes) -> Head:
    outcome = read([data])
    assert isinstance(outcome, Head)
    return outcome


def codes(data: bytes) -> list[tuple[str, int]]:
    return [(deviation.code, deviation.offset) for deviation in head(data).deviations]


OK = b"HTTP/1.1 200 OK\r\n"  # 17 octets

GOLDEN: dict[str, tuple[bytes, list[tuple[str, int]]]] = {
    "a clean head": (OK + b"A: b\r\n\r\n", []),
    "a bare LF after a field": (OK + b"A: b\n\r\n", [("head.bare-lf", 21)]),
    "bare LFs everywhere": (
        b"HTTP/1.1 200 OK\nA: b\n\n",
        [("head.bare-lf", 15), ("head.bare-lf", 20), ("head.bare-lf", 21)],
    ),
    "a folded value": (OK + b"A: b\r\n c\r\n\r\n", [("head.obs-fold", 23)]),
    "a fold before any field": (OK + b" c\r\n\r\n", [("head.obs-fold", 17)]),
    "a control octet in a fold": (
        OK + b"A: b\r\n \x01\r\n\r\n",
        [("head.obs-fold", 23), ("head.value", 24)],
    ),
    "a line without a colon": (OK + b"nothing\r\n\r\n", [("head.no-colon", 17)]),
    "a blank before the colon": (OK + b"A : b\r\n\r\n", [("head.name", 18)]),
    "an empty name": (OK + b": b\r\n\r\n", [("head.name", 17)]),
    "a name beyond ASCII": (OK + b"\xc3: b\r\n\r\n", [("head.name", 17)]),
    "a NUL in a value": (OK + b"A: b\0c\r\n\r\n", [("head.value", 21)]),
    "a CR inside a value": (OK + b"A: b\rc\r\n\r\n", [("head.value", 21)]),
    "a control octet in the reason": (b"HTTP/1.1 200 O\x07K\r\n\r\n", [("head.value", 14)]),
    "length and coding": (
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        [("head.length-and-coding", 36)],
    ),
    "lengths that differ": (
        OK + b"Content-Length: 5\r\ncontent-length: 6\r\n\r\n",
        [("head.lengths-differ", 36)],
    ),
    "a list of lengths that differ": (OK + b"Content-Length: 5, 6\r\n\r\n", [("head.lengths-differ", 17)]),
    "lengths that agree": (OK + b"Content-Length: 5\r\nContent-Length: 5, 05\r\n\r\n", []),
    "a signed length": (OK + b"Content-Length: +5\r\n\r\n", [("head.length-invalid", 17)]),
    "an underscored length": (OK + b"Content-Length: 1_0\r\n\r\n", [("head.length-invalid", 17)]),
    "an empty length": (OK + b"Content-Length:\r\n\r\n", [("head.length-invalid", 17)]),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\n", [("head.length-invalid", 17)]),
    "a length in other digits": (OK + b"Content-Length: \xb2\r\n\r\n", [("head.length-invalid", 17)]),
    "chunked in any case": (OK + b"Transfer-Encoding: ,CHUNKED\r\n\r\n", []),
    "an unknown coding": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", [("head.coding-unknown", 17)]),
    "chunked twice": (
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        [("head.coding-unknown", 17)],
    ),
    "interim heads": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"A: b\n\r\n",
        [("head.bare-lf", 83)],
    ),
    "a deviation in an interim head": (
        b"HTTP/1.1 100 C\r\nno\r\n\r\n" + OK + b"\r\n",
        [("head.no-colon", 16)],
    ),
    "an interim head of bare LFs": (
        b"HTTP/1.1 100 C\n\n" + OK + b"\r\n",
        [("head.bare-lf", 14), ("head.bare-lf", 15)],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_deviation_stands_at_its_octet(name: str) -> None:
    data, expected = GOLDEN[name]
    assert codes(data) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_a_head_reads_the_same_octet_by_octet(name: str) -> None:
    data = GOLDEN[name][0] + b"rest"
    assert read(octet_by_octet(data)) == read([data])


@given(st.sampled_from(sorted(GOLDEN)), st.lists(st.integers(0, 120), max_size=5))
def test_a_head_reads_the_same_however_it_is_cut(name: str, cuts: list[int]) -> None:
    data = GOLDEN[name][0] + b"rest"
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert read(pieces) == read([data])


def test_headers_keep_order_and_spelling_and_size_counts_the_head() -> None:
    outcome = head(OK + b"b: 1\r\nA:\t2 \r\nB: \xe9\r\n\r\nbody")
    assert outcome.opened == Opened(200, "OK", "HTTP/1.1", (("b", "1"), ("A", "2"), ("B", "é")))
    assert (outcome.size, outcome.rest) == (len(OK) + 21, b"body")


def test_the_space_before_an_absent_reason_may_be_missing() -> None:
    assert head(b"HTTP/1.0 404\r\n\r\n").opened == Opened(404, "", "HTTP/1.0", ())
    assert head(b"HTTP/1.1 200 \r\n\r\n").opened.reason == ""


def test_a_fold_is_read_as_a_space_and_a_blank_before_a_colon_is_dropped() -> None:
    assert head(OK + b"A: b\r\n\t c \r\nB : d\r\n\r\n").opened.headers == (("A", "b c"), ("B", "d"))


def test_a_fold_after_a_line_that_is_no_field_belongs_to_nothing() -> None:
    assert head(OK + b"A: b\r\nnothing\r\n c\r\n\r\n").opened.headers == (("A", "b"),)


def test_101_is_final_since_nobody_asked_for_an_upgrade() -> None:
    assert head(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").opened.status == 101


@pytest.mark.parametrize(
    ("data", "octets"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", 1),
        (b"HTTP/2 200\r\n\r\n", 6),
        (b"http/1.1 200 OK\r\n\r\n", 1),
        (b"HTTP/1.1  200 OK\r\n\r\n", 10),
        (b"HTTP/1.1 020 OK\r\n\r\n", 10),
        (b"HTTP/1.1 200OK\r\n\r\n", 13),
        (b"HTTP/1.1 2000\r\n\r\n", 13),
        (b"HTTP/1.1 200\rOK\r\n\r\n", 17),
        (b"\x15\x03\x03\x00\x02\x02F", 1),
        (b"<html>", 1),
        (b"HTTP/1.1 100 C\r\n\r\nnot again", 19),
    ],
)
def test_what_cannot_be_a_status_line_is_refused_at_its_first_impossible_octet(data: bytes, octets: int) -> None:
    assert read([data[: octets - 1]]) is None
    outcome = read([data[:octets]])
    assert isinstance(outcome, Refused)
    assert outcome.why == "not-http"
    assert outcome == read([data]) == read(octet_by_octet(data))


@pytest.mark.parametrize(
    ("data", "limit"),
    [
        (OK + b"A: " + b"x" * 45, "64 octets"),
        (OK + b"A: " + b"x" * 41 + b"\r\n\r\n", "64 octets"),
        (b"HTTP/1.1 200 " + b"x" * 60, "64 octets"),
        (OK + b"A: b\r\n" * 4, "3 lines"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 3, "2 interim heads"),
    ],
)
def test_what_exceeds_a_limit_is_refused(data: bytes, limit: str) -> None:
    outcome = read([data], SMALL)
    assert isinstance(outcome, Refused)
    assert outcome.why == "too-long"
    assert limit in outcome.detail
    assert read(octet_by_octet(data), SMALL) == outcome


def test_a_head_at_the_limit_is_read() -> None:
    data = OK + b"A: " + b"x" * 40 + b"\r\n\r\n"
    assert len(data) == SMALL.head_bytes
    assert isinstance(read([data], SMALL), Head)
    assert isinstance(read([b"HTTP/1.1 100 C\r\n\r\n" * 2 + data], SMALL), Head)


def test_an_endless_head_is_never_held_beyond_its_limit() -> None:
    observer = HeadObserver(SMALL)
    observer.feed(OK)
    assert isinstance(observer.feed(b"A" * 1_000_000), Refused)
    assert observer.buffered_bytes <= SMALL.head_bytes + 1


def test_a_close_says_how_much_of_the_head_came() -> None:
    observer = HeadObserver(LIMITS)
    assert observer.end() == Refused("closed", "before the first octet")
    observer.feed(OK + b"A")
    assert observer.end() == Refused("closed", "after 18 octets of the head")


@given(st.binary(max_size=200))
def test_no_octets_make_the_observer_raise(data: bytes) -> None:
    read([data], SMALL)
    read([OK + data], SMALL)
    assert read([OK + data], SMALL) == read(octet_by_octet(OK + data), SMALL)


def test_lengths_are_read_without_python_s_leniency() -> None:
    assert lengths_of("5") == [5]
    assert lengths_of("007, 7") == [7, 7]
    assert lengths_of("9" * 10_000) == [10**18]
    assert [lengths_of(value) for value in ("", "+5", "5.0", "0x5", "1_0", "5 5", "5,", "\u0665")] == [None] * 8


def test_codings_are_a_list_over_all_fields() -> None:
    assert codings_of(["gzip , Chunked", "", ",x"]) == ["gzip", "chunked", "x"]
