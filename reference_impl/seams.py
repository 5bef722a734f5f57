"""The places where the reference can be broken on purpose; every default is the good behaviour.

Never here: a defect. Those live one a file in `broken/`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl import coding
from streamspec.reference_impl.frame import Frame
from streamspec.reference_impl.roles import Role, resumed_after
from streamspec.reference_impl.stream import scheduler
from streamspec.reference_impl.stream.holder import GOOD, Parts
from streamspec.reference_impl.stream.producing import end_after_handler
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Binding, Headers
    from streamspec.reference_impl.outlet import ItemStream

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

Rewrite = Callable[[Frame], tuple[Frame, ...]]
Deliver = Callable[[Frame], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wire:
    """A response written without an HTTP library: its head, how a piece is framed, and its last bytes."""

    head: Callable[[Headers], bytes]
    frame: Callable[[bytes], bytes]
    last: bytes


def _unchanged() -> Rewrite:
    return lambda frame: (frame,)


def _as_it_is(app: Asgi) -> Asgi:
    return app


def _at_once(deliver: Deliver) -> Deliver:
    return deliver


def _as_accepted(_role: Role, accept_encoding: str) -> bool:
    return coding.takes_gzip(accept_encoding)


def _nothing() -> None:
    pass


def _when_it_ends(stream: ItemStream, clean_up: Callable[[], None]) -> None:
    stream.on_end(clean_up)


@dataclass(frozen=True, slots=True)
class Seams:
    """From the request on, then in the order in which an item passes them, then those around the whole.

    `rewrite`, `deliver` and `code` are made anew for each stream and `around` once for each server, so all may remember
    things. Roles and bindings replace those of the same path or name.
    """

    on_refusal: Callable[[], None] = _nothing  # a request was refused, whether it was understood or not
    resume: Callable[[str, int], int | None] = resumed_after  # behind which item; None: behind none that there is
    codes: Callable[[Role, str], bool] = _as_accepted  # whether this role is gzip for such an Accept-Encoding
    roles: tuple[Role, ...] = ()
    arrange: Callable[[ItemStream, Callable[[], None]], None] = _when_it_ends  # that a stream that begins is cleaned up
    capacity: int = DEFAULT_CAPACITY
    parts: Parts = GOOD
    choose: scheduler.Choose = scheduler.choose  # which of several streams goes next
    on_exception: Callable[[ItemStream, Exception], None] = end_after_handler
    deliver: Callable[[Deliver], Deliver] = _at_once
    rewrite: Callable[[], Rewrite] = _unchanged
    bindings: tuple[Binding, ...] = ()
    code: Callable[[], coding.Code] = coding.gzip
    around: Callable[[Asgi], Asgi] = _as_it_is
    wire: Wire | None = None
