"""A JSON array that comes bit by bit: each element and each deviation at its offset, however the octets are cut."""

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
from streamspec.harness.drivers.json_array import JSON_ARRAY, JsonArrayDecoder, recognises

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = Profile("plain", "")
TYPED = Profile(
    "typed",
    "",
    items="json",
    clauses=(
        Clause((("event", "end"),), "completed"),
        Clause((("event", "error"),), "failed"),
        Clause((("event", "ping"),), "heartbeat"),
        Clause((("event", "info"),), "meta"),
    ),
    keep=("of",),
)
SMALL = replace(LIMITS, event_bytes=24, prefix_chars=8, json_depth=3)


def decode(
    data: bytes, profile: Profile = PLAIN, seq: str = "", limits: Limits = LIMITS, cuts: Iterable[int] = ()
) -> list[Event]:
    return decoded(JSON_ARRAY.decoder(profile, seq, limits), cut_at(data, cuts))


def item(n: int, payload: bytes, offset: int, kind: str = "", seq: int | None = None) -> Item:
    sha = hashlib.sha256(payload).hexdigest()[:16]
    return Item(n, len(payload), sha, payload.decode().replace("\n", "\\n"), offset, kind, seq)


def deviation(code: str, offset: int, detail: str = "") -> Deviation:
    return Deviation(f"array.{code}", offset, detail)


_UNCOMMAED = "an element without a comma before it"
_UNELEMENTED = "a comma without an element before it"
_TRAILING = "a comma before the end"

ARRAYS: dict[str, tuple[bytes, list[Event]]] = {
    "none of nothing": (b"[]", [Completed(1)]),
    "one": (b"[1]", [item(0, b"1", 1), Completed(2)]),
    "any value": (
        b'[{},[],"",1,true,null]',
        [
            *(item(0, b"{}", 1), item(1, b"[]", 4), item(2, b'""', 7)),
            *(item(3, b"1", 10), item(4, b"true", 12), item(5, b"null", 17), Completed(21)),
        ],
    ),
    "blanks anywhere": (
        b' \r\n[\t1 ,\n {"a": [1 , 2]}\r\n,3\r]\n \t',
        [item(0, b"1", 5), item(1, b'{"a": [1 , 2]}', 10), item(2, b"3", 27), Completed(29)],
    ),
    "another separator is no blank": (
        b"[\x0b]",
        [deviation("element", 1, "Expecting value at character 0"), Completed(2)],
    ),
    "brackets and quotes in strings": (
        b'["],[",{"}\\"{":"\\\\"},"\\\\\\"]"]',
        [item(0, b'"],["', 1), item(1, b'{"}\\"{":"\\\\"}', 7), item(2, b'"\\\\\\"]"', 21), Completed(28)],
    ),
    "a type is a kind": (b'[{"type":"x"}]', [item(0, b'{"type":"x"}', 1, "x"), Completed(13)]),
    "no comma": (
        b"[{}{} 1 2[3]4]",
        [
            item(0, b"{}", 1),
            *(deviation("separator", 3, _UNCOMMAED), item(1, b"{}", 3)),
            *(deviation("separator", 6, _UNCOMMAED), item(2, b"1", 6)),
            *(deviation("separator", 8, _UNCOMMAED), item(3, b"2", 8)),
            *(deviation("separator", 9, _UNCOMMAED), item(4, b"[3]", 9)),
            *(deviation("separator", 12, _UNCOMMAED), item(5, b"4", 12)),
            Completed(13),
        ],
    ),
    "a comma too many": (
        b"[,1,,2 , ]",
        [
            deviation("separator", 1, _UNELEMENTED),
            item(0, b"1", 2),
            deviation("separator", 4, _UNELEMENTED),
            item(1, b"2", 5),
            deviation("separator", 7, _TRAILING),
            Completed(9),
        ],
    ),
    "no JSON inside": (
        b"[NaN,tru,{'a':1},[1:],01,\"a\nb\",}:,2]",
        [
            deviation("element", 1, "NaN is no JSON number"),
            deviation("element", 5, "Expecting value at character 0"),
            deviation("element", 9, "Expecting property name enclosed in double quotes at character 1"),
            deviation("element", 17, "Expecting ',' delimiter at character 2"),
            deviation("element", 22, "Extra data at character 1"),
            deviation("element", 25, "Invalid control character at at character 2"),
            deviation("element", 31, "Expecting value at character 0"),
            item(0, b"2", 34),
            Completed(35),
        ],
    ),
    "a bracket of the wrong kind": (
        b"[[1},2]",
        [deviation("element", 1, "Expecting ',' delimiter at character 2"), item(0, b"2", 5), Completed(6)],
    ),
    "bad UTF-8": (
        b'["\xff",\xff]',
        [
            deviation("utf8", 2, "0xff"),
            Item(0, 3, hashlib.sha256(b'"\xff"').hexdigest()[:16], '"\ufffd"', 1),
            deviation("utf8", 5, "0xff"),
            deviation("element", 5, "Expecting value at character 0"),
            Completed(6),
        ],
    ),
    "a mark inside a string": (
        '["\ufeff"]'.encode(),
        [replace(item(0, '"\ufeff"'.encode(), 1), prefix='"\\ufeff"'), Completed(6)],
    ),
    "a mark": (b"\xef\xbb\xbf[1]", [deviation("bom", 0), item(0, b"1", 4), Completed(5)]),
    "a mark and blanks": (b"\xef\xbb\xbf \n[]", [deviation("bom", 0), Completed(6)]),
    "legal and yet read differently": (
        b'[{"a":1,"a":2},9007199254740993]',
        [
            Deviation("json.duplicate-name", 1),
            item(0, b'{"a":1,"a":2}', 1),
            Deviation("json.huge-number", 15),
            item(1, b"9007199254740993", 15),
            Completed(31),
        ],
    ),
    "octets after it": (b"[1] \n[2] x", [item(0, b"1", 1), Completed(2), deviation("excess", 5, "'[' and more")]),
    "lines of JSON": (b"[1]\n[2]\n", [item(0, b"1", 1), Completed(2), deviation("excess", 4, "'[' and more")]),
}

_AROUND = "inside the object around it"
WRAPPED: dict[str, tuple[bytes, list[Event]]] = {
    "an array inside": (
        b'{"meta":{"id":[1,{}]},"data":[1,{"a":[2]}],"next":[3]} ',
        [item(0, b"1", 30), item(1, b'{"a":[2]}', 32), Completed(53)],
    ),
    "an array and nothing else": (b'\n{"items": [ ] }', [Completed(15)]),
    "nothing inside": (b"{}", [deviation("none", 0, "an object, and none of its members is an array")]),
    "no array inside": (
        b' {"error":{"of":[1]},"a":"[","b":1}\n{"data":[1]}',
        [deviation("none", 1, "an object, and none of its members is an array")],
    ),
    "an object that is none": (
        b'{"data":[1],"next"}[]',
        [item(0, b"1", 9), deviation("none", 0, "the object around the array is no JSON")],
    ),
    "an array that is no member's": (
        b"{[1]}",
        [item(0, b"1", 2), deviation("none", 0, "the object around the array is no JSON")],
    ),
    "bad UTF-8 around it": (
        b'{"\xff":[1]}',
        [item(0, b"1", 6), deviation("utf8", 0, "0xff"), Completed(8)],
    ),
    "octets after it": (b'{"a":[]}{', [Completed(7), deviation("excess", 8, "'{' and more")]),
    "a trailing comma inside": (
        b'{"a":[1,]}',
        [item(0, b"1", 6), deviation("separator", 7, _TRAILING), Completed(9)],
    ),
    "cut before the array": (b'{"meta":{},"data"', [deviation("open", 17, _AROUND)]),
    "cut inside the array": (b'{"data":[1,2', [item(0, b"1", 9), deviation("open", 12, "inside an element")]),
    "cut behind the array": (b'{"data":[1]', [item(0, b"1", 9), deviation("open", 11, _AROUND)]),
}

OTHERS: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", [deviation("open", 0, "no array was begun")]),
    "blanks": (b" \n", [deviation("open", 2, "no array was begun")]),
    "a page": (b"<html>[1]", [deviation("none", 0, "it begins with '<'")]),
    "a text": (b' "a"', [deviation("none", 1, "it begins with '\"'")]),
    "an odd octet": (b"\n\xff[", [deviation("none", 1, "it begins with '\\xff'")]),
    "the middle of a mark": (b" \xbb[]", [deviation("none", 1, "it begins with '\\xbb'")]),
    "a mark that is not at the start": (b" \xef\xbb\xbf[]", [deviation("none", 1, "it begins with '\\xef'")]),
    "two marks": (
        b"\xef\xbb\xbf\xef\xbb\xbf[]",
        [deviation("bom", 0), deviation("none", 3, "it begins with '\\xef'")],
    ),
    "half a mark": (b"\xef\xbb[]", [deviation("none", 0, "it begins with '\\xef'")]),
    "half a mark and blanks": (b"\xef []", [deviation("none", 0, "it begins with '\\xef'")]),
    "half a mark and no more": (b"\xef\xbb", [deviation("open", 2, "no array was begun")]),
    "a mark and no more": (b"\xef\xbb\xbf", [deviation("bom", 0), deviation("open", 3, "no array was begun")]),
    "an array cut at once": (b"[", [deviation("open", 1, "outside of its elements")]),
    "an array cut between elements": (b"[{}, ", [item(0, b"{}", 1), deviation("open", 5, "outside of its elements")]),
    "an array cut inside an object": (b"[{}", [item(0, b"{}", 1), deviation("open", 3, "outside of its elements")]),
    "an array cut inside a string": (b'["a]', [deviation("open", 4, "inside an element")]),
    "an array cut behind an escape": (b'["\\', [deviation("open", 3, "inside an element")]),
    "an array cut inside a number": (b"[1,2", [item(0, b"1", 1), deviation("open", 4, "inside an element")]),
}
GOLDEN = {
    **ARRAYS,
    **{f"wrapped, {name}": case for name, case in WRAPPED.items()},
    **{f"else, {name}": case for name, case in OTHERS.items()},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_body_is_read_as_it_stands(name: str) -> None:
    data, expected = GOLDEN[name]
    assert decode(data) == expected


@pytest.mark.parametrize("name", GOLDEN)
def test_a_body_reads_the_same_octet_by_octet(name: str) -> None:
    data, expected = GOLDEN[name]
    assert decode(data, cuts=range(len(data))) == expected


@given(st.sampled_from(sorted(GOLDEN)), st.lists(st.integers(0, 40), max_size=5))
def test_a_body_reads_the_same_however_it_is_cut(name: str, cuts: list[int]) -> None:
    data, expected = GOLDEN[name]
    assert decode(data, cuts=cuts) == expected


def test_an_element_comes_with_the_octet_that_closes_it() -> None:
    decoder = JSON_ARRAY.decoder(PLAIN, "", LIMITS)
    assert decoder.feed(b'[{"a":1') == []
    assert decoder.feed(b"}") == [item(0, b'{"a":1}', 1)]
    assert decoder.feed(b',"') == []
    assert decoder.feed(b'"') == [item(1, b'""', 9)]
    assert decoder.feed(b",1") == []
    assert decoder.feed(b"") == []
    assert decoder.feed(b"2") == []
    assert decoder.feed(b" ") == [item(2, b"12", 12)]
    assert decoder.feed(b",3") == []
    assert decoder.feed(b",4") == [item(3, b"3", 16)]
    assert decoder.feed(b"]") == [item(4, b"4", 18), Completed(19)]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"x") == [deviation("excess", 21, "'x' and more")]
    assert decoder.feed(b"y") == []
    assert decoder.end() == []
    assert decoder.end() == []


def test_an_open_array_is_said_once() -> None:
    decoder = JsonArrayDecoder(PLAIN, "", LIMITS)
    assert decoder.feed(b"[1,") == [item(0, b"1", 1)]
    assert decoder.feed(b'"a') == []
    assert decoder.end() == [deviation("open", 5, "inside an element")]
    assert decoder.end() == []
    assert decoder.buffered_bytes == 0


# -- classification --------------------------------------------------------------------------------------------


def test_a_profile_tells_elements_apart_by_their_type() -> None:
    data = b'[{"type":"info","of":3},{"n":1},{"type":"ping"},{"type":"error","code":7,"message":"m"}]'
    assert decode(data, TYPED, "$.n") == [
        Meta("meta", 1, {"of": 3}),
        item(0, b'{"n":1}', 24, seq=1),
        Heartbeat(32),
        Failed("7", "m", '{"type":"error","code":7,"message":"m"}', 48),
    ]


@pytest.mark.parametrize(
    ("data", "terminals"),
    [
        (b'[1,{"type":"end"}]', [Completed(3)]),
        (b'{"data":[{"type":"end"},1]}', [Completed(9)]),
        (b'[{"type":"end"},{"type":"error"}]', [Completed(1), Failed("", "", '{"type":"error"}', 16)]),
        (b'[{"type":"error"},{"n":1}]', [Failed("", "", '{"type":"error"}', 1)]),
        (b'[{"type":"info"}]', [Completed(16)]),
    ],
)
def test_the_end_of_the_array_completes_unless_an_element_was_the_terminal(data: bytes, terminals: list[Event]) -> None:
    assert [event for event in decode(data, TYPED) if isinstance(event, Completed | Failed)] == terminals


# -- limits ----------------------------------------------------------------------------------------------------

_X22 = b'"' + b"x" * 22 + b'"'
LIMITED: dict[str, tuple[bytes, list[tuple[str, int]], list[tuple[int, bytes]]]] = {
    "an element at the limit": (b"[" + _X22 + b"]", [], [(1, _X22)]),
    "a long string": (
        b'["' + b"x" * 40 + b'",1]',
        [("element-too-long", 1)],
        [(1, b'"' + b"x" * 23), (44, b"1")],
    ),
    "a long object": (
        b'[1,{"\xff":[' + b"1," * 20 + b"1]}]",
        [("element-too-long", 3)],
        [(1, b"1"), (3, b'{"\xff":[' + b"1," * 9)],
    ),
    "a long word": (b"[" + b"1" * 40 + b",1]", [("element-too-long", 1)], [(42, b"1")]),
    "a long element that never ends": (b"[[" + b"1," * 40, [("element-too-long", 1), ("open", 82)], []),
    "a long object around it": (
        b'{"meta":"' + b"x" * 40 + b'","data":[1],' + b"}" * 2,
        [("element-too-long", 0), ("excess", 63)],
        [(59, b"1")],
    ),
    "a long object without an array": (b'{"meta":"' + b"x" * 40 + b'"}', [("element-too-long", 0), ("none", 0)], []),
    "deep": (
        b"[[[[1]]],[[[[1]]]],[[[[]]}]]",
        [("too-deep", 9), ("too-deep", 19)],
        [(1, b"[[[1]]]"), (9, b"[[[[1]]]]"), (19, b"[[[[]]}]")],
    ),
    "deep around it": (b'{"m":{"a":[{}]},"d":[1]}', [("too-deep", 0)], [(21, b"1")]),
}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("name", LIMITED)
def test_beyond_a_limit_the_rest_is_skipped_and_that_is_said_once(name: str, *, cut: bool) -> None:
    data, codes, items = LIMITED[name]
    found = decode(data, PLAIN, "", SMALL, range(len(data)) if cut else ())
    assert [(event.code, event.offset) for event in found if isinstance(event, Deviation)] == [
        (f"array.{code}", offset) for code, offset in codes
    ]
    assert [(event.offset, event.sha) for event in found if isinstance(event, Item)] == [
        (offset, hashlib.sha256(payload).hexdigest()[:16]) for offset, payload in items
    ]


def test_what_was_too_deep_or_too_long_to_be_read_is_an_item_of_which_nothing_is_known() -> None:
    body = b'[{"n":1},{"n":2,"a":[[[]]]},{"n":3,"type":"error","a":1}]'
    found = [event for event in decode(body, TYPED, "$.n", SMALL) if isinstance(event, Item | Completed)]
    assert [(e.n, e.seq, e.kind) for e in found if isinstance(e, Item)] == [(0, 1, ""), (1, None, ""), (2, None, "")]
    assert found[-1] == Completed(56)


@pytest.mark.parametrize("begin", [b'["', b"[[", b"[1", b'{"', b'{"data":[[', b"<", b"[] <", b""])
def test_no_body_is_held_beyond_its_limits(begin: bytes) -> None:
    decoder = JsonArrayDecoder(PLAIN, "", SMALL)
    said = decoder.feed(begin)
    for _ in range(100):
        said += decoder.feed(b" " * 65_536 if not begin else b"1" * 65_536)
        assert decoder.buffered_bytes <= 2 * SMALL.event_bytes
    assert len(said) <= 2


def test_an_element_is_parsed_once_and_its_octets_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, counted = 0, 0
    read, run = json_text.Reader.read, Nesting.run

    def reading(self: json_text.Reader, text: str) -> json_text.JsonText:
        nonlocal parsed
        parsed += len(text)
        return read(self, text)

    def running(self: Nesting, data: bytes, at: int = 0) -> int:
        nonlocal counted
        place = run(self, data, at)
        counted += (place if place >= 0 else len(data)) - at
        return place

    monkeypatch.setattr(json_text.Reader, "read", reading)
    monkeypatch.setattr(Nesting, "run", running)
    data = b'{"a":"' + b"x" * 9_000 + b'","data":[' + b'{"b":[1,"]"]},' * 1_000 + b'"' + b"x" * 9_000 + b'"]}'
    for step in (1, 7, len(data)):
        parsed = counted = 0
        decoder = JSON_ARRAY.decoder(PLAIN, "", LIMITS)
        found = [event for start in range(0, len(data), step) for event in decoder.feed(data[start : start + step])]
        assert [type(event) for event in found] == [Item] * 1_001 + [Completed]
        assert parsed <= len(data)
        assert counted <= len(data)


def test_an_array_is_recognised_by_its_type_where_no_length_is_given() -> None:
    def answer(status: int, *headers: tuple[str, str]) -> Opened:
        return Opened(status, "", "HTTP/1.1", headers)

    kind = ("Content-Type", "Application/JSON; charset=utf-8")
    reason = "Content-Type is application/json, and no Content-Length says where it ends"
    assert recognises(answer(200, kind, ("Transfer-Encoding", "chunked"))) == reason
    assert recognises(answer(201, kind)) == reason
    assert recognises(answer(200, kind, ("content-length", "2"))) is None
    assert recognises(answer(200, ("Content-Type", "application/problem+json"))) is None
    assert recognises(answer(200)) is None
    assert recognises(answer(500, kind)) is None
    assert (JSON_ARRAY.name, JSON_ARRAY.accept, JSON_ARRAY.closes) == ("json_array", "application/json", True)
