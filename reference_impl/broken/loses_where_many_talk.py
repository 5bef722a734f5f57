"""Many streams that take turns, and an item that is lost between them.

Never here: a second defect.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import envelopes
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Envelope, Message

MANY: Final = 32
_LATEST: Final[deque[str]] = deque(maxlen=MANY)  # whose items were the latest


def _envelope(envelope: Envelope) -> tuple[Message, ...]:
    if envelope.type == "stream:data":
        _LATEST.append(envelope.id)
        if len(set(_LATEST)) == MANY:
            _LATEST.clear()
            return ()
    return envelopes.written(envelope)


VARIANT = Variant(
    name="loses-where-many-talk",
    sentence="Where very many streams of a connection take turns, an item is lost now and then.",
    where="app",
    on=("ws", "tcp"),
    kills="MX-02",
    because=("item", "in place"),
    also={"DR-01": "it is one of those that were asked for", "OI-02": "it is missing"},
    seams=Seams(envelope=_envelope),
)
