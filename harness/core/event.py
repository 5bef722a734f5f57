"""What can be seen of a stream: the closed union `Event`, and `Record`, an event with its place and time.

Only drivers, transports and the recorder make events; nothing here does I/O, and no event judges. Offsets count
octets from 0: of the body with transfer coding removed (what `curl -N` prints) for everything a binding's grammar
sees, of the raw response from the first octet of its status line where a deviation's layer is `head` or `framing`,
and of all that came over the connection behind its handshake where the carrier moves messages or frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from streamspec.harness.core.deviations import DEVIATIONS, PLACES
from streamspec.harness.core.typed import build


def _nothing() -> Mapping[str, int | str | bool]:
    return MappingProxyType({})


# -- wire ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """The head of an answer was read whole. `headers` keep their order and spelling. Over WebSocket it is the answer to
    the handshake (101); length-framed TCP has no head, and `status` 0 says that the connection stands."""

    status: int
    reason: str
    version: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """The field's value, several lines joined with `, ` (RFC 9110 §5.3); None when absent."""
        wanted = name.lower()
        values = [value for key, value in self.headers if key.lower() == wanted]
        return ", ".join(values) if values else None

    @property
    def essence(self) -> str:
        """The media type without parameters, lower case; empty when there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def accepted(self) -> bool:
        """Whether what was asked for begins: 2xx, the switch to WebSocket, a connection without a head."""
        return 200 <= self.status < 300 or self.status in {0, 101}


RefusedWhy = Literal["unresolved", "refused", "unreachable", "tls", "closed", "reset", "not-http", "too-long"]


@dataclass(frozen=True, slots=True)
class Refused:
    """No stream was opened: `why` is a closed list, `detail` is for people."""

    why: RefusedWhy
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the stream. `n` counts from 0 in arrival order; `sha` and `size` are of the whole payload, `prefix` a
    bounded, escaped beginning of it; `seq` is the value of the field that the target declared as counting, `id` the id
    that the item itself carries for a resume, `kept` the scalar fields that the profile keeps."""

    n: int
    size: int
    sha: str
    prefix: str
    offset: int
    kind: str = ""
    seq: int | None = None
    id: str = ""
    kept: Mapping[str, int | str | bool] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Completed:
    """The profile's success terminal, or the binding's own (the `]` of an array)."""

    offset: int = 0
    kept: Mapping[str, int | str | bool] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Failed:
    """The profile's error terminal. `code` is empty when the record carried none; `prefix` is its bounded payload."""

    code: str = ""
    message: str = ""
    prefix: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life that is no item (an SSE comment)."""

    offset: int = 0


@dataclass(frozen=True, slots=True)
class Meta:
    """A record the profile names as neither item nor terminal."""

    kind: str = ""
    offset: int = 0
    kept: Mapping[str, int | str | bool] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Octets outside a grammar. `code` is a key of `DEVIATIONS`; the layer is the code's first word."""

    code: str
    offset: int
    detail: str = ""

    @property
    def sentence(self) -> str:
        return DEVIATIONS[self.code]

    @property
    def place(self) -> str:
        """Which octets `offset` counts, in words for a report."""
        return PLACES.get(self.code.partition(".")[0], "of the response")


def content_coding(opened: Opened) -> str:
    """The coding of the body as its head names it; empty for none (RFC 9110 §8.4)."""
    coding = (opened.header("content-encoding") or "").strip().lower()
    return "" if coding == "identity" else coding


Framing = Literal["chunked", "length", "close", "none", "end-stream", "envelope", "close-frame"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The message is whole by its own framing (RFC 9112 §8); `size` counts body octets. Over HTTP/2 END_STREAM says so,
    of a stream in envelopes its terminal, of one that has a WebSocket to itself a Close frame (1000, or without a
    code); `close` where the connection ended between two messages, and nothing said why."""

    framing: Framing
    size: int


ClosedHow = Literal["eof", "reset", "ours"]


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is gone: the target's FIN, the target's RST (or another transport error), or our own act. Where a
    connection carries several streams it is this stream that is gone, by a reset of its own; `code` is the number that
    came with it (RST_STREAM, RFC 9113 §7), -1 without one."""

    how: ClosedHow
    detail: str = ""
    code: int = -1


@dataclass(frozen=True, slots=True)
class Trailers:
    """The fields behind a body (RFC 9110 §6.5), in their order and spelling."""

    fields: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str | None:
        """The first value of that name, which HTTP/2 spells in lower case; None when absent."""
        return next((value for key, value in self.fields if key == name), None)


@dataclass(frozen=True, slots=True)
class Farewell:
    """The target says goodbye in the carrier's own word: a WebSocket Close frame, an HTTP/2 GOAWAY. `code` is -1 where
    it has none."""

    code: int = -1
    reason: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to our ping (WebSocket, HTTP/2), with what it carried."""

    data: str = ""
    offset: int = 0


# -- what we said, where streams go both ways --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """`n` items in all, of `bytes` octets in all, have been handed to the system on this stream by now. It says nothing
    of what the target has taken."""

    n: int
    bytes: int


# -- in process --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Called:
    """An operation of an object was begun. `call` numbers the calls of a session from 0; `by` is who called (each
    caller has at most one call open), `arg` what was handed over, as text."""

    call: int
    op: str
    by: str
    arg: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """The call came back. `value` is the item's text, `end`, or what else it answered."""

    call: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """The call raised: `code` is the exception's own `code` by name, empty when it has none; `kind` its type."""

    call: int
    code: str
    kind: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing moves any more. `exact` in virtual time: whatever is still open waits for somebody. With threads it only
    means quiet for `settle_ms`; callers in `late` were due to get through and did not within `moves_ms`."""

    exact: bool = True
    late: tuple[str, ...] = ()


# -- accounts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """Figures the target gives of itself, or we take of it. True at one instant between `asked_ns` and the record's
    time, in nanoseconds from the start of the case."""

    asked_ns: int
    values: Mapping[str, int | str]


# -- our acts, and what we must admit ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Did:
    """Something the driver did: `ask` (in an unusual way `ask:malformed`, `ask:method`, `ask:script`, `ask:1.0`,
    `ask:credentials`), `enough` (its limit), `cancel:rst`, `cancel:fin`, `cancel:word` (the binding's own word for it),
    `close`, `stop`, `open:NAME` (a gate), `say` (items of ours begin), `finish` (our half-close), `finish:fin` (one for
    the whole connection), `ping`, `write:NAME` (octets outside any grammar), `poison:TOXIC …`, `heal`; and what our
    proxy did by it: `cut:TOXIC` (an end), `lost:TOXIC` (what came since)."""

    act: str


@dataclass(frozen=True, slots=True)
class Expired:
    """A budget ran out while we waited; `budget` is its name, `after_ms` its scaled length."""

    budget: str
    after_ms: float


@dataclass(frozen=True, slots=True)
class Lagged:
    """Our own loop stood still for this long: timing near this record is no evidence."""

    ms: float


@dataclass(frozen=True, slots=True)
class Elided:
    """The recorder's limit: `n` events of this kind (`bytes` octets) were seen and not written."""

    what: str
    n: int
    bytes: int = 0


Event = (
    Opened
    | Refused
    | Item
    | Completed
    | Failed
    | Heartbeat
    | Meta
    | Deviation
    | Ended
    | Closed
    | Trailers
    | Farewell
    | Pong
    | Said
    | Called
    | Returned
    | Raised
    | Settled
    | Told
    | Did
    | Expired
    | Lagged
    | Elided
)
EVENTS: Final[Mapping[str, type[Event]]] = MappingProxyType({kind.__name__: kind for kind in get_args(Event)})
# Asked once for each type: a run writes down a hundred thousand events.
_FIELDS: Final[Mapping[type[Event], tuple[str, ...]]] = MappingProxyType(
    {kind: tuple(f.name for f in fields(kind)) for kind in EVENTS.values()}
)

SeenBy = Literal["driver", "harness"]


@dataclass(frozen=True, slots=True)
class Record:
    """An event in its history. `t_ns` is monotonic, from the start of the case, stamped on receipt."""

    index: int
    t_ns: int
    session: str
    seen_by: SeenBy
    event: Event


def event_to_json(event: Event) -> dict[str, Any]:
    """The event as JSON-able data, its type under `event`."""
    told: dict[str, Any] = {"event": type(event).__name__}
    for name in _FIELDS[type(event)]:
        value = getattr(event, name)
        told[name] = dict(value) if isinstance(value, Mapping) else value
    return told


def event_from_json(data: Mapping[str, Any]) -> Event:
    """The inverse of `event_to_json`. Raises `ValueError` for an unknown type or code, `TypeError` for wrong fields."""
    values = dict(data)
    name = values.pop("event", None)
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"unknown event {name!r}")
    event = build(kind, values)
    if isinstance(event, Deviation) and event.code not in DEVIATIONS:
        raise ValueError(f"unknown deviation {event.code!r}")
    return event
