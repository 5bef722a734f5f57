"""The answer to somebody else's handshake.

Never here: a second defect.
"""

from __future__ import annotations

import re

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

ACCEPT = re.compile(rb"(?i)(sec-websocket-accept: *)[^\r\n]*")
ANOTHER = rb"\1s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # that of the example in RFC 6455 1.3


def _written(octets: bytes) -> bytes:
    return ACCEPT.sub(ANOTHER, octets) if octets.startswith(b"HTTP/1.1 101") else octets


VARIANT = Variant(
    name="accepts-another-key",
    sentence="The handshake of a WebSocket is always answered with the same Sec-WebSocket-Accept.",
    where="app",
    on=("ws",),
    kills="WS-14",
    because=("RFC 6455 §4.2.2", "Sec-WebSocket-Accept is missing, or not the one for our key"),
    seams=Seams(written=_written),
)
