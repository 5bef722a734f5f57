"""The standing conditions of the rule book, in one place: what may be held against a target at all.

1. Own end: nothing is held against a stream after we closed, cancelled or cut it. 2. Framing ends a message, not EOF;
an RST before the end may destroy delivered octets. 3. We never half-close. 4. (Proxies: later.) 5. A late budget counts
only three times out of three, and never while our own loop lagged. 6. The cause, once: a precondition that is not
met is `unknown`, not broken. Pure questions to a history; each has a test in which an honest server gets no FAIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import REFUSED
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Elided,
    Ended,
    Expired,
    Failed,
    Item,
    Lagged,
    Meta,
    Opened,
    Record,
    Refused,
    content_coding,
)
from streamspec.harness.core.script import CUT, LOST, Ask

if TYPE_CHECKING:
    from streamspec.harness.core.case import Control
    from streamspec.harness.core.history import History, Kinds

_PAGES: Final = frozenset({"sse.field", "ndjson.not-json", "array.none"})  # and no item: something else came
TERMINALS: Final = (Completed, Failed)
_NO_ROOM: Final = (503, "UNAVAILABLE")  # RFC 9110 §15.6.4; the contract's codes
_OWN_ENDS: Final = ("cancel:rst", "cancel:fin", "cancel:word", "close", "enough")
_OF_OUR_PROXY: Final = (CUT, LOST)


def own_end(h: History, session: str) -> int:
    """The index of the record with which we ended this session; beyond all records when we did not."""
    for record in h.of(Did, session):
        if isinstance(record.event, Did) and _is_own_end(record.event.act):
            return record.index
    return len(h.records)


def _is_own_end(act: str) -> bool:
    return act in _OWN_ENDS or act.startswith(_OF_OUR_PROXY)


def theirs(h: History, kinds: Kinds, session: str) -> tuple[Record, ...]:
    """Records of these kinds that the target made before any end of ours (condition 1)."""
    found = h.of(kinds, session)
    limit = own_end(h, session) if found else 0
    return found if not found or found[-1].index < limit else tuple(r for r in found if r.index < limit)


def opened(h: History, session: str) -> Record | None:
    """The head of this session's answer, if the target opened a stream that we can read: status 2xx, not 204 (which
    has no body), no content coding but one that we offered to read."""
    record = h.first(Opened, session)
    if not record or not isinstance(record.event, Opened):
        return None
    if (coding := content_coding(record.event)) and coding not in offered(h, session):
        return None
    return record if record.event.accepted and record.event.status != 204 else None


def ask_of(h: History, session: str) -> Ask:
    """How this session asked."""
    return next((act for act in h.acts(session) if isinstance(act, Ask)), Ask())


def offered(h: History, session: str) -> tuple[str, ...]:
    """The content codings that this session offered to read, beside none at all."""
    return tuple(word.strip() for word in ask_of(h, session).coding.split(",") if word.strip())


def coded(h: History, session: str) -> str:
    """The content coding of this session's stream; empty for none."""
    record = opened(h, session)
    return content_coding(record.event) if record and isinstance(record.event, Opened) else ""


def unusual(h: History, session: str) -> str:
    """How we asked, where that was not as anybody asks for a stream: `malformed`, with another `method`, in HTTP `1.0`,
    or for what is to be `refused`. What is answered is evidence about that, and none about streams."""
    if h.role(session) in REFUSED:
        return "refused"
    acts = (r.event.act for r in h.of(Did, session) if isinstance(r.event, Did))
    return next((act.partition(":")[2] for act in acts if act.startswith("ask:")), "")


def usual(h: History) -> tuple[str, ...]:
    """The sessions that asked as anybody asks for a stream."""
    return tuple(session for session in h.sessions() if not unusual(h, session))


def streams(h: History, session: str) -> Record | None:
    """What shows that this answer is a stream: its first item, or a body that stayed open while we waited. A page
    that is labelled as a stream shows neither."""
    if not opened(h, session):
        return None
    if not h.first(Item, session) and any(
        isinstance(r.event, Deviation) and r.event.code in _PAGES for r in h.of(Deviation, session)
    ):
        return None  # something else came, and no item: a page left open
    return h.first(Item, session) or (next(iter(expired(h, session)), None) if not whole(h, session) else None)


def not_opened(h: History, session: str) -> str:
    """Why there is no stream to look at, in words; empty when there is one."""
    if opened(h, session):
        return ""
    role = h.role(session)
    if (record := h.first(Opened, session)) and isinstance(record.event, Opened):
        coding = content_coding(record.event)
        coding = "" if coding in offered(h, session) else coding
        return f"{role} answered {record.event.status}{f' in Content-Encoding {coding}' if coding else ''}"
    if (record := h.first(Refused, session)) and isinstance(record.event, Refused):
        return f"{role} was not answered ({record.event.why})"
    if (record := h.first(Expired, session)) and isinstance(record.event, Expired):
        return f"{role} sent no whole head in {record.event.after_ms:g} ms"
    return f"{role} was not asked" if not h.of(Did, session) else f"{role} was not answered"


def says_no_in_band(opened: Opened) -> bool:
    """Whether a stream that is refused before it begins has no status of its own for that: over a carrier of messages,
    and in gRPC, whose refusal is a failure with nothing before it."""
    return opened.status in {0, 101} or opened.essence.startswith("application/grpc")


def refusal(h: History, session: str) -> Record | None:
    """What shows that a stream was refused before it began: a status of 400 or more, or a failure with neither a start
    nor an item ahead of it."""
    answer = h.first(Opened, session)
    if not answer or not isinstance(answer.event, Opened):
        return None
    if answer.event.status >= 400:
        return answer
    failed = h.first(Failed, session)
    if failed is None or not says_no_in_band(answer.event):
        return None
    begun = (r for r in h.of((Item, Meta), session) if not isinstance(r.event, Meta) or r.event.kind == "start")
    first = next(begun, None)
    return failed if first is None or first.index > failed.index else None


def is_full(h: History, session: str) -> bool:
    """Whether this stream was refused because there is no room for it now, as far as a server has a word for that."""
    match refusal(h, session):
        case Record(event=Opened(status=word) | Failed(code=word)):
            return word in _NO_ROOM
        case _:
            return False


def served_as(h: History, control: Control, session: str) -> Record | None:
    """The head of this session's answer when it is of the control's kind, with an item if the control had one."""
    record = opened(h, session)
    if not record or not isinstance(record.event, Opened):
        return None
    if (record.event.status, record.event.essence) != (control.status, control.essence):
        return None
    return record if h.first(Item, session) or not control.items else None


def items(h: History, session: str) -> tuple[Record, ...]:
    """Every item of the session before any end of ours, in order."""
    return theirs(h, Item, session)


def seen_whole(h: History, session: str) -> bool:
    """Whether the recorder wrote every event of the session: an elided span is no evidence."""
    return not any(r.event.what != "Heartbeat" for r in h.of(Elided, session) if isinstance(r.event, Elided))


def whole(h: History, session: str) -> Record | None:
    """The record that shows the message ended whole by its framing, before any end of ours (condition 2)."""
    return next(iter(theirs(h, Ended, session)), None)


def reset(h: History, session: str) -> Record | None:
    """The record of a reset by the target before its message was whole: items sent just before it may be lost, and
    after the end it says nothing (condition 2)."""
    if whole(h, session):
        return None
    return next(
        (r for r in theirs(h, Closed, session) if isinstance(r.event, Closed) and r.event.how == "reset"),
        None,
    )


def cut(h: History, session: str) -> Record | None:
    """The record of an end by the target that its framing did not announce (a clean close inside a message)."""
    if whole(h, session):
        return None
    return next((r for r in theirs(h, Closed, session) if isinstance(r.event, Closed) and r.event.how == "eof"), None)


def terminals(h: History, session: str) -> tuple[Record, ...]:
    """Its ends before any end of ours. Where we said something out of order under its id, a failure behind which the
    stream goes on was the answer to that, and no end (condition 1): some dialects have one word for both."""
    found = theirs(h, TERMINALS, session)
    since = h.kept("out of order", lambda: _out_of_order(h)).get(session) if found else None
    if since is None:
        return found
    last = theirs(h, (Item, *TERMINALS), session)[-1].index
    return tuple(r for r in found if not isinstance(r.event, Failed) or not since < r.index < last)


def is_doubled(h: History, session: str) -> bool:
    """Whether we asked for a second stream under the id of this one: what comes under it may be of either."""
    return session in h.kept("doubled", lambda: frozenset(_under(h, other) for other in h.sessions()))


def _under(h: History, session: str) -> str:
    """The stream under whose id this session asks for a second one; empty where it does no such thing."""
    ask = ask_of(h, session)
    return ask.same or (session if ask.twice else "")


def _out_of_order(h: History) -> dict[str, int]:
    """Where we first said something out of order under the id of a stream, by session: octets of our own making, or a
    second start."""
    found: dict[str, int] = {}
    for record in h.of(Did):
        act = record.event.act if isinstance(record.event, Did) else ""
        under = record.session if act.startswith("write:") else ""
        if act.startswith("ask"):
            under = _under(h, record.session)
        if under:
            found.setdefault(under, record.index)
    return found


def expired(h: History, session: str, *budgets: str) -> tuple[Record, ...]:
    """Budgets that ran out before any end of ours, unless our own loop stood still for half of one (condition 5)."""
    found = []
    for record in theirs(h, Expired, session):
        if isinstance(record.event, Expired) and (not budgets or record.event.budget in budgets):
            waited_ms = record.event.after_ms
            if not lagged(h, record.t_ns - waited_ms * 1e6, record.t_ns, waited_ms / 2):
                found.append(record)
    return tuple(found)


def lagged(h: History, start_ns: float, end_ns: float, least_ms: float) -> Record | None:
    """A stall of our own loop of at least `least_ms` that touches this span (condition 5)."""
    for record in h.of(Lagged):
        if not isinstance(record.event, Lagged) or not record.event.ms >= least_ms:
            continue
        began_ns = record.t_ns - record.event.ms * 1e6
        if began_ns <= end_ns and record.t_ns >= start_ns:
            return record
    return None
