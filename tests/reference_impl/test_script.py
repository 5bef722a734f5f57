"""Reading a script: every step and option, the digits of its items, what is left after some of it, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamspec.reference_impl.script import (
    LONGEST_MS,
    MOST_ITEMS,
    OPTIONS,
    Abandon,
    Collect,
    Complete,
    Drain,
    Echo,
    Fail,
    Gate,
    Generate,
    Malformed,
    Receive,
    Refuse,
    Script,
    Send,
    Step,
    Unsupported,
    Wait,
    parse,
    parse_wish,
)
from streamspec.reference_impl.stream.errors import Code


def of(*steps: dict[str, Any], **options: Any) -> Script:
    return parse(json.dumps({"steps": steps, **options}))


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ({"do": "send", "items": [1, "a"]}, Send(("1", '"a"'))),
        ({"do": "send", "items": []}, Send(())),
        ({"do": "generate"}, Generate(None, 0, 0)),
        ({"do": "generate", "n": 3, "bytes": 40, "every_ms": 5}, Generate(3, 40, 5)),
        ({"do": "wait", "ms": 5}, Wait(5)),
        ({"do": "gate", "name": "a"}, Gate("a")),
        ({"do": "fail"}, Fail(None, "the script fails here")),
        ({"do": "fail", "code": "NOT_FOUND", "message": "no"}, Fail(Code.NOT_FOUND, "no")),
        ({"do": "refuse", "code": "UNAVAILABLE"}, Refuse(Code.UNAVAILABLE)),
        ({"do": "refuse"}, Refuse(Code.UNKNOWN)),
        ({"do": "complete"}, Complete()),
        ({"do": "abandon"}, Abandon()),
        ({"do": "receive"}, Receive(None, 0)),
        ({"do": "receive", "n": 3, "every_ms": 5}, Receive(3, 5)),
        ({"do": "echo"}, Echo(None)),
        ({"do": "echo", "n": 3}, Echo(3)),
        ({"do": "collect"}, Collect()),
        ({"do": "drain"}, Drain()),
    ],
)
def test_a_step_is_read(said: dict[str, Any], step: Step) -> None:
    assert of(said) == Script((step,), {})


def test_options_are_milliseconds() -> None:
    script = of(**dict.fromkeys(OPTIONS, 250))
    assert {name: script.seconds(name) for name in OPTIONS} == dict.fromkeys(OPTIONS, 0.25)
    assert of().seconds("idle_ms") is None


@pytest.mark.parametrize(
    "item",
    [
        *("1.10", "-0.0", "1e400", "12345678901234567890", "9" * 5000, "1E+2", "0.1000000000000000055"),
        *("null", "true", "false", '"a"', '""', "[]", "{}", '{"a":[1.0,{"b":null}],"c":"d"}'),
        '"№  \U0001d11e"',
        '"\\ud800"',
        '"\\r\\n\\u0000"',
    ],
)
def test_an_item_keeps_its_digits_and_stands_on_one_line(item: str) -> None:
    assert parse(f'{{"steps":[{{"do":"send","items":[ \n{item}\t]}}]}}') == Script((Send((item,)),), {})


def test_blanks_between_tokens_are_no_part_of_an_item() -> None:
    script = parse('{"steps":[{"do":"send","items":[{ "a" : [ 1 ,\n2 ], "b":" c " }]}]}')
    assert script.steps == (Send(('{"a":[1,2],"b":" c "}',)),)


@pytest.mark.parametrize(
    "text",
    [
        *("", "nope", "[]", "{}", '{"steps":{}}', '{"steps":[1]}', '{"steps":[{}]}', '{"steps":[{"do":1}]}'),
        '{"steps":[{"do":"send","items":[NaN]}]}',
        '{"steps":[{"do":"send","items":[Infinity]}]}',
        '{"steps":' + "[" * 5000 + "}",
        '{"steps":[{"do":"send","items":[' + "[" * 2900 + "]" * 2900 + "]}]}",
    ],
)
def test_what_is_no_script_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"do": "send"}, "items"),
        ({"do": "send", "items": "a"}, "items"),
        ({"do": "generate", "n": -1}, "n"),
        ({"do": "generate", "n": 1.0}, "n"),
        ({"do": "generate", "n": "1"}, "n"),
        ({"do": "generate", "n": None}, "n"),
        ({"do": "generate", "n": MOST_ITEMS + 1}, "n"),
        ({"do": "generate", "bytes": 1_000_000_001}, "bytes"),
        ({"do": "generate", "every_ms": LONGEST_MS + 1}, "every_ms"),
        ({"do": "wait"}, "ms"),
        ({"do": "wait", "ms": True}, "ms"),
        ({"do": "gate"}, "name"),
        ({"do": "gate", "name": ""}, "name"),
        ({"do": "gate", "name": "a" * 65}, "name"),
        ({"do": "gate", "name": 1}, "name"),
        ({"do": "fail", "code": "OK"}, "code"),
        ({"do": "fail", "code": "MELTED"}, "code"),
        ({"do": "fail", "code": 5}, "code"),
        ({"do": "fail", "message": "\ud800"}, "message"),
        ({"do": "refuse", "code": "OK"}, "code"),
        ({"do": "receive", "n": -1}, "n"),
        ({"do": "receive", "every_ms": 0.5}, "every_ms"),
        ({"do": "echo", "n": "all"}, "n"),
    ],
)
def test_a_step_without_what_it_needs_is_named(said: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=rf"^steps\[1\]\.{where}: "):
        of({"do": "complete"}, said)


@pytest.mark.parametrize("value", [-1, "1", 1.5, None, LONGEST_MS + 1])
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_a_whole_number_within_bounds(option: str, value: Any) -> None:
    with pytest.raises(Malformed, match=option):
        of(**{option: value})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"steps":[{"do":"fly"}]}', "fly"),
        ('{"steps":[],"speed_ms":1}', "speed_ms"),
        ('{"steps":[{"do":"complete","softly":1}]}', "complete.softly"),
    ],
)
def test_what_is_not_known_here_is_unsupported_by_its_name(text: str, name: str) -> None:
    with pytest.raises(Unsupported, match=f"^{name}$"):
        parse(text)


def test_a_refusal_can_only_be_the_first_step() -> None:
    with pytest.raises(Malformed, match=r"^steps\[1\]: "):
        of({"do": "wait", "ms": 1}, {"do": "refuse", "code": "INTERNAL"})


@pytest.mark.parametrize("end", ["complete", "fail"])
def test_nothing_is_generated_without_end_after_an_end(end: str) -> None:
    with pytest.raises(Malformed, match=r"^steps\[1\]\.n: "):
        of({"do": end}, {"do": "generate"})
    assert of({"do": end}, {"do": "generate", "n": 2}).offered == 2


def test_offered_are_the_items_of_all_steps_if_there_is_an_end() -> None:
    assert of().offered == 0
    assert of({"do": "send", "items": [1, 2]}, {"do": "generate", "n": 3}, {"do": "complete"}).offered == 5
    assert of({"do": "send", "items": [1, 2]}, {"do": "generate"}).offered is None
    assert of({"do": "receive"}, {"do": "drain"}, {"do": "echo", "n": 2}, {"do": "collect"}).offered == 3
    assert of({"do": "echo"}).offered is None


def test_a_wish_is_a_run_and_a_script_whose_items_keep_their_digits() -> None:
    wish = '{"run":"a","script":{"steps":[{"do":"send","items":[1.10]}]}}'
    assert parse_wish(wish) == ("a", Script((Send(("1.10",)),), {}))
    assert parse_wish('{"run":7,"script":{"steps":[]}}')[0] == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run":"a"}', '{"run":"a","script":1}', '{"run":"a","script":"{}"}'])
def test_what_is_no_wish_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_wish(text)


A, GATE, B, LAST = Send(("1", "2")), Gate("g"), Generate(3, 40, 5), Fail(None, "x")


@pytest.mark.parametrize(
    ("after", "left"),
    [
        (0, (Wait(9), A, GATE, B, LAST)),
        (1, (Send(("2",)), GATE, B, LAST)),
        (2, (B, LAST)),
        (3, (Generate(2, 40, 5), LAST)),
        (4, (Generate(1, 40, 5), LAST)),
        (5, (LAST,)),
    ],
)
def test_behind_an_item_what_comes_before_the_next_is_passed_over(after: int, left: tuple[Step, ...]) -> None:
    assert Script((Wait(9), A, GATE, B, LAST), {}).behind(after) == left


def test_behind_any_item_of_a_script_without_end_it_goes_on() -> None:
    assert Script((A, GATE, Generate(None, 0, 0)), {}).behind(1_000) == (Generate(None, 0, 0),)
