"""Arrays that say their ends in elements: one array each, whatever follows an end, and what a reader makes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.broken import ends_twice, nameless_error, talks_after_end, times_out_and_completes
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Item
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from streamspec.reference_impl.variant import Variant

ITEM = {"n": 1, "text": "a"}
END = {"type": "end"}
LATE, LOST = Failed(Code.TIMED_OUT, "late"), Failed(Code.INTERNAL, "lost")


def _error(failed: Failed) -> dict[str, str]:
    return {"type": "error", "code": failed.code.value, "message": failed.message}


def _array(variant: Variant, end: Frame) -> list[object]:
    """What a stream of one item and this end comes to."""
    (binding,) = (binding for binding in variant.seams.bindings if binding.name == "json_array")
    encode, rewrite = binding.encoder(), variant.seams.rewrite()
    frames = (shown for frame in (Begun(1), Item(1, "a"), end) for shown in rewrite(frame))
    found: list[object] = json.loads(b"".join(encode(frame) for frame in frames))
    return found


@pytest.mark.parametrize(
    ("variant", "end", "elements"),
    [
        (ends_twice.VARIANT, Completed(), [END, END]),
        (ends_twice.VARIANT, LOST, [_error(LOST)]),
        (talks_after_end.VARIANT, Completed(), [END, {"n": 2, "text": "too late"}]),
        (talks_after_end.VARIANT, LATE, [_error(LATE)]),
        (times_out_and_completes.VARIANT, LATE, [_error(LATE), END]),
        (times_out_and_completes.VARIANT, LOST, [_error(LOST)]),
        (times_out_and_completes.VARIANT, Completed(), [END]),
        (nameless_error.VARIANT, LOST, [{"type": "error", "message": "lost"}]),
        (nameless_error.VARIANT, Completed(), []),
    ],
)
def test_what_follows_an_end_stands_inside_the_array(variant: Variant, end: Frame, elements: list[object]) -> None:
    assert _array(variant, end) == [ITEM, *elements]
