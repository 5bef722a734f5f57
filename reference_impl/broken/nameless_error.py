"""An error that no program can tell from another.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import json_array, ndjson, sse
from streamspec.reference_impl.frame import Completed, Failed, Frame
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.spoken_arrays import element
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _sse(frame: Frame) -> bytes:
    if isinstance(frame, Failed):
        return sse.event(payload.to_json({"message": frame.message}), name="error")
    return sse.encode(frame)


def _ndjson(frame: Frame) -> bytes:
    if isinstance(frame, Failed):
        return ndjson.line(_record(frame))
    return ndjson.encode(frame)


def _json_array() -> Encode:
    encode = json_array.encoder()

    def encode_nameless(frame: Frame) -> bytes:
        return element(encode, _record(frame)) + encode(Completed()) if isinstance(frame, Failed) else encode(frame)

    return encode_nameless


def _record(failed: Failed) -> str:
    return payload.to_json({"type": "error", "message": failed.message})


BINDINGS = (
    sse.BINDING.encoded(_sse),
    ndjson.BINDING.encoded(_ndjson),
    replace(json_array.BINDING, encoder=_json_array),
)


VARIANT = Variant(
    name="nameless-error",
    sentence="The error terminal has a message and no code.",
    where="app",
    kills="ER-01",
    because=("no code",),
    seams=Seams(bindings=BINDINGS),
)
