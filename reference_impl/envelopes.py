"""Envelopes: the messages of a connection that many streams share, each one JSON object (docs/contract.md, seed 002).

Pure, reading and writing. A payload is kept as it was written: what is read loses digits. Never here: a connection, or
what becomes of a message.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_MESSAGE_BYTES: Final = 1_048_576
MOST_CREDIT: Final = 2**31 - 1
TOP_PRIORITY: Final = 9
TYPES: Final = ("stream:start", "stream:data", "stream:end", "stream:cancel", "stream:credit")  # what a client says
OUR_WORDS: Final[Mapping[str, str]] = MappingProxyType({})
ID: Final = re.compile(r"[A-Za-z0-9._~:-]{1,128}")

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
Message = str | bytes  # text, or octets that are none


@dataclass(frozen=True, slots=True)
class Envelope:
    """What we say. An empty `id`: about no stream. `payload` is JSON; empty: there is none, or that of an error, which
    has a `code` and a `message`. The rest is for dialects that show it: the number `n` of an item; as JSON the
    `procedure` that was asked for, where it is its stream that speaks; whether a stream was `refused`, so that it never
    began."""

    id: str
    type: str
    payload: str = ""
    n: int = 0
    code: Code | None = None
    message: str = ""
    procedure: str = ""
    refused: bool = False


def written(envelope: Envelope) -> tuple[Message, ...]:
    """The messages that it is on the wire: one."""
    members = [f'"id":"{envelope.id}"'] if envelope.id else []
    members.append(f'"type":"{envelope.type}"')
    if envelope.payload:
        members.append(f'"payload":{envelope.payload}')
    elif envelope.code is not None:
        error = payload.to_json({"code": envelope.code.value, "message": envelope.message})
        members.append(f'"payload":{error}')
    return (f"{{{','.join(members)}}}",)


def of(frame: Frame, stream: str, procedure: str = "") -> Envelope:
    """A frame of the stream with this id."""
    match frame:
        case Begun():
            return Envelope(stream, "stream:start", procedure=procedure)
        case Item() | RecordFailed():
            return Envelope(stream, "stream:data", payload.of(frame), frame.n, procedure=procedure)
        case Heartbeat():
            return Envelope(stream, "stream:heartbeat")
        case Completed():
            return Envelope(stream, "stream:end", procedure=procedure)
        case Failed(code=code, message=message):
            return failure(stream, code, message, procedure)


def failure(stream: str, code: Code, message: str, procedure: str = "") -> Envelope:
    """The bad ending of a stream."""
    return Envelope(stream, "stream:error", code=code, message=message, procedure=procedure)


def refusal(said: Said, code: Code, message: str) -> Envelope:
    """Of a stream that was asked for, and does not begin."""
    return Envelope(said.id, "stream:error", code=code, message=message, procedure=said.procedure, refused=True)


def complaint(stream: str, code: Code, message: str) -> Envelope:
    """About a message that was no good: no terminal of any stream."""
    return Envelope(stream, "error", code=code, message=message)


def granted(stream: str, items: int) -> Envelope:
    """The client may send so many items more."""
    return Envelope(stream, "stream:credit", str(items))


class Unreadable(ValueError):
    """No envelope. `id` is the one that it had, if that was one."""

    def __init__(self, why: str, stream: str = "") -> None:
        super().__init__(why)
        self.id = stream


@dataclass(frozen=True, slots=True)
class Said:
    """What a client said: `members` are its other members, each as its JSON text."""

    id: str
    type: str
    members: Mapping[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> str:
        """Its JSON text; `null` if there is none."""
        return self.members.get("payload", "null")

    @property
    def procedure(self) -> str:
        """The JSON text of what is asked for; empty if that is no text."""
        told = self.members.get("procedure", "")
        return told if told.startswith('"') else ""


@dataclass(frozen=True, slots=True)
class Start:
    """A stream that is asked for. `credit`: how many items the client takes at first; None where it does not count."""

    procedure: str
    payload: str
    metadata: tuple[tuple[str, str], ...]
    credit: int | None
    priority: int


def read(message: Message, words: Mapping[str, str] = OUR_WORDS) -> Said:
    """An envelope of a message, which is at most `MOST_MESSAGE_BYTES` long; `words` are other names of our types.
    Raises `Unreadable`."""
    if not isinstance(message, str):
        raise Unreadable("a message is text")
    try:
        members = _members(message)
    except (ValueError, RecursionError):
        raise Unreadable("a message is one JSON object") from None
    told = json.loads(members.pop("id")) if members.get("id", "").startswith('"') else None
    stream = told if isinstance(told, str) and ID.fullmatch(told) else ""
    type_text = members.pop("type", "")
    if not type_text.startswith('"'):
        raise Unreadable("a message has a type", stream)
    told_type = json.loads(type_text)
    kind = words.get(told_type, told_type)
    if not stream:
        raise Unreadable("a message has an id: 1 to 128 characters out of A-Z a-z 0-9 . _ ~ : -")
    if kind not in TYPES:
        raise Unreadable(f"a message has one of the types {', '.join(TYPES)}", stream)
    return Said(stream, kind, members)


def start_of(said: Said) -> Start:
    """What is asked for. Raises `StreamError` where that cannot be told."""
    procedure = _value(said, "procedure", "")
    if not isinstance(procedure, str):
        raise _wrong("procedure is a text")
    none = said.members.get("metadata", "null") == "null"
    metadata = {} if none else _value(said, "metadata", {})
    if not isinstance(metadata, dict):
        raise _wrong("metadata is an object")
    if not all(isinstance(value, str) for value in metadata.values()):
        # Nobody may be left with a deadline, or a right, that he asked for and that was passed over.
        raise _wrong('metadata are texts by name: "500", not 500')
    if not all(payload.has_utf8(text) for pair in metadata.items() for text in pair):
        raise _wrong("metadata have no half of a surrogate pair")
    credit = whole(said.members["credit"], MOST_CREDIT) if "credit" in said.members else None
    priority = whole(said.members["priority"], TOP_PRIORITY) if "priority" in said.members else 0
    fields = tuple((name.lower(), value) for name, value in metadata.items())
    return Start(procedure, said.payload, fields, credit, priority)


def whole(text: str, most: int) -> int:
    """A whole number from 0 to `most`, of its JSON text. Raises `StreamError`."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most:
        return int(text)
    raise _wrong(f"a whole number from 0 to {most} is needed")


def _value(said: Said, name: str, default: Any) -> Any:
    return json.loads(said.members[name], parse_int=_no_text) if name in said.members else default


def _wrong(message: str) -> StreamError:
    return StreamError(Code.INVALID_ARGUMENT, message)


def _no_text(_number: str) -> None:
    pass


def _as_written(number: str) -> str:
    return number


_READ: Final = json.JSONDecoder(parse_int=_as_written, parse_float=_as_written, parse_constant=payload.no_constant)


def _members(text: str) -> dict[str, str]:
    """The members of one JSON object, each value as its text. Raises `ValueError` for anything else, and where a name
    stands twice: readers differ in which they believe (RFC 8259 4)."""
    members: dict[str, str] = {}
    at = _expect(text, _behind_blanks(text, 0), "{")
    if text[at : at + 1] != "}":
        while True:
            name, at = _READ.raw_decode(text, at)
            if not isinstance(name, str) or name in members:
                raise ValueError("a name is a text, and stands once")
            at = _expect(text, _behind_blanks(text, at), ":")
            _, end = _READ.raw_decode(text, at)
            members[name] = text[at:end]
            at = _behind_blanks(text, end)
            if text[at : at + 1] != ",":
                break
            at = _expect(text, at, ",")
    if _expect(text, at, "}") != len(text):
        raise ValueError("something follows")
    return members


def _expect(text: str, at: int, char: str) -> int:
    """Behind that character, which must stand there, and the blanks that follow it."""
    if text[at : at + 1] != char:
        raise ValueError(f"no {char}")
    return _behind_blanks(text, at + 1)


def _behind_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at
