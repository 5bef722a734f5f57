"""What can be seen of a stream: the closed union `Event`, and `Record`, an event with its place and time.

Only drivers, transports and the recorder make events; nothing here does I/O, and no event judges. Offsets count
octets from 0: of the body with transfer coding removed (what `curl -N` prints) for everything a binding's grammar
sees, of the raw response from the first octet of its status line where a deviation's layer is `head` or `framing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from streamspec.harness.core.typed import build


def _nothing() -> Mapping[str, int | str | bool]:
    return MappingProxyType({})


# -- wire ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """The head of an answer was read whole. `headers` keep their order and spelling."""

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


# Every way in which octets can leave a grammar, with the sentence a report prints. The list is closed: a decoder
# says what it saw, a rule says what that means.
DEVIATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # head: RFC 9112 §2 to §5, RFC 9110 §5
        "head.bare-lf": "a header line ends with LF alone",
        "head.obs-fold": "a header value is folded over several lines",
        "head.no-colon": "a header line has no colon",
        "head.name": "a header name has an octet that is no token character",
        "head.value": "a header value has a control octet",
        "head.length-and-coding": "Content-Length and Transfer-Encoding stand together",
        "head.lengths-differ": "several Content-Length values differ",
        "head.length-invalid": "Content-Length is not a plain decimal number",
        "head.coding-unknown": "the transfer coding is not one we can remove",
        # framing: RFC 9112 §6 to §8
        "chunk.size": "a chunk size is not hexadecimal digits",
        "chunk.bare-lf": "a chunk line ends with LF alone",
        "chunk.data-end": "chunk data is not followed by CRLF",
        "chunk.line-too-long": "a chunk line is longer than our limit",
        "chunk.trailer": "a trailer line is malformed",
        "chunk.trailers-too-long": "trailers are longer than our limit",
        "chunk.no-last": "the connection ended inside a chunked body, before its end",
        "body.short": "the connection ended before Content-Length octets came",
        "body.excess": "octets came after the end of the message, with no request pending",
        # event stream: HTML §9.2.5, §9.2.6
        "sse.utf8": "a line is not valid UTF-8",
        "sse.bom": "a byte order mark stands at the start of a line other than the first",
        "sse.unterminated": "the stream ended inside an event block that carries data",
        "sse.field": "a field name is none of data, event, id, retry",
        "sse.id-nul": "an id contains NUL",
        "sse.retry": "a retry value is not digits",
        "sse.line-too-long": "a line is longer than our limit",
        "sse.event-too-long": "an event is longer than our limit",
        "sse.data-too-deep": "an item's JSON nests deeper than our limit",
        "sse.data-not-json": "an item's data is not one RFC 8259 text, and the profile says it is JSON",
        # newline-delimited JSON: ndjson-spec §3.1
        "ndjson.not-json": "a line is not one RFC 8259 text",
        "ndjson.spread": "one JSON text stands on several lines",
        "ndjson.inner-cr": "a raw CR stands inside a line",
        "ndjson.utf8": "a line is not valid UTF-8",
        "ndjson.bom": "a byte order mark stands at the start of a line",
        "ndjson.crlf": "a line ends with CR LF",
        "ndjson.empty-line": "a line is empty",
        "ndjson.unterminated": "the body ended without a line end after its last text",
        "ndjson.line-too-long": "a line is longer than our limit",
        "ndjson.too-deep": "a line's JSON nests deeper than our limit",
        # one JSON array: RFC 8259 §5
        "array.none": "the body is no JSON array",
        "array.element": "an element is not one RFC 8259 text",
        "array.separator": "elements are not separated by one comma",
        "array.utf8": "the array is not valid UTF-8",
        "array.bom": "a byte order mark stands before the array",
        "array.open": "the body ended before the array was closed",
        "array.excess": "octets that are no blanks came after the end of the array",
        "array.element-too-long": "an element is longer than our limit",
        "array.too-deep": "an element nests deeper than our limit",
        # legal JSON that readers read differently: RFC 8259 §4, §6
        "json.duplicate-name": "a name stands twice in one object",
        "json.huge-number": "a number is beyond what a double holds exactly",
        # content coding: RFC 9110 §8.4, RFC 1952
        "coding.invalid": "the body is not in the coding that its head names",
        "coding.cut": "the body ended before the end of its coding",
        "coding.too-large": "the decoded body is larger than our limit",
    }
)


_OF_THE_BODY: Final = frozenset({"sse", "ndjson", "array", "json", "coding"})


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
        return "of the body" if self.code.partition(".")[0] in _OF_THE_BODY else "of the response"


def content_coding(opened: Opened) -> str:
    """The coding of the body as its head names it; empty for none (RFC 9110 §8.4)."""
    coding = (opened.header("content-encoding") or "").strip().lower()
    return "" if coding == "identity" else coding


Framing = Literal["chunked", "length", "close", "none"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The message is whole by its own framing (RFC 9112 §8); `size` counts body octets."""

    framing: Framing
    size: int


ClosedHow = Literal["eof", "reset", "ours"]


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is gone: the target's FIN, the target's RST (or another transport error), or our own act."""

    how: ClosedHow
    detail: str = ""


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
    `ask:credentials`), `enough` (its limit), `cancel:rst`, `cancel:fin`, `close`, `stop`, `open:NAME` (a gate),
    `poison:TOXIC …`, `heal`; and what our proxy did by it: `cut:TOXIC` (an end), `lost:TOXIC` (what came since)."""

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
