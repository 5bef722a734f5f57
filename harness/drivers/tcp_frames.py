"""Streams over length-framed TCP: envelopes on a connection that they share, or a connection to each. Data only.

Never here: lengths and octets (a transport's work), or what a message means (`_envelopes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.ports import Driver
from streamspec.harness.drivers._envelopes import addressee, decoder, talker

if TYPE_CHECKING:
    from streamspec.harness.core.event import Opened


def recognises(opened: Opened) -> str | None:
    """Why this is a connection of frames, or None: it has no head that could say so."""
    return "the connection stands" if opened.version == "TCP" else None


TCP_FRAMES: Final = Driver("tcp", "", recognises, decoder, carrier="framed", talker=talker, addressee=addressee)
