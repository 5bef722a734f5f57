"""From a role's request to the one that a session sends: how many items, which script, behind which id.

Pure, so that whoever asks, judges and explains means the same id. Never here: traffic, or what an answer is worth.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from json import dumps
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

METADATA: Final = b"{metadata}"  # and for the credentials, where it has no head to carry them
OPENS: Final = b"{id}"  # stands in the message that opens a stream for the id under which it is opened
COUNT: Final = "{n}"  # stands in a large role's URL for the number of its items
RUN: Final = "{run}"  # in the URLs of a scripted target for the id of the stream (docs/contract.md)
SCRIPT_TEXT: Final = "{script}"  # and for the script of a session that has its own
SCRIPTED_OCTETS_MAX: Final = 6_000  # of the URL with a script in it: many a server refuses longer ones
NOBODYS: Final = "streamspec-nobody-has-this-token"  # credentials that are none
Headers = tuple[tuple[str, str], ...]
SECRETS_OF_ANOTHER: Final[Headers] = (("Authorization", "[redacted: another client's]"),)  # as a report may show them
_MIB: Final = 1_048_576
_GRPC: Final = ("grpc:", "grpcs:")
_DEADLINE: Final = "deadline_ms"


def has_run(request: Request | None) -> bool:
    """Whether who asks so has a run of its own, of which a witness tells."""
    return request is not None and (RUN in request.url or RUN.encode() in request.body)


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
    push: str = "",
) -> Request:
    """The request of this session. `last_id` is the last one that the session in `act.after` has read, `run` the id of
    the stream that is asked for, `other` the credentials of another client, `push` what cancels it in the same write,
    where the act wants that."""
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
    headers = (*headers, *act.metadata)
    if base.url.startswith(_GRPC) and _DEADLINE in session.options:  # a deadline has a field of its own there
        headers = (*headers, ("grpc-timeout", f"{session.options[_DEADLINE]}m"))
        others = {name: value for name, value in session.options.items() if name != _DEADLINE}
        session = replace(session, options=others)
    url = base.url.replace(COUNT, str(count_of(session, item_bytes))).replace(RUN, run or RUN)
    if SCRIPT_TEXT in url:
        url = url.replace(SCRIPT_TEXT, quoted_script(act.script or text_of(session.steps, session.options)))
    method, version = act.method or base.method, act.version or base.version
    opens = act.same or session.id
    body = _body(base.body, act, session, count_of(session, item_bytes), run, headers)
    return replace(
        base,
        url=url,
        method=method,
        headers=headers,
        malformed=act.malformed,
        version=version,
        pieces=act.pieces,
        direct=act.direct,
        body=body,
        opens=opens if OPENS in base.body else "",
        offers=act.offers,
        ends=session.direction in {"server", "unary"},
        push=_behind(base.body, body, act, push, opens),
    )


def _behind(base: bytes, body: bytes, act: Ask, cancel: str, opens: str) -> str:
    """What follows the opening message in its write: itself, where it says an id, or what cancels the stream."""
    if act.twice:
        return body.decode() if OPENS in base else ""
    return cancel.replace(OPENS.decode(), dumps(opens)) if act.cancelled else ""


def may_stay_unheard(request: Request) -> bool:
    """Whether no head is due to this request by itself: a server of gRPC may send it with its first item, which may
    wait for ours, and none comes to a stream that HTTP/2 has reset in the write that opened it."""
    if request.url.startswith(_GRPC):
        return bool(request.push) or not request.ends
    return bool(request.push) and request.version == "2"


def _body(body: bytes, act: Ask, session: Session, count_: int, run: str, headers: Headers) -> bytes:
    """The message that opens the stream, or the content of a request, with its places filled."""
    if b"{" not in body:
        return body
    script = act.script or text_of(session.steps, session.options)
    secrets = {name.lower(): value for name, value in headers if is_secret(name)}
    values = (
        (OPENS, dumps(act.same or session.id)),
        (METADATA, dumps(secrets)),
        (RUN.encode(), run),
        (COUNT.encode(), str(count_)),
        (SCRIPT_TEXT.encode(), script),  # last: a script may say anything
    )
    if act.priority and OPENS in body:  # a member of the envelope
        body = body.replace(b"{", b'{"priority":%d,' % act.priority, 1)
    for place, value in values:
        body = body.replace(place, value.encode())
    return body
