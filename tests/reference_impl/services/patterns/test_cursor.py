"""Cursors: opaque texts that say where a listing goes on, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.patterns import cursor
from streamspec.reference_impl.stream.errors import Code, StreamError


def test_the_empty_cursor_is_the_beginning() -> None:
    assert cursor.behind(0) == ""
    assert cursor.last_id("") == 0


@given(st.integers(1, cursor.MOST_ID))
def test_a_cursor_goes_on_behind_the_item_that_it_was_made_of(last: int) -> None:
    assert cursor.last_id(cursor.behind(last)) == last


@pytest.mark.parametrize(
    "text", ["7", "MA==", "LTU=", "MDE=", "MQ", "MQ==\n", "MQ== ", "é", "OTk5OTk5OTk5OTk5OTk5OTk5OQ=="]
)
def test_what_was_never_given_out_is_no_cursor(text: str) -> None:
    with pytest.raises(StreamError) as raised:
        cursor.last_id(text)
    assert raised.value.code is Code.INVALID_ARGUMENT


@given(st.text())
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    found, refused = 0, ""
    try:
        found = cursor.last_id(text)
    except StreamError as error:
        refused = error.code
    assert refused == Code.INVALID_ARGUMENT or cursor.behind(found) == text
