"""A history: the sealed record of one case, its queries, and its file form.

A file is NDJSON: the header on the first line, one record on each further line. No I/O here: lines in, lines out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 -- typed.build reads our hints at run time
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Event, Record, event_from_json, event_to_json
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import redacted
from streamspec.harness.core.script import Script, Session, script_from_json, script_to_json
from streamspec.harness.core.typed import build

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from streamspec.harness.core.script import Act
    from streamspec.harness.core.steps import Step

VERSION: Final = 1
_COMPACT: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))
T = TypeVar("T")
Kinds = type[Event] | tuple[type[Event], ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a judge must know besides the records."""

    case: str
    scenario: str
    binding: str
    profile: str
    script: Script
    promises: tuple[str, ...] = ()
    declared: Mapping[str, str | int | bool] = field(default_factory=lambda: MappingProxyType({}))
    budgets: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    requests: Mapping[str, Request] = field(default_factory=lambda: MappingProxyType({}))
    seed: int = 0
    started: str = ""
    tool: str = ""
    by_hand: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """A header and its records, in the order in which they were seen. Sealed; answers to costly questions are kept,
    since fifty checks ask them of each of a thousand trials."""

    header: Header
    records: tuple[Record, ...]
    _kept: dict[Hashable, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def kept(self, question: Hashable, answer: Callable[[], T]) -> T:
        """The answer to a question that depends on nothing but this history, asked once."""
        try:
            found: T = self._kept[question]
        except KeyError:
            found = self._kept[question] = answer()
        return found

    def records_of(self, session: str) -> tuple[Record, ...]:
        """The records of one session."""
        return self.kept("by session", self._by_session).get(session, ())

    def _by_session(self) -> dict[str, tuple[Record, ...]]:
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.session, []).append(record)
        return {session: tuple(records) for session, records in found.items()}

    def _session(self, name: str) -> Session | None:
        sessions = self.kept("sessions", lambda: {s.id: s for s in reversed(self.header.script.sessions)})
        return sessions.get(name)

    def sessions(self, *roles: str) -> tuple[str, ...]:
        """Session ids in script order, of the named roles or of all."""
        return tuple(s.id for s in self.header.script.sessions if not roles or s.role in roles)

    def role(self, session: str) -> str:
        """The role whose endpoint this session opened; empty for an unknown session."""
        found = self._session(session)
        return found.role if found else ""

    def of(self, kinds: Kinds, session: str | None = None) -> tuple[Record, ...]:
        """Records whose event is of these types, of one session or of all."""

        def found() -> tuple[Record, ...]:
            by_type = self.kept(("by type", session), lambda: self._by_type(session))
            groups = [records for kind, records in by_type.items() if issubclass(kind, kinds)]
            if len(groups) == 1:
                return groups[0]
            return tuple(sorted((record for records in groups for record in records), key=attrgetter("index")))

        return self.kept((kinds, session), found)

    def _by_type(self, session: str | None) -> dict[type[Event], tuple[Record, ...]]:
        found: dict[type[Event], list[Record]] = {}
        for record in self.records if session is None else self.records_of(session):
            found.setdefault(type(record.event), []).append(record)
        return {kind: tuple(records) for kind, records in found.items()}

    def first(self, kinds: Kinds, session: str) -> Record | None:
        return next(iter(self.of(kinds, session)), None)

    def acts(self, session: str) -> tuple[Act, ...]:
        """What this session was told to do."""
        found = self._session(session)
        return found.acts if found else ()

    def steps(self, session: str) -> tuple[Step, ...]:
        """What the server of this scripted session was told to do."""
        found = self._session(session)
        return found.steps if found else ()

    def options(self, session: str) -> Mapping[str, int | str]:
        """With what this session's object was made."""
        found = self._session(session)
        return found.options if found else MappingProxyType({})

    def declared(self, role: str, attribute: str) -> str | int | bool | None:
        """What the user declared of a role, or None."""
        return self.header.declared.get(f"{role}.{attribute}")


def to_lines(history: History) -> Iterator[str]:
    """The file form, without line ends."""
    yield header_line(history.header, len(history.records))
    for record in history.records:
        yield record_line(record)


def header_line(header: Header, records: int) -> str:
    """The first line; the number of records that follow makes a torn file visible."""
    data = {name: getattr(header, name) for name in ("case", "scenario", "binding", "profile", "seed", "started")}
    data |= {
        "history": VERSION,
        "records": records,
        "script": script_to_json(header.script),
        "promises": list(header.promises),
        "declared": dict(header.declared),
        "budgets": dict(header.budgets),
        "requests": {role: _request_to_json(request) for role, request in header.requests.items()},
        "tool": header.tool,
        "by_hand": header.by_hand,
    }
    return _dump(data)


def record_line(record: Record) -> str:
    return _dump(
        {
            "index": record.index,
            "t_ns": record.t_ns,
            "session": record.session,
            "seen_by": record.seen_by,
            **event_to_json(record.event),
        }
    )


def from_lines(lines: Iterable[str], name: str) -> History:
    """Read the file form back; `name` is the file's, for the message. Raises `UsageError` with the line number."""
    header: Header | None = None
    due = 0
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        try:
            data = json.loads(line)
            if header is None:
                due = data.pop("records")
                header = _header_from_json(data)
            else:
                records.append(_record_from_json(data, len(records)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(f"{name}, line {number}: not a line of a history ({_short(error)})") from error
    if header is None:
        raise UsageError(f"{name}: empty, not a history")
    if len(records) != due:
        raise UsageError(f"{name}: {len(records)} records where {due} are due: the file is torn")
    return History(header, tuple(records))


def _header_from_json(data: dict[str, Any]) -> Header:
    if data.pop("history", None) != VERSION:
        raise ValueError(f"no history of version {VERSION}")
    script = script_from_json(data.pop("script"))
    requests = {role: _request_from_json(request) for role, request in data.pop("requests").items()}
    return build(Header, data, script=script, requests=requests)


def _record_from_json(data: dict[str, Any], expected: int) -> Record:
    index, t_ns, session, seen_by = (data.pop(key) for key in ("index", "t_ns", "session", "seen_by"))
    if index != expected:
        raise ValueError(f"record {index} where {expected} was due")
    where = {"index": index, "t_ns": t_ns, "session": session, "seen_by": seen_by}
    return build(Record, where, event=event_from_json(data))


def _request_to_json(request: Request) -> dict[str, Any]:
    told = redacted(request)
    return asdict(told) | {"body": told.body.decode()}


def _request_from_json(data: dict[str, Any]) -> Request:
    body = data.pop("body")
    return build(Request, data, body=body.encode())


def _dump(data: dict[str, Any]) -> str:
    return _COMPACT.encode(data)


def _short(error: Exception) -> str:
    return str(error)[:120] or type(error).__name__
