"""Chat templates: exact prompts, the way back, and that neither a text nor a cut can make a turn that nobody said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.generating import Stops
from streamspec.reference_impl.services.agent.templates import (
    JOINER,
    ROLES,
    TEMPLATES,
    Template,
    Turn,
    guarded,
    parsed,
    rendered,
    template_for,
    unguarded,
)

ALL = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
FRAGMENTS = sorted(
    {
        *("<", "|", ">", "#", "###", " ", "\n", "\n\n", JOINER, "a", "№", "user", "🌊", "<|", "|>"),
        *(stop for template in TEMPLATES.values() for stop in template.stops),
        *(head for template in TEMPLATES.values() for head in template.heads.values()),
        *(template.tail for template in TEMPLATES.values()),
    }
)
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join) | st.text(max_size=20)
turns = st.lists(st.builds(Turn, st.sampled_from(ROLES), texts), max_size=5).map(tuple)
SAID = (Turn("system", "Be brief."), Turn("user", "Hello?"), Turn("assistant", "Yes."), Turn("tool", "12 °C"))


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        (
            "chatml",
            (
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n"
                "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>tool\n12 °C<|im_end|>\n<|im_start|>assistant\nWarm"
            ),
        ),
        (
            "llama3",
            (
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
                "<|start_header_id|>user<|end_header_id|>\n\nHello?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nYes.<|eot_id|>"
                "<|start_header_id|>ipython<|end_header_id|>\n\n12 °C<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\nWarm"
            ),
        ),
        (
            "phi3",
            (
                "<|system|>\nBe brief.<|end|>\n<|user|>\nHello?<|end|>\n<|assistant|>\nYes.<|end|>\n"
                "<|tool|>\n12 °C<|end|>\n<|assistant|>\nWarm"
            ),
        ),
        (
            "plain",
            (
                "### System:\nBe brief.\n\n### Human:\nHello?\n\n### Assistant:\nYes.\n\n"
                "### Tool Result:\n12 °C\n\n### Assistant:\nWarm"
            ),
        ),
    ],
)
def test_a_prompt_is_exactly_this(name: str, prompt: str) -> None:
    assert rendered(TEMPLATES[name], SAID, "Warm") == prompt


@ALL
@given(said=turns, answer=texts)
def test_a_prompt_leads_back_to_its_turns(template: Template, said: tuple[Turn, ...], answer: str) -> None:
    assert parsed(template, rendered(template, said, answer)) == (said, answer)


@ALL
@given(said=turns, answer=texts)
def test_a_prompt_has_no_turn_that_nobody_said(template: Template, said: tuple[Turn, ...], answer: str) -> None:
    prompt = rendered(template, said, answer)
    heads = "|".join(map(re.escape, template.heads.values()))
    assert len(re.findall(heads, prompt)) == len(said) + 1


@ALL
@given(text=texts)
def test_a_text_has_no_special_token_and_comes_back(template: Template, text: str) -> None:
    made = guarded(template, text)
    assert "".join(template.token) not in made
    assert unguarded(template, made) == text


@ALL
@given(said=turns, answer=texts, data=st.data())
def test_a_prompt_with_more_of_the_answer_begins_with_the_one_with_less(
    template: Template, said: tuple[Turn, ...], answer: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(answer)))
    assert rendered(template, said, answer).startswith(rendered(template, said, answer[:cut]))


@ALL
@given(text=texts, data=st.data())
def test_what_is_seen_of_generated_text_is_the_same_for_any_cut(
    template: Template, text: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(text)))
    whole, by_cut, by_character = (Stops(template.stops) for _ in range(3))

    def seen(stops: Stops, *pieces: str) -> str:
        found = ""
        for piece in pieces:
            found += stops.feed(piece)
            if stops.found:
                return found
        return found + stops.rest()

    due = seen(whole, text)
    assert seen(by_cut, text[:cut], text[cut:]) == due
    assert seen(by_character, *text) == due
    assert not any(stop in due for stop in template.stops)


@pytest.mark.parametrize(
    ("model", "name"),
    [("Qwen2.5-7B", "chatml"), ("phi-3-mini", "phi3"), ("Meta-Llama-3.1-8B", "llama3"), ("primer", "chatml")],
)
def test_a_models_name_alone_says_which_template_is_its_own(model: str, name: str) -> None:
    assert template_for(model).name == name


@ALL
@pytest.mark.parametrize("prompt", ["", "hello", "### Human:\nhello", "<|im_start|>user\nhello"])
def test_what_is_no_prompt_of_a_template_is_refused(template: Any, prompt: str) -> None:
    with pytest.raises(ValueError, match="template"):
        parsed(template, prompt)
