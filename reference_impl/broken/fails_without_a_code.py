"""An envelope that says that something went wrong, and not what.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl import envelopes, payload
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Envelope, Message


def _envelope(envelope: Envelope) -> tuple[Message, ...]:
    if envelope.type == "stream:error":
        envelope = replace(envelope, payload=payload.to_json({"message": envelope.message}), code=None)
    return envelopes.written(envelope)


VARIANT = Variant(
    name="fails-without-a-code",
    sentence="The envelope in which a stream fails has a message and no code.",
    where="app",
    on=("ws", "tcp"),
    kills="ER-01",
    because=("no code",),
    seams=Seams(envelope=_envelope),
)
