"""Calls as bare JSON objects, `{"function_name": ..., "arguments": {...}}`, under the names that models are fond of.

Never here: text in pieces (`tool_calls`).
"""

from __future__ import annotations

import re
from typing import Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.agent.tool_calls import Format, ToolCall, arguments_of, object_of
from streamspec.reference_impl.services.agent.tool_calls_markers import letters, marker

# Under which names an object has its tool and its arguments; the first that it has both of.
NAMES: Final = (
    ("function_name", "arguments"),
    ("tool", "parameters"),
    ("name", "arguments"),
    ("name", "args"),
    ("name", "parameters"),
)
BLANKS: Final = r"\s{0,64}"  # between the brace and the first name: an object that is further indented is text
_KEYS: Final = sorted({name for pair in NAMES for name in pair})
_OUTSIDE: Final = re.compile(r'["{}]')
_INSIDE: Final = re.compile(r'\\.|"', re.DOTALL)


class Braces:
    """Finds the brace that closes the first one from `start` on."""

    __slots__ = ("_at", "_depth", "_in_string")

    def __init__(self, start: int = 0) -> None:
        self._at = start
        self._depth = 0
        self._in_string = False

    def end(self, held: str, most: int) -> int | None:
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(held, self._at, most):
            self._at = found.end()
            if found[0] == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if found[0] == "{" else -1
                if not self._depth:
                    return self._at
        # A backslash that comes last is half of an escape.
        half = self._in_string and self._at < most and held[most - 1] == "\\"
        self._at = most - 1 if half else most
        return None


def call_of(value: dict[str, object] | None) -> ToolCall | None:
    """The call that an object is, if it is one."""
    for name_key, arguments_key in NAMES:
        if value is not None and name_key in value and arguments_key in value:
            name, arguments = value[name_key], arguments_of(value[arguments_key])
            if isinstance(name, str) and name and arguments is not None:
                return ToolCall(name, arguments)
    return None


def _read(text: str) -> ToolCall | None:
    return call_of(object_of(text))


def _written(call: ToolCall) -> str:
    return payload.to_json({"function_name": call.name, "arguments": call.arguments})


FORMAT: Final = Format(
    "json",
    marker(*((r"\{", BLANKS, *letters(f'"{key}"')) for key in _KEYS)),
    lambda _: Braces(),
    _read,
    _written,
    'To call one, answer with a JSON object: {"function_name": "NAME", "arguments": {...}}',
)
