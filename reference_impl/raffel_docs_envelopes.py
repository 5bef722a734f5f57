"""Envelopes as Raffel's page "Streams" shows them (seed 002): the id that the client chose stands on every message of
its stream, nothing comes before the first item, and both sides say items and ends alike.

The page has one word for errors, which ends the stream whose id it carries: so what is said of a message that was no
good carries none. Pure. Never here: what becomes of a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import raffel_errors
from streamspec.reference_impl.declared import declared
from streamspec.reference_impl.seams import Seams

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Envelope, Message
    from streamspec.reference_impl.seams import Features

_SAID: Final = ("stream:data", "stream:end", "stream:error", "error")


def written(envelope: Envelope) -> tuple[Message, ...]:
    """The messages that it is on the wire: one, or none where this dialect has no word for it."""
    if envelope.type not in _SAID:
        return ()
    complains = envelope.type == "error"
    members = [f'"type":"{"stream:error" if complains else envelope.type}"']
    members += [] if complains else [f'"id":"{envelope.id}"']
    if envelope.code is not None:
        members.append(f'"payload":{raffel_errors.shown(envelope.code, envelope.message)}')
    elif envelope.payload:
        members.append(f'"payload":{envelope.payload}')
    return (f"{{{','.join(members)}}}",)


def features(said: Features) -> Features:
    """What the adapter can do in this dialect."""
    return declared(said, "raffel-docs", ["server", "client", "bidi"])


SEAMS: Final = Seams(envelope=written, features=features)
