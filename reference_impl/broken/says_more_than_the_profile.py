"""A message of a type that nobody knows.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl import envelopes
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Envelope, Message


def _envelope(envelope: Envelope) -> tuple[Message, ...]:
    more = replace(envelope, type="stream:progress", payload="1")
    return (*(envelopes.written(more) if envelope.type == "stream:end" else ()), *envelopes.written(envelope))


VARIANT = Variant(
    name="says-more-than-the-profile",
    sentence="Before the end of each stream comes an envelope of the type `stream:progress`.",
    where="app",
    on=("ws", "tcp"),
    kills="WS-01",
    because=("a type that the profile does not know",),
    seams=Seams(envelope=_envelope),
)
