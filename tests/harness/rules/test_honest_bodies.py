"""Octets as servers really send them, through the decoders, judged by every rule: honest ones fail nothing, and each
broken one fails what it is about. The drivers and the rules were written apart; here they meet.
"""

from __future__ import annotations

import gzip
import json

import pytest

from streamspec.harness.assembly import all_drivers, all_rules
from streamspec.harness.core.coding import Inflater
from streamspec.harness.core.event import Closed, Ended, Event, Opened, content_coding
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, told, written
from streamspec.harness.profile_file import profile

DRIVERS = {driver.name: driver for driver in all_drivers()}
BAD = {Outcome.FAIL, Outcome.WARN, Outcome.ERROR}
TEXTS = ("a\r\nb\n", "\u2028\ufeff\0", "\U0001f30a", "")
DECLARED: dict[str, str | int | bool] = {
    "finite.items": 2,
    "finite.seq": "$.n",
    "text.items": json.dumps(TEXTS),
    "text.field": "$.text",
}


def events(body: bytes, kind: str, binding: str, dialect: str, framing: str, coding: str) -> tuple[Event, ...]:
    """What a session records of this answer, fed octet by octet."""
    delimited = {"chunked": ("Transfer-Encoding", "chunked"), "length": ("Content-Length", f"{len(body)}")}
    fields = (
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        *((delimited[framing],) if framing in delimited else ()),
    )
    head = Opened(200, "OK", "HTTP/1.1", (*fields, *((("Content-Encoding", coding),) if coding else ())))
    decoder = DRIVERS[binding].decoder(profile(dialect), "$.n", LIMITS)
    inflater = Inflater(LIMITS) if content_coding(head) else None
    seen: list[Event] = []
    for at in range(len(body)):
        octet, faults = inflater.feed(body[at : at + 1]) if inflater else (body[at : at + 1], [])
        seen += [*faults, *decoder.feed(octet)]
    seen += [*(inflater.end() if inflater else []), *decoder.end()]
    return (ASK, head, *seen, Ended(framing, len(body)), Closed("eof"))  # type: ignore[arg-type]  # a framing


def failed(
    body: bytes,
    kind: str,
    binding: str,
    role: str = "look",
    dialect: str = "plain",
    framing: str = "chunked",
    coding: str = "",
) -> set[str]:
    """The rules that fail when every session of the role is answered so."""
    seen = events(body, kind, binding, dialect, framing, coding)
    rows = [row for n in (1, 2, 3) for row in told(f"{role}-{n}", *seen, start_ms=500 * n)]
    chosen = profile(dialect)
    terminal = chosen.terminal or DRIVERS[binding].closes
    declared = DECLARED | {
        "profile.terminal": terminal,
        "profile.error_channel": chosen.error_channel,
        "profile.items": chosen.items,
        "profile.features": ",".join(chosen.features),
    }
    asks = {f"{role}-{n}": Ask(coding="gzip") for n in (1, 2, 3)} if coding else {}
    history = written(*rows, binding=binding, declared=declared, asks=asks)
    return {v.rule for v in judge(history, all_rules(), ()) if v.outcome in BAD}


LINES = b'{"n":1}\n{"n":2}\n'
ARRAY = b'[{"n":1},{"n":2}]'
NDJSON, JSON, HTML = "application/x-ndjson", "application/json", "text/html; charset=utf-8"
PAGE = b"<!doctype html>\n<html>\n<body>Sign in</body>\n</html>"
GUIDE = b"".join(
    json.dumps(record).encode() + b"\n"
    for record in (
        {"type": "metadata", "totalRecords": 2},
        {"type": "data", "n": 1},
        {"type": "heartbeat"},
        {"type": "error", "code": "X", "recordId": "2"},
        {"type": "stream-end", "reason": "completed", "processed": 1, "errors": 1},
    )
)


@pytest.mark.parametrize("role", ["look", "finite"])
@pytest.mark.parametrize(
    ("body", "kind", "binding"),
    [
        (LINES, NDJSON, "ndjson"),
        (LINES.replace(b"\n", b"\r\n"), f"{NDJSON};charset=utf-8", "ndjson"),
        (b' {"n" : 1 } \n\t{"n":2}\n', "application/ndjson", "ndjson"),
        (LINES[:-1], "application/jsonl", "ndjson"),
        ('{"n":1,"t":"\u2028\ufeff\U0001f30a"}\n{"n":2,"n":2}\n'.encode(), NDJSON, "ndjson"),
        (ARRAY, JSON, "json_array"),
        (b"[\n" + ARRAY[1:-1].replace(b"},", b"},\n") + b"\n]\n", f"{JSON}; charset=utf-8", "json_array"),
        (json.dumps([{"n": 1}, {"n": 2}], indent=4).encode(), JSON, "json_array"),
        (b'{"meta":{"a":[1]},"data":' + ARRAY + b',"next":null}', JSON, "json_array"),
    ],
)
def test_an_honest_stream_fails_nothing(body: bytes, kind: str, binding: str, role: str) -> None:
    if b'"meta"' in body:  # the first array in it is the one that is read
        body = body.replace(b"[1]", b"1")
    assert failed(body, kind, binding, role) == set()


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize(
    ("body", "kind", "binding"),
    [
        (PAGE, HTML, "ndjson"),
        (PAGE, HTML, "json_array"),
        (b'{"status": "ok"}', JSON, "ndjson"),
        (b'{\n  "status": "ok"\n}\n', JSON, "ndjson"),
        (b'{"status": "ok"}', JSON, "json_array"),
        (b'"up"', JSON, "json_array"),
        (b"OK", "text/plain", "ndjson"),
        (b"", NDJSON, "ndjson"),
        (b"", JSON, "json_array"),
        (b"1\n", JSON, "ndjson"),
        (b"[]", JSON, "json_array"),
        (b"[]", JSON, "ndjson"),
    ],
)
def test_a_url_that_answers_with_something_else_fails_nothing(
    body: bytes, kind: str, binding: str, framing: str
) -> None:
    assert failed(body, kind, binding, framing=framing) == set()


@pytest.mark.parametrize("role", ["finite", "failing", "empty", "text", "endless", "prompt"])
@pytest.mark.parametrize("binding", ["ndjson", "json_array"])
def test_a_page_in_the_place_of_a_role_fails_nothing(binding: str, role: str) -> None:
    """A wrong path, a login: whose fault that is, nobody knows."""
    assert failed(PAGE, HTML, binding, role) == set()


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("body", [b"", b"[]", b"[ ]\n", b'{"data":[]}'])
def test_an_empty_stream_may_be_written_in_many_ways(body: bytes, framing: str) -> None:
    binding, kind = ("json_array", JSON) if body else ("ndjson", NDJSON)
    assert failed(body, kind, binding, "empty", framing=framing) == set()


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("binding", ["ndjson", "json_array"])
def test_texts_that_are_escaped_either_way_fail_nothing(
    binding: str,
    ascii_only: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    records = [json.dumps({"text": text}, ensure_ascii=ascii_only) for text in TEXTS]
    body = "".join(f"{record}\n" for record in records) if binding == "ndjson" else f"[{','.join(records)}]"
    assert failed(body.encode(), NDJSON if binding == "ndjson" else JSON, binding, "text") == set()


def test_the_guides_own_stream_fails_nothing() -> None:
    assert failed(GUIDE, NDJSON, "ndjson", "finite", "guide") == set()


def test_a_body_under_gzip_fails_nothing() -> None:
    two_members = gzip.compress(LINES[:9]) + gzip.compress(LINES[9:])
    assert failed(two_members, NDJSON, "ndjson", "finite", coding="gzip") == set()


@pytest.mark.parametrize(
    ("rule", "body", "kind", "binding", "role"),
    [
        ("ND-01", LINES + b"oops\n", NDJSON, "ndjson", "look"),
        ("ND-01", LINES[:-1], NDJSON, "ndjson", "look"),
        ("ND-01", b'{"n":NaN}\n', NDJSON, "ndjson", "look"),
        ("ND-01", PAGE, NDJSON, "ndjson", "look"),
        ("ND-02", b'{\n "n":1\n}\n{"n":2}\n', NDJSON, "ndjson", "finite"),
        ("ND-03", b"\xef\xbb\xbf" + LINES, NDJSON, "ndjson", "look"),
        ("ND-03", b'{"n":1,"t":"\xff"}\n{"n":2}\n', NDJSON, "ndjson", "finite"),
        ("ND-04", LINES, JSON, "ndjson", "look"),
        ("ND-13", b'{"n":1}\n\n{"n":2}\n', NDJSON, "ndjson", "look"),
        ("CJ-01", b'[{"n":1},{"n":2},]', JSON, "json_array", "finite"),
        ("CJ-01", ARRAY[:-1], JSON, "json_array", "finite"),
        ("CJ-01", ARRAY + ARRAY, JSON, "json_array", "finite"),
        ("CJ-01", b"", JSON, "json_array", "empty"),
        ("CJ-01", b'{"error": "no"}', JSON, "json_array", "finite"),
        ("CJ-04", ARRAY, JSON, "json_array", "failing"),
        ("LC-07", LINES, NDJSON, "ndjson", "failing"),
        ("OI-02", LINES[:8], NDJSON, "ndjson", "finite"),
        ("OI-04", b'{"text":"a"}\n', NDJSON, "ndjson", "text"),
    ],
)
def test_a_broken_stream_fails_what_it_is_about_and_nothing_else(
    rule: str, body: bytes, kind: str, binding: str, role: str
) -> None:
    """The cause, once: what follows from it is not said again (standing condition 6)."""
    assert failed(body, kind, binding, role) == {rule}
