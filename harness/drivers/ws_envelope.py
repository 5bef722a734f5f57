"""Streams over WebSocket: envelopes on a connection that they share, or a connection to each. Data only.

Never here: frames of WebSocket (a transport's work), or what a message means (`_envelopes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.ports import Driver
from streamspec.harness.drivers._envelopes import addressee, decoder, talker

if TYPE_CHECKING:
    from streamspec.harness.core.event import Opened

_SWITCHED: Final = 101  # RFC 6455 §4.2.2


def recognises(opened: Opened) -> str | None:
    """Why this answer is a WebSocket, or None."""
    return "the connection was switched to WebSocket" if opened.status == _SWITCHED else None


WS_ENVELOPE: Final = Driver("ws", "", recognises, decoder, carrier="websocket", talker=talker, addressee=addressee)
