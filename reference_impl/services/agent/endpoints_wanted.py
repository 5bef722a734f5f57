"""What a request to an endpoint wants, whichever API it speaks, and from its messages to a prompt.

Never here: a path, an answer, a status that is not 400.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.agent.ports import MOST_TOKENS, GenerationRequest
from streamspec.reference_impl.services.agent.templates import Turn, rendered, template_for
from streamspec.reference_impl.services.agent.tool_calls import ToolCall, arguments_of
from streamspec.reference_impl.services.agent.tool_calls_formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.services.agent.endpoints_reading import Fields
    from streamspec.reference_impl.services.agent.templates import Role, Template
    from streamspec.reference_impl.services.agent.tool_calls import Format

MOST_STOP_CHARS: Final = 100  # of one stop text
MOST_PARTS: Final = 64  # of one message's content
MOST_CALLS: Final = 32  # of one message


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request. Over the body's there is 413, over any other 400."""

    most_body_bytes: int = 1_048_576
    most_messages: int = 256
    most_prompt_chars: int = 262_144  # the template's tokens included
    most_tools: int = 128
    most_tokens: int = 32_768  # of an answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that is wanted. `usage`: a stream tells at its end how many tokens there were. `calls`: the format in
    which tools may be called in it, None where there are none."""

    model: str
    request: GenerationRequest
    streams: bool
    usage: bool = False
    calls: Format | None = None


_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def prompted(
    model: str, turns: Sequence[Turn], tools: Sequence[Fields], limits: Limits, answer: str = ""
) -> tuple[str, Template]:
    """The prompt of a conversation in the template of its model."""
    template = template_for(model)
    if tools:
        turns = (Turn("system", _offer(tools, FORMATS[template.calls])), *turns)
    return rendered(template, turns, answer), template


def asked(
    fields: Fields, where: str, prompt: str, stop: tuple[str, ...], most: int, limits: Limits
) -> GenerationRequest:
    """What the agent is asked. `where` is the field that the prompt is made of."""
    if len(prompt) > limits.most_prompt_chars:
        fields.refuse(where, f"makes a prompt of more than {limits.most_prompt_chars} characters", "string_too_long")
    return GenerationRequest(prompt, most, tuple(dict.fromkeys(stop)))


def most_tokens(fields: Fields, names: Sequence[str], limits: Limits, least: int = 1) -> int:
    """The first of the fields that is there."""
    name = next((name for name in names if fields.has(name)), names[0])
    return fields.whole(name, min(MOST_TOKENS, limits.most_tokens), least, limits.most_tokens)


def turns_of(messages: Sequence[Fields], calls: Format) -> tuple[Turn, ...]:
    return tuple(_turn_of(message, calls) for message in messages)


def _turn_of(message: Fields, calls: Format) -> Turn:
    role = _ROLES.get(message.text("role"))
    if role is None:
        message.refuse("role", f"is one of {', '.join(_ROLES)}", "invalid_value")
    text = _content(message)
    if role == "tool" and (of := message.text("tool_call_id", "") or message.text("tool_name", "")):
        return Turn(role, f"Tool result for call {of}: {text}")
    if role == "assistant":
        written = [calls.written(_call(call.fields("function"))) for call in message.objects("tool_calls", MOST_CALLS)]
        return Turn(role, "\n".join((*([text] if text else ()), *written)))
    return Turn(role, text)


def _content(message: Fields) -> str:
    """A text, or a list of parts that are text. An assistant's that only called tools is absent."""
    for name in ("images", "audio"):
        if message.elements(name, MOST_PARTS):
            message.refuse(name, "cannot be used: these models take text", "unsupported_value")
    if not isinstance(message.value("content"), list):
        if not message.has("content") and not (message.value("role") == "assistant" and message.has("tool_calls")):
            message.refuse("content", "is a text or a list of parts, and is needed")
        return message.text("content", "")
    parts = message.objects("content", MOST_PARTS)
    for part in parts:
        if part.text("type") != "text":
            part.refuse("type", "is 'text': these models take nothing else", "unsupported_value")
    return "".join(part.text("text", "") for part in parts)


def _call(function: Fields) -> ToolCall:
    arguments = arguments_of(function.value("arguments") or {})
    if arguments is None:
        function.refuse("arguments", "is an object, or the JSON of one")
    return ToolCall(function.text("name"), arguments)


def tools_of(fields: Fields, limits: Limits) -> list[Fields]:
    """The functions that may be called."""
    functions = []
    for tool in fields.objects("tools", limits.most_tools):
        if tool.text("type", "function") != "function":
            tool.refuse("type", "is 'function'", "unsupported_value")
        function = tool.fields("function")
        function.text("name")
        function.text("description", "")
        function.fields("parameters")
        functions.append(function)
    return functions


def _offer(tools: Sequence[Fields], calls: Format) -> str:
    lines = [
        payload.to_json(
            {
                "name": tool.text("name"),
                "description": tool.text("description", ""),
                "parameters": tool.mapping("parameters"),
            }
        )
        for tool in tools
    ]
    return "\n".join(("You may call these tools:", *lines, calls.asks))
