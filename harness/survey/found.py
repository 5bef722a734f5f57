"""What a survey speaks of: methods, who uses their streams in Go code, and what could not be read.

Pure data. Never here: how any of it is found, or shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["unary", "server", "client", "bidi", "unknown"]
Origin = Literal["proto", "reflection", "generated", "go"]
Side = Literal["server", "client"]

ORIGINS: Final[tuple[Origin, ...]] = ("proto", "reflection", "generated", "go")  # whom to believe, the first one first
EXACT: Final[tuple[Origin, ...]] = ORIGINS[:-1]  # those that declare a kind; from plain Go code it is inferred


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: a file below what was asked for, and a line from 1 (0 where there are no lines)."""

    file: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Method:
    """A method as one place shows it. `service` is its full name, or what is known of it; `go_name` what Go code calls
    the method in the names of its stream types, empty where that follows from the other two."""

    service: str
    name: str
    kind: Kind
    request: str
    response: str
    origin: Origin
    place: Place
    go_name: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """`stream.Recv` at this line; `apart` where it stands in a goroutine of its own."""

    name: str
    line: int
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """A function of Go code that has a stream in its hands, and what it calls on it. `go_name` is the method as the
    stream's type names it (`Orders_List`), `method` the name alone where no more is known, `kind` what its types say;
    `handles` where the function is the method itself."""

    place: Place
    function: str
    receiver: str
    side: Side | None
    calls: tuple[Call, ...]
    go_name: str = ""
    method: str = ""
    kind: Kind = "unknown"
    handles: bool = False
    request: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What could not be read, or was left out, and why."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A method with every place that shows it: `methods` are never empty, whom to believe comes first."""

    service: str
    name: str
    kind: Kind
    methods: tuple[Method, ...]
    uses: tuple[Use, ...] = ()
    request: str = ""
    response: str = ""

    @property
    def full_name(self) -> str:
        """`shop.v1.Orders/List`; only the method where nothing is known of its service."""
        return f"{self.service}/{self.name}" if self.service else self.name

    @property
    def exact(self) -> bool:
        """Whether its kind is declared somewhere; else it was inferred from calls."""
        return self.methods[0].origin in EXACT

    @property
    def streams(self) -> bool:
        return self.kind != "unary"


@dataclass(frozen=True, slots=True)
class Survey:
    """All that was found: `uses` are those that belong to no method that is known, `files` how many were read."""

    source: str
    methods: tuple[Listed, ...]
    uses: tuple[Use, ...] = ()
    notes: tuple[Note, ...] = ()
    files: int = 0


def kind_of(*, client_streams: bool, server_streams: bool) -> Kind:
    """The kind of a declared method."""
    if client_streams:
        return "bidi" if server_streams else "client"
    return "server" if server_streams else "unary"
