"""A record that is nice to read.

Never here: a second defect.
"""

from __future__ import annotations

import json

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

SPOILT = 2


def _encode(frame: Frame) -> bytes:
    if isinstance(frame, Item) and frame.n == SPOILT:
        return ndjson.line(json.dumps(json.loads(payload.of(frame)), ensure_ascii=False, indent=2))
    return ndjson.encode(frame)


VARIANT = Variant(
    name="pretty-prints",
    sentence="The second record is pretty-printed over several lines.",
    where="app",
    on=("ndjson",),
    kills="ND-02",
    because=("stands on several lines",),
    seams=Seams(bindings=(ndjson.BINDING.encoded(_encode),)),
)
