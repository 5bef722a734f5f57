"""From a role's request to the one that a session sends: how many items, which script, behind which id.

Pure, so that whoever asks, judges and explains means the same id. Never here: traffic, or what an answer is worth.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from streamspec.harness.core.event import Item
from streamspec.harness.core.redaction import is_secret
from streamspec.harness.core.script import Read
from streamspec.harness.core.steps import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.ports import Request
    from streamspec.harness.core.script import Act, Ask, Session

COUNT: Final = "{n}"  # stands in a large role's URL for the number of its items
RUN: Final = "{run}"  # in the URLs of a scripted target for the id of the stream (docs/contract.md)
SCRIPT_TEXT: Final = "{script}"  # and for the script of a session that has its own
SCRIPTED_OCTETS_MAX: Final = 6_000  # of the URL with a script in it: many a server refuses longer ones
NOBODYS: Final = "streamspec-nobody-has-this-token"  # credentials that are none
Headers = tuple[tuple[str, str], ...]
SECRETS_OF_ANOTHER: Final[Headers] = (("Authorization", "[redacted: another client's]"),)  # as a report may show them
_MIB: Final = 1_048_576


def has_run(request: Request | None) -> bool:
    """Whether who asks so has a run of its own, of which a witness tells."""
    return request is not None and RUN in request.url


def count_of(session: Session, item_bytes: int) -> int:
    """How many items of this size make the backlog that the session wants to be offered; at least one."""
    return max(1, ceil(int(session.options.get("backlog_mib", 0)) * _MIB / item_bytes))


def items_asked_for(acts: Sequence[Act]) -> int | None:
    """How many items the reads of a session ask for, all together; None where one of them reads to the end."""
    reads = [act.items for act in acts if isinstance(act, Read)]
    return sum(reads) if all(reads) else None


def items_read(h: History, session: str) -> tuple[Record, ...]:
    """The items that the session's reads asked for. A target that sends everything at once sent more than that, and a
    client whose reading stops here has seen no more."""
    return h.of(Item, session)[: items_asked_for(h.acts(session))]


def run_ids(prefix: str) -> Iterator[str]:
    """Ids for streams, each new; the prefix makes them new to a target that we have met before."""
    return (f"{prefix}-{number}" for number in count(1))


def quoted_script(text: str) -> str:
    """A script as a parameter of a URL."""
    return quote(text, safe=",:")


def request_of(
    base: Request,
    act: Ask,
    session: Session,
    item_bytes: int,
    last_id: str = "",
    run: str = "",
    other: Headers = SECRETS_OF_ANOTHER,
) -> Request:
    """The request of this session. `last_id` is the last one that the session in `act.after` has read, `run` the id of
    the stream that is asked for, `other` the credentials of another client."""
    headers = base.headers
    if act.credentials:
        headers = tuple(header for header in headers if not is_secret(header[0]))
    if act.credentials == "wrong":
        headers = (*headers, ("Authorization", f"Bearer {NOBODYS}"))
    elif act.credentials == "other":
        headers = (*headers, *other)
    if act.coding:
        headers = (*(h for h in headers if h[0].lower() != "accept-encoding"), ("Accept-Encoding", act.coding))
    if behind := act.behind or last_id:
        headers = (*headers, ("Last-Event-ID", behind))
    url = base.url.replace(COUNT, str(count_of(session, item_bytes))).replace(RUN, run or RUN)
    if SCRIPT_TEXT in url:
        url = url.replace(SCRIPT_TEXT, quoted_script(act.script or text_of(session.steps, session.options)))
    method, version = act.method or base.method, act.version or base.version
    return replace(
        base,
        url=url,
        method=method,
        headers=headers,
        malformed=act.malformed,
        version=version,
        pieces=act.pieces,
        direct=act.direct,
    )
