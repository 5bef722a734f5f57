"""An error that no program can tell from another.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import ndjson, sse
from streamspec.reference_impl.frame import Failed, Frame
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _sse(frame: Frame) -> bytes:
    if isinstance(frame, Failed):
        return sse.event(payload.to_json({"message": frame.message}), name="error")
    return sse.encode(frame)


def _ndjson(frame: Frame) -> bytes:
    if isinstance(frame, Failed):
        return ndjson.line(payload.to_json({"type": "error", "message": frame.message}))
    return ndjson.encode(frame)


VARIANT = Variant(
    name="nameless-error",
    sentence="The error terminal has a message and no code.",
    where="app",
    kills="ER-01",
    because=("no code",),
    seams=Seams(bindings=(sse.BINDING.encoded(_sse), ndjson.BINDING.encoded(_ndjson))),
)
