"""SSE-05 and OI-04 at their edges: which texts are the same, and what cannot be read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamspec.harness.core.event import Completed, Deviation, Event, Item
from streamspec.harness.core.history import History
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, told, written
from streamspec.harness.rules.text_payloads import value_of

RuleOn = Callable[[str, History], Verdict]
PREFIX_CHARS = 200


def payload(n: int, text: str, kind: str = "") -> Item:
    """An item as a decoder makes it."""
    octets = text.encode(errors="surrogatepass")
    sha = hashlib.sha256(octets).hexdigest()[:16]
    return Item(n, len(octets), sha, printable(text, PREFIX_CHARS), 100 * n, kind)


def raw(*texts: str) -> tuple[Item, ...]:
    return tuple(payload(n, text, "message") for n, text in enumerate(texts))


def in_json(*texts: str, ascii_only: bool = False) -> tuple[Item, ...]:
    return tuple(payload(n, json.dumps({"n": n, "text": t}, ensure_ascii=ascii_only)) for n, t in enumerate(texts))


def sent(texts: Sequence[str], *events: Event, binding: str = "sse", field: str = "") -> History:
    declared: dict[str, str | int | bool] = {"text.items": json.dumps(texts)}
    if field:
        declared["text.field"] = field
    return written(*told("text", ASK, chunked(binding), *events), binding=binding, declared=declared)


# -- raw, in an event stream -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "text", "came"),
    [
        ("PASS", "a\nb", "a\nb"),
        ("PASS", "a\r\nb\rc", "a\nb\nc"),
        ("PASS", "a\n\nb", "a\n\nb"),
        ("PASS", "a\n", "a\n"),
        ("PASS", "a\n", "a"),  # (S: also a trailing newline)
        ("PASS", " a\0\u2028\ufeff", " a\0\u2028\ufeff"),
        ("FAIL", "a\n\n", "a"),
        ("FAIL", "a\nb", "a"),
        ("FAIL", "a\nb", "a b"),
        ("FAIL", "a\nb", "ab"),
        ("FAIL", "a\nb", "a\r\nb"),
        ("FAIL", "a\u2028b", "a\nb"),
        ("FAIL", " a", "a"),
        ("FAIL", "a", "A"),
    ],
)
def test_a_text_comes_back_with_its_lines(rule_on: RuleOn, outcome: str, text: str, came: str) -> None:
    assert rule_on("SSE-05", sent([text], *raw(came), ENDED, EOF)).outcome == outcome


def test_an_empty_text_may_be_no_event(rule_on: RuleOn) -> None:
    assert rule_on("SSE-05", sent(["", "a"], *raw("a"), ENDED, EOF)).outcome == "PASS"
    assert rule_on("SSE-05", sent([""], ENDED, EOF)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcome", "came"),
    [
        ("PASS", ("hello", "one", "status", "two", "bye")),
        ("FAIL", ("one",)),
        ("FAIL", ("one", "t", "wo")),
        ("INCONCLUSIVE", ("two", "one")),  # order is another rule's
    ],
)
def test_texts_are_looked_for_in_their_order(rule_on: RuleOn, outcome: str, came: tuple[str, ...]) -> None:
    assert rule_on("SSE-05", sent(["one", "two"], *raw(*came), ENDED, EOF)).outcome == outcome


@pytest.mark.parametrize(
    "events",
    [(EOF,), (RESET,), CLOSE, (Deviation("sse.event-too-long", 1), ENDED, EOF), (Deviation("coding.cut", 1), ENDED)],
)
def test_a_text_that_was_not_waited_for_is_not_lost(rule_on: RuleOn, events: tuple[Event, ...]) -> None:
    assert rule_on("SSE-05", sent(["a", "b"], *raw("a"), *events)).outcome == "INCONCLUSIVE"


def test_the_finding_says_which_text_and_what_came(rule_on: RuleOn) -> None:
    (finding,) = rule_on("SSE-05", sent(["a", "b\nc"], *raw("a", "b"), ENDED, EOF)).findings
    assert (finding.expected, finding.got) == (r'"b\nc", the text number 2', "b")


@pytest.mark.parametrize(("outcome", "came"), [("PASS", "a\nb"), ("INCONCLUSIVE", "a b")])
def test_texts_inside_of_json_are_judged_by_another_rule(rule_on: RuleOn, outcome: str, came: str) -> None:
    history = sent(["a\nb"], *in_json(came), ENDED, EOF, field="$.text")
    assert rule_on("SSE-05", history).outcome == outcome
    assert rule_on("OI-04", history).outcome == ("PASS" if outcome == "PASS" else "FAIL")


# -- inside of JSON ----------------------------------------------------------------------------------------------------

TEXTS = ("a\r\nb\rc\n", "\0", "\u2028\u2029\x85", "\ufeff", "\U0001d11e", "", " a ", '\\u0041 "\\x41" \\', "\x7f")


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("binding", ["ndjson", "json_array", "sse"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_the_same_however_it_is_escaped(
    rule_on: RuleOn,
    text: str,
    binding: str,
    ascii_only: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    came = in_json(text, ascii_only=ascii_only)
    done = (Completed(999),) if binding == "json_array" else ()
    assert rule_on("OI-04", sent([text], *came, *done, ENDED, EOF, binding=binding, field="$.text")).outcome == "PASS"


@pytest.mark.parametrize(
    ("text", "came"),
    [("a\r\nb", "a\nb"), ("a\n", "a"), ("\u2028", ""), ("\ufeffa", "a"), ("é", "e\u0301"), ("a\0b", "a"), ("1", "2")],
)
def test_an_altered_text_is_another_one(rule_on: RuleOn, text: str, came: str) -> None:
    history = sent([text], *in_json(came), ENDED, EOF, binding="ndjson", field="$.text")
    assert rule_on("OI-04", history).outcome == "FAIL"


def test_a_text_stands_where_it_was_declared(rule_on: RuleOn) -> None:
    nested = payload(0, '{"a":{"b":"x"}}')
    assert rule_on("OI-04", sent(["x"], nested, ENDED, EOF, binding="ndjson", field="$.a.b")).outcome == "PASS"
    assert rule_on("OI-04", sent(["x"], nested, ENDED, EOF, binding="ndjson", field="$.a")).outcome == "FAIL"


@pytest.mark.parametrize(
    ("outcome", "came"),
    [
        ("INCONCLUSIVE", ("x" * 300,)),  # it may be the text, or not
        ("FAIL", ("y",)),
        ("PASS", ("x" * 300, "a")),
    ],
)
def test_what_is_longer_than_we_keep_proves_nothing(rule_on: RuleOn, outcome: str, came: tuple[str, ...]) -> None:
    history = sent(["a"], *in_json(*came), ENDED, EOF, binding="ndjson", field="$.text")
    assert rule_on("OI-04", history).outcome == outcome


@pytest.mark.parametrize("items", ["[", "5", "[1, 2]", '{"a": 1}', ""])
def test_texts_that_are_none_prove_nothing(rule_on: RuleOn, items: str) -> None:
    history = written(
        *told("text", ASK, chunked("ndjson"), *in_json("a"), ENDED, EOF),
        binding="ndjson",
        declared={"text.items": items, "text.field": "$.text"},
    )
    assert rule_on("OI-04", history).outcome == "INCONCLUSIVE"
    assert rule_on("SSE-05", sent([], *raw("a"), ENDED, EOF)).outcome == "INCONCLUSIVE"


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)


@given(st.one_of(st.lists(JSON, max_size=3), st.dictionaries(st.text(max_size=4), JSON, max_size=3), st.text()))
@example(["\\x41", "\\\x85", "\\U0001F300", "\U000e0001"])
def test_what_is_kept_whole_is_read_back_as_it_was(value: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            continue  # no UTF-8 has these
        shown = printable(text, PREFIX_CHARS)
        assert value_of(payload(0, text)) in ([value] if len(shown) < PREFIX_CHARS else [value, None])


@given(st.text(max_size=300))
def test_no_text_of_theirs_makes_the_reading_crash(text: str) -> None:
    assert value_of(Item(0, 1, "0", text, 0)) is None or text[0] in '{["'
