"""The two models: what they say is the same each time, is made of their tokens, and can stand still at a gate."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.models import Gate, Markov, Scripted, Telling, tokens_of
from streamspec.reference_impl.services.agent.primer import TEXT

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.ports import Generator

LONGEST_S = 10.0
MODEL = Markov()


@given(st.text())
def test_the_tokens_of_a_text_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text
    assert MODEL.count(text) == len(tokens_of(text))


@given(st.text(max_size=200))
def test_the_same_prompt_gives_the_same_answer(prompt: str) -> None:
    answer = list(MODEL.tokens(prompt))
    assert answer == list(Markov().tokens(prompt))
    assert all(MODEL.token_id(token) >= 0 for token in answer)
    assert answer[-1] in {".", "!", "?"}


def test_the_answer_is_the_same_in_another_process() -> None:
    code = (
        "from streamspec.reference_impl.services.agent.models import Markov;"
        "print(ascii(''.join(Markov().tokens('What is a stream?'))))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=LONGEST_S)
    assert said.stdout.decode().strip() == ascii("".join(MODEL.tokens("What is a stream?")))


def test_other_prompts_give_other_answers() -> None:
    assert len({"".join(MODEL.tokens(f"question {n}")) for n in range(20)}) > 15


def test_an_answer_goes_on_from_words_that_the_model_knows() -> None:
    assert "".join(MODEL.tokens("Tell me about A slow reader")).startswith("slow reader")


def test_what_it_has_learnt_has_characters_of_many_octets() -> None:
    assert {len(character.encode()) for character in TEXT} == {1, 2, 3, 4}


def test_it_can_be_made_to_talk_for_long() -> None:
    talker = Markov(most_sentences=1_000_000)
    longest = max((list(itertools.islice(talker.tokens(str(n)), 5000)) for n in range(3)), key=len)
    assert len(longest) == 5000


def test_too_short_a_text_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="three tokens"):
        Markov("one two")


def test_a_script_is_said_whatever_is_asked() -> None:
    script: Generator = Scripted(("a", "b"))
    assert list(script.tokens("anything")) == ["a", "b"] == list(script.tokens(""))


def test_a_script_fails_where_it_is_told_to() -> None:
    tokens = Scripted(("a", "b", "c"), fails_at=2, failure=LookupError()).tokens("")
    assert [next(tokens), next(tokens)] == ["a", "b"]
    with pytest.raises(LookupError):
        next(tokens)


def test_a_script_stands_still_at_a_closed_gate() -> None:
    gate = Gate()
    said: list[str] = []
    speaker = threading.Thread(
        target=lambda: said.extend(Scripted(("a", "b"), gates={1: gate}).tokens("")), daemon=True
    )
    speaker.start()
    assert gate.wait_until_reached(LONGEST_S)
    assert "b" not in said
    gate.open()
    speaker.join(LONGEST_S)
    assert said == ["a", "b"]
    assert list(Scripted(("c",), gates={0: gate}).tokens("")) == ["c"]  # once open, always open


def test_a_speaker_at_a_gate_can_be_called_away() -> None:
    gate = Gate()
    tokens = cast("Telling", Scripted(("a", "b"), gates={0: gate}).tokens(""))
    said: list[str] = []
    speaker = threading.Thread(target=lambda: said.extend(tokens), daemon=True)
    speaker.start()
    assert gate.wait_until_reached(LONGEST_S)
    tokens.interrupt()
    speaker.join(LONGEST_S)
    assert (said, speaker.is_alive()) == ([], False)
