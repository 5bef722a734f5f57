"""What rules about time on scripted servers share: from when until when a limit ran, and how a stream ended for its
reader.

Early is exact: a limit cannot begin before we ask. Late counts three times out of three, long after. Here too is how
such histories are written by hand. Never here: a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Failed, Opened, Record
from streamspec.harness.core.rule import unknown
from streamspec.harness.core.written import retold, written
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_ends import ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Finding
    from streamspec.harness.core.script import Session
    from streamspec.harness.core.written import Row

LATE_MS: Final = 3_000  # over a wire, with a control on the same host: so late is no timer of an honest server
_SLACK_MS: Final = 10  # early by less, or by less than one in a hundred, is a matter of clocks
TIMED_OUT: Final = frozenset({"TIMED_OUT", "DEADLINE_EXCEEDED"})


@dataclass(frozen=True, slots=True)
class Limit:
    """A time that a scripted stream was given. It began between our request and the head of its answer."""

    session: str
    ms: int
    asked: Record
    head: Record

    @property
    def slack_ms(self) -> float:
        return max(_SLACK_MS, self.ms / 100)

    @property
    def earliest_ns(self) -> float:
        """Before this it cannot have passed."""
        return self.asked.t_ns + (self.ms - self.slack_ms) * 1e6

    @property
    def latest_ns(self) -> float:
        """From here on it has passed, and long enough ago for everybody to have been told."""
        return self.head.t_ns + (self.ms + LATE_MS) * 1e6

    def after(self, at_ns: float) -> str:
        """How long after the limit this was, at least, for people."""
        return f"{at_ns / 1e6 - self.head.t_ns / 1e6 - self.ms:.0f} ms after the {self.ms} ms that it had"


def limits(h: History, prefix: str, option: str) -> tuple[Limit, ...]:
    """The scripted streams of this kind that were opened, with the limit that they were given."""
    found = []
    for session in streams(h, prefix):
        ms, asked, head = h.options(session).get(option), accounts.asked(h, session), standing.opened(h, session)
        if isinstance(ms, int) and asked and head:
            found.append(Limit(session, ms, asked, head))
    return tuple(found)


def unopened(h: History, *prefixes: str) -> Iterator[Finding]:
    """Why some of these streams cannot tell anything."""
    for session in streams(h, *prefixes):
        if why := standing.not_opened(h, session):
            yield unknown(why, h.first(Opened, session))


@dataclass(frozen=True, slots=True)
class End:
    """How a stream ended for its reader, in one word and in words for people; `code` where a failure showed one."""

    record: Record
    how: Literal["failed", "succeeded", "unclear"]
    shown: str
    code: str = ""


def end_of(h: History, session: str) -> End | None:
    """The target's end of this stream; None while it was open as far as we read."""
    found = ending(h, session)
    if not found.at or found.how == "open":
        return None
    first = found.at[0]
    code = first.event.code if isinstance(first.event, Failed) else ""
    match found.how:
        case "failure":
            return End(first, "failed", code or found.worded, code)
        case "success" | "bare":
            return End(first, "succeeded", found.worded)
        case _:
            return End(first, "unclear", found.worded)


def still_open(h: History, limit: Limit) -> Record | None:
    """What shows that the stream was open when its limit had passed long ago."""
    return next((r for r in standing.expired(h, limit.session) if r.t_ns >= limit.latest_ns), None)


def ends_anyway(h: History, prefix: str) -> Finding | None:
    """A control, without the limit, that ended as well."""
    ends = (end_of(h, session) for session in streams(h, prefix))
    found = next((end for end in ends if end), None)
    return unknown(f"without such a limit it ends as well ({found.shown})", found.record) if found else None


def outcomes(h: History, session: str) -> dict[str, Record]:
    """The terminals that were shown, each with the first record of it."""
    found: dict[str, Record] = {}
    for record in standing.terminals(h, session):
        if isinstance(record.event, Failed):
            found.setdefault(record.event.code or "an error", record)
        elif isinstance(record.event, Completed):
            found.setdefault("the success terminal", record)
    return found


# -- histories written by hand -----------------------------------------------------------------------------------------

CODED: Final[dict[str, str | int | bool]] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "declares.codes": True,
    **{f"tells.{name}.per": "stream" for name in ("ended", "sending", "produced", "called", "terminals")},
    "tells.remaining_ms.per": "stream",
}


def given(
    *rows: Row,
    options: Mapping[str, Mapping[str, int]],
    declared: Mapping[str, str | int | bool] = CODED,
    binding: str = "sse",
) -> History:
    """By hand: a history of scripted streams, each given the options of the first prefix that its name begins with."""

    def of(session: Session) -> Mapping[str, int]:
        return next((given for prefix, given in options.items() if session.id.startswith(prefix)), {})

    h = written(*rows, declared=declared, binding=binding)
    return retold(h, lambda s: replace(s, options=MappingProxyType(dict(of(s)))))
