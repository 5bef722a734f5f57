"""Content types: what a server says that its streams are shown as, and which of them a client gets.

Never here: a stream, an encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.accepting import Range, ranges
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.procedure import check_media_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.reference_impl.services.framework.procedure import Procedure

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
SSE: Final = "text/event-stream"
MOST_RANGES: Final = 32  # of one Accept; what comes after them is not looked at


@dataclass(frozen=True, slots=True)
class ContentTypes:
    """The default is one of the supported. Without a word it is JSON, and nothing else."""

    default: str = JSON
    supported: tuple[str, ...] = (JSON,)

    @classmethod
    def declared(cls, streams: Mapping[str, object]) -> ContentTypes:
        """Of `{"content_types": {"default": .., "supported": [..]}}`, as the document has it. Raises `Misdeclared`."""
        given = _only(streams, "content_types", "contentTypes").get("content_types", {})
        if not isinstance(given, Mapping):
            raise Misdeclared("content types are a default and a list of the supported")
        known = _only(given, "default", "supported")
        default = known.get("default", JSON)
        supported = known.get("supported", (default,))
        if not isinstance(supported, list | tuple):
            raise Misdeclared("the supported content types are a list")
        for media_type in (default, *supported):
            check_media_type(media_type)
        if default not in supported:
            raise Misdeclared(f"the default {default} is not among the supported content types")
        return cls(str(default), tuple(map(str, supported)))

    def of(self, procedure: Procedure) -> ContentTypes:
        """Those of a stream: its own in front, where it has one."""
        own = procedure.content_type
        if own is None:
            return self
        return ContentTypes(own, (own, *(other for other in self.supported if other != own)))

    def over_http(self, procedure: Procedure) -> tuple[str, ...]:
        """What a client may ask for over HTTP: events always, and in front; lines of JSON where they are supported."""
        return (SSE, NDJSON) if NDJSON in self.of(procedure).supported else (SSE,)


def negotiated(accept: str, offered: Iterable[str]) -> str | None:
    """The one of the offered that the field wants most (RFC 9110 12.5.1), the first among equals; None: it wants none.

    A client that sends no such field wants any. What makes no sense in the field is passed over.
    """
    if not accept.strip():
        return next(iter(offered), None)
    known = [(said, weight) for said in islice(ranges(accept), MOST_RANGES) if (weight := _weight(said)) is not None]
    wanted = [(_wanted(media_type, known), media_type) for media_type in offered]
    best = max(wanted, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] > 0 else None


def _weight(said: Range) -> float | None:
    """None of a range that makes no sense."""
    try:
        weights = [float(text) for text in said.weights]
    except ValueError:
        return None
    makes_sense = "/" in said.media and all(0 <= weight <= 1 for weight in weights)
    return (weights[-1] if weights else 1.0) if makes_sense else None


def _wanted(media_type: str, known: Iterable[tuple[Range, float]]) -> float:
    """The weight of the most precise range that covers the type."""
    best = max(((said.precision(media_type), weight) for said, weight in known), default=(-1, 0.0))
    return best[1] if best[0] >= 0 else 0.0


def _only(given: Mapping[str, object], *names: str) -> dict[str, object]:
    """The values by their names here. The document's own spelling is understood."""
    if unknown := next((name for name in given if name not in names), None):
        raise Misdeclared(f"nobody knows what {unknown!r} means; what is known: {', '.join(names)}")
    return {"content_types" if name == "contentTypes" else name: value for name, value in given.items()}
