"""Chat templates: from the turns of a conversation to a prompt, and back. The templates are data.

No text can forge a turn: where it has the beginning of a special token, a WORD JOINER (U+2060) goes between the token's
parts, and one more where there are some, so that nothing is lost. A prompt always ends in an open turn of the
assistant's, and one with more text in that turn begins with the one with less.

Never here: generated text, which ends at a template's `stops` (`generating`), a message of an API, or how a call of a
tool is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Role = Literal["system", "user", "assistant", "tool"]
ROLES: Final[tuple[Role, ...]] = ("system", "user", "assistant", "tool")
JOINER: Final = "\u2060"
DEFAULT: Final = "chatml"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. A text may be anything."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """`begins` stands once, before everything; `heads` before a turn's text, `tail` behind it. A model ends its turn
    with one of `stops`. `token` are the two parts of what every special token begins with, and no text has. `calls` is
    the format in which models of this template call tools."""

    name: str
    begins: str
    heads: Mapping[Role, str]
    tail: str
    stops: tuple[str, ...]
    token: tuple[str, str]
    calls: str


def _heads(pattern: str, **other: str) -> Mapping[Role, str]:
    """The heads of all turns; a role that is not called by its name in a template is called by another."""
    return MappingProxyType({role: pattern.format(other.get(role, role)) for role in ROLES})


_ALL: Final = (
    Template(
        "chatml",
        "",
        _heads("<|im_start|>{}\n"),
        "<|im_end|>\n",
        ("<|im_end|>", "<|im_start|>", "<|endoftext|>"),
        ("<", "|"),
        "xml",
    ),
    Template(
        "llama3",
        "<|begin_of_text|>",
        _heads("<|start_header_id|>{}<|end_header_id|>\n\n", tool="ipython"),
        "<|eot_id|>",
        ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|start_header_id|>"),
        ("<", "|"),
        "json",
    ),
    Template(
        "phi3",
        "",
        _heads("<|{}|>\n"),
        "<|end|>\n",
        ("<|end|>", "<|endoftext|>", "<|user|>", "<|system|>", "<|tool|>", "<|assistant|>"),
        ("<", "|"),
        "json",
    ),
    Template(
        "plain",
        "",
        _heads("### {}:\n", system="System", user="Human", assistant="Assistant", tool="Tool Result"),
        "\n\n",
        ("### System:", "### Human:", "### Assistant:", "### Tool Result:"),
        ("###", " "),
        "function_call",
    ),
)
TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType({template.name: template for template in _ALL})
_FAMILIES: Final = (("qwen", "chatml"), ("phi", "phi3"), ("llama", "llama3"))  # of models, by what their names contain


def template_for(model: str) -> Template:
    """The template of a model's family, by its name alone."""
    low = model.lower()
    return TEMPLATES[next((name for word, name in _FAMILIES if word in low), DEFAULT)]


def rendered(template: Template, turns: Iterable[Turn], answer: str = "") -> str:
    """The prompt: all the turns, and the assistant's, open, with as much of its answer as there is."""
    pieces = [template.begins]
    for turn in turns:
        pieces += (template.heads[turn.role], guarded(template, turn.text), template.tail)
    return "".join((*pieces, template.heads["assistant"], guarded(template, answer)))


def parsed(template: Template, prompt: str) -> tuple[tuple[Turn, ...], str]:
    """The inverse: the turns of a prompt that was rendered, and what there is of the answer. Raises ValueError."""
    roles = {head: role for role, head in template.heads.items()}
    # The longest first: one head may begin with another.
    heads = "|".join(re.escape(head) for head in sorted(roles, key=len, reverse=True))
    before, *rest = re.split(f"({heads})", prompt)
    said = list(zip(rest[::2], rest[1::2], strict=True))
    if before != template.begins or not said or roles[said[-1][0]] != "assistant":
        raise ValueError(f"no prompt of the template {template.name}")
    turns = []
    for head, text in said[:-1]:
        if not text.endswith(template.tail):
            raise ValueError(f"a turn without its end in a prompt of the template {template.name}")
        turns.append(Turn(roles[head], unguarded(template, text.removesuffix(template.tail))))
    return tuple(turns), unguarded(template, said[-1][1])


def guarded(template: Template, text: str) -> str:
    """The text with no special token in it, whatever it was."""
    first, second = map(re.escape, template.token)
    return re.sub(f"({first}{JOINER}*)(?={second})", rf"\1{JOINER}", text)


def unguarded(template: Template, text: str) -> str:
    """The inverse."""
    first, second = map(re.escape, template.token)
    return re.sub(f"({first}{JOINER}*){JOINER}(?={second})", r"\1", text)
