"""What a request asks for: the flow-control headers and query parameters of the guide, each with its bounds. Pure.

A parameter of the query wins over a header that says the same; what nobody knows is ignored, what is out of bounds is
refused. Never here: a status, a stream, a database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast
from urllib.parse import parse_qsl

from streamspec.reference_impl.accepting import Range, ranges
from streamspec.reference_impl.routing import MOST_FIELDS, Limits, header
from streamspec.reference_impl.services.orders.order import FIELDS, STATUSES, number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.binding import Headers

Records = Literal["typed", "flat"]
OnError = Literal["skip", "stop"]

MOST_BATCH: Final = 1_000  # orders that are read in one go
MOST_BUFFER: Final = 1_000  # records between the database and the connection
MOST_RATE: Final = 100_000  # records in a second, a minute or an hour
LONGEST_BLOCK_S: Final = 600
BEAT_MS: Final = (100, 60_000)
LONGEST_STREAM_MS: Final = 3_600_000
MOST_RECORDS: Final = 1_000_000_000
UNIT_S: Final = (("second", 1), ("minute", 60), ("hour", 3_600))
_MOST_DIGITS: Final = 18
_RATE: Final = re.compile(r"([0-9]{1,6})/(second|minute|hour)")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many records in so many seconds."""

    records: int
    per_s: int = 1

    @property
    def interval_s(self) -> float:
        return self.per_s / self.records

    def __str__(self) -> str:
        return f"{self.records}/{next(unit for unit, seconds in UNIT_S if seconds == self.per_s)}"


@dataclass(frozen=True, slots=True)
class Flow:
    """How fast, how far ahead and how long. `block_timeout_s`: how long one record may wait for a slow reader."""

    buffer: int = 16
    batch: int = 100
    rate: Rate | None = None
    block_timeout_s: int = 30
    heartbeat_ms: int = 15_000
    deadline_ms: int = LONGEST_STREAM_MS

    @property
    def limits(self) -> Limits:
        return Limits(self.deadline_ms / 1000, None, self.block_timeout_s)

    def headers(self, most_streams: int) -> Headers:
        """What an answer says of itself: each of these is kept."""
        return (
            ("x-stream-buffer-size", str(self.buffer)),
            ("x-stream-batch-size", str(self.batch)),
            *(() if self.rate is None else (("x-stream-rate", str(self.rate)),)),
            ("x-stream-buffer-strategy", "block"),
            ("x-stream-block-timeout", f"{self.block_timeout_s}s"),
            ("x-heartbeat-interval", f"{self.heartbeat_ms / 1000:g}"),
            ("x-max-concurrent-streams", str(most_streams)),
        )


@dataclass(frozen=True, slots=True)
class Query:
    """Which orders: those of this status, from this number on, at most so many; None: all there are."""

    status: str | None = None
    first: int = 1
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What an export shows. `progress_every` so many records it says how far it is; 0: never."""

    query: Query
    flow: Flow
    fields: tuple[str, ...]
    records: Records = "typed"
    on_error: OnError = "skip"
    progress_every: int = 100


@dataclass(frozen=True, slots=True)
class Follow:
    """Events behind `after`; None: those that are yet to come. `limit`: it ends after so many."""

    flow: Flow
    after: str | None = None
    limit: int | None = None
    on_error: OnError = "skip"


def export(query: str, headers: Headers, fields: tuple[str, ...]) -> Export:
    """Of a request for an export that shows these fields if it names none. Raises `ValueError`."""
    given = _given(query)
    return Export(
        Query(
            _choice(given, "status", STATUSES) if "status" in given else None,
            _first(given.get("from")),
            _limit(given),
        ),
        _flow(given, headers),
        _fields(given.get("fields"), fields),
        cast("Records", _choice(given, "records", ("typed", "flat"))),
        _on_error(given),
        _number("progress_every", given.get("progress_every"), 100, 0, MOST_RECORDS),
    )


def follow(query: str, headers: Headers) -> Follow:
    """Of a request for events. Raises `ValueError`."""
    given = _given(query)
    # The header comes from a client that reconnects, with the query of its first request.
    after = header(headers, "last-event-id") or given.get("after")
    return Follow(_flow(given, headers), after, _limit(given), _on_error(given))


def accepts(accept: str, kind: str) -> bool:
    """Whether a client takes this media type (RFC 9110 12.5.1): the range that says most decides."""
    if not accept.strip():
        return True
    best = (-1, False)
    for said in ranges(accept):
        if (precision := said.precision(kind)) >= 0:
            best = max(best, (precision, not _is_refused(said)))
    return best[1]


def _is_refused(said: Range) -> bool:
    return bool(said.weights) and re.fullmatch(r"0(\.0{0,3})?", said.weights[0]) is not None


# -- reading -----------------------------------------------------------------------------------------------------------


def _given(query: str) -> Mapping[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS))


def _flow(given: Mapping[str, str], headers: Headers) -> Flow:
    def said(name: str, field: str) -> str | None:
        return given.get(name, header(headers, field) or None)

    usual = Flow()
    rate = said("rate_limit", "x-stream-rate-limit")
    block = said("block_timeout", "x-stream-block-timeout")
    return Flow(
        _number("buffer_size", said("buffer_size", "x-stream-buffer-size"), usual.buffer, 1, MOST_BUFFER),
        _number("batch_size", said("batch_size", "x-stream-batch-size"), usual.batch, 1, MOST_BATCH),
        None if rate is None else _rate(rate),
        usual.block_timeout_s if block is None else _seconds("block_timeout", block, LONGEST_BLOCK_S),
        _number("heartbeat_ms", given.get("heartbeat_ms"), usual.heartbeat_ms, *BEAT_MS),
        _number("deadline_ms", given.get("deadline_ms"), usual.deadline_ms, 1, LONGEST_STREAM_MS),
    )


def _limit(given: Mapping[str, str]) -> int | None:
    text = given.get("limit")
    return None if text is None else _number("limit", text, 0, 1, MOST_RECORDS)


def _number(name: str, text: str | None, default: int, least: int, most: int) -> int:
    if text is None:
        return default
    # int() alone would take "1_000", " 7 " and other scripts' digits.
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and least <= int(text) <= most:
        return int(text)
    raise ValueError(f"{name} must be a whole number from {least} to {most}")


def _seconds(name: str, text: str, most: int) -> int:
    try:
        return _number(name, text.removesuffix("s"), 0, 1, most)
    except ValueError:
        raise ValueError(f"{name} must be a time in seconds from 1s to {most}s") from None


def _rate(text: str) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= MOST_RATE:
        units = ", ".join(unit for unit, _ in UNIT_S)
        raise ValueError(f"rate_limit must be a number from 1 to {MOST_RATE}, a / and one of {units}")
    return Rate(int(found[1]), dict(UNIT_S)[found[2]])


def _choice(given: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of these; the first one where nothing is said."""
    chosen = given.get(name, choices[0])
    if chosen not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return chosen


def _on_error(given: Mapping[str, str]) -> OnError:
    return cast("OnError", _choice(given, "on_error", ("skip", "stop")))


def _first(text: str | None) -> int:
    if text is None:
        return 1
    number = number_of(text)
    if number is None:
        raise ValueError("from must be the id of an order, as in order-17")
    return number


def _fields(text: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return usual
    named = tuple(text.split(","))
    if len(set(named)) < len(named) or not set(named) <= set(FIELDS):
        raise ValueError(f"fields must be some of {','.join(FIELDS)}, each once")
    return named
