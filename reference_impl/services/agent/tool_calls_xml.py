"""Calls in tags: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, or `<function_call name="...">` likewise.

A call ends at the first end tag of its name, wherever that stands. Never here: text in pieces (`tool_calls`), or XML
with entities and nesting, which no model means.
"""

from __future__ import annotations

import re
from typing import Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.services.agent.tool_calls import Format, ToolCall, object_of
from streamspec.reference_impl.services.agent.tool_calls_json import call_of
from streamspec.reference_impl.services.agent.tool_calls_markers import letters, marker

TAGS: Final = ("tool_call", "function_call")
_CALL: Final = re.compile(r"<[a-z_]+(?P<attributes>[^>]*)>(?P<body>.*)</[a-z_]+>", re.DOTALL)
_NAME: Final = re.compile(r'\sname="(?P<name>[^"]+)"')


class EndTag:
    """Finds the first end tag of a name."""

    __slots__ = ("_at", "_tag")

    def __init__(self, name: str) -> None:
        self._tag = f"</{name}>"
        self._at = 0

    def end(self, held: str, most: int) -> int | None:
        found = held.find(self._tag, self._at, most)
        if found >= 0:
            return found + len(self._tag)
        self._at = max(0, most - len(self._tag) + 1)
        return None


def _closing(opened: re.Match[str]) -> EndTag:
    return EndTag(opened["whole"][1:-1])


def _read(text: str) -> ToolCall | None:
    call = _CALL.fullmatch(text)
    if call is None:
        return None
    body = call["body"].strip()
    named = _NAME.search(call["attributes"])
    if named is None:
        return call_of(object_of(body))
    arguments = object_of(body or "{}")
    return None if arguments is None else ToolCall(named["name"], arguments)


def _written(call: ToolCall) -> str:
    body = payload.to_json({"name": call.name, "arguments": call.arguments})
    escaped = body.replace("<", "\\u003c")  # or a text in it could end the call
    return f"<tool_call>\n{escaped}\n</tool_call>"


FORMAT: Final = Format(
    "xml",
    marker(*((*letters(f"<{tag}"), r"[\s>]") for tag in TAGS)),
    _closing,
    _read,
    _written,
    'To call one, answer with <tool_call>{"name": "NAME", "arguments": {...}}</tool_call>',
)
