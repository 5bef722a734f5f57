"""The places where the reference can be broken on purpose; every default is the good behaviour.

Never here: a defect. Those live one a file in `broken/`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame
from streamspec.reference_impl.stream import scheduler
from streamspec.reference_impl.stream.holder import GOOD, Parts
from streamspec.reference_impl.stream.producing import end_after_handler

if TYPE_CHECKING:
    from streamspec.reference_impl.roles import ItemStream

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

Rewrite = Callable[[Frame], tuple[Frame, ...]]


@dataclass(frozen=True, slots=True)
class Wire:
    """A response written without an HTTP library: its head, how a piece is framed, and its last bytes."""

    head: bytes
    frame: Callable[[bytes], bytes]
    last: bytes


def _unchanged() -> Rewrite:
    return lambda frame: (frame,)


def _as_it_is(app: Asgi) -> Asgi:
    return app


@dataclass(frozen=True, slots=True)
class Seams:
    """In the order an item passes them, then those around the whole.

    `rewrite` is made anew for each stream and `around` once for each server, so both may remember things.
    """

    parts: Parts = GOOD
    choose: scheduler.Choose = scheduler.choose  # which of several streams goes next
    on_exception: Callable[[ItemStream, Exception], None] = end_after_handler
    rewrite: Callable[[], Rewrite] = _unchanged
    encode: Callable[[Frame], bytes] = sse.encode
    headers: tuple[tuple[str, str], ...] = sse.HEADERS
    around: Callable[[Asgi], Asgi] = _as_it_is
    wire: Wire | None = None
