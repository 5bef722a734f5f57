"""From one whole message to events, by the profile: what every driver of items does alike.

A decoder finds where a message begins and ends, and hands it in with the words of its binding. Never here: octets, a
grammar, a limit of lines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.harness.core import json_text
from streamspec.harness.core.event import Completed, Deviation, Event, Failed, Heartbeat, Item, Meta
from streamspec.harness.core.inert import printable
from streamspec.harness.core.profile import field_at, text_or_empty

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile

_BLANKS = json_text.BLANKS.encode()
NO_JSON = json_text.JsonText()
_NOTED = {json_text.DUPLICATE: "json.duplicate-name", json_text.HUGE: "json.huge-number"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a binding: `kind` is its type, `text` its payload, `octets` the same as they came, `offset` where
    it begins in the body. `whole` is False where our own limit cut it: then it is not read as JSON. `typed`: the kind
    is the payload's own `type`, which then is no code of an error."""

    kind: str
    text: str
    octets: bytes
    offset: int
    whole: bool = True
    id: str = ""
    typed: bool = False


def record(text: str, octets: bytes, offset: int, value: Any, *, whole: bool = True) -> Message:
    """A message of a binding without types of its own: the string in its field `type`, if it has one, is its kind."""
    kind = value.get("type") if isinstance(value, dict) else None
    return Message(kind if isinstance(kind, str) else "", text, octets, offset, whole, typed=True)


def begins_as_json(octets: bytes) -> bool:
    """Whether what our limit cut may be JSON: so long are only objects, arrays and strings. It is then an item of
    which nothing is known; left out, it would look lost."""
    return octets.lstrip(_BLANKS)[:1] in {b"{", b"[", b'"'}


class Messages:
    """Reads the messages of one stream and counts its items. `parses`: whether a payload has to be read as JSON."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._profile = profile
        self._seq = seq
        self._limits = limits
        self._reader = json_text.Reader(limits.json_depth)
        self._items = 0
        self.parses = profile.items == "json" or profile.wants_json or bool(seq)

    def parsed(self, text: str) -> json_text.JsonText:
        return self._reader.read(text)

    def events(self, message: Message, json: json_text.JsonText, fault: Deviation | None = None) -> list[Event]:
        """What this message means; `fault` is said ahead of it where it turns out to be an item."""
        value = json.value
        match self._profile.kind_of(message.kind, message.text, value):
            case "item":
                notes = [Deviation(_NOTED[note], message.offset) for note in json.notes]
                return [*([fault] if fault else []), *notes, self._item(message, value)]
            case "completed":
                return [Completed(message.offset, self._profile.kept(value))]
            case "failed":
                return [self._failed(message, value)]
            case "heartbeat":
                return [Heartbeat(message.offset)]
            case "start" | "meta" as word:
                return [Meta(word, message.offset, self._profile.kept(value))]
            case _:
                return []

    def _item(self, message: Message, value: Any) -> Item:
        n, self._items = self._items, self._items + 1
        seq = field_at(value, self._seq) if self._seq else None
        chars = self._limits.prefix_chars
        return Item(
            n=n,
            size=len(message.octets),
            sha=hashlib.sha256(message.octets).hexdigest()[:16],
            prefix=printable(message.text, chars),
            offset=message.offset,
            kind=printable(message.kind, chars),
            seq=seq if isinstance(seq, int) and not isinstance(seq, bool) else None,
            id=printable(message.id, chars),
            kept=self._profile.kept(value),
        )

    def _failed(self, message: Message, value: Any) -> Failed:
        """The error in a payload: what stands under `error` is nearer to the cause than what is around it. A `reason`
        of one word is a code, a longer one is for people."""
        if value is None and not self.parses and message.text and message.whole:
            value = self.parsed(message.text).value
        outer = value if isinstance(value, dict) else {}
        inner = outer.get("error")
        near = inner if isinstance(inner, dict) else {"message": inner}
        own = ("code",) if message.typed else ("code", "type")
        code = text_or_empty(near, "code", "type") or text_or_empty(outer, *own) or _word(outer.get("reason"))
        told = text_or_empty(near, "message") or text_or_empty(outer, "message")
        chars = self._limits.prefix_chars
        return Failed(
            printable(code, chars),
            printable(told, self._limits.message_chars),
            printable(message.text, chars),
            message.offset,
        )


def _word(reason: Any) -> str:
    return reason if isinstance(reason, str) and len(reason.split()) == 1 else ""
