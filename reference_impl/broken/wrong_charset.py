"""UTF-8 under another name.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

HEADERS = headers("text/event-stream; charset=iso-8859-1")

VARIANT = Variant(
    name="wrong-charset",
    sentence="The response calls its UTF-8 iso-8859-1.",
    where="app",
    kills="SSE-01",
    because=("charset", "iso-8859-1"),
    seams=Seams(bindings=(replace(sse.BINDING, headers=HEADERS),)),
)
