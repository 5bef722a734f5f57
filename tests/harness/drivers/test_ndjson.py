"""Newline-delimited JSON: each event and each deviation at its offset, however the octets are cut."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cuts import cut_at, decoded
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core import json_text
from streamspec.harness.core.event import Completed, Deviation, Event, Failed, Heartbeat, Item, Meta, Opened
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.profile import Clause, Profile
from streamspec.harness.drivers._nesting import Nesting
from streamspec.harness.drivers.ndjson import NDJSON, NdjsonDecoder, recognises

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = Profile("plain", "")
TYPED = Profile(
    "typed",
    "",
    items="json",
    clauses=(
        Clause((("event", "end"), ("json.ok", "false")), "failed"),
        Clause((("event", "end"),), "completed"),
        Clause((("json.type", "error"),), "failed"),
        Clause((("event", "ping"),), "heartbeat"),
        Clause((("event", "info"),), "meta"),
        Clause((("event", "noise"),), "ignore"),
    ),
    keep=("of",),
)
SMALL = replace(LIMITS, line_bytes=24, event_bytes=32, prefix_chars=8, json_depth=3)


def decode(
    data: bytes, profile: Profile = PLAIN, seq: str = "", limits: Limits = LIMITS, cuts: Iterable[int] = ()
) -> list[Event]:
    return decoded(NDJSON.decoder(profile, seq, limits), cut_at(data, cuts))


def item(n: int, payload: bytes, offset: int, kind: str = "", seq: int | None = None) -> Item:
    sha = hashlib.sha256(payload).hexdigest()[:16]
    return Item(n, len(payload), sha, payload.decode().replace("\n", "\\n"), offset, kind, seq)


def deviation(code: str, offset: int, detail: str = "") -> Deviation:
    return Deviation(f"ndjson.{code}", offset, detail)


LINES: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", []),
    "one object": (b'{"a":1}\n', [item(0, b'{"a":1}', 0)]),
    "any value": (
        b'{}\n[]\n"a"\n1\ntrue\nnull\n',
        [
            *(item(0, b"{}", 0), item(1, b"[]", 3), item(2, b'"a"', 6)),
            *(item(3, b"1", 10), item(4, b"true", 12), item(5, b"null", 17)),
        ],
    ),
    "blanks around a text": (b" \t1 \n2\n", [replace(item(0, b" \t1 ", 0), prefix=" \\t1 "), item(1, b"2", 5)]),
    "a type is a kind": (
        b'{"type":"x"}\n{"type":1}\n["type"]\n',
        [item(0, b'{"type":"x"}', 0, "x"), item(1, b'{"type":1}', 13), item(2, b'["type"]', 24)],
    ),
    "CR LF": (b"1\r\n2\r\n", [deviation("crlf", 1), item(0, b"1", 0), deviation("crlf", 4), item(1, b"2", 3)]),
    "a CR where blanks may stand": (
        b"[1,\r2]\n",
        [deviation("inner-cr", 3), replace(item(0, b"[1,\r2]", 0), prefix="[1,\\r2]")],
    ),
    "a CR in a string": (
        b'"a\rb"\n',
        [deviation("inner-cr", 2), deviation("not-json", 0, "Invalid control character at at character 2")],
    ),
    "two CRs before LF": (
        b"1\r\r\n",
        [deviation("crlf", 2), deviation("inner-cr", 1), replace(item(0, b"1\r", 0), prefix="1\\r")],
    ),
    "CRs for LFs": (b"1\r2\r", [deviation("inner-cr", 1), deviation("unterminated", 0)]),
    "an empty line": (
        b"1\n\n2\n",
        [item(0, b"1", 0), deviation("empty-line", 2), Heartbeat(2), item(1, b"2", 3)],
    ),
    "blanks alone": (
        b" \t\n\r\n",
        [deviation("empty-line", 0), Heartbeat(0), deviation("crlf", 3), deviation("empty-line", 3), Heartbeat(3)],
    ),
    "another separator alone is no blank": (
        b"\x0b\n",
        [deviation("not-json", 0, "Expecting value at character 0")],
    ),
    "a mark at the start": (b"\xef\xbb\xbf1\n", [deviation("bom", 0), item(0, b"1", 3)]),
    "a mark later": (b"1\n\xef\xbb\xbf2\n", [item(0, b"1", 0), deviation("bom", 2), item(1, b"2", 5)]),
    "two marks": (
        b"\xef\xbb\xbf\xef\xbb\xbf1\n",
        [deviation("bom", 0), deviation("not-json", 3, "Expecting value at character 0")],
    ),
    "a mark alone": (b"\xef\xbb\xbf\n", [deviation("bom", 0), deviation("empty-line", 3), Heartbeat(3)]),
    "a mark inside a string": (
        '"\ufeff"\n'.encode(),
        [replace(item(0, '"\ufeff"'.encode(), 0), prefix='"\\ufeff"')],
    ),
    "other separators inside a string": (
        '"\u2028\u0085"\n'.encode(),
        [replace(item(0, '"\u2028\u0085"'.encode(), 0), prefix='"\\u2028\\x85"')],
    ),
    "bad UTF-8 in a string": (
        b'1\n"a\xffb\xfe"\n',
        [
            item(0, b"1", 0),
            deviation("utf8", 4, "0xff"),
            Item(1, 6, hashlib.sha256(b'"a\xffb\xfe"').hexdigest()[:16], '"a\ufffdb\ufffd"', 2),
        ],
    ),
    "a character cut by a line end": (
        b'"\xe2\x82\n',
        [
            deviation("utf8", 1, "0xe2"),
            deviation("not-json", 0, "Unterminated string starting at at character 0"),
        ],
    ),
    "no JSON": (
        b"1\nNaN\nhello\n{'a':1}\n2\n",
        [
            item(0, b"1", 0),
            deviation("not-json", 2, "NaN is no JSON number"),
            deviation("not-json", 6, "Expecting value at character 0"),
            deviation("not-json", 12, "Expecting property name enclosed in double quotes at character 1"),
            item(1, b"2", 20),
        ],
    ),
    "two texts on a line": (b"{}{}\n", [deviation("not-json", 0, "Extra data at character 2")]),
    "a string cut by a line end": (
        b'{"a":"x\ny"}\n{}\n',
        [
            deviation("not-json", 0, "Unterminated string starting at at character 5"),
            deviation("not-json", 8, "Expecting value at character 0"),
            item(0, b"{}", 12),
        ],
    ),
    "legal and yet read differently": (
        b'{"a":1,"a":9007199254740993}\n',
        [
            Deviation("json.huge-number", 0),
            Deviation("json.duplicate-name", 0),
            item(0, b'{"a":1,"a":9007199254740993}', 0),
        ],
    ),
}

ENDS: dict[str, tuple[bytes, list[Event]]] = {
    "a whole text": (b"1\n2", [item(0, b"1", 0), deviation("unterminated", 2), item(1, b"2", 2)]),
    "a whole text and a CR": (b"{}\r", [deviation("unterminated", 0), item(0, b"{}", 0)]),
    "a text cut": (b'1\n{"a":', [item(0, b"1", 0), deviation("unterminated", 2)]),
    "no JSON": (b"hello", [deviation("unterminated", 0)]),
    "blanks": (b"1\n \r", [item(0, b"1", 0)]),
    "a mark": (b"\xef\xbb\xbf", [deviation("bom", 0)]),
    "half a mark": (b"\xef\xbb", [deviation("unterminated", 0)]),
    "a character cut in two": (b'"\xe2\x82', [deviation("unterminated", 0)]),
    "half a character behind a text": (b"{}\xe2", [deviation("unterminated", 0)]),
    "bad UTF-8": (b'"\xff', [deviation("utf8", 1, "0xff"), deviation("unterminated", 0)]),
}

_OPEN = "Expecting property name enclosed in double quotes at character 1"
SPREAD: dict[str, tuple[bytes, list[Event]]] = {
    "one text": (
        b'{\n  "a": 1\n}\n2\n',
        [deviation("spread", 0), item(0, b'{\n  "a": 1\n}', 0), item(1, b"2", 13)],
    ),
    "two texts": (
        b"[\n1\n]\n[\n[\n]\n]\n",
        [deviation("spread", 0), item(0, b"[\n1\n]", 0), deviation("spread", 6), item(1, b"[\n[\n]\n]", 6)],
    ),
    "wherever a line may end": (
        b'{"a":\n 1,\n"b"\n:"}\\"{",\n "c":[[],\n[ ]]}\n',
        [deviation("spread", 0), item(0, b'{"a":\n 1,\n"b"\n:"}\\"{",\n "c":[[],\n[ ]]}', 0)],
    ),
    "with CR LF": (
        b"[\r\n1]\r\n",
        [deviation("crlf", 1), deviation("crlf", 5), deviation("spread", 0), item(0, b"[\n1]", 0)],
    ),
    "with an empty line inside": (
        b"[\n\n1]\n",
        [deviation("empty-line", 2), Heartbeat(2), deviation("spread", 0), item(0, b"[\n1]", 0)],
    ),
    "and its last line is not ended": (
        b"[\n1]",
        [deviation("unterminated", 2), deviation("spread", 0), item(0, b"[\n1]", 0)],
    ),
    "and cut": (b"[\n1", [deviation("not-json", 0, "Expecting value at character 1"), deviation("unterminated", 2)]),
    "and cut behind a line end": (b"{\n", [deviation("not-json", 0, _OPEN)]),
    "closed, and no JSON": (
        b"[1\n2]\n3\n",
        [deviation("not-json", 0, "Expecting ',' delimiter at character 3"), item(0, b"3", 6)],
    ),
    "closed in the middle of a line": (
        b"[\n1] 2\n",
        [deviation("not-json", 0, "Extra data at character 5")],
    ),
    "a torn record before a whole one": (
        b'{"a":1,\n{"b":2}\n{"c":3}\n',
        [
            deviation("not-json", 0, "Expecting property name enclosed in double quotes at character 7"),
            item(0, b'{"b":2}', 8),
            item(1, b'{"c":3}', 16),
        ],
    ),
    "two torn records before a whole one": (
        b'{"a":1,\n{"b":\n[3]\n',
        [
            deviation("not-json", 0, "Expecting property name enclosed in double quotes at character 7"),
            item(0, b"[3]", 14),
        ],
    ),
    "a torn record before a whole one that is not ended": (
        b"{\n{}",
        [deviation("not-json", 0, _OPEN), deviation("unterminated", 2), item(0, b"{}", 2)],
    ),
    "a torn string inside": (
        b'{\n"a":"x\ny"}\n{}\n',
        [
            deviation("not-json", 0, _OPEN),
            deviation("not-json", 9, "Expecting value at character 0"),
            item(0, b"{}", 13),
        ],
    ),
    "a torn string at the end": (
        b'{\n"a":"x',
        [deviation("not-json", 0, _OPEN), deviation("unterminated", 2)],
    ),
    "a torn word starts none": (
        b"[tru\ne]\n",
        [
            deviation("not-json", 0, "Expecting value at character 1"),
            deviation("not-json", 5, "Expecting value at character 0"),
        ],
    ),
}
GOLDEN = {
    **LINES,
    **{f"at the end, {name}": case for name, case in ENDS.items()},
    **{f"spread, {name}": case for name, case in SPREAD.items()},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_stream_is_read_as_it_stands(name: str) -> None:
    data, expected = GOLDEN[name]
    assert decode(data) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stream_reads_the_same_octet_by_octet(name: str) -> None:
    data, expected = GOLDEN[name]
    assert decode(data, cuts=range(len(data))) == expected


@given(st.sampled_from(sorted(GOLDEN)), st.lists(st.integers(0, 40), max_size=5))
def test_a_stream_reads_the_same_however_it_is_cut(name: str, cuts: list[int]) -> None:
    data, expected = GOLDEN[name]
    assert decode(data, cuts=cuts) == expected


def test_an_event_comes_with_the_octet_that_completes_it() -> None:
    decoder = NDJSON.decoder(PLAIN, "", LIMITS)
    assert decoder.feed(b"{}") == []
    assert decoder.feed(b"\n") == [item(0, b"{}", 0)]
    assert decoder.feed(b"[\n1") == []
    assert decoder.feed(b"]") == []
    assert decoder.feed(b"\n") == [deviation("spread", 3), item(1, b"[\n1]", 3)]
    assert decoder.feed(b"") == []
    assert decoder.feed(b"\r") == []
    assert decoder.feed(b"\n") == [deviation("crlf", 8), deviation("empty-line", 8), Heartbeat(8)]
    assert decoder.feed(b'{\n"a') == []
    assert decoder.feed(b"\n") == [deviation("not-json", 10, _OPEN)]
    assert decoder.end() == []
    assert decoder.end() == []


@pytest.mark.parametrize("rest", [b"1", b"[", b'"' + b"x" * 40])
def test_a_line_without_an_end_is_said_once(rest: bytes) -> None:
    decoder = NdjsonDecoder(PLAIN, "", SMALL)
    said = [*decoder.feed(rest), *decoder.end()]
    assert [event.code for event in said if isinstance(event, Deviation)][-1] == "ndjson.unterminated"
    assert decoder.end() == []
    assert decoder.buffered_bytes == 0


# -- classification --------------------------------------------------------------------------------------------


def test_a_profile_tells_records_apart_by_their_type() -> None:
    data = (
        b'{"type":"info","of":3}\n'
        b'{"n":1,"of":3}\n'
        b'{"type":"ping"}\n'
        b'{"type":"noise"}\n'
        b'{"type":"error","code":"E7","message":"no\\u001b"}\n'
        b'{"type":"end","ok":false,"reason":"timeout"}\n'
        b'{"type":"end","of":true}\n'
    )
    assert decode(data, TYPED, "$.n") == [
        Meta("meta", 0, {"of": 3}),
        replace(item(0, b'{"n":1,"of":3}', 23, seq=1), kept={"of": 3}),
        Heartbeat(38),
        Failed("E7", "no\\x1b", '{"type":"error","code":"E7","message":"no\\u001b"}', 71),
        Failed("timeout", "", '{"type":"end","ok":false,"reason":"timeout"}', data.index(b'{"type":"end"')),
        Completed(data.rindex(b'{"type":"end"'), {"of": True}),
    ]


def test_the_declared_field_counts_when_it_is_an_integer() -> None:
    values = ("0", "17", "-1", "true", "1.0", '"1"', "null", "9" * 5_000)
    stream = "".join(f'{{"a":{{"n":{value}}}}}\n' for value in values).encode()
    found = [event.seq for event in decode(stream, PLAIN, "$.a.n") if isinstance(event, Item)]
    assert found == [0, 17, -1, None, None, None, None, None]


# -- limits ----------------------------------------------------------------------------------------------------

_X20 = b"x" * 20
LIMITED: dict[str, tuple[bytes, list[tuple[str, int]], list[tuple[int, bytes]]]] = {
    "a line at the limit": (b'"' + b"x" * 22 + b'"\n1\n', [], [(0, b'"' + b"x" * 22 + b'"'), (25, b"1")]),
    "a long line": (b'"' + b"x" * 40 + b'"\n1\n', [("line-too-long", 0)], [(0, b'"' + b"x" * 23), (43, b"1")]),
    "a long line of no JSON": (b"<p>" + b"x" * 40 + b"\n1\n", [("line-too-long", 0)], [(44, b"1")]),
    "a long line of blanks": (b" " * 40 + b"\n", [("line-too-long", 0)], []),
    "a long line behind a mark": (
        b"\xef\xbb\xbf[" + b"1," * 20 + b"1]\n",
        [("line-too-long", 0)],
        [(0, b"\xef\xbb\xbf[" + b"1," * 10)],
    ),
    "a long line that is bad in every way": (
        b'["\xff\r' + b"x" * 40 + b"\r\n",
        [("line-too-long", 0)],
        [(0, b'["\xff\r' + b"x" * 20)],
    ),
    "a long line that never ends": (b"[" + b"1," * 20, [("line-too-long", 0), ("unterminated", 0)], []),
    "a long line breaks off a text": (
        b"[\n" + b"1," * 20 + b"\n1\n]\n",
        [("not-json", 0), ("line-too-long", 2), ("not-json", 45)],
        [(43, b"1")],
    ),
    "a text as long as the limit": (
        b'[\n"' + b"x" * 20 + b'",\n"xxx"]\n',
        [("spread", 0)],
        [(0, b'[\n"' + b"x" * 20 + b'",\n"xxx"]')],
    ),
    "a long text": (b'[\n"' + b"x" * 20 + b'",\n"xxxx"]\n1\n', [("not-json", 0)], [(34, b"1")]),
    "a long text that goes on": (b"[\n" + b" 1,\n" * 40 + b"1]\n1\n", [("not-json", 0)], [(165, b"1")]),
    "a long text that never ends": (b"[\n" + b" 1,\n" * 40, [("not-json", 0)], []),
    "a long text that is torn": (b"[\n" + b" 1,\n" * 40 + b"[1]\n", [("not-json", 0)], [(162, b"[1]")]),
    "a long text with a torn string": (b"[\n" + b" 1,\n" * 40 + b'"\n1\n', [("not-json", 0)], [(164, b"1")]),
    "deep": (
        b"[[[[1]]]]\n[[[1]]]\n[[[[nonsense\n",
        [("too-deep", 0), ("too-deep", 18)],
        [(0, b"[[[[1]]]]"), (10, b"[[[1]]]"), (18, b"[[[[nonsense")],
    ),
    "deep and spread": (
        b"[[\n[[\n]]\n]]\n",
        [("spread", 0), ("too-deep", 0)],
        [(0, b"[[\n[[\n]]\n]]")],
    ),
    "deep and not ended": (b"[[[[1]]]]", [("unterminated", 0), ("too-deep", 0)], [(0, b"[[[[1]]]]")]),
}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("name", LIMITED)
def test_beyond_a_limit_the_rest_is_skipped_and_that_is_said_once(name: str, *, cut: bool) -> None:
    data, codes, items = LIMITED[name]
    found = decode(data, PLAIN, "", SMALL, range(len(data)) if cut else ())
    assert [(event.code, event.offset) for event in found if isinstance(event, Deviation)] == [
        (f"ndjson.{code}", offset) for code, offset in codes
    ]
    assert [(event.offset, event.sha) for event in found if isinstance(event, Item)] == [
        (offset, hashlib.sha256(payload).hexdigest()[:16]) for offset, payload in items
    ]


def test_what_was_too_deep_or_too_long_to_be_read_is_an_item_of_which_nothing_is_known() -> None:
    stream = b'{"n":1}\n{"n":2,"a":[[[]]]}\n{"n":3,"type":"error","a":1}\n'
    found = [event for event in decode(stream, TYPED, "$.n", SMALL) if isinstance(event, Item)]
    assert [(event.n, event.seq, event.kind) for event in found] == [(0, 1, ""), (1, None, ""), (2, None, "")]


def test_one_endless_line_is_never_held_beyond_its_limit() -> None:
    decoder = NdjsonDecoder(PLAIN, "", SMALL)
    assert len(decoder.feed(b'"' + b"x" * 100)) == 1
    for _ in range(100):
        assert decoder.feed(b"x" * 65_536) == []
        assert decoder.buffered_bytes <= SMALL.line_bytes
    assert [type(event) for event in decoder.feed(b"\n1\n")] == [Item, Item]


def test_one_endless_text_is_never_held_beyond_its_limits() -> None:
    decoder = NdjsonDecoder(PLAIN, "", SMALL)
    said = decoder.feed(b"[\n")
    for _ in range(100):
        said += decoder.feed(b' "x",\n' * 100 + b' "')
        assert decoder.buffered_bytes <= SMALL.event_bytes + SMALL.line_bytes
        said += decoder.feed(b'",\n')
    assert said == [deviation("not-json", 0, "open after 32 octets")]


def test_a_text_over_many_lines_is_parsed_once_and_its_octets_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, counted = 0, 0
    read, run = json_text.Reader.read, Nesting.run

    def reading(self: json_text.Reader, text: str) -> json_text.JsonText:
        nonlocal parsed
        parsed += len(text)
        return read(self, text)

    def running(self: Nesting, data: bytes, at: int = 0) -> int:
        nonlocal counted
        counted += len(data) - at
        return run(self, data, at)

    monkeypatch.setattr(json_text.Reader, "read", reading)
    monkeypatch.setattr(Nesting, "run", running)
    data = b"[\n" + b" [1],\n" * 5_000 + b" 2\n]\n"
    decoder = NDJSON.decoder(PLAIN, "", LIMITS)
    found = [event for start in range(len(data)) for event in decoder.feed(data[start : start + 1])]
    assert [type(event) for event in found] == [Deviation, Item]
    assert parsed <= len(data) + 10
    assert counted <= len(data)


def test_newline_delimited_json_is_recognised_by_its_type() -> None:
    def answer(status: int, *types: str) -> Opened:
        return Opened(status, "", "HTTP/1.1", tuple(("Content-Type", value) for value in types))

    assert recognises(answer(200, "Application/X-NDJSON ; charset=utf-8")) == "Content-Type is application/x-ndjson"
    for name in ("ndjson", "jsonl", "x-jsonlines", "jsonlines"):
        assert recognises(answer(201, f"application/{name}")) == f"Content-Type is application/{name}"
    assert recognises(answer(200, "application/json")) is None
    assert recognises(answer(200, "application/json-seq")) is None
    assert recognises(answer(200)) is None
    assert recognises(answer(404, "application/x-ndjson")) is None
    assert (NDJSON.name, NDJSON.accept, NDJSON.closes) == ("ndjson", "application/x-ndjson", False)
