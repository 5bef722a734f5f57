"""From a verdict to words: evidence marked, neighbours beside it, all of it bounded and inert."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.by_hand import curl
from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import (
    EVENTS,
    Called,
    Closed,
    Completed,
    Deviation,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Heartbeat,
    Item,
    Opened,
    Raised,
    Refused,
    Returned,
    Settled,
    Told,
)
from streamspec.harness.core.explain import (
    AROUND,
    FINDINGS_MAX,
    SHOWN_MAX,
    TEXT_MAX,
    Explanation,
    describe,
    explain,
    record_line,
)
from streamspec.harness.core.history import History
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.ports import Request
from streamspec.harness.core.rule import Finding, Level, Rule, broken
from streamspec.harness.core.script import Ask, Open, Read, Script, Session
from streamspec.harness.core.steps import Gate, Generate
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written
from streamspec.harness.core.written_calls import played, send

if TYPE_CHECKING:
    from collections.abc import Iterator

RULE = Rule("XX-01", Level.MUST, "A sentence.", "a source", "it costs", lambda _: (), (), ())
STREAM = written(*told("finite", ASK, head(), *(item(n) for n in range(6)), ENDED, EOF))
LONG = written(*told("finite", ASK, head(), *(item(n) for n in range(60)), ENDED, EOF))
TWO = written(
    *(row for n in range(6) for row in (("look-1", n, item(n)), ("look-2", n + 0.5, Heartbeat(n)))),
)

# ESC sequences, CR that overwrites, C1 CSI, bidi overrides, zero width, NUL, BEL, lone surrogate, separators.
HOSTILE = "\x1b[31mred\x1b]0;title\x07\r\x9b2J\x00\u202eevil\u2066\u200b\u2028\u2029\ufeff\ud800\x7f\x85\t\n"
MARKUP = "[red]bold[/red] [link=http://evil]x[/link] <script>alert(1)</script> $(reboot) `reboot`"
BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def explained(*findings: Finding, history: History | None = STREAM, place: str = "", reason: str = "") -> Explanation:
    return explain(RULE, Verdict("XX-01", Outcome.FAIL, findings, reason), history, "a/b@sse", place)


def broken_at(*indices: int, expected: str = "one", got: str = "two") -> Finding:
    return Finding("broken", indices, expected, got)


def inert(text: str) -> bool:
    return not any(unicodedata.category(char) in BAD_CATEGORIES for char in text)


def strings_of(told_of: Explanation) -> Iterator[str]:
    for name in Explanation.__dataclass_fields__:
        value = getattr(told_of, name)
        if isinstance(value, str):
            yield value
        elif name in {"sent", "reproduce", "reason"}:
            yield from value
    for finding in told_of.findings:
        yield finding.expected
        yield finding.got
        for shown in finding.shown:
            yield shown.session
            yield shown.text


def renamed(history: History, session: str, role: str) -> History:
    """The same history with its one session and role called something else, as somebody's file may have it."""
    script = Script(tuple(Session(session, role, s.acts) for s in history.header.script.sessions))
    requests = {role: history.header.requests["finite"]}
    records = tuple(replace(record, session=session) for record in history.records)
    return History(replace(history.header, script=script, requests=requests), records)


def test_the_evidence_is_marked_and_its_neighbours_are_shown() -> None:
    (told_of,) = explained(broken_at(4)).findings
    assert [(s.index, s.marked) for s in told_of.shown] == [(2, False), (3, False), (4, True), (5, False), (6, False)]
    assert AROUND == 2


def test_neighbours_are_those_of_the_same_session() -> None:
    (told_of,) = explained(broken_at(4), history=TWO).findings
    assert [s.index for s in told_of.shown] == [0, 2, 4, 6, 8]
    assert {s.session for s in told_of.shown} == {"look-1"}


def test_evidence_of_several_sessions_is_shown_in_the_order_of_events() -> None:
    (told_of,) = explained(broken_at(4, 5), history=TWO).findings
    assert [s.index for s in told_of.shown] == list(range(10))
    assert [s.index for s in told_of.shown if s.marked] == [4, 5]


def test_at_the_edges_there_are_fewer_neighbours() -> None:
    last = len(STREAM.records) - 1
    assert [s.index for s in explained(broken_at(0)).findings[0].shown] == [0, 1, 2]
    assert [s.index for s in explained(broken_at(last)).findings[0].shown] == [last - 2, last - 1, last]


def test_much_evidence_is_shown_from_both_ends() -> None:
    (told_of,) = explained(broken_at(*range(2, 62)), history=LONG).findings
    half = SHOWN_MAX // 2
    assert [s.index for s in told_of.shown] == [*range(2, 2 + half), *range(62 - half, 62)]
    assert all(s.marked for s in told_of.shown)


@pytest.mark.parametrize("evidence", [(), (3,), (3, 9), (3, 12, 21, 30, 39), tuple(range(0, 62, 2))])
def test_what_is_shown_is_bounded_and_evidence_comes_first(evidence: tuple[int, ...]) -> None:
    (told_of,) = explained(broken_at(*evidence), history=LONG).findings
    marked = [s.index for s in told_of.shown if s.marked]
    assert len(told_of.shown) <= SHOWN_MAX
    assert set(marked) <= set(evidence)
    assert len(marked) == min(len(evidence), SHOWN_MAX)


def test_of_many_findings_some_are_told_and_the_rest_counted() -> None:
    told_of = explained(*(broken_at(n, got=f"{n}") for n in range(5)))
    assert ([f.got for f in told_of.findings], told_of.more) == (["0", "1", "2"], 5 - FINDINGS_MAX)
    assert explained(broken_at(1)).more == 0


def test_findings_alike_are_told_once_by_the_first() -> None:
    told_of = explained(broken_at(1), broken_at(2), broken_at(3, got="three"))
    assert ([f.got for f in told_of.findings], told_of.more) == (["two", "three"], 1)
    assert [shown.index for shown in told_of.findings[0].shown if shown.marked] == [1]


def test_a_verdict_without_a_history_is_still_told() -> None:
    told_of = explained(history=None, reason="Traceback …\n  in f", place="/x/y.ndjson")
    assert (told_of.findings, told_of.sent, told_of.reproduce) == ((), (), ())
    assert told_of.reason == ("Traceback …", "  in f")
    assert (told_of.rule, told_of.case, told_of.history) == ("XX-01", "a/b@sse", "/x/y.ndjson")


def test_the_rule_speaks_for_itself() -> None:
    told_of = explained(broken_at(1))
    assert (told_of.level, told_of.outcome, told_of.sentence, told_of.source, told_of.why) == (
        *("MUST", "FAIL", "A sentence.", "a source", "it costs"),
    )


def test_what_was_sent_is_that_of_the_sessions_in_evidence() -> None:
    history = written(*told("look", ASK, head()), *told("finite", ASK, head()), method="POST")
    assert explained(broken_at(3), history=history).sent == ("POST http://127.0.0.1:1/finite  (finite)",)
    assert explained(broken_at(0, 3), history=history).sent == (
        *("POST http://127.0.0.1:1/look  (look)", "POST http://127.0.0.1:1/finite  (finite)"),
    )


def test_it_is_seen_again_by_curl_by_hand_and_by_judging_again() -> None:
    by_hand = History(replace(STREAM.header, by_hand="press Ctrl-C"), STREAM.records)
    told_of = explained(broken_at(1), history=by_hand, place="/tmp/my runs/a.ndjson")
    assert told_of.reproduce == (
        "curl -N -i -sS --max-time 10 http://127.0.0.1:1/finite",
        "# press Ctrl-C",
        "streamspec judge '/tmp/my runs/a.ndjson' --rule XX-01",
    )


def test_an_impossible_size_in_a_foreign_history_does_not_keep_it_from_being_told() -> None:
    foreign = renamed(STREAM, "finite", "large")
    foreign = replace(foreign, header=replace(foreign.header, declared={"large.item_bytes": 0}))
    assert explained(broken_at(2), history=foreign).sent


def test_without_evidence_the_look_is_what_to_repeat() -> None:
    history = written(*told("look", ASK, head()))
    assert explained(history=history).reproduce == ("curl -N -i -sS --max-time 10 http://127.0.0.1:1/look",)


# -- inert ---------------------------------------------------------------------------------------------------------


EVIL_EVENTS: list[Event] = [
    Opened(200, HOSTILE, HOSTILE, (("Content-Type", HOSTILE), (HOSTILE, HOSTILE))),
    Refused("not-http", HOSTILE),
    Item(0, 5, HOSTILE, HOSTILE + MARKUP, 0, HOSTILE),
    Failed(HOSTILE, HOSTILE, HOSTILE),
    Deviation("sse.field", 3, HOSTILE),
    Closed("reset", HOSTILE),
    Did(HOSTILE),
    Expired(HOSTILE, 3.0),
]


@pytest.mark.parametrize("event", EVIL_EVENTS, ids=lambda e: type(e).__name__)
def test_hostile_octets_are_inert_in_an_event(event: Event) -> None:
    text = describe(event)
    assert inert(text)
    assert len(text) <= TEXT_MAX


EVENT = st.one_of(
    *(st.builds(kind) for kind in EVENTS.values() if kind is not Deviation),
    st.builds(Deviation, code=st.sampled_from(sorted(DEVIATIONS)), detail=st.text()),
    st.builds(Item, prefix=st.text(st.characters(codec=None), min_size=200)),
)


@given(EVENT)
def test_every_event_is_one_bounded_inert_line(event: Event) -> None:
    text = describe(event)
    assert inert(text)
    assert 0 < len(text) <= TEXT_MAX


def test_a_long_line_says_that_it_goes_on() -> None:
    text = describe(Item(0, 9999, "", "x" * 9999, 0))
    assert len(text) == TEXT_MAX
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (head(), "HTTP/1.1 200 OK, text/event-stream"),
        (Opened(503, "Busy", "HTTP/1.0", ()), "HTTP/1.0 503 Busy, no Content-Type"),
        (Refused("refused"), "no answer: refused"),
        (Refused("tls", "expired"), "no answer: tls (expired)"),
        (item(2), 'item 2, 7 octets at octet 40 of the body: {"n":3}'),
        (Item(0, 1, "", "x", 0, "tick"), "item 0 'tick', 1 octets at octet 0 of the body: x"),
        (Deviation("sse.field", 9, "evnt"), "at octet 9 of the body: evnt [sse.field]"),
        (Deviation("chunk.size", 9), "at octet 9 of the response [chunk.size]"),
        (Ended("chunked", 7), "the message is whole (chunked, 7 octets of body)"),
        (EOF, "the target closed the connection"),
        (Closed("ours"), "closed by us"),
        (Closed("reset", "ECONNRESET"), "the connection was reset (ECONNRESET)"),
        (ASK, "we did: ask"),
        (Completed(3), "Completed(offset=3)"),
        (Called(4, "send", "producer", "producer:2"), "call 4: producer calls send(producer:2)"),
        (Returned(4), "call 4 returned"),
        (Returned(5, "end"), "call 5 returned end"),
        (Raised(4, "CANCELLED", "StreamError", "gone"), "call 4 raised StreamError with code CANCELLED: gone"),
        (Raised(4, "", "ValueError"), "call 4 raised ValueError"),
        (Settled(), "nothing moves any more"),
        (Settled(exact=False), "quiet"),
        (Settled(exact=False, late=("producer", "consumer")), "quiet; due but late: producer, consumer"),
        (Told(0, {"buffered_amount": 2, "state": "OPEN"}), "told: buffered_amount = 2, state = OPEN"),
    ],
)
def test_an_event_is_told_in_words(event: Event, words: str) -> None:
    assert words in describe(event)


@pytest.mark.parametrize("text", [HOSTILE, MARKUP, HOSTILE * 50], ids=["hostile", "markup", "long"])
def test_hostile_findings_are_inert(text: str) -> None:
    history = written(*told("look", ASK, Opened(200, text, text, (("Content-Type", text),)), Failed(text, text, text)))
    evil = broken(history.records, expected=text, got=text)
    told_of = explained(evil, history=history)
    assert all(inert(string) for string in strings_of(told_of))
    assert told_of.findings[0].got == printable(text) or len(text) > 500


def test_a_hostile_reason_is_inert() -> None:
    assert all(inert(line) for line in explained(broken_at(1), reason=HOSTILE).reason)


# A stored history may be somebody else's (a bug report is one file): its names are no more ours than its octets.
@pytest.mark.parametrize("field", ["session", "role", "method", "url", "header", "by_hand", "case", "place"])
def test_a_foreign_historys_names_are_inert(field: str) -> None:
    history, case, place = STREAM, "a", "/tmp/x"
    request = history.header.requests["finite"]
    match field:
        case "session":
            history = renamed(history, HOSTILE, "finite")
        case "role":
            history = renamed(history, "finite", HOSTILE)
        case "method" | "url" | "header":
            evil = Request(
                HOSTILE if field == "url" else request.url,
                HOSTILE if field == "method" else "GET",
                ((HOSTILE, HOSTILE),) if field == "header" else (),
            )
            history = History(replace(history.header, requests={"finite": evil}), history.records)
        case "by_hand":
            history = History(replace(history.header, by_hand=HOSTILE), history.records)
        case "case":
            case = HOSTILE
        case "place":
            place = HOSTILE
    told_of = explain(RULE, Verdict("XX-01", Outcome.FAIL, (broken_at(1),)), history, case, place)
    guilty = [string for string in strings_of(told_of) if not inert(string)]
    assert guilty == []


def test_a_very_long_expectation_is_bounded() -> None:
    told_of = explained(broken_at(1, expected="x" * 65_536, got="y" * 65_536))
    assert len(told_of.findings[0].expected) <= 2_000
    assert len(told_of.findings[0].got) <= 2_000


def test_a_record_is_one_inert_line() -> None:
    history = written(("look", 1.5, Failed(HOSTILE, HOSTILE)))
    line = record_line(history.records[0])
    assert line.startswith("   0      1.500 ms  look         Failed(")
    assert inert(line)


# -- the curl line --------------------------------------------------------------------------------

EVIL_WORDS = [
    "'; reboot; '",
    "$(reboot)",
    "`reboot`",
    "a b",
    "a\\b",
    '"',
    "!!",
    "~",
    "*",
    "-o/etc/passwd",
    "#",
    "é",
    "&&",
]


@pytest.mark.parametrize("word", EVIL_WORDS)
def test_the_curl_line_is_one_command_whatever_it_holds(word: str) -> None:
    request = Request(f"http://x/?q={word}", f"M{word}", (("X-Word", word), (f"X{word}", "y")))
    words = shlex.split(curl(request))
    assert words[0] == "curl"
    assert words[-1] == request.url
    assert words[words.index("-X") + 1] == request.method
    assert [words[n + 1] for n, w in enumerate(words) if w == "-H"] == [f"X-Word: {word}", f"X{word}: y"]


@pytest.mark.parametrize("word", [*EVIL_WORDS, HOSTILE])
def test_every_printed_command_is_one_command(word: str) -> None:
    requests = {"finite": Request(f"http://x/?q={word}", word or "GET", (("X", word),))}
    history = History(replace(STREAM.header, requests=requests, by_hand=word), STREAM.records)
    first, second, third = explained(broken_at(1), history=history, place=f"/tmp/{word}").reproduce
    assert shlex.split(first)[0] == "curl"
    assert sum(w.startswith("http://x/?q=") for w in shlex.split(first)) == 1
    assert shlex.split(first)[-1].startswith("http://x/?q=")
    assert second.startswith("# ")
    assert "\n" not in second
    assert shlex.split(third)[:2] == ["streamspec", "judge"]
    assert shlex.split(third)[3:] == ["--rule", "XX-01"]


def test_the_curl_line_shows_head_and_stream_at_once_and_comes_back() -> None:
    words = shlex.split(curl(Request("http://x/")))
    assert {"-N", "-i"} <= set(words)
    assert words[words.index("--max-time") + 1] == "10"
    assert "-X" not in words


def test_curl_takes_brackets_and_braces_of_a_url_as_they_are() -> None:
    words = shlex.split(curl(Request("http://x/?a[x]=1&b={c,d}")))
    assert {"-g", "--globoff"} & set(words), "curl expands {} in a URL and refuses [x] (curl: (3) bad range)"


def test_curl_asks_with_the_same_method_and_version() -> None:
    assert shlex.split(curl(Request("http://x/", "STREAMSPEC")))[-3:] == ["-X", "STREAMSPEC", "http://x/"]
    assert "--http1.0" in shlex.split(curl(Request("http://x/", version="1.0")))


def test_it_is_asked_again_by_hand_as_the_session_asked() -> None:
    rows = told("look", Did("ask:method"), head(status=405), ENDED)
    history = written(*rows, asks={"look": Ask(method="STREAMSPEC")})
    (command, *_) = explained(broken_at(1), history=history).reproduce
    assert "-X STREAMSPEC" in command


def test_curl_sends_an_empty_header_as_one() -> None:
    words = shlex.split(curl(Request("http://x/", headers=(("X-Empty", ""),))))
    assert words[words.index("-H") + 1] == "X-Empty;", "'X-Empty: ' makes curl send no such header"


def test_a_redacted_secret_has_its_place_in_the_curl_line() -> None:
    line = curl(Request("http://x/", headers=(("Authorization", "[redacted]"),)))
    assert "Authorization: [redacted]" in shlex.split(line)


def test_a_pattern_for_markup_finds_ours_nowhere() -> None:
    assert not re.search(r"\x1b", "".join(strings_of(explained(broken_at(1)))))


def test_a_body_that_was_sent_has_its_place_in_the_curl_line() -> None:
    line = curl(Request("http://x/", "POST", (), b"[the body you sent]"))
    assert shlex.split(line)[-3:] == ["-d", "[the body you sent]", "http://x/"]


def test_an_objects_failure_says_how_to_play_it_again() -> None:
    history = played(send(0, 1), declared={"object": "mine.streams:make it"})
    finding = broken(history.records[0], expected="a", got="b")
    told = explain(RULE, Verdict(RULE.id, Outcome.FAIL, (finding,)), history, "case", "")
    assert told.reproduce == ("streamspec run --object 'mine.streams:make it' --rule " + RULE.id,)
    assert told.sent == ()


def test_a_script_that_was_drawn_is_played_again_from_its_file() -> None:
    history = played(send(0, 1), declared={"object": "mine.streams:make it"})
    history = replace(history, header=replace(history.header, scenario="properties/object-calls"))
    finding = broken(history.records[0], expected="a", got="b")
    told = explain(RULE, Verdict(RULE.id, Outcome.FAIL, (finding,)), history, "case", "cases/a b.ndjson")
    assert told.reproduce == (
        "streamspec replay 'cases/a b.ndjson'",
        f"streamspec judge 'cases/a b.ndjson' --rule {RULE.id}",
    )


def test_a_scripted_session_and_its_gates_are_reproduced_by_hand() -> None:
    history = written(*told("script-1", ASK, head(), item(0), Did("open:a b"), item(1), *CLOSE))
    steps = (Generate(1), Gate("a b"), Generate(1))
    acts = (Ask(), Read(1, "item_ms"), Open("a b"))
    script = Script((Session("script-1", "script", acts, steps=steps, options={"idle_ms": 9}),))
    headers = (("Accept", "text/event-stream"), ("Authorization", "[redacted]"))
    requests = {"script": Request("http://127.0.0.1:8/s/sse?run={run}&script={script}", headers=headers)}
    declared = {"script": "http://127.0.0.1:8/s"}
    scripted = History(replace(history.header, script=script, requests=requests, declared=declared), history.records)
    stream, gate = explained(broken_at(2), history=scripted).reproduce
    url = shlex.split(stream)[-1]
    assert url.startswith("http://127.0.0.1:8/s/sse?run=r1&script=%7B%22steps%22:%5B%7B%22do%22:%22generate%22")
    assert url.endswith("%22idle_ms%22:9%7D")
    assert shlex.split(gate)[-1] == "http://127.0.0.1:8/s/gate?run=r1&name=a%20b"
    assert "-X POST" in gate
    assert "Authorization: [redacted]" in gate
