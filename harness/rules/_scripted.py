"""What rules about scripted streams share: which they are, what their witnesses said, and when a handler was blocked.

Careful as in `_accounts`: what a late or silent witness leaves open is not known. Here too is how such histories are
written by hand. Never here: a rule.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts
from streamspec.harness.core.event import Record, Told
from streamspec.harness.core.script import SCRIPT
from streamspec.harness.core.written import retold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.history import History
    from streamspec.harness.core.steps import Step

LATE: Final = 0.9  # of a budget, from our act to the question of the account that still shows nothing


def streams(h: History, *prefixes: str) -> tuple[str, ...]:
    """The scripted sessions of these kinds, in the order of the script."""
    return tuple(session for session in h.sessions(SCRIPT) if session.startswith(prefixes))


def said(h: History, session: str, name: str, since: Record | None = None) -> tuple[Record, str] | None:
    """The last word that the witness gave under this name, in an account that was asked for after this record."""
    found = None
    for record in h.of(Told, session):
        if isinstance(record.event, Told) and (not since or record.event.asked_ns >= since.t_ns):
            value = record.event.values.get(name)
            if isinstance(value, str):
                found = (record, value)
    return found


def called(h: History, session: str) -> int:
    """How often a handler was called for this stream: once, unless its witness says otherwise."""
    told = accounts.of_this(h, session, "called")
    return told[-1].value if told else 1


def parked(h: History, session: str, before_ns: float) -> tuple[Figure, Figure] | None:
    """Two accounts, one after the other and the last of them answered before this time, between which the handler
    stayed inside one send."""
    sending = accounts.of_this(h, session, "sending")
    produced = {f.record.index: f.value for f in accounts.of_this(h, session, "produced")}
    found = None
    for one, other in pairwise(sending):
        stays = produced.get(one.record.index, -1) == produced.get(other.record.index, -2)
        if one.value > 0 and other.value > 0 and stays and other.record.t_ns < before_ns:
            found = (one, other)
    return found


# -- histories written by hand -----------------------------------------------------------------------------------------


def playing(h: History, options: Mapping[str, int | str], *steps: Step) -> History:
    """The same history, its scripted sessions told these steps, with these options."""
    told = MappingProxyType(dict(options))
    return retold(h, lambda s: replace(s, steps=steps, options=told) if s.role == SCRIPT else s)
