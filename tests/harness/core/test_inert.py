"""Words of a target are inert: no cursor moves, nothing hides, nothing is reordered, and people still see what came."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.inert import OCTETS_SHOWN, octets, printable

BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 😀", "plain é 漢 😀"),
        ("[red]as it is[/red] <b>", "[red]as it is[/red] <b>"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\rb\nc\td", "a\\rb\\nc\\td"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\u202e\u2066\u200b\ufeff", "\\u202e\\u2066\\u200b\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
    ],
)
def test_what_is_no_visible_character_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ANY_TEXT)
def test_printable_text_is_inert_and_encodable_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(char) in BAD_CATEGORIES for char in shown)
    assert shown.encode().decode() == shown
    assert printable(shown) == shown


@given(ANY_TEXT, st.integers(0, 20))
def test_a_limit_is_kept_in_characters_shown(text: str, limit: int) -> None:
    assert len(printable(text, limit)) <= limit
    assert printable(text).startswith(printable(text, limit))


@given(st.binary(max_size=200))
def test_octets_are_shown_bounded_and_inert(data: bytes) -> None:
    shown = octets(data)
    assert shown.removesuffix("…").isascii()
    assert shown.isprintable()
    assert shown.endswith("…") is (len(data) > OCTETS_SHOWN)
    assert octets(data, 2) == octets(data[:2]) + ("…" if len(data) > 2 else "")
