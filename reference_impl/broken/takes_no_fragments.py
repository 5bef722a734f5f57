"""Messages in one frame only.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams, text_of
from streamspec.reference_impl.variant import Variant


def _text(fragments: list[bytes]) -> str:
    if len(fragments) > 1:
        raise UnicodeDecodeError("utf-8", fragments[0], 0, 1, "it ends too soon")
    return text_of(fragments)


VARIANT = Variant(
    name="takes-no-fragments",
    sentence="A message in fragments ends its connection.",
    where="app",
    on=("ws",),
    kills="WS-08",
    because=("like one in a frame", "the end of"),
    seams=Seams(text=_text),
)
