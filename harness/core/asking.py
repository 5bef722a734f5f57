"""From a role's request to the one that a session sends: how many items, which codings, behind which id. Pure."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streamspec.harness.core.ports import Request
    from streamspec.harness.core.script import Ask, Session

COUNT: Final = "{n}"  # stands in a large role's URL for the number of its items
_MIB: Final = 1_048_576


def count_of(session: Session, item_bytes: int) -> int:
    """How many items of this size make the backlog that the session wants to be offered; at least one."""
    return max(1, ceil(int(session.options.get("backlog_mib", 0)) * _MIB / item_bytes))


def request_of(base: Request, act: Ask, session: Session, item_bytes: int, last_id: str = "") -> Request:
    """The request of this session. `last_id` is the last id that the session in `act.after` was given."""
    headers = base.headers
    if act.coding:
        headers = (*(h for h in headers if h[0].lower() != "accept-encoding"), ("Accept-Encoding", act.coding))
    if behind := act.behind or last_id:
        headers = (*headers, ("Last-Event-ID", behind))
    url = base.url.replace(COUNT, str(count_of(session, item_bytes)))
    return replace(base, url=url, headers=headers, malformed=act.malformed)
