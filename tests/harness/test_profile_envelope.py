"""The `[envelope]` and the `[frame]` of a profile file: read as they stand, and every mistake named by its line."""

from __future__ import annotations

import json

import pytest

from streamspec.harness.core.envelope import Envelope, filled
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.frame import FRAME, Frame
from streamspec.harness.profile_file import profile, profile_from_toml, profile_names

HEAD = 'name = "mine"\nsentence = "a dialect"\n'
VALUES = {"id": '"s"', "procedure": '"p"', "payload": '{"a":1}', "metadata": "{}"}


def test_an_envelope_is_read_as_it_stands() -> None:
    text = """
        [envelope]
        id = "i"
        type = "t"
        payload = "p"
        suffixes = [":x", ":y:*"]
        notices = ["error"]
        start = '{"i":{id},"t":"start","p":{payload}}'
        item = '{"i":{id}}'
        end = '{"e":{id}}'
        cancel = '{"c":{id}}'
        credit = '{"n":{payload}}'
    """
    assert profile_from_toml((HEAD + text).encode(), "mine.toml").envelope == Envelope(
        *("i", "t", "p", (":x", ":y:*"), ("error",)),
        start='{"i":{id},"t":"start","p":{payload}}',
        item='{"i":{id}}',
        end='{"e":{id}}',
        cancel='{"c":{id}}',
        credit='{"n":{payload}}',
    )


def test_what_an_envelope_does_not_say_is_as_usual() -> None:
    assert profile_from_toml(f"{HEAD}[envelope]".encode(), "mine.toml").envelope == Envelope()
    assert profile_from_toml(HEAD.encode(), "mine.toml").envelope is None


def test_a_frame_is_read_as_it_stands() -> None:
    made = profile_from_toml(f'{HEAD}[frame]\nwidth = 2\norder = "little"'.encode(), "mine.toml")
    assert made.frame == Frame(2, "little")
    assert profile_from_toml(f"{HEAD}[frame]\nwidth = 8".encode(), "mine.toml").frame == Frame(8)
    assert profile_from_toml(HEAD.encode(), "mine.toml").frame == FRAME


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("envelope = 3", "3: envelope is a table, written [envelope]"),
        ("[[envelope]]\nid = 'x'", "3: envelope is a table, written [envelope]"),
        (
            "[envelope]\nid = 'x'\ncansel = '{}'",
            (
                "5: [envelope]: unknown key 'cansel' (there are id, type, payload, suffixes, notices, start, item, "
                "end, cancel, credit); did you mean cancel?"
            ),
        ),
        ("[envelope]\nid = ''", "4: [envelope]: id is a text, not empty"),
        ("[envelope]\ntype = 3", "4: [envelope]: type is a text, not empty"),
        ("[envelope]\nend = ''", "4: [envelope]: end is a text, not empty"),
        ("[envelope]\nitem = ['{id}']", "4: [envelope]: item is a text, not empty"),
        (
            "[envelope]\nstart = '{\"id\":{id}}'\nitem = '{\"id\":{idd}}'",
            "5: [envelope]: {idd} is no place of item (it has id, payload); did you mean id?",
        ),
        ("[envelope]\nend = '{payload}'", "4: [envelope]: {payload} is no place of end (it has id)"),
        ("[envelope]\ncancel = '{procedure}'", "4: [envelope]: {procedure} is no place of cancel (it has id)"),
        ("[envelope]\nsuffixes = ':x'", '4: [envelope]: suffixes = ["…"] is a list of texts'),
        ("[envelope]\n\nsuffixes = ['']", '5: [envelope]: suffixes = ["…"] is a list of texts'),
        ("[envelope]\nnotices = [3]", '4: [envelope]: notices = ["…"] is a list of texts'),
        ("frame = 4", "3: frame is a table, written [frame]"),
        ("[frame]\nwitdh = 4", "4: [frame]: unknown key 'witdh' (there are width, order); did you mean width?"),
        ("[frame]\nwidth = 3", "4: [frame]: width = 3; one of 1, 2, 4, 8 is needed"),
        ("[frame]\nwidth = true", "4: [frame]: width = True; one of 1, 2, 4, 8 is needed"),
        ("[frame]\nwidth = 1.0", "4: [frame]: width = 1.0; one of 1, 2, 4, 8 is needed"),
        ("[frame]\nwidth = [4]", "4: [frame]: width = [4]; one of 1, 2, 4, 8 is needed"),
        ("[frame]\nwidth = 4\norder = 'network'", "5: [frame]: order = 'network'; one of big, little is needed"),
    ],
)
def test_every_mistake_is_named_with_its_file_and_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile_from_toml((HEAD + text).encode(), "mine.toml")
    assert str(caught.value) == f"mine.toml:{said}"


@pytest.mark.parametrize("name", profile_names())
def test_what_we_say_in_a_dialect_of_ours_is_json_with_every_place_filled(name: str) -> None:
    envelope = profile(name).envelope
    said = [envelope.start, envelope.item, envelope.end, envelope.cancel, envelope.credit] if envelope else []
    for template in filter(None, said):
        message = json.loads(filled(template, VALUES))
        assert message["id"] == "s"
        assert isinstance(message["type"], str)


def test_the_dialects_with_envelopes_are_these() -> None:
    assert [name for name in profile_names() if profile(name).envelope] == ["raffel", "raffel-docs", "streamspec"]


def test_raffels_code_adds_to_ids_and_its_page_does_not() -> None:
    code, page = profile("raffel").envelope, profile("raffel-docs").envelope
    assert code
    assert page
    assert {code.stream_of(f"a:b{suffix}") for suffix in (":stream:start", ":stream:data:12", ":stream:end")} == {"a:b"}
    assert page.stream_of("a:b:stream:end") == "a:b:stream:end"
    assert not page.cancel  # it names none


def test_a_clients_message_that_could_not_be_read_ends_no_stream_in_our_dialect() -> None:
    envelope = profile("streamspec").envelope
    assert envelope
    assert envelope.notices == ("error",)
    assert profile("streamspec").known_kind_of("stream:data", '{"type":"end"}', {"type": "end"}) == "item"
