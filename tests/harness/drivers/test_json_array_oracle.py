"""Our decoder against the standard library reading the whole body at once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cuts import decoded, readings
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Completed, Deviation, Event, Item
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.profile import Profile
from streamspec.harness.drivers.json_array import JSON_ARRAY

PLAIN = Profile("plain", "")


class Members(list[tuple[str, Any]]):
    """An object as its members in their order, so that no name hides another and no array looks like it."""


def loads(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, object_pairs_hook=Members, parse_constant=refuse)


def oracle(octets: bytes) -> list[Any] | None:
    """The elements if this is one array, or an object with an array in it; else None."""
    try:
        whole = loads(octets.decode())
    except ValueError:
        return None
    if isinstance(whole, Members):
        return next((value for _, value in whole if type(value) is list), None)
    return whole if isinstance(whole, list) else None


def decode(pieces: list[bytes], limits: Limits = LIMITS) -> list[Event]:
    return decoded(JSON_ARRAY.decoder(PLAIN, "", limits), pieces)


def grammar(found: list[Event]) -> list[Deviation]:
    """What is said against the body: not that some legal JSON is read differently by different readers."""
    return [event for event in found if isinstance(event, Deviation) and event.code.startswith("array.")]


def elements(found: list[Event], octets: bytes) -> list[Any]:
    return [loads(octets[e.offset : e.offset + e.size].decode()) for e in found if isinstance(e, Item)]


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=9,
)
BODIES = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(),
    st.lists(VALUES, max_size=5) | st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=4),
    st.sampled_from([None, 0, 1, "\t"]),
    st.booleans(),
)
TOKENS = st.sampled_from(
    [
        *("{", "}", "[", "]", '"a"', ":", ",", "1", " ", "\n", '"', "\\", "tru", "true", "é", "-", "{}", "[]"),
        *('{"a":', '{"a":1}', "[1,", "1]", '"a":1}', '"a":[', '"{"', '"\\""', ",{", "],", "},"),
    ]
)
# A body with a few tokens put in, or taken away: most are no array any more, and some still are.
NEARLY = st.builds(
    lambda body, at, gone, tokens: body[:at] + "".join(tokens).encode() + body[at + gone :],
    BODIES | st.sampled_from([b"[", b'{"a":[', b'{"b":{},"a":[1', b"[1,"]),
    st.integers(0, 20),
    st.integers(0, 2),
    st.lists(TOKENS, max_size=5),
)
OCTETS = st.lists(
    st.one_of(
        TOKENS.map(str.encode),
        st.sampled_from([b"\r", b"\xef\xbb\xbf", b"\xff", b"\xe2\x82", b"\0", b"]]]", b"x" * 9, b'{"a":[']),
        st.binary(max_size=3),
    ),
    max_size=20,
).map(b"".join)
BEGUN = st.builds(bytes.__add__, st.sampled_from([b"", b"[", b'{"a":[', b"\xef\xbb\xbf[", b"\xef"]), OCTETS)


@settings(max_examples=200)
@given(BODIES)
def test_every_array_is_read_with_its_values(octets: bytes) -> None:
    expected = oracle(octets)
    found = decode([octets])
    if expected is None:  # an object without an array in it
        assert grammar(found) == [
            Deviation("array.none", 0, "an object, and none of its members is an array"),
        ]
        return
    assert grammar(found) == []
    assert elements(found, octets) == expected
    assert found[-1] == Completed(len(octets) - 1)


@settings(max_examples=500)
@given(NEARLY)
def test_we_find_fault_exactly_where_the_standard_library_does(octets: bytes) -> None:
    expected = oracle(octets)
    found = decode([octets])
    if expected is None:
        assert grammar(found)
    else:
        assert grammar(found) == []
        assert elements(found, octets) == expected
        assert sum(isinstance(event, Completed) for event in found) == 1


@settings(max_examples=200)
@given(BODIES, st.integers(0, 60))
def test_a_body_that_is_cut_shows_a_beginning_of_its_elements_and_stays_open(octets: bytes, size: int) -> None:
    expected = oracle(octets)
    beginning = octets[: min(size, len(octets) - 1)]
    found = decode([beginning])
    shown = elements(found, beginning)
    assert shown == (expected or [])[: len(shown)]
    assert [event.code for event in grammar(found)] == ["array.open"]
    assert not any(isinstance(event, Completed) for event in found)


@settings(max_examples=200)
@given(BODIES)
def test_an_element_comes_with_the_octet_that_ends_it(octets: bytes) -> None:
    decoder = JSON_ARRAY.decoder(PLAIN, "", LIMITS)
    for at in range(len(octets)):
        for event in decoder.feed(octets[at : at + 1]):
            if isinstance(event, Item):
                last = event.offset + event.size - 1
                assert at == (last if octets[last] in b'}]"' else last + 1)


@settings(max_examples=300)
@given(BEGUN, st.lists(st.integers(0, 9), max_size=12))
def test_any_cut_of_the_same_octets_gives_the_same_events(octets: bytes, sizes: list[int]) -> None:
    whole, cut, single = readings(decode, octets, sizes)
    assert cut == whole
    assert single == whole


@settings(max_examples=300)
@given(BEGUN, st.lists(st.integers(0, 9), max_size=12), st.integers(4, 12))
def test_limits_do_not_depend_on_the_cut_either(octets: bytes, sizes: list[int], size: int) -> None:
    limits = replace(LIMITS, event_bytes=size, json_depth=2)
    whole, cut, single = readings(lambda pieces: decode(pieces, limits), octets, sizes)
    assert cut == whole
    assert single == whole
