"""Histories written by hand: the good and bad examples that every rule carries, and the tests' own.

A row is (session, t_ms, event); a session is named after its role (`finite`, `finite-2`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Closed, Did, Ended, Event, Item, Opened, Record, Told
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Ask, Read, Script, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = tuple[str, float, Event]

TYPES: Final = {"sse": "text/event-stream", "ndjson": "application/x-ndjson", "json_array": "application/json"}
EVENT_STREAM: Final = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"))


def written(
    *rows: Row,
    declared: Mapping[str, str | int | bool] | None = None,
    profile: str = "plain",
    method: str = "GET",
    binding: str = "sse",
    asks: Mapping[str, Ask] | None = None,
) -> History:
    """A history over a binding from rows in the order in which they were seen; `asks` says how a session asked, where
    that was not the usual way."""
    names = dict.fromkeys(session for session, _, _ in rows)
    asked = asks or {}
    sessions = tuple(
        Session(name, name.partition("-")[0], (asked.get(name, Ask()), Read(items=0, budget="look_ms")))
        for name in names
    )
    requests = {s.role: Request(f"http://127.0.0.1:1/{s.role}", method) for s in sessions}
    header = Header(
        case="written",
        scenario="written",
        binding=binding,
        profile=profile,
        script=Script(sessions),
        declared=dict(declared or {}),
        requests=requests,
    )
    records = tuple(
        Record(index, int(t_ms * 1e6), session, "driver", event) for index, (session, t_ms, event) in enumerate(rows)
    )
    return History(header, records)


def retold(h: History, change: Callable[[Session], Session]) -> History:
    """The same history, whose sessions were told something else."""
    sessions = tuple(change(session) for session in h.header.script.sessions)
    return History(replace(h.header, script=Script(sessions)), h.records)


def told(session: str, *events: Event, start_ms: float = 0.0, step_ms: float = 1.0) -> tuple[Row, ...]:
    """Rows of one session whose events come `step_ms` apart."""
    return tuple((session, start_ms + step_ms * n, event) for n, event in enumerate(events))


def head(*headers: tuple[str, str], status: int = 200) -> Opened:
    """The head of an event stream, with these headers instead of the usual ones when given."""
    return Opened(status, "OK", "HTTP/1.1", headers or EVENT_STREAM)


def chunked(binding: str, *headers: tuple[str, str]) -> Opened:
    """The head of a chunked answer of this binding."""
    return head(("Content-Type", TYPES[binding]), ("Transfer-Encoding", "chunked"), *headers)


def upgraded() -> Opened:
    """The answer to a WebSocket handshake."""
    return Opened(101, "Switching Protocols", "HTTP/1.1", (("Upgrade", "websocket"),))


def called(*headers: tuple[str, str]) -> Opened:
    """The head of a gRPC answer."""
    return Opened(200, "", "HTTP/2", (("content-type", "application/grpc"), *headers))


def item(n: int, seq: int | None = None, kind: str = "", mark: str = "", **kept: int | str | bool) -> Item:
    """The n-th item (from 0); its payload counts from 1 unless `seq` says otherwise. `mark` is its id for a resume,
    `kept` the fields that its profile keeps."""
    number = n + 1 if seq is None else seq
    payload = f'{{"n":{number}}}'
    return Item(n, len(payload), f"{number:016x}", payload, 20 * n, kind, number, mark, kept)


def account(asked_ms: float, **values: int | str) -> Told:
    """An account, asked for at this time of the case."""
    return Told(int(asked_ms * 1e6), values)


ASK: Final = Did("ask")
ENDED: Final = Ended("chunked", 100)
EOF: Final = Closed("eof")
RESET: Final = Closed("reset")
CLOSE: Final = (Did("close"), Closed("ours"))
CANCEL: Final = (Did("cancel:rst"), Closed("ours"))
