"""One stream that is left, and its neighbours with it.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.outlet import ItemStream


class _Crowd:
    """The streams that are open, whoever's they are."""

    def __init__(self) -> None:
        self._open: set[ItemStream] = set()

    def arrange(self, stream: ItemStream, clean_up: Callable[[], None]) -> None:
        def over() -> None:
            self._open.discard(stream)
            clean_up()
            if stream.state is Phase.CANCELLED:
                for other in tuple(self._open):
                    other.error(StreamError(Code.UNAVAILABLE, "somebody has left"))

        self._open.add(stream)
        stream.on_end(over)


VARIANT = Variant(
    name="takes-the-others-along",
    sentence="When one client leaves a stream, all the other streams of the server fail.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="CN-21",
    because=("ended when its neighbour left",),
    seams=Seams(arrange=_Crowd().arrange),
)
