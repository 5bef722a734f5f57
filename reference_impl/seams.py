"""The places where the reference can be broken on purpose; every default is the good behaviour.

Never here: a defect. Those live one a file in `broken/`.
"""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl import coding
from streamspec.reference_impl.frame import Frame
from streamspec.reference_impl.outlet import as_it_is
from streamspec.reference_impl.roles import Role, resumed_after
from streamspec.reference_impl.routing import Asked, is_over
from streamspec.reference_impl.stream import scheduler
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.holder import GOOD, Parts
from streamspec.reference_impl.stream.producing import end_after_handler
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY, Phase
from streamspec.reference_impl.witness import Figures, Run

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Binding, Headers
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.script import Script

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

Features = dict[str, object]
Rewrite = Callable[[Frame], tuple[Frame, ...]]
Deliver = Callable[[Frame], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wire:
    """A response written without an HTTP library: its head, how a piece is framed, and its last bytes."""

    head: Callable[[Headers], bytes]
    frame: Callable[[bytes], bytes]
    last: bytes


def _as_read(script: Script) -> Script:
    return script


def _whoever_has_them(right: bool, _headers: Headers) -> bool:  # noqa: FBT001 -- what a request shows of itself
    return right


def _unchanged() -> Rewrite:
    return lambda frame: (frame,)


def _as_they_are(features: Features) -> Features:
    return features


def _as_it_is(app: Asgi) -> Asgi:
    return app


def _at_once(deliver: Deliver) -> Deliver:
    return deliver


def _as_accepted(_role: Role, accept_encoding: str) -> bool:
    return coding.takes_gzip(accept_encoding)


def _nothing() -> None:
    pass


def asks_for_credentials(seams: Seams) -> bool:
    """Whether it is broken in whom it admits, and to what: then it is good for nothing where it asks nobody."""
    return seams.admits is not _whoever_has_them or seams.owns is not operator.eq


def go_away(stream: ItemStream) -> None:
    """The server stops: an open stream is told so (LC-15)."""
    if stream.state is Phase.OPEN:
        stream.error(StreamError(Code.UNAVAILABLE, "the server is shutting down"))


def _when_it_ends(stream: ItemStream, clean_up: Callable[[], None]) -> None:
    stream.on_end(clean_up)


@dataclass(frozen=True, slots=True)
class Seams:
    """From the request on, then in the order in which an item passes them, then those around the whole.

    `rewrite`, `deliver` and `code` are made anew for each stream and `around` once for each server, so all may remember
    things. Roles and bindings replace those of the same path or name.
    """

    features: Callable[[Features], Features] = _as_they_are  # what the scripted endpoint says that it can do
    lossy: str = ""  # the field in which an item says how many were left out before it; empty: none ever is
    on_refusal: Callable[[], None] = _nothing  # a request was refused, whether it was understood or not
    admits: Callable[[bool, Headers], bool] = _whoever_has_them  # where credentials are asked for: right ones, or none
    owns: Callable[[str, str], bool] = operator.eq  # whether a run of this client's is that client's as well
    resume: Callable[[str, int], int | None] = resumed_after  # behind which item; None: behind none that there is
    reads: Callable[[Script], Script] = _as_read  # what a script is taken for
    figures: Callable[[Run], Figures] = Run.figures  # what a witness tells
    is_over: Callable[[Asked], bool] = is_over  # whether the client has had all of it
    codes: Callable[[Role, str], bool] = _as_accepted  # whether this role is gzip for such an Accept-Encoding
    roles: tuple[Role, ...] = ()
    arrange: Callable[[ItemStream, Callable[[], None]], None] = _when_it_ends  # that a stream that begins is cleaned up
    capacity: int = DEFAULT_CAPACITY
    parts: Parts = GOOD
    choose: scheduler.Choose = scheduler.choose  # which of several streams goes next
    name: Callable[[StreamError], StreamError] = as_it_is  # under which a producer is told why it is refused
    on_exception: Callable[[ItemStream, Exception], None] = end_after_handler
    deliver: Callable[[Deliver], Deliver] = _at_once
    rewrite: Callable[[], Rewrite] = _unchanged
    bindings: tuple[Binding, ...] = ()
    code: Callable[[], coding.Code] = coding.gzip
    around: Callable[[Asgi], Asgi] = _as_it_is
    patience_s: float = 0.0  # for a producer to notice that its stream is over; 0: as long as is usual
    go_away: Callable[[ItemStream], None] = go_away  # what becomes of a stream when the server stops
    wire: Wire | None = None
