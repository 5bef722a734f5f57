"""Mistakes that nobody learns of.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl import envelopes
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Envelope, Message


def _envelope(envelope: Envelope) -> tuple[Message, ...]:
    return () if envelope.type == "error" else envelopes.written(envelope)


VARIANT = Variant(
    name="complains-to-nobody",
    sentence="A message that is no envelope is passed over without a word.",
    where="app",
    on=("ws",),
    kills="WS-15",
    because=("an error, or a Close with an error's code", "nothing,"),
    seams=Seams(envelope=_envelope),
)
