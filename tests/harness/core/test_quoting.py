"""A word in a usage error: what it is about can be read, and no secret in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.inert import printable
from streamspec.harness.core.quoting import CHARS_MAX, quoted, shown
from streamspec.harness.core.redaction import REDACTED


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("finite=/f?n=1&api_key=hunter2&b=1", f"finite=/f?n=1&api_key={REDACTED}"),
        ("finite?api%5Fkey=hunter2", f"finite?api%5Fkey={REDACTED}"),
        ("http://x/?token='hunter2' hunter2", f"http://x/?token={REDACTED}"),
        ("http://x/?auth[token]=hunter2", f"http://x/?auth[token]={REDACTED}"),
        ("http://x/;jsessionid=hunter2", f"http://x/;jsessionid={REDACTED}"),
        ("produced=/stats?access_token=hunter2#$.n", f"produced=/stats?access_token={REDACTED}"),
        ("produced=/stats#token=hunter2", f"produced=/stats#token={REDACTED}"),
        ("ftp://ann:hunter2@host/a", f"ftp://{REDACTED}@host/a"),
        ("http://hunter2@host/", f"http://{REDACTED}@host/"),
        ("http://ann:a/b?hunter2@host/ b", f"http://{REDACTED}@host/ b"),
        ("finite=http://ann:hunter2@host/", f"finite=http://{REDACTED}@host/"),
        ("ann:hunter2@host/", f"{REDACTED}@host/"),
        ("finite=ann:hunter2@host", f"finite={REDACTED}@host"),
        ("//ann:hunter2@host", f"//{REDACTED}@host"),
        ("token=hunter2", f"token={REDACTED}"),
        ("resumable.token=hunter2", f"resumable.token={REDACTED}"),
        ("Authorization: Bearer hunter2", f"Authorization:{REDACTED}"),
        ("Authorization Bearer hunter2", f"Authorization {REDACTED}"),
        ("Bearer\thunter2", f"Bearer\\t{REDACTED}"),
        ("POST\r\nX-Api-Key: hunter2", f"POST\\r\\nX-Api-Key:{REDACTED}"),
    ],
)
def test_a_secret_is_not_repeated_and_what_it_is_the_secret_of_is(word: str, text: str) -> None:
    assert shown(word) == text


@pytest.mark.parametrize(
    "word",
    ["", "finit=/x?n=3&author=ann", "http://127.0.0.1:80/a?b=c#d", "text.items=[1]", "@body.json", "finite=/feed/@me"],
)
def test_an_ordinary_word_is_repeated_as_it_is(word: str) -> None:
    assert shown(word) == word
    assert quoted(word) == f"'{word}'"


@given(st.text())
def test_any_word_is_bounded_and_inert(word: str) -> None:
    assert len(shown(word)) <= CHARS_MAX + 1
    assert shown(word) == printable(shown(word))


def test_a_long_word_says_that_it_goes_on() -> None:
    assert shown("a" * 1_000) == "a" * CHARS_MAX + "…"
