"""Ids of messages that two of them share, as where they are made of a clock.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl import raffel_envelopes
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Envelope, Message


def _envelope(envelope: Envelope) -> tuple[Message, ...]:
    together = envelope.n | 1 if envelope.n else 0  # the second item and the third, the fourth and the fifth
    return raffel_envelopes.written(replace(envelope, n=together))


VARIANT = Variant(
    name="repeats-message-ids",
    sentence="Every second item behind the first has the message id of the one before it.",
    where="app",
    on=("ws", "tcp"),
    kills="MX-01",
    because=("an id of its own for each message", ":stream:data:2 again"),
    seams=replace(raffel_envelopes.SEAMS, envelope=_envelope),
)
