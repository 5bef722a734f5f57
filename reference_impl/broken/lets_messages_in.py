"""A message that writes the stream.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import json_array, ndjson, sse
from streamspec.reference_impl.frame import Failed, Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _sse(frame: Frame) -> bytes:
    if isinstance(frame, Failed):
        return f'event: error\ndata: {{"code":"{frame.code}","message":"{frame.message}"}}\n\n'.encode()
    return sse.encode(frame)


def _record(frame: Failed) -> str:
    return f'{{"type":"error","code":"{frame.code}","message":"{frame.message}"}}'


def _ndjson(frame: Frame) -> bytes:
    return ndjson.line(_record(frame)) if isinstance(frame, Failed) else ndjson.encode(frame)


def _json_array() -> Encode:
    good = json_array.encoder()

    def encode(frame: Frame) -> bytes:
        if isinstance(frame, Failed):
            return good(Item(0, _record(frame), json=True)) + b"\n]\n"
        return good(frame)

    return encode


VARIANT = Variant(
    name="lets-messages-in",
    sentence="The message of a failure is put into the stream as it is.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="ER-06",
    because=("the words of the failure inside its error", '{"injected":1}'),
    also={
        "SSE-06": "what the message leaves behind is no field of an event",
        "ND-01": "nor is it JSON, on a line of its own",
        "CJ-01": "nor an element of an array",
        "ER-05": "a message with a line end does not come back",
    },
    seams=Seams(
        bindings=(
            sse.BINDING.encoded(_sse),
            ndjson.BINDING.encoded(_ndjson),
            replace(json_array.BINDING, encoder=_json_array),
        )
    ),
)
