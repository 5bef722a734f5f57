"""Calls in words: `Call NAME with arguments {...}`, in any case of letters.

Only an object makes a call of it: "call me with any questions" is English. Never here: text in pieces (`tool_calls`).
"""

from __future__ import annotations

import re
from typing import Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.agent.tool_calls import Format, ToolCall, object_of
from streamspec.reference_impl.services.agent.tool_calls_json import Braces
from streamspec.reference_impl.services.agent.tool_calls_markers import Elements, letters, marker

NAME: Final = r"[\w.-]{1,64}"
BLANKS: Final = r"\s{1,16}"
_CALL: Final = re.compile(rf"(?i:call\s+(?P<name>{NAME})\s+with\s+(?:arguments?\s+)?)(?P<arguments>\{{.*)", re.DOTALL)


def _any_case(word: str) -> Elements:
    return tuple(f"[{letter.upper()}{letter}]" for letter in word)


_HEAD: Final = (r"(?<!\w)[Cc]", *_any_case("all"), BLANKS, NAME, BLANKS, *_any_case("with"), BLANKS)
_WORDS: Final = ("", "argument", "arguments")


def _read(text: str) -> ToolCall | None:
    call = _CALL.fullmatch(text)
    arguments = None if call is None else object_of(call["arguments"])
    return None if call is None or arguments is None else ToolCall(call["name"], arguments)


def _written(call: ToolCall) -> str:
    return f"Call {call.name} with arguments {payload.to_json(call.arguments)}"


FORMAT: Final = Format(
    "function_call",
    marker(*((*_HEAD, *_any_case(word), *((BLANKS,) if word else ()), *letters("{")) for word in _WORDS)),
    lambda opened: Braces(len(opened["whole"]) - 1),
    _read,
    _written,
    "To call one, answer with: Call NAME with arguments {...}",
)
