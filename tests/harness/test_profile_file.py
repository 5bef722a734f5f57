"""Profile files: read as ordered maps, and every mistake in one named by its file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.profile import KINDS, Clause
from streamspec.harness.profile_file import profile, profile_from_toml, profile_names

if TYPE_CHECKING:
    from pathlib import Path

GOOD = b"""
name = "mine"
sentence = "a dialect"
items = "json"
[[map]]
when = { event = "end", "json.type" = "x" }
is = "completed"
[[map]]
when = { data = "[DONE]" }
is = "failed"
"""


@pytest.mark.parametrize("name", profile_names())
def test_every_built_in_profile_is_read_and_named_after_its_file(name: str) -> None:
    assert profile(name).name == name
    assert profile(name).sentence


def test_the_built_in_profiles_are_listed() -> None:
    assert profile_names() == (
        *("connect-conformance", "grpc-interop", "grpc-octets", "guide", "ndjson-bulk", "ollama", "openai-chat"),
        *("plain", "raffel", "raffel-docs", "streamspec"),
    )


def test_a_profile_is_an_ordered_map() -> None:
    made = profile_from_toml(GOOD, "mine.toml")
    assert (made.name, made.sentence, made.items) == ("mine", "a dialect", "json")
    assert made.clauses == (
        Clause((("event", "end"), ("json.type", "x")), "completed"),
        Clause((("data", "[DONE]"),), "failed"),
    )


def test_a_profile_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(GOOD)
    assert profile(str(path)) == profile_from_toml(GOOD, "x")


def clause(text: str) -> str:
    return f'name = "x"\nsentence = "y"\n[[map]]\nwhen = {{ event = "a" }}\nis = "item"\n[[map]]\n{text}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ]", "1: Invalid value (column 8)"),
        ('name = "a"\nname = "b"\n', "2: Cannot overwrite a value (column 11)"),
        ('name = "a"\n\nkeep = [\n', "3: Invalid value (end of the file)"),
        ("", '1: name = "…" is missing'),
        ('sentence = "y"', '1: name = "…" is missing'),
        ('sentence = "y"\nname = ""', '2: name = "…" is a text, not empty'),
        ('sentence = "y"\nname = 3', '2: name = "…" is a text, not empty'),
        ('name = "x"', '1: sentence = "…" is missing'),
        (
            'name = "x"\nsentense = "y"',
            "2: unknown key 'sentense' (there are name, sentence, items, map, keep, features, envelope, frame, roles);",
        ),
        ('name = "x"\nsentence = "y"\n[other]\nx = 1', "3: unknown key 'other'"),
        ('name = "x"\nsentence = "y"\nitems = "xml"', "3: items = 'xml'; one of any, json, octets is needed"),
        ('name = "x"\nsentence = "y"\nitems = ["json"]', "3: items = ['json']; one of any, json, octets is needed"),
        ('name = "x"\nsentence = "y"\n\n[map]\nwhen = 3', "4: map is a list of tables, written [[map]]"),
        ('name = "x"\nsentence = "y"\nmap = [3]', "3: [[map]] number 1: a table with when and is is needed"),
        ('map = [\n{ is = "item", when = { data = "a" } },\n{ is = "item" },\n]', "3: [[map]] number 2: when = {"),
        (clause('is = "item"'), "6: [[map]] number 2: when"),
        (clause('is = "item"\nwhen = {}'), "8: [[map]] number 2: when"),
        (clause('when = "end"\nis = "item"'), "7: [[map]] number 2: when"),
        (clause('when = { event = 3 }\nis = "item"'), "7: [[map]] number 2: when 'event' is what? Write it as a text"),
        (clause('when = { events = "x" }\nis = "item"'), "7: [[map]] number 2: 'events' is no condition (event, data,"),
        (clause('when = { json.type = "x" }\nis = "item"'), "7: [[map]] number 2: 'json' is no condition"),
        (clause('is = "item"\n[map.when]\ndata = "x"\nevents = "x"'), "10: [[map]] number 2: 'events' is no condition"),
        (clause('when = { event = "x" }\nis = "done"'), f"8: [[map]] number 2: is = 'done'; one of {', '.join(KINDS)}"),
        (clause('when = { event = "x" }\nis = "itme"'), "8: [[map]] number 2: is = 'itme'; one of"),
        (clause('when = { event = "x" }'), "6: [[map]] number 2: is = … is missing; one of start,"),
        (clause('when = { event = "x" }\nis = ["item"]'), "8: [[map]] number 2: is = ['item']; one of start"),
        (clause('when = { event = "x" }\nwhem = "x"\nis = "item"'), "8: [[map]] number 2: unknown key 'whem'; did you"),
        ('keep = "n"\n' + GOOD.decode(), '1: keep = ["…"] is a list of words'),
        ("keep = [1]\n" + GOOD.decode(), '1: keep = ["…"] is a list of words'),
        ('\nfeatures = [\n"record-error"]\n' + GOOD.decode(), "2: no feature 'record-error' (there are counted-end,"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_mistake_is_named_with_its_file_and_line(text: str, said: str, line_end: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile_from_toml(text.replace("\n", line_end).encode(), "mine.toml")
    assert str(caught.value).startswith(f"mine.toml:{said}")
    assert "\n" not in str(caught.value)


def test_a_likely_typing_error_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="; did you mean item\\?"):
        profile_from_toml(clause('when = { event = "x" }\nis = "itme"').encode(), "mine.toml")


def test_a_profile_that_is_no_text_is_named() -> None:
    with pytest.raises(UsageError, match=r"mine\.toml:3: not UTF-8 \(invalid start byte\)"):
        profile_from_toml(b'# one\n# two\nname = "\xff"', "mine.toml")


def test_a_profile_nested_too_deep_is_named() -> None:
    with pytest.raises(UsageError, match=r"mine\.toml:1: "):
        profile_from_toml(b"name = " + b"[" * 100_000, "mine.toml")


def test_a_secret_in_a_profile_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        profile_from_toml(b'name = "x"\nsentence = "y"\n"token=abcdef" = 3', "mine.toml")
    assert str(caught.value).startswith("mine.toml:3: unknown key ")
    assert "abcdef" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("streamspek", "did you mean streamspec?"),
        (
            "zzz",
            "there are connect-conformance, grpc-interop, grpc-octets, guide, ndjson-bulk, ollama, openai-chat, plain",
        ),
        ("../plain", "no such profile"),
        ("/nowhere/mine.toml", "No such file"),
    ],
)
def test_an_unknown_profile_is_named(name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile(name)
    assert str(caught.value).startswith(f"--profile {name}: ")
    assert said in str(caught.value)


def test_a_profile_says_what_it_keeps_and_promises() -> None:
    made = profile_from_toml(b'keep = ["n"]\nfeatures = ["record-errors"]\n' + GOOD, "mine.toml")
    assert made.keep == ("n",)
    assert made.features == ("record-errors",)


def test_a_directory_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").mkdir()
    with pytest.raises(UsageError, match="--profile"):
        profile(str(tmp_path / "mine.toml"))


# -- the dialects that come with us ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "event", "data", "kind"),
    [
        ("raffel", "message", "null", "start"),
        ("raffel", "data", '{"n":1}', "item"),
        ("raffel", "data", "null", "item"),
        ("raffel", "end", "null", "completed"),
        ("raffel", "error", '{"code":"STREAM_ERROR","status":500,"message":"boom"}', "failed"),
        ("raffel", "stream:start", "null", "start"),
        ("raffel", "stream:data", '{"n":1}', "item"),
        ("raffel", "stream:end", "null", "completed"),
        ("raffel", "stream:error", '{"code":"CANCELLED","message":"Stream cancelled"}', "failed"),
        ("raffel", "response", '{"n":1}', "completed"),
        ("raffel-docs", "stream:data", '{"message":"Error..."}', "item"),
        ("raffel-docs", "stream:end", "", "completed"),
        ("raffel-docs", "stream:error", "{}", "failed"),
        ("raffel-docs", "message", '{"message":"Error occurred","level":"error"}', "item"),
        ("raffel-docs", "message", "null", "item"),
        ("raffel-docs", "data", "{}", "item"),
        ("raffel-docs", "end", "{}", "completed"),
        ("raffel-docs", "error", "{}", "failed"),
        ("ndjson-bulk", "metadata", "", "meta"),
        ("ndjson-bulk", "success", "", "item"),
        ("ndjson-bulk", "error", "", "item"),
        ("ndjson-bulk", "summary", "", "completed"),
    ],
)
def test_a_dialect_tells_its_messages_apart(name: str, event: str, data: str, kind: str) -> None:
    assert profile(name).kind_of(event, data, None) == kind


def test_a_bulk_dialect_has_no_word_for_the_failure_of_the_whole() -> None:
    made = profile("ndjson-bulk")
    assert made.terminal
    assert not made.error_channel
    assert made.features == ("counted-end", "record-errors", "announced-total")
