"""Text that nobody sent.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _text(fragments: list[bytes]) -> str:
    return b"".join(fragments).decode(errors="replace")


VARIANT = Variant(
    name="reads-what-is-no-text",
    sentence="What is no UTF-8 in a text message is replaced, and the rest is read.",
    where="app",
    on=("ws",),
    kills="WS-09",
    because=("an end of the connection", "an answer to what was said later"),
    seams=Seams(text=_text),
)
