"""Our decoder against the standard library, line by line, and against a slow, literal reading of what it promises."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from cuts import decoded, readings
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Deviation, Event, Heartbeat, Item
from streamspec.harness.core.limits import LIMITS, Limits
from streamspec.harness.core.profile import Profile
from streamspec.harness.drivers.ndjson import NDJSON

PLAIN = Profile("plain", "")
CLOSERS = {"{": "}", "[": "]"}
# One of these behind a text that stopped between two tokens, and the brackets closed, makes it whole.
MENDS = ("", "1", ":1", '"a":1')


def valid(text: str) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def open_brackets(text: str) -> tuple[list[str], bool, bool]:
    """The brackets that are open behind it, whether a quote is, and whether the value was closed on the way."""
    stack: list[str] = []
    quoted = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = True
        elif character in "[{":
            stack.append(character)
        elif character in "]}":
            stack.pop()
            if not stack:
                return [], False, True
    return stack, quoted, False


def mendable(text: str) -> bool:
    """Whether more behind a line end could make it one text."""
    if text.lstrip(" \t")[:1] not in CLOSERS:
        return False
    stack, quoted, closed = open_brackets(text)
    end = "".join(CLOSERS[bracket] for bracket in reversed(stack))
    return not quoted and not closed and any(valid(f"{text} {mend}{end}") for mend in MENDS)


@dataclass
class Read:
    items: list[tuple[int, str]] = field(default_factory=list)
    said: list[tuple[str, int]] = field(default_factory=list)

    def text(self, at: int, text: str, *, spread: bool) -> None:
        if spread:
            self.said.append(("ndjson.spread", at))
        self.items.append((at, text))


def oracle(octets: bytes) -> Read:
    read, at = Read(), 0
    lines: list[tuple[int, str]] = []
    *whole, rest = octets.decode().split("\n")
    for line in whole:
        if line.endswith("\r"):
            read.said.append(("ndjson.crlf", at + len(line.encode()) - 1))
        content = line.removesuffix("\r")
        if content.strip(" \t"):
            lines.append((at, content))
        else:
            read.said.append(("ndjson.empty-line", at))
        at += len(line.encode()) + 1
    rest = rest.removesuffix("\r")
    if rest.strip(" \t"):
        read.said.append(("ndjson.unterminated", at))
        lines.append((at, rest))
    else:
        rest = ""
    while lines:
        lines = lines[taken(read, lines, unended=bool(rest)) :]
    return read


def taken(read: Read, lines: list[tuple[int, str]], *, unended: bool) -> int:
    """Reads the first text, which may go over several lines: how many it took."""
    (at, text), *after = lines
    if valid(text):
        read.text(at, text, spread=False)
        return 1
    if not mendable(text) or (unended and not after):
        if after or not unended:  # cut: unterminated, and nothing else
            read.said.append(("ndjson.not-json", at))
        return 1
    for n, (_, line) in enumerate(after, start=1):
        if line[0] in "{[" and valid(line):
            read.said.append(("ndjson.not-json", at))
            return n
        text += f"\n{line}"
        _, quoted, closed = open_brackets(text)
        if closed and valid(text):
            read.text(at, text, spread=True)
            return n + 1
        if closed or quoted:
            read.said.append(("ndjson.not-json", at))
            return n + 1
    read.said.append(("ndjson.not-json", at))
    return len(lines)


def decode(pieces: list[bytes], limits: Limits = LIMITS) -> list[Event]:
    return decoded(NDJSON.decoder(PLAIN, "", limits), pieces)


TOKENS = st.sampled_from(
    [
        *("{", "}", "[", "]", '"a"', ":", ",", "1", " ", "\n", "\n", "\n", "\r\n", '"', "\\", "tru", "é", "-"),
        *('{"a":1}', "[1]", '{"a":', "[1,", "{\n", "[\n", "1]", '"a":1}', '"{"', '"\\""', "\n\n"),
    ]
)
LINES = st.lists(TOKENS, max_size=14).map(lambda tokens: "".join(tokens).encode())
OCTETS = st.lists(
    st.one_of(
        TOKENS.map(str.encode),
        st.sampled_from([b"\r", b"\xef\xbb\xbf", b"\xff", b"\xe2\x82", b"\0", b'{"a":[', b"]]]", b"x" * 9]),
        st.binary(max_size=3),
    ),
    max_size=20,
).map(b"".join)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=9,
)
TEXTS = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    VALUES,
    st.sampled_from([None, None, 1, "\t"]),
    st.booleans(),
)


@settings(max_examples=500)
@given(LINES)
def test_we_read_what_a_literal_reader_reads(octets: bytes) -> None:
    expected = oracle(octets)
    found = decode([octets])
    items = [event for event in found if isinstance(event, Item)]
    assert [(item.offset, item.size) for item in items] == [(at, len(text.encode())) for at, text in expected.items]
    assert [item.n for item in items] == list(range(len(items)))
    said = [(event.code, event.offset) for event in found if isinstance(event, Deviation)]
    assert sorted(said) == sorted([*expected.said])
    beats = [event.offset for event in found if isinstance(event, Heartbeat)]
    assert beats == [offset for code, offset in said if code == "ndjson.empty-line"]


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=5))
def test_every_text_is_an_item_with_its_value_and_only_spread_ones_are_named(texts: list[str]) -> None:
    octets = "".join(f"{text}\n" for text in texts).encode()
    found = [e for e in decode([octets]) if not (isinstance(e, Deviation) and e.code.startswith("json."))]
    items = [event for event in found if isinstance(event, Item)]
    shown = [octets[item.offset : item.offset + item.size].decode() for item in items]
    assert [json.loads(text) for text in shown] == [json.loads(text) for text in texts]
    spread = [item.offset for item, text in zip(items, texts, strict=True) if "\n" in text]
    assert [e for e in found if not isinstance(e, Item)] == [Deviation("ndjson.spread", offset) for offset in spread]


@settings(max_examples=300)
@given(OCTETS, st.lists(st.integers(0, 9), max_size=12))
def test_any_cut_of_the_same_octets_gives_the_same_events(octets: bytes, sizes: list[int]) -> None:
    whole, cut, single = readings(decode, octets, sizes)
    assert cut == whole
    assert single == whole


@settings(max_examples=300)
@given(OCTETS, st.lists(st.integers(0, 9), max_size=12), st.integers(4, 12), st.integers(4, 24))
def test_limits_do_not_depend_on_the_cut_either(octets: bytes, sizes: list[int], line: int, text: int) -> None:
    limits = replace(LIMITS, line_bytes=line, event_bytes=text, json_depth=2)
    whole, cut, single = readings(lambda pieces: decode(pieces, limits), octets, sizes)
    assert cut == whole
    assert single == whole
