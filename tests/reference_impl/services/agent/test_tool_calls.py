"""Calls of tools in generated text: what is one, what only looks like one, and that no cut of the text matters."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.tool_calls import (
    MOST_CALL_CHARS,
    Extractor,
    Format,
    Part,
    ToolCall,
    Unfinished,
    extracted,
)
from streamspec.reference_impl.services.agent.tool_calls_formats import FORMATS

ALL = pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
JSON, XML, WORDS = (FORMATS[name] for name in ("json", "xml", "function_call"))
ARGUMENTS = {"path": "./docs", "deep": [{"a": "}"}], "text": '"</tool_call>\\{ №'}
FRAGMENTS = (
    *('{"name":', '{"function_name": "list", ', '"arguments": {}}', '"args":{"a":"}"}}', "{", "}", '"', "\\", '\\"'),
    *("<tool_call>", "<tool_call", "</tool_call>", '<function_call name="list">', "</function_call>", "<", ">", " "),
    *("Call ", "call", "list", " with ", "arguments ", "argument {", "with", "re", "\n", "№", '{"a": 1}', "a"),
    *("{}", '{"name":"x","arguments":{}}'),
)
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join) | st.text(max_size=20)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("a", "b", "№")), inner, max_size=3),
    max_leaves=8,
)
calls = st.builds(ToolCall, names, st.dictionaries(st.sampled_from(("path", "n", "{")), values, max_size=3))


def told(format: Format, *pieces: str) -> tuple[str, list[ToolCall], str]:  # noqa: A002 -- that is its name
    """What is seen, what is called, and what of a call is missing its end."""
    extractor = Extractor(format)
    parts: list[Part | Unfinished] = []
    for piece in pieces:
        parts += extractor.feed(piece)
    parts += extractor.end()
    return (
        "".join(part for part in parts if isinstance(part, str)),
        [part for part in parts if isinstance(part, ToolCall)],
        "".join(part.text for part in parts if isinstance(part, Unfinished)),
    )


LIST = ToolCall("list", {"path": "."})


@pytest.mark.parametrize(
    ("format", "text", "seen", "called"),
    [
        (JSON, 'Wait. {"function_name": "list", "arguments": {"path": "."}} Done.', "Wait.  Done.", [LIST]),
        (JSON, '{\n  "tool": "list",\n  "parameters": {"path": "."}\n}', "", [LIST]),
        (JSON, '{"name":"list","args":{"path":"."}}{"name":"list","arguments":{"path":"."}}', "", [LIST, LIST]),
        (JSON, '{"arguments":"{\\"path\\": \\".\\"}","name":"list"}', "", [LIST]),
        (JSON, '{"name":"list","args":{"path":"}\\"{"}}', "", [ToolCall("list", {"path": '}"{'})]),
        (JSON, '{"name": "Ada", "age": 36}', '{"name": "Ada", "age": 36}', []),
        (JSON, '{"name": "list", "args": [1]}', '{"name": "list", "args": [1]}', []),
        (JSON, '{"name": "list", "args": {"n": NaN}}', '{"name": "list", "args": {"n": NaN}}', []),
        (JSON, '{"name": "list", "args": {"s": "\\ud800"}}', '{"name": "list", "args": {"s": "\\ud800"}}', []),
        (JSON, 'for (;;) { "x" }', 'for (;;) { "x" }', []),
        (XML, '<tool_call>\n{"name": "list", "arguments": {"path": "."}}\n</tool_call>', "", [LIST]),
        (XML, 'a<function_call name="list">{"path": "."}</function_call>b', "ab", [LIST]),
        (XML, '<tool_call name="list"></tool_call>', "", [ToolCall("list", {})]),
        (XML, "<tool_call>no JSON</tool_call>", "<tool_call>no JSON</tool_call>", []),
        (XML, "<tool_calls>are words</tool_calls>", "<tool_calls>are words</tool_calls>", []),
        (WORDS, 'Call list with arguments {"path": "."}, please.', ", please.", [LIST]),
        (WORDS, 'I call list with {"path": "."}', "I ", [LIST]),
        (WORDS, 'CALL list WITH ARGUMENT {"path": "."}', "", [LIST]),
        (WORDS, 'recall list with {"path": "."}', 'recall list with {"path": "."}', []),
        (WORDS, "Call me with any questions.", "Call me with any questions.", []),
        (WORDS, "Call list with {no JSON}", "Call list with {no JSON}", []),
    ],
)
def test_a_text_is_told_apart_from_its_calls(
    format: Format,  # noqa: A002
    text: str,
    seen: str,
    called: list[ToolCall],
) -> None:
    assert told(format, text) == (seen, called, "")
    assert told(format, *text) == (seen, called, "")


@ALL
@given(text=texts, cuts=st.lists(st.integers(0, 200), max_size=4))
@example(text='<tool_call>{"name":"x","arguments":{}}</tool_call>', cuts=[1])
@example(text='{"name":"x","arguments":{"a":"\\"}"}}', cuts=[29])
@example(text='recall call list with argument {"a": 1}', cuts=[2])
def test_no_cut_of_the_text_changes_anything(format: Format, text: str, cuts: list[int]) -> None:  # noqa: A002
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    whole = told(format, text)
    assert told(format, *(text[begin:end] for begin, end in pairwise(places))) == whole
    assert told(format, *text) == whole


@ALL
@given(text=texts)
def test_what_is_neither_seen_nor_called_is_nowhere(format: Format, text: str) -> None:  # noqa: A002
    seen, called, unfinished = told(format, text)
    if not called:
        assert seen + unfinished == text


@ALL
@given(before=st.sampled_from(("", "So: ", "№ ")), call=calls, after=st.sampled_from(("", " Done.", "\n")))
def test_a_call_that_is_written_is_found_again(
    format: Format,  # noqa: A002
    before: str,
    call: ToolCall,
    after: str,
) -> None:
    text = before + format.written(call) + after
    assert told(format, text) == (before + after, [call], "")


@ALL
def test_arguments_may_hold_anything(format: Format) -> None:  # noqa: A002
    call = ToolCall("list", ARGUMENTS)
    assert told(format, *format.written(call)) == ("", [call], "")


@ALL
def test_no_part_of_a_marker_is_seen(format: Format) -> None:  # noqa: A002
    text = format.written(LIST)
    extractor = Extractor(format)
    assert [part for character in text[:-1] for part in extractor.feed(character)] == []
    assert extractor.feed(text[-1]) == [LIST]
    assert extractor.end() == []


@pytest.mark.parametrize(("format", "begun"), [(JSON, '{"na'), (XML, "<tool_ca"), (WORDS, "Call list wi")])
def test_half_a_marker_at_the_end_is_text(format: Format, begun: str) -> None:  # noqa: A002
    assert told(format, "a ", begun) == ("a " + begun, [], "")


@ALL
def test_a_call_without_its_end_is_reported_and_not_seen(format: Format) -> None:  # noqa: A002
    begun = format.written(LIST)[:-1]
    assert told(format, "a ", begun) == ("a ", [], begun)


@ALL
def test_a_call_that_is_too_long_is_text_and_calls_behind_it_are_found(format: Format) -> None:  # noqa: A002
    long = format.written(ToolCall("list", {"path": "x" * MOST_CALL_CHARS}))
    text = f"{long} {format.written(LIST)}"
    seen, called, unfinished = told(format, text)
    assert (seen, called, unfinished) == (long + " ", [LIST], "")
    assert told(format, *(text[at : at + 999] for at in range(0, len(text), 999))) == (seen, called, unfinished)


@ALL
def test_what_is_held_back_is_bounded(format: Format) -> None:  # noqa: A002
    extractor = Extractor(format)
    begun = format.written(ToolCall("list", {"path": "x" * 3 * MOST_CALL_CHARS}))
    held = given_out = 0
    for number, character in enumerate(begun, 1):
        given_out += sum(len(part) for part in extractor.feed(character) if isinstance(part, str))
        held = max(held, number - given_out)
    assert held <= MOST_CALL_CHARS


def test_a_text_of_unknown_origin_is_read_in_the_first_format_that_finds_a_call() -> None:
    nested = '<tool_call>{"name": "list", "arguments": {"path": "."}}</tool_call> {"tool": "other", "parameters": {}}'
    assert extracted(nested, FORMATS.values()) == (LIST,)
    assert extracted('{"tool": "list", "parameters": {"path": "."}}', FORMATS.values()) == (LIST,)
    assert extracted("nothing here", FORMATS.values()) == ()
