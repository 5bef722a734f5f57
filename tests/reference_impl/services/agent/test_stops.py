"""Stop texts: a text in which none can begin is let out without a look, and that makes no difference."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.generating import Stops

PIECES = st.lists(st.text("ab<|№", max_size=5), max_size=8)
STOPS = st.lists(st.text("ab<|№", min_size=1, max_size=4), max_size=3)


@given(PIECES, STOPS)
@example(["a<", "b", "|b", "<|"], ["<|"])
@example(["ab", "ba"], [])
def test_what_is_let_out_without_a_look_is_what_a_look_lets_out(pieces: list[str], stop: list[str]) -> None:
    quick, definition = Stops(stop), Stops(stop)
    for piece in pieces:
        assert quick.feed(piece) == definition.look(piece)
        assert (quick.found, quick.let_out) == (definition.found, definition.let_out)
        if quick.found:
            return
    assert quick.rest() == definition.rest()
