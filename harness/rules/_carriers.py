"""What rules about WebSocket and length-framed TCP ask of a history: whose connection it is, what we wrote on it, and
what answered that.

Streams may share a connection; whatever is not for one of them is written down with the one that opened it. Here too is
how such histories are written by hand. Never here: a rule.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Expired,
    Failed,
    Farewell,
    Heartbeat,
    Item,
    Meta,
    Opened,
    Pong,
    Record,
)
from streamspec.harness.core.rule import Finding, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.written import written
from streamspec.harness.rules._connections import sharing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History, Kinds
    from streamspec.harness.core.script import Direction
    from streamspec.harness.core.steps import Step
    from streamspec.harness.core.written import Row

TIMES: Final = 3  # what is late, or may have any cause, counts only three times out of three
SWITCHED: Final = 101
CLOSE: Final = "ws-close"  # our Close frame, the one thing that we write and that is in order
ERROR: Final = "error"  # the type of a message about a message (docs/contract.md)
_SHOWN: Final = (Item, Completed, Failed, Heartbeat, Meta)
_WRITE: Final = "write:"


# -- connections -------------------------------------------------------------------------------------------------------


def connections(h: History) -> Iterator[str]:
    """The sessions that opened a connection of their own, and asked as anybody asks for a stream."""
    for session in h.sessions():
        if not standing.ask_of(h, session).on and not standing.unusual(h, session):
            yield session


def switched(h: History, session: str) -> Record | None:
    """The answer that made this connection one of WebSocket."""
    record = standing.opened(h, session)
    if record and isinstance(record.event, Opened) and record.event.status == SWITCHED:
        return record
    return None


def why_not(h: History, session: str) -> str:
    """Why there is nothing to look at, in words."""
    return standing.not_opened(h, session) or "it was answered, and not with the switch to WebSocket"


def on_link(h: History, kinds: Kinds, session: str) -> tuple[Record, ...]:
    """The records of these kinds that the target made on the connection of this session, before we ended it."""
    found = [record for other in sharing(h, session) for record in standing.theirs(h, kinds, other)]
    return tuple(sorted(found, key=lambda record: record.index))


# -- what we wrote, and what came of it --------------------------------------------------------------------------------


def wrote(h: History, session: str, *names: str) -> tuple[Record, ...]:
    """Where this session wrote octets of these names; of any name when none is given."""
    acts = {f"{_WRITE}{name}" for name in names}
    written_ = (r for r in h.of(Did, session) if isinstance(r.event, Did) and r.event.act.startswith(_WRITE))
    return tuple(r for r in written_ if isinstance(r.event, Did) and (not acts or r.event.act in acts))


def name_of(record: Record) -> str:
    """What was written here."""
    return record.event.act.removeprefix(_WRITE) if isinstance(record.event, Did) else ""


def blameless(h: History, session: str, before: Record | None = None) -> bool:
    """Whether all that we had said on this connection was in order."""
    writes = [r for other in sharing(h, session) for r in wrote(h, other) if name_of(r) != CLOSE]
    return not any(before is None or r.index < before.index for r in writes)


def after(found: Sequence[Record], record: Record) -> tuple[Record, ...]:
    return tuple(r for r in found if r.index > record.index)


def their_end(h: History, session: str, since: Record) -> Record | None:
    """The target's end of the connection after this record: its Close frame, its FIN, its RST."""
    ends = after(on_link(h, (Farewell, Closed), session), since)
    return next((r for r in ends if not isinstance(r.event, Closed) or r.event.how != "ours"), None)


def is_reset(end: Record) -> bool:
    """Whether this end is an RST: what was sent just before may be lost (standing condition 2)."""
    return isinstance(end.event, Closed) and end.event.how == "reset"


def shown(h: History, session: str) -> Record | None:
    """The first message that came on this stream."""
    return h.first(_SHOWN, session)


def reads(h: History, session: str, before: Record) -> Record | None:
    """What shows that the target reads messages of ours: it answered the one that opened this stream. A stream that
    begins with its connection shows nothing of that."""
    request = h.header.requests.get(h.role(session))
    first = shown(h, session)
    return first if request and request.body and first and first.index < before.index else None


def later_answer(h: History, session: str, since: Record) -> tuple[Record, Record] | None:
    """A stream that was opened on the same connection after this record, and the first thing that came of it: the
    target had read what stands before its opening."""
    for other in sharing(h, session):
        ask = next((r for r in h.of(Did, other) if isinstance(r.event, Did) and r.event.act == "ask"), None)
        answer = shown(h, other)
        if standing.ask_of(h, other).on and ask and answer and since.index < ask.index < answer.index:
            return ask, answer
    return None


def answer_to(h: History, session: str, write: Record) -> Record | None:
    """What can only be the answer to something that is no message in order: an error, or an end of the connection."""
    for record in after(on_link(h, (Meta, Failed, Deviation, Farewell, Closed), session), write):
        match record.event:
            case Meta(kind):
                told = kind == ERROR
            case Deviation(code):
                told = code in {"envelope.id", "envelope.type"}  # it is about nothing that we had opened
            case Closed(how):
                told = how != "ours"
            case _:
                told = True
        if told:
            return record
    return None


def silent(h: History, session: str, write: Record) -> Record | None:
    """The record with which a whole budget was over after this one, on a connection that stayed."""
    ran_out = after(standing.expired(h, session), write)
    return ran_out[-1] if ran_out and not their_end(h, session, write) else None


# -- three out of three ------------------------------------------------------------------------------------------------


def each_time(found: Sequence[Finding], what: str) -> Iterator[Finding]:
    """What is broken counts when it is so every time, and three times at least; else what was seen is told."""
    hurt = [finding for finding in found if finding.stance == "broken"]
    if hurt and len(hurt) == len(found) >= TIMES:
        yield from hurt
    elif hurt:
        yield unknown(f"{what} {len(hurt)} of {len(found)} times")
    else:
        yield from found


# -- histories written by hand -----------------------------------------------------------------------------------------

UPGRADE: Final = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "as it is due"))
WS: Final = Opened(SWITCHED, "Switching Protocols", "HTTP/1.1", UPGRADE)
TCP: Final = Opened(0, "", "TCP", ())
STARTED: Final = Meta("start")
_OPENING: Final = b'{"id":{id},"type":"stream:start"}'


def carried(
    *rows: Row,
    binding: str = "ws",
    asks: Mapping[str, Ask] | None = None,
    declared: Mapping[str, str | int | bool] | None = None,
    opening: bytes = _OPENING,
    steps: Sequence[Step] = (),
    direction: Direction = "server",
) -> History:
    """A history over such a binding; its streams are opened by this message, its scripted sessions told these steps."""
    terms: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": True}
    h = written(*rows, declared=terms | dict(declared or {}), profile="streamspec", binding=binding, asks=asks)
    requests = {role: replace(request, body=opening) for role, request in h.header.requests.items()}
    sessions = tuple(
        replace(s, steps=tuple(steps), direction=direction) if s.role == SCRIPT else s for s in h.header.script.sessions
    )
    script = replace(h.header.script, sessions=sessions)
    return replace(h, header=replace(h.header, requests=requests, script=script))


def writes(name: str) -> Did:
    return Did(_WRITE + name)


def waited(budget: str = "look_ms", after_ms: float = 2_000) -> Expired:
    return Expired(budget, after_ms)


def over(*events: Event) -> tuple[Event, ...]:
    """The target's own end of a WebSocket connection, behind these events."""
    return (*events, Farewell(1000), Closed("eof"))


PONG: Final = Pong("1")
TORN: Final = Closed("reset", "Connection reset by peer")
EOF: Final = Closed("eof")
