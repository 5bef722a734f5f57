"""JSON-RPC 2.0 over one HTTP request: an observer of one answer (jsonrpc.org/specification §5).

A call has one answer, so that it is a unary stream: its result is an item and the success, its error the failure. An
answer that comes in several parts, or several answers where one call was made, is what no caller reads: DR-09 is about
that. It must never raise, judge, or hold more than the limit of one message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import json_text
from streamspec.harness.core.envelope import member_text
from streamspec.harness.core.event import Completed, Deviation, Event, Failed
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Driver
from streamspec.harness.core.profile import text_or_empty
from streamspec.harness.drivers._messages import NO_JSON, Message, Messages

if TYPE_CHECKING:
    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile


def recognises(opened: Opened) -> str | None:  # noqa: ARG001 -- the shape of a driver
    """Nothing in a head tells it from any other JSON: who wants it says `--binding jsonrpc`."""
    return None


class JsonRpcDecoder:
    """Body octets in, events out (`core.ports.Decoder`), all of them at the end."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._messages = Messages(profile, seq, limits)
        self._limits = limits
        self._held = bytearray()
        self._size = 0

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> list[Event]:
        self._size += len(data)
        self._held += data[: self._limits.message_bytes - len(self._held)]
        return []

    def end(self) -> list[Event]:
        octets = bytes(self._held)
        self._held.clear()
        if not octets:
            return []
        if self._size > self._limits.message_bytes:
            return [Deviation("jsonrpc.too-long", 0, f"limit {self._limits.message_bytes} octets")]
        text = octets.decode(errors="replace")
        read = json_text.read(text, self._limits.json_depth)
        if read.fault or not isinstance(read.value, dict):
            return [Deviation("jsonrpc.no-answer", 0, read.fault or "no object")]
        return self._answer(read.value, text)

    def _answer(self, said: dict[str, Any], text: str) -> list[Event]:
        """Either a result or an error (§5); an error is an object with a code."""
        error = said.get("error")
        if isinstance(error, dict) and "result" not in said:
            data = error.get("data")
            code = text_or_empty(data if isinstance(data, dict) else {}, "code") or text_or_empty(error, "code")
            message = printable(text_or_empty(error, "message"), self._limits.message_chars)
            return [Failed(printable(code, self._limits.prefix_chars), message, self._shown(text), 0)]
        result = member_text(text, "result")
        if result is None or "error" in said:
            return [Deviation("jsonrpc.no-answer", 0, "neither a result nor an error, or both")]
        json = self._messages.parsed(result) if self._messages.parses else NO_JSON
        message_ = Message("result", result, result.encode(), 0)
        return [*self._messages.events(message_, json), Completed()]

    def _shown(self, text: str) -> str:
        return printable(text[: self._limits.prefix_chars], self._limits.prefix_chars)


JSONRPC: Final = Driver("jsonrpc", "application/json", recognises, JsonRpcDecoder, closes=True)
