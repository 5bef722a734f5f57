"""gRPC: an observer of `application/grpc` bodies and their trailers (gRPC over HTTP/2).

It must never raise, judge, or hold more than one bounded message.

1. A message is read at its last octet; where it was cut into frames means nothing.
2. Only trailers end a stream. A body that ended without them was cut, by a reset or the end of the connection: then no
   status is missing, for nobody has said that this was the whole of it. What stands behind trailers is read on.
3. Beyond a limit the rest of a message is skipped, and that is said once; it is an item of which nothing is known.
4. A message that is no `Text` is an item all the same: another service has been asked. Where the profile says that its
   messages are octets, an item has the field `size`, and of its own fields only the one that counts is looked up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Completed, Deviation, Event, Failed, Opened, Trailers
from streamspec.harness.core.hexadecimal import octets_of
from streamspec.harness.core.inert import printable
from streamspec.harness.core.json_text import JsonText
from streamspec.harness.core.ports import Driver
from streamspec.harness.drivers._grpc_messages import (
    PREFIX_BYTES,
    STATUSES,
    inflated,
    percent_decoded,
    prefixed,
    status_of,
    text_in,
    text_message,
)
from streamspec.harness.drivers._messages import NO_JSON, Messages, record
from streamspec.harness.drivers._protobuf import counted, path_of

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile

_TYPE: Final = "application/grpc"


def recognises(opened: Opened) -> str | None:
    """Why this answer is one of gRPC, or None."""
    if opened.status == 200 and (opened.essence == _TYPE or opened.essence.startswith(f"{_TYPE}+")):
        return f"Content-Type is {opened.essence}"
    return None


class GrpcDecoder:
    """Body octets and trailers in, events out (`core.ports.TrailersDecoder`, `HeadDecoder`)."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        # Whatever a message holds, it is an item: a stream of this binding ends in its trailers.
        self._messages = Messages(replace(profile, clauses=()), seq, limits)
        self._json = profile.items == "json"
        self._octets = profile.items == "octets"
        self._path = path_of(seq)
        self._limits = limits
        self._coding = ""
        self._out: list[Event] = []
        self._held = bytearray()  # a prefix, or a message, that is not whole yet
        self._at = 0  # offset of that prefix
        self._flag = 0
        self._wanted = -1  # octets of the message, -1 while its prefix is not whole
        self._skipped = 0  # octets of that message beyond the limit

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    def begin(self, opened: Opened) -> None:
        coding = (opened.header("grpc-encoding") or "").strip().lower()
        self._coding = "" if coding == "identity" else coding

    def feed(self, data: bytes) -> list[Event]:
        position = 0
        while position < len(data):
            if self._wanted < 0:
                stop = position + PREFIX_BYTES - len(self._held)
                self._held += data[position:stop]
                position = min(stop, len(data))
                if len(self._held) == PREFIX_BYTES:
                    self._prefix(bytes(self._held))
                continue
            stop = min(len(data), position + self._wanted - len(self._held) - self._skipped)
            room = self._limits.message_bytes - len(self._held)
            self._held += data[position : min(stop, position + room)]
            self._skipped += max(0, stop - position - room)
            position = stop
            if len(self._held) + self._skipped == self._wanted:
                self._whole(bytes(self._held))
        return self._said()

    def end(self) -> list[Event]:
        """Cut, by whoever: no status is due."""
        self._held.clear()
        self._wanted = -1
        return self._said()

    def trailers(self, trailers: Trailers) -> list[Event]:
        where = self._at + len(self._held) + self._skipped + (PREFIX_BYTES if self._wanted >= 0 else 0)
        if where > self._at:
            came = len(self._held) + self._skipped
            words = f"{came} of {self._wanted} octets" if self._wanted >= 0 else f"{came} octets of a prefix"
            self._out.append(Deviation("grpc.cut", self._at, words))
        values = [value for name, value in trailers.fields if name == "grpc-status"]
        if not values:
            self._out.append(Deviation("grpc.no-status", where))
            return self._said()
        status, wrong = status_of(values)
        if wrong:
            self._out.append(Deviation("grpc.status", where, printable(wrong, self._limits.prefix_chars)))
        message, unencoded = percent_decoded(trailers.field("grpc-message") or "")
        if unencoded:
            self._out.append(Deviation("grpc.message", where, printable(unencoded, self._limits.prefix_chars)))
        if status == 0:
            self._out.append(Completed(where))
        else:  # a number that nobody knows is UNKNOWN to a client
            code = "UNKNOWN" if status is None else STATUSES.get(status, "UNKNOWN")
            told = printable(message, self._limits.message_chars)
            self._out.append(Failed(code, told, told[: self._limits.prefix_chars], where))
        return self._said()

    def _said(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    # -- messages --------------------------------------------------------------------------------------------------

    def _prefix(self, prefix: bytes) -> None:
        self._held.clear()
        self._flag, self._wanted = prefix[0], int.from_bytes(prefix[1:])
        if self._flag > 1:
            self._out.append(Deviation("grpc.flag", self._at, f"0x{self._flag:02x}"))
        elif self._flag and not self._coding:
            self._out.append(Deviation("grpc.flag-without-encoding", self._at))
        if self._wanted > self._limits.message_bytes:
            words = f"{self._wanted} octets, limit {self._limits.message_bytes}"
            self._out.append(Deviation("grpc.message-too-long", self._at, words))
        if not self._wanted:
            self._whole(b"")

    def _whole(self, message: bytes) -> None:
        at, flag, cut = self._at, self._flag, self._skipped > 0
        self._at += PREFIX_BYTES + self._wanted
        self._held.clear()
        self._wanted, self._skipped = -1, 0
        if flag == 1 and self._coding and not cut:
            try:
                message = inflated(message, self._coding, self._limits.message_bytes)
            except OverflowError as error:
                self._out.append(Deviation("grpc.message-too-long", at, str(error)))
                cut = True
            except ValueError as error:
                self._out.append(Deviation("grpc.inflate", at, str(error)))
                cut = True
        if self._octets:  # who asks for sizes can count by them, who knows the service by a field of its own
            known = not cut and (flag == 0 or (flag == 1 and self._coding))
            value = {"size": len(message)} | counted(message, self._path) if known else {}
            self._out += self._messages.events(record(message.hex(), message, at, value, whole=False), JsonText(value))
            return
        text = None if cut else text_in(message)
        if text is None:
            if not (cut or flag):
                self._out.append(Deviation("grpc.no-text", at))
            shown = message.decode("latin-1")
            self._out += self._messages.events(record(shown, message, at, None, whole=False), NO_JSON)
            return
        json = self._messages.parsed(text) if self._messages.parses else NO_JSON
        wrong = self._json and json.fault and not json.unread
        fault = Deviation("grpc.no-text", at, json.fault) if wrong else None
        self._out += self._messages.events(record(text, text.encode(), at, json.value), json, fault)


class GrpcTalker:
    """How we speak: an item is one message; half-close and cancel are HTTP/2's own (`core.ports.Talker`)."""

    def item(self, text: str) -> bytes:
        return prefixed(text_message(text.encode()))

    def end(self) -> None:
        return None

    def cancel(self) -> None:
        return None


def opening(profile: Profile, text: bytes) -> bytes:
    """The message with this JSON, or that of these hexadecimal digits. Raises `UsageError`."""
    if profile.items != "octets":
        return prefixed(text_message(text))
    try:
        return prefixed(octets_of(text.decode("latin-1")))
    except ValueError as error:
        raise UsageError(f"a message of {profile.name} is written in hexadecimal digits: {error}") from None


GRPC: Final = Driver(
    "grpc",
    _TYPE,
    recognises,
    GrpcDecoder,
    closes=True,
    carrier="http2",
    talker=lambda _profile, _id: GrpcTalker(),
    opening=opening,
)
