"""A stream that was left, and a door that stays shut.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.script import Refuse
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.script import Script


class _Door:
    """Open until one client has left, once a stream without end was asked for."""

    def __init__(self) -> None:
        self._endless = False
        self._shut = False

    def arrange(self, stream: ItemStream, clean_up: Callable[[], None]) -> None:
        def over() -> None:
            self._shut = self._shut or (self._endless and stream.state is Phase.CANCELLED)
            clean_up()

        stream.on_end(over)

    def read(self, script: Script) -> Script:
        self._endless = self._endless or script.offered is None
        return replace(script, steps=(Refuse(Code.UNAVAILABLE),)) if self._shut else script


DOOR = _Door()

VARIANT = Variant(
    name="serves-nobody-after-a-cancel",
    sentence="After one client has left a scripted stream without end, every stream is refused.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="LC-16",
    because=("UNAVAILABLE",),
    because_over=dict.fromkeys(("sse", "ndjson", "json_array"), ("503",)),
    seams=Seams(arrange=DOOR.arrange, reads=DOOR.read),
)
