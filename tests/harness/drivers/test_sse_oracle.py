"""Our decoder against a slow, literal transcription of HTML §9.2.6."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cuts import decoded, readings
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Deviation, Event, Heartbeat, Item
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.profile import Profile
from streamspec.harness.drivers.sse import SSE

PLAIN = Profile("plain", "")


@dataclass
class Seen:
    messages: list[tuple[str, str]]
    comments: int
    unfinished: bool


def oracle(octets: bytes) -> Seen:
    """Literally: decode the stream, then read it character by character, line by line."""
    # "Streams must be decoded using the UTF-8 decode algorithm", which strips one leading BOM.
    text = octets.decode("utf-8", errors="replace")
    text = text.removeprefix("\ufeff") if octets.startswith(b"\xef\xbb\xbf") else text
    lines: list[str] = []
    line, position = "", 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\r":
            if position < len(text) and text[position] == "\n":
                position += 1
            lines.append(line)
            line = ""
        elif character == "\n":
            lines.append(line)
            line = ""
        else:
            line += character
    return interpreted(lines, line)


def interpreted(lines: list[str], rest: str) -> Seen:  # noqa: C901 -- one branch a sentence of the standard
    seen = Seen([], 0, unfinished=False)
    data, event_type, known = "", "", False
    for line in lines:
        # "If the line is empty (a blank line): Dispatch the event, as defined below."
        if line == "":
            # "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty
            # string and return."
            if data != "":
                # "If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove [it]."
                seen.messages.append((event_type or "message", data[:-1]))
            elif known:  # no event, and a sign of life to us
                seen.comments += 1
            data, event_type, known = "", "", False
        # "If the line starts with a U+003A COLON character (:): Ignore the line."
        elif line[0] == ":":
            seen.comments += 1
        else:
            # "Collect the characters on the line before the first U+003A COLON character (:), and let field be
            # that string [...] If value starts with a U+0020 SPACE character, remove it from value."
            field, _, value = line.partition(":")
            if value[:1] == " ":
                value = value[1:]
            if field == "event":
                event_type = value
                known = True
            elif field == "data":
                data += value + "\n"
            elif field == "id":  # "If the field value does not contain U+0000 NULL"
                known = known or "\0" not in value
            elif field == "retry":  # "If the field value consists of only ASCII digits"
                known = known or (value.isascii() and value.isdigit())
    # "Once the end of the file is reached, any pending data must be discarded."
    seen.unfinished = data != "" or rest == "data" or rest.startswith("data:")
    return seen


STREAMS = st.lists(
    st.one_of(
        st.sampled_from([b"data", b"data:", b"data: ", b"event: x", b"event", b"id: 1", b"retry: 1", b":", b": c"]),
        st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b" ", b":", b"\xef\xbb\xbf", b"\0"]),
        st.text(max_size=3).map(lambda text: text.encode("utf-8", errors="surrogatepass")),
        st.binary(max_size=3),
    ),
    max_size=30,
).map(b"".join)


def decode(pieces: list[bytes], line_bytes: int = LIMITS.line_bytes) -> list[Event]:
    limits = replace(LIMITS, line_bytes=line_bytes, event_bytes=2 * line_bytes)
    return decoded(SSE.decoder(PLAIN, "", limits), pieces)


@settings(max_examples=500)
@given(STREAMS)
def test_we_see_what_html_says(octets: bytes) -> None:
    expected = oracle(octets)
    found = decode([octets])
    items = [event for event in found if isinstance(event, Item)]
    assert [(item.n, item.size, item.sha) for item in items] == [
        (n, len(data.encode()), hashlib.sha256(data.encode()).hexdigest()[:16])
        for n, (_, data) in enumerate(expected.messages)
    ]
    assert [item.kind.isprintable() for item in items] == [True] * len(items)
    assert [item.kind for item in items if item.kind in {"message", "x"}] == [
        kind for kind, _ in expected.messages if kind in {"message", "x"}
    ]
    assert len([event for event in found if isinstance(event, Heartbeat)]) == expected.comments
    ends = [event for event in found if isinstance(event, Deviation) and event.code == "sse.unterminated"]
    assert len(ends) == expected.unfinished
    assert all(octets[item.offset : item.offset + 1] not in {b"", b"\n", b"\r"} for item in items)


@settings(max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 9), max_size=12))
def test_any_cut_of_the_same_octets_gives_the_same_events(octets: bytes, sizes: list[int]) -> None:
    whole, cut, single = readings(decode, octets, sizes)
    assert cut == whole
    assert single == whole


@settings(max_examples=300)
@given(STREAMS, st.lists(st.integers(0, 9), max_size=12), st.integers(4, 12))
def test_limits_do_not_depend_on_the_cut_either(octets: bytes, sizes: list[int], line_bytes: int) -> None:
    whole, cut, single = readings(lambda pieces: decode(pieces, line_bytes), octets, sizes)
    assert cut == whole
    assert single == whole
