"""A stream that caches may keep.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

HEADERS = (("content-type", "text/event-stream"), ("cache-control", "public, max-age=3600"))

VARIANT = Variant(
    name="cacheable",
    sentence="The response may be kept by every cache for an hour.",
    where="app",
    kills="SSE-02",
    because=("max-age=3600",),
    seams=Seams(bindings=(replace(sse.BINDING, headers=HEADERS),)),
)
