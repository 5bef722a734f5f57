"""The places where the reference can be broken on purpose; every default is the good behaviour.

Never here: a defect. Those live one a file in `broken/`.
"""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl import coding, conformance, envelopes
from streamspec.reference_impl.frame import Frame
from streamspec.reference_impl.inlet import Inlet
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
    from streamspec.reference_impl.envelopes import Envelope, Said
    from streamspec.reference_impl.grpc_parts import Relay
    from streamspec.reference_impl.multiplex import Carrier
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


def _octets(octets: bytes) -> bytes:
    return octets


def text_of(fragments: list[bytes]) -> str:
    return b"".join(fragments).decode()


def _as_told(wish: str, _arrivals: int) -> str:
    return wish


def _carried(carrier: Carrier) -> Carrier:
    return carrier


def input_over(inlet: Inlet, stream: ItemStream) -> None:
    """The stream that answers is over: its client's items are no longer taken. Unless it ended well they broke off, and
    are never at their end (CN-20)."""
    if stream.state is Phase.COMPLETED:
        inlet.leave()
    else:
        inlet.break_off()


def _never(_stream: ItemStream | None) -> bool:
    return False


def _always(_code: Code) -> bool:
    return True


def cancel(stream: ItemStream) -> None:
    stream.cancel()


def framed(body: bytes) -> bytes:
    """A frame: its length in four octets, the highest first, and its body."""
    return len(body).to_bytes(4) + body


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
    on_misreading: Callable[[], None] = _nothing  # it was not understood
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
    around: Callable[[Asgi], Asgi] = _as_it_is  # the application, as far as HTTP goes
    around_sockets: Callable[[Asgi], Asgi] = _as_it_is  # and WebSocket
    patience_s: float = 0.0  # for a producer to notice that its stream is over; 0: as long as is usual
    go_away: Callable[[ItemStream], None] = go_away  # what becomes of a stream when the server stops
    wire: Wire | None = None
    # Of what a client sends, and of the connections that streams share.
    inlet: Callable[..., Inlet] = Inlet  # what its items go through
    half_close: Callable[[Inlet], None] = Inlet.end
    input_over: Callable[[Inlet, ItemStream], None] = input_over  # the stream is over, whatever its client still says
    wish: Callable[[str, int], str] = _as_told  # what a start asks for, where so often something came
    said: Callable[[envelopes.Message], Said] = envelopes.read  # what a message of a client's says
    on_cancel_word: Callable[[ItemStream], None] = cancel
    envelope: Callable[[Envelope], tuple[envelopes.Message, ...]] = envelopes.written
    takes_over: Callable[[ItemStream | None], bool] = _never  # may another one have its id? None: it has not begun
    survives: Callable[[Code], bool] = _always  # whether a connection goes on after a message that was no good
    carry: Callable[[Carrier], Carrier] = _carried  # the connection, from its first stream on
    most_streams: int = conformance.MOST_STREAMS
    frame: Callable[[bytes], bytes] = framed  # the octets of a frame with this body
    fin_half_closes: bool = False  # whether over TCP a FIN only says that its client has no more to say
    most_frame_bytes: int = envelopes.MOST_MESSAGE_BYTES
    frame_s: float = conformance.FRAME_TIMEOUT_MS / 1e3  # for the rest of a frame that has begun to come
    heard: Callable[[bytes], bytes] = _octets  # what comes over TCP, as it comes
    text: Callable[[list[bytes]], str] = text_of  # a WebSocket message of its fragments; UnicodeDecodeError: it is none
    written: Callable[[bytes], bytes] = _octets  # what is written on a WebSocket, from the head on, as it is written
    goodbye: int = 1001  # with which Close a WebSocket ends when the server stops
    relay: Relay | None = None  # in front of the gRPC server, on a port of its own
