"""DR, ER: what a target owes to a request that it is declared to refuse: a refusal, before any item.

Whether a path, an input or a direction is to be refused only its user can say: there is a role for each. Never here:
requests that are malformed, or that are refused for who asks or how often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Expired, Failed, Opened, Refused
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, called, chunked, head, item, told, upgraded, written
from streamspec.harness.rules._wire import is_record_error, like_an_error, why_unlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

# Refusals for another reason than the one that was declared: who asks, how often, how long it took.
_POLICY: Final = frozenset({401, 403, 407, 408, 421, 425, 429})
_UNSERVED: Final = 501  # the one status above 499 that refuses, rather than tells that the server failed


def refuses(role: str) -> Callable[[History], Iterable[Finding]]:
    """A check: what this role asks for is refused, by a status or by an error, before any item."""

    def check(h: History) -> Iterator[Finding]:
        for session in h.sessions(role):
            yield _answered(h, session)

    return check


def _answered(h: History, session: str) -> Finding:
    answer = h.first(Opened, session)
    if not answer or not isinstance(answer.event, Opened):
        return unknown(standing.not_opened(h, session))
    status = answer.event.status
    if answer.event.accepted and status != 204:
        return _served(h, session)
    if 400 <= status < 500 and status not in _POLICY:
        return held(answer)
    if status == _UNSERVED:
        return held(answer)
    return unknown(f"{h.role(session)} answered {status}, which may have another reason", answer)


def _served(h: History, session: str) -> Finding:
    """A success by its status: an error inside may refuse all the same. What an unnamed error is nobody knows."""
    answer = h.first(Opened, session)
    items = standing.items(h, session)
    end = next(iter(standing.terminals(h, session)), None)
    failed = end is not None and isinstance(end.event, Failed)
    if items and all(is_record_error(record.event) for record in items):
        return held(items, end) if failed else unknown("only records of failures came", items)
    if items and (named := like_an_error(h, session)) is items[0]:
        return unknown("the only item looks like an error: name it in a profile (docs/adding.md)", named)
    if items:
        return broken(answer, items[0], expected="a refusal, before any item", got="an item")
    if end and failed:
        return held(answer, end)
    if end:
        return broken(answer, end, expected="a refusal", got="a stream that completed, without an item")
    return unknown(why_unlike(h, session) or "a stream was opened, and nothing came of it", answer)


_TM: Final[dict[str, str | int | bool]] = {"profile.terminal": True, "profile.error_channel": True}


def _history(role: str, *events: Event, binding: str = "sse") -> History:
    return written(*told(role, ASK, *events), declared=_TM, binding=binding)


def _status(status: int) -> Opened:
    return head(("Content-Type", "text/plain"), status=status)


def _good(role: str) -> tuple[History, ...]:
    ndjson = chunked("ndjson")
    return (
        *(_history(role, _status(status), ENDED, EOF) for status in (400, 404, 405, 422, 501)),
        _history(role, head(), Failed("NOT_FOUND", "no such stream"), ENDED, EOF),
        # where an error is a record, one that ends the stream refuses it
        _history(role, ndjson, item(0, kind="error", type="error"), Failed("error"), ENDED, EOF, binding="ndjson"),
        # over a carrier of messages, in gRPC, and in JSON-RPC
        _history(role, upgraded(), Failed("NOT_FOUND", "no such stream"), *CLOSE, binding="ws"),
        _history(role, called(), Failed("UNIMPLEMENTED"), ENDED, EOF, binding="grpc"),
        _history(role, chunked("json_array"), Failed("-32601", "it is a stream"), ENDED, EOF, binding="jsonrpc"),
        # nobody can tell: a page for every path, an error without a name, a failure, a refusal for another reason
        _history(role, head(("Content-Type", "text/html")), ENDED, EOF),
        _history(role, ndjson, item(0, kind="error", type="error"), ENDED, EOF, binding="ndjson"),
        _history(role, head(), item(0, kind="failed"), ENDED, EOF),
        *(_history(role, _status(status), ENDED, EOF) for status in (204, 302, 401, 429, 500, 503)),
        _history(role, head(), Expired("look_ms", 2000), *CLOSE),
        _history(role, Refused("closed")),
    )


def _bad(role: str) -> tuple[History, ...]:
    return (
        _history(role, head(), item(0), item(1), *CLOSE),
        _history(role, head(), item(0), Failed("INVALID_ARGUMENT"), ENDED, EOF),
        _history(role, chunked("json_array"), Completed(2), ENDED, EOF, binding="json_array"),
        _history(role, chunked("json_array"), item(0), Completed(2), ENDED, EOF, binding="jsonrpc"),
        _history(role, upgraded(), item(0), *CLOSE, binding="ws"),
    )


ER_07 = Rule(
    id="ER-07",
    level=Level.MUST,
    sentence="What is no stream of the target is refused: no item comes of it, and no success.",
    source="gRPC statuscodes (UNIMPLEMENTED); seed 002 'Protocol Support'",
    why="A misspelt name that is answered with some stream, or an empty one, is a mistake that nobody notices.",
    needs=("role:unknown",),
    check=refuses("unknown"),
    good=_good("unknown"),
    bad=_bad("unknown"),
)

ER_08 = Rule(
    id="ER-08",
    level=Level.MUST,
    sentence="An input that is declared invalid is refused before any item.",
    source="seed 002 'Builder Methods' (.input: define input validation schema)",
    why="A consumer that is served something else than it asked for takes it for the answer to its question.",
    needs=("role:invalid",),
    check=refuses("invalid"),
    good=_good("invalid"),
    bad=_bad("invalid"),
)

DR_09 = Rule(
    id="DR-09",
    level=Level.MUST,
    sentence="A stream in a direction that the binding does not carry is refused.",
    source="seed 002 'Protocol Support' (HTTP carries server streams only, JSON-RPC none)",
    why="A client that was let in to send, where nobody can receive, waits for ever or loses what it sent.",
    needs=("role:unsupported",),
    check=refuses("unsupported"),
    good=_good("unsupported"),
    bad=_bad("unsupported"),
)
