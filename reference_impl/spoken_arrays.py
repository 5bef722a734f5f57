"""A JSON array that says how it ends in an element, and not only by its bracket: what several variants share.

Never here: which of them is whose defect, or what its elements say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import json_array
from streamspec.reference_impl.frame import Completed, Failed, Frame, Item

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.binding import Binding, Encode

_END: Final = '{"type":"end"}'  # as NDJSON says it


def element(encode: Encode, text: str) -> bytes:
    """One more element, of this JSON."""
    return encode(Item(0, text, json=True))


def spoken(goes_on: Callable[[Frame], bool]) -> Binding:
    """Whatever ends it is an element. The array is closed behind that one, or where it `goes_on` behind the next frame:
    what follows an end stands inside the array, where every reader takes it for a part of it."""

    def encoder() -> Encode:
        encode, ended = json_array.encoder(), False

        def encode_spoken(frame: Frame) -> bytes:
            nonlocal ended
            match frame:
                case Completed():
                    piece = element(encode, _END)
                case Failed():
                    piece = element(encode, payload.of_error(frame))
                case _:
                    piece = encode(frame)
            is_end = isinstance(frame, Completed | Failed)
            closes = ended or (is_end and not goes_on(frame))
            ended = ended or is_end
            return piece + encode(Completed()) if closes else piece

        return encode_spoken

    return replace(json_array.BINDING, encoder=encoder)
