"""Roles that stay silent: who has waited long enough for their items asks them no more in this run, or for less time.

A role that is declared to send and does not would be waited for in every case anew: minutes that show nothing. It takes
one item (of an empty stream its end) to be forgiven. Never here: a verdict, or traffic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.script import LOOK, OBJECT, SCRIPT, Read, Script, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY: Final = "empty"  # the one role whose silence may be all that it owes: what it may not do is stay open
# Looks are how a case begins, and a script may be told to be silent.
_NEVER_TIRED: Final = frozenset({LOOK, OBJECT, SCRIPT})
_ONCE_MORE: Final = "once_more_ms"
_GLANCE: Final = "lasting_ms"  # of a look at a target that has sent nothing anywhere


@dataclass(slots=True)
class Silence:
    """For how many milliseconds streams of each role were waited for, all together, since the last item of one.
    `hushed`: the look and every role were listened to at once, and nothing came (`hearing`). `until_ms`: up to when
    the waiting for each role has been counted."""

    waited_ms: dict[str, float] = field(default_factory=dict)
    hushed: bool = False
    until_ms: dict[str, float] = field(default_factory=dict)

    def waited(self, role: str, ms: float, now_ms: float) -> None:
        """So long, until now. Time in which several streams were waited for counts once: on a busy machine ten streams
        that each take their time would soon have used up our patience."""
        if role not in _NEVER_TIRED:
            counted_ms = self.until_ms.get(role, -math.inf)
            self.waited_ms[role] = self.waited_ms.get(role, 0.0) + max(0.0, min(ms, now_ms - counted_ms))
            self.until_ms[role] = max(now_ms, counted_ms)

    def ended(self, role: str) -> None:
        if role == EMPTY:
            self.heard(role)

    def heard(self, role: str) -> None:
        self.waited_ms.pop(role, None)
        if role == LOOK:
            self.hushed = False

    def lasts(self, role: str, patience_ms: float) -> bool:
        """Whether this role is to be asked no more. An empty stream that stays open accuses: it is asked again."""
        return role != EMPTY and self._tired(role, patience_ms)

    def shortened(self, script: Script, patience_ms: float) -> Script:
        """The script without waits that were waited already. Empty streams that stayed open for all our patience are
        opened once more, all at once, so that what accuses is seen twice and waited for once. A target that is hushed
        is looked at for a moment."""
        return Script(tuple(self._sessions(script.sessions, patience_ms)))

    def _sessions(self, sessions: tuple[Session, ...], patience_ms: float) -> Iterator[Session]:
        before = ""
        for session in sessions:
            if session.role == EMPTY and self._tired(EMPTY, patience_ms):
                yield replace(_reading(session, "", _ONCE_MORE), beside=session.beside or before)
                before = session.id
            else:
                yield _reading(session, "look_ms", _GLANCE) if self.hushed and session.role == LOOK else session

    def _tired(self, role: str, patience_ms: float) -> bool:
        return self.waited_ms.get(role, 0.0) >= patience_ms


def _reading(session: Session, old: str, new: str) -> Session:
    """The session, with a new budget for its reads that had the old one; for all of its reads where that is empty."""
    acts = (replace(a, budget=new) if isinstance(a, Read) and old in {"", a.budget} else a for a in session.acts)
    return replace(session, acts=tuple(acts))
