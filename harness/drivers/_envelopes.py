"""One message of a carrier after another: envelopes, where the profile has some, else each message by itself.

It must never raise, judge, or hold a message. Never here: the carrier's octets, or which stream of a connection a
message is handed to (`core.ports.Driver.addressee` says whose it is). Offsets count the octets of the messages fed.
"""

from __future__ import annotations

from json import dumps, loads
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import json_text
from streamspec.harness.core.envelope import filled, id_text, member_text
from streamspec.harness.core.event import Completed, Deviation, Ended, Event, Failed, Meta
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import NoSuchWord
from streamspec.harness.drivers._messages import Message, Messages, record

if TYPE_CHECKING:
    from streamspec.harness.core.envelope import Envelope
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Decoder, Talker
    from streamspec.harness.core.profile import Profile

_ERROR: Final = "error"  # the type of what a server says of a message that it could not read, where it names no stream


def decoder(profile: Profile, seq: str, limits: Limits) -> Decoder:
    """Who reads the messages of one stream."""
    if profile.envelope:
        return EnvelopeDecoder(profile, profile.envelope, seq, limits)
    return MessageDecoder(profile, seq, limits)


def talker(profile: Profile, stream: str) -> Talker:
    """How we speak on it."""
    return EnvelopeTalker(profile.envelope, stream) if profile.envelope else MessageTalker()


def addressee(profile: Profile, message: bytes) -> str:
    """The id of the stream that a message is for, empty where it names none."""
    if profile.envelope is None:
        return ""
    told = member_text(message.decode(errors="replace"), profile.envelope.id)
    return profile.envelope.stream_of(_scalar_id(told))


class EnvelopeDecoder:
    """Envelopes of one stream in, events out (`core.ports.Decoder`)."""

    def __init__(self, profile: Profile, envelope: Envelope, seq: str, limits: Limits) -> None:
        self._profile = profile
        self._envelope = envelope
        self._messages = Messages(profile, seq, limits)
        self._reader = json_text.Reader(limits.json_depth + 1)  # a payload may nest as deep as anywhere
        self._chars = limits.prefix_chars
        self._at = 0
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        at, self._at = self._at, self._at + len(data)
        text, out = _decoded(data, at)
        json = self._reader.read(text)
        value: Any = json.value
        if json.unread:
            value = self._outline(text)
        elif json.fault or not isinstance(value, dict):
            return [*out, Deviation("envelope.not-json", at, json.fault or "no object")]
        out += self._read(text, value, json, at)
        if not self._over and any(isinstance(event, Completed | Failed) for event in out):
            self._over = True
            out.append(Ended("envelope", self._at))
        return out

    def end(self) -> list[Event]:
        return []

    def _outline(self, text: str) -> dict[str, Any]:
        """Of a message that nests beyond our limit only what tells whose it is."""
        names = (self._envelope.id, self._envelope.type)
        return {name: _scalar(told) for name in names if (told := member_text(text, name)) is not None}

    def _read(self, text: str, value: dict[str, Any], json: json_text.JsonText, at: int) -> list[Event]:
        envelope = self._envelope
        kind, told = value.get(envelope.type), id_text(value.get(envelope.id))
        fault = Deviation("envelope.too-deep", at, json.fault) if json.unread else None
        if not isinstance(kind, str):
            return [fault or Deviation("envelope.type", at, "no type")]
        if kind in envelope.notices or (not told and kind == _ERROR):
            return [Meta(printable(kind, self._chars), at)]
        if not told:
            return [Deviation("envelope.id", at, f"no id, type {printable(kind, self._chars)}")]
        payload = member_text(text, envelope.payload) or ""
        inner = value.get(envelope.payload)
        if self._profile.known_kind_of(kind, payload, inner) is None:
            return [Deviation("envelope.type", at, printable(kind, self._chars))]
        own = told if envelope.stream_of(told) != told else ""
        message = Message(kind, payload, payload.encode(), at, id=own)
        return self._messages.events(message, json_text.JsonText(inner, notes=json.notes), fault)


class MessageDecoder:
    """Messages of a stream that has a connection to itself: each is an item, or a record with a type of its own."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._profile = profile
        self._messages = Messages(profile, seq, limits)
        self._at = 0

    def feed(self, data: bytes) -> list[Event]:
        at, self._at = self._at, self._at + len(data)
        text, out = _decoded(data, at)
        json = self._messages.parsed(text)
        fault = None
        if json.fault and self._profile.items == "json":
            fault = Deviation("envelope.too-deep" if json.unread else "envelope.not-json", at, json.fault)
        return [*out, *self._messages.events(record(text, data, at, json.value), json, fault)]

    def end(self) -> list[Event]:
        return []


class EnvelopeTalker:
    """What a client says on the stream of this id (`core.ports.Talker`)."""

    def __init__(self, envelope: Envelope, stream: str) -> None:
        self._envelope = envelope
        self._id = dumps(stream)

    def item(self, text: str) -> bytes:
        return self._filled("item", {"id": self._id, "payload": text})

    def end(self) -> bytes:
        return self._filled("end", {"id": self._id})

    def cancel(self) -> bytes:
        return self._filled("cancel", {"id": self._id})

    def _filled(self, word: str, values: dict[str, str]) -> bytes:
        template: str = getattr(self._envelope, word)
        if not template:
            raise NoSuchWord(f"this dialect has no message for a client's {word}")
        return filled(template, values).encode()


class MessageTalker:
    """An item is a message; for the rest the carrier has its own words."""

    def item(self, text: str) -> bytes:
        return text.encode()

    def end(self) -> None:
        return None

    def cancel(self) -> None:
        return None


def _decoded(data: bytes, at: int) -> tuple[str, list[Event]]:
    try:
        return data.decode(), []
    except UnicodeDecodeError as error:
        where = Deviation("envelope.utf8", at + error.start, f"0x{data[error.start]:02x}")
        return data.decode(errors="replace"), [where]


def _scalar(text: str) -> Any:
    """What a text holds, if it is one of a string or a number."""
    if text[:1] not in {'"', "-", *"0123456789"}:
        return None
    try:
        return loads(text)
    except ValueError:
        return None


def _scalar_id(text: str | None) -> str:
    return "" if text is None else id_text(_scalar(text))
