"""A cancel that completes.

Never here: a second defect.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _complete(stream: ItemStream) -> None:
    with contextlib.suppress(StreamError):
        stream.complete()


VARIANT = Variant(
    name="takes-a-cancel-for-the-end",
    sentence="A stream that its client cancels completes.",
    where="app",
    on=("ws", "tcp"),
    kills="CN-03",
    because=("nothing behind a cancel", "the end, as after success"),
    not_over={"grpc": "grpcio writes nothing on a stream that its client has reset"},
    seams=Seams(on_cancel_word=_complete),
)
