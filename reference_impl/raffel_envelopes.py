"""Envelopes as Raffel's code writes them (seed 002): the server gives each message an id of its own, that of its stream
and behind it what the message is; items are numbered, as they are since 0.2.3, where a clock's ids repeat.

Only the server sends items, and has no word for a sign of life. Pure, but for ids that are made by chance. Never here:
events of SSE (`bindings.raffel`), or what becomes of a message.
"""

from __future__ import annotations

import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import envelopes, payload, raffel_errors
from streamspec.reference_impl.declared import declared
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.envelopes import Envelope, Message, Said
    from streamspec.reference_impl.seams import Features

_WORDS: Final[Mapping[str, str]] = MappingProxyType({"cancel": "stream:cancel"})  # theirs: ours
_ERROR: Final = "error"
_SAID: Final = ("stream:start", "stream:data", "stream:end", "stream:error", _ERROR)
_COMPLAINTS: Final[Mapping[Code, str]] = MappingProxyType(
    {Code.INVALID_ARGUMENT: "INVALID_ENVELOPE", Code.RESOURCE_EXHAUSTED: "MESSAGE_TOO_LARGE"}
)
_CANCELLED: Final = "Stream cancelled"
_NOBODY: Final = '""'  # the procedure of what no stream says
_SID_CHARS: Final = 21  # of an id that belongs to no stream


def written(envelope: Envelope) -> tuple[Message, ...]:
    """The messages that it is on the wire: one, or none where this dialect has no word for it."""
    if envelope.type not in _SAID or (envelope.type == _ERROR and envelope.code is Code.NOT_FOUND):
        return ()  # so is a cancel for nobody passed over
    kind = _ERROR if envelope.refused else envelope.type
    number = f":{envelope.n - 1}" if envelope.n else ""
    own = f"{envelope.id}:{kind}{number}" if envelope.id else secrets.token_urlsafe(_SID_CHARS)[:_SID_CHARS]
    text = f'"id":"{own}","procedure":{envelope.procedure or _NOBODY},"type":"{kind}","payload":{_payload(envelope)}'
    return (f'{{{text},"metadata":{{}}}}',)


def _payload(envelope: Envelope) -> str:
    """A status has only what is said for a stream, or of one that was asked for: not the answer to a cancel, nor to a
    message that was no good."""
    code = envelope.code
    if code is None:
        return envelope.payload or "null"
    if envelope.procedure:
        return raffel_errors.shown(code, envelope.message)
    if envelope.type == _ERROR:
        return payload.to_json({"code": _COMPLAINTS.get(code, code.value), "message": envelope.message})
    message = _CANCELLED if code is Code.CANCELLED else envelope.message
    return payload.to_json({"code": code.value, "message": message})


def read(message: Message) -> Said:
    """What a client said. Raises `envelopes.Unreadable`."""
    return envelopes.read(message, _WORDS)


def features(said: Features) -> Features:
    """What the adapter can do in this dialect."""
    return declared(said, "raffel", ["server"])


SEAMS: Final = Seams(envelope=written, said=read, features=features)
