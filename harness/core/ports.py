"""The shapes of what can be added or handed over: transports, drivers, renderers.

Shapes and small data only. A transport yields events and `Body` octets; a driver's decoder turns body octets into
events; the session joins them. Neither side knows the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from streamspec.harness.core.frame import FRAME, Frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from streamspec.harness.core.event import Event, Opened, SeenBy, Trailers
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.objects import ObjectTarget
    from streamspec.harness.core.profile import Profile
    from streamspec.harness.core.run import Line, Run


@dataclass(frozen=True, slots=True)
class Body:
    """Octets of a message body, transfer coding removed; of a carrier of messages, one whole message (`text`: a
    WebSocket one that is text). Not an event: only a decoder sees it."""

    data: bytes
    text: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """One request as data. `url` is absolute; `headers` are sent as given, in order. Over a carrier of messages `body`
    is the message that opens the stream, empty where connecting does that."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    malformed: bool = False  # add a header line without a colon: no server acts on it (RFC 9112 §5)
    receive_buffer_bytes: int = 0  # SO_RCVBUF, set before the handshake; 0 leaves it to the system
    version: str = "1.1"  # of HTTP, as the request line names it
    pieces: int = 0  # octets of each segment that it is cut into; 0 leaves that to the system
    direct: bool = False  # past the proxy, where there is one
    opens: str = ""  # the id under which a stream in envelopes is opened; empty where there is none
    offers: str = ""  # the extension of WebSocket that is offered (`permessage-deflate`)
    ends: bool = True  # our half of the stream is over behind this, where the carrier has a half-close
    push: str = ""  # a message that follows the opening one in the same write; over HTTP/2 any text is a reset of it
    frame: Frame = FRAME  # how messages are set apart where the carrier only moves octets


class Connection(Protocol):
    """Moves octets; knows nothing of what they mean."""

    async def send(self, data: bytes) -> None:
        """Raises `ConnectionError` when the peer is gone."""

    async def receive(self, size: int) -> bytes:
        """At least one octet, at most `size`; `b""` is the peer's FIN. Raises `ConnectionError` after an RST."""

    async def close(self) -> None:
        """An orderly end of ours (FIN). Never raises."""

    def abort(self) -> None:
        """An abrupt end of ours (RST where the transport has one). Never raises."""


class Exchange(Protocol):
    """One request and its answer on one connection."""

    async def receive(self) -> Sequence[Event | Body]:
        """What the next octets mean, in order. Ends with `Closed` or `Refused`; after that it answers nothing.
        Safe to cancel: no octet is lost."""

    async def close(self) -> None: ...

    def abort(self) -> None: ...


@runtime_checkable
class Duplex(Exchange, Protocol):
    """An exchange on which we may speak as well. Everything raises `ConnectionError` when the peer is gone."""

    async def say(self, *messages: bytes) -> None:
        """Messages of ours, in one write. Waits while the peer, or the window that it gave, takes nothing."""

    async def finish(self) -> None:
        """The carrier's own half-close. Raises `NoSuchWord` where the carrier has none."""

    async def reset(self) -> None:
        """The carrier's own cancel of this one stream. Raises `NoSuchWord` where it has none."""

    async def ping(self) -> None:
        """A ping, whose answer will be received as a `Pong`. Raises `NoSuchWord` where the carrier has none."""

    async def write(self, octets: bytes) -> None:
        """Octets on the connection as they are, whatever they break."""


@runtime_checkable
class Multiplexed(Duplex, Protocol):
    """One of several streams of a connection. `close` and `abort` end the whole connection."""

    async def beside(self, request: Request) -> Multiplexed:
        """Another stream on the same connection. What the target does about it is an event."""

    async def leave(self) -> None:
        """Our end of this one stream, with its cancel where it is not over. With the last one the connection ends."""


class NoSuchWord(Exception):
    """What a carrier cannot say."""


Where = Callable[[str, int], tuple[str, int]]  # from the host and port of a target to those to connect to


@dataclass(frozen=True, slots=True)
class Transport:
    """`open(request, limits, connect_ms)` never raises for what a target does: a refusal is its first event. It is for
    URLs of these `schemes`, and requests in these `versions` of HTTP. `through(where)` is the same whose connections to
    `host, port` go `where` that leads, while all that is said (Host, TLS) is meant for the target."""

    name: str
    schemes: tuple[str, ...]
    open: Callable[[Request, Limits, float], Awaitable[Exchange]]
    through: Callable[[Where], Transport] | None = None
    versions: tuple[str, ...] = ("1.0", "1.1")


class Decoder(Protocol):
    """Sans-IO: any cut of the same octets yields the same events, each as soon as its last octet is fed. Over a carrier
    of messages it is fed one message at a time."""

    def feed(self, data: bytes) -> list[Event]: ...

    def end(self) -> list[Event]:
        """The body is over (whole or cut); says what was left unfinished."""


@runtime_checkable
class TrailersDecoder(Decoder, Protocol):
    """A decoder of a binding whose terminal stands in the trailers."""

    def trailers(self, trailers: Trailers) -> list[Event]:
        """These fields follow the body. Whoever breaks the rules goes on behind them, and is read on."""


@runtime_checkable
class HeadDecoder(Decoder, Protocol):
    """A decoder that reads a body by what its head says."""

    def begin(self, opened: Opened) -> None:
        """The head of the answer, ahead of its body."""


class Talker(Protocol):
    """How we speak on one stream of a binding that goes both ways. Sans-IO; a message is one of the carrier's."""

    def item(self, text: str) -> bytes:
        """The message with this JSON text as an item."""

    def end(self) -> bytes | None:
        """The message of our half-close, None where the carrier has its own. Raises `NoSuchWord`."""

    def cancel(self) -> bytes | None:
        """The message with which a client cancels, None where the carrier has its own. Raises `NoSuchWord`."""


Carrier = Literal["http", "websocket", "framed", "http2"]


@dataclass(frozen=True, slots=True)
class Driver:
    """One binding. `recognises` says why an answer is in this binding, or None; `decoder(profile, seq, limits)` makes a
    decoder, `seq` being the JSON path of the field that counts (`$.n`) or empty. `closes`: the binding's own grammar
    says where a stream ends well, whatever the profile. `carrier` is what it stands on (`http`: any version of it).
    `talker(profile, id)` says how we speak on the stream of that id, None where nobody but the target speaks.
    `opening(profile, text)` is the message that opens a stream, where that is another than the text itself.
    `addressee(profile, message)` is the id of the stream that a message is for, empty where it names none, for bindings
    whose streams share a connection message by message."""

    name: str
    accept: str
    recognises: Callable[[Opened], str | None]
    decoder: Callable[[Profile, str, Limits], Decoder]
    closes: bool = False
    carrier: Carrier = "http"
    talker: Callable[[Profile, str], Talker] | None = None
    addressee: Callable[[Profile, bytes], str] | None = None
    opening: Callable[[Profile, bytes], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How text may look: colour codes allowed, symbols beyond ASCII allowed."""

    colour: bool = False
    unicode: bool = True


@dataclass(frozen=True, slots=True)
class Renderer:
    """A report: `Run` in, text out."""

    name: str
    sentence: str
    render: Callable[[Run, Style], str]
    style: Style = field(default_factory=Style)


@dataclass(frozen=True, slots=True)
class Wording:
    """Parts of a report for a door that tells one rule at a time: `failure(line)` is a broken rule in full, `missing(
    needs, in_process)` what to add so that these needs are met."""

    failure: Callable[[Line], str]
    missing: Callable[[Sequence[str], bool], str]


@dataclass(frozen=True, slots=True)
class Figures:
    """One account of the target, true at one instant after it was asked for. `seen_by`: `driver` if the target told it,
    `harness` if we looked at its process. `unknown_run`: its witness does not know the stream."""

    seen_by: SeenBy
    values: Mapping[str, int | str]
    unknown_run: bool = False


# -- in process ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Adapter:
    """Makes an object of somebody else fit: `fits(made)` says whether it is ours to wrap, `wrap(made)` gives an object
    with the operations of docs/objects.md. `claims` are the features that no look can show."""

    name: str
    sentence: str
    fits: Callable[[object], bool]
    wrap: Callable[[Any], object]
    claims: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation gave: an item (its text, and the value as it came), the end, or something else."""

    what: Literal["item", "end", "other"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an operation raised, read without importing anybody's exceptions. `end`: it is how this object says end."""

    code: str
    kind: str
    message: str
    end: bool = False


@dataclass(frozen=True, slots=True)
class ObjectDriver:
    """One way to work with objects. `look(name, factory, adapters, claims)` finds what a factory's objects offer, and
    raises `UsageError` where they offer too little; `make(factory, adapters, options)` makes one, `read` and `refusal`
    say what a receive's value or an exception means."""

    name: str
    look: Callable[[str, Callable[..., Any], Sequence[Adapter], frozenset[str]], ObjectTarget]
    make: Callable[[Callable[..., Any], Sequence[Adapter], Mapping[str, int | str]], Any]
    read: Callable[[Any, Any], Answer]
    refusal: Callable[[BaseException], Refusal]
