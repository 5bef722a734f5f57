"""ER: what a failure looks like to the one who waits for the stream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Failed, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, ENDED, EOF, RESET, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_TM: Final[dict[str, str | int | bool]] = {"profile.terminal": True, "profile.error_channel": True}
_THREE: Final[dict[str, str | int | bool]] = {"failing.items_before": 3}
_ITEMS: Final = (item(0), item(1), item(2))


def _failures(h: History) -> Iterator[tuple[Record, Failed]]:
    for session in h.sessions("failing"):
        for record in standing.theirs(h, Failed, session)[:1]:
            if isinstance(record.event, Failed):
                yield record, record.event


def error_has_a_code(h: History) -> Iterator[Finding]:
    for record, failed in _failures(h):
        if failed.code:
            yield held(record)
        else:
            got = f"no code: {failed.prefix}" if failed.prefix else "no code"
            yield broken(record, expected="a machine-readable code (or type)", got=got)


ER_01 = Rule(
    id="ER-01",
    level=Level.MUST,
    sentence="An error terminal carries a machine-readable code (or type).",
    source="seed 000 StreamErrorCode; seed 003 SSE error record",
    why="A client that cannot tell a retryable failure from a final one retries both, or neither.",
    needs=("terminal", "role:failing"),
    after=("SSE-01", "LC-07"),
    check=error_has_a_code,
    good=(written(*told("failing", ASK, head(), Failed("INTERNAL", "it failed"), ENDED, EOF), declared=_TM),),
    bad=(written(*told("failing", ASK, head(), Failed("", "it failed"), ENDED, EOF), declared=_TM),),
)


def items_before_the_error(h: History) -> Iterator[Finding]:
    due = h.declared("failing", "items_before")
    for session in h.sessions("failing"):
        if not isinstance(due, int) or not h.header.declared.get("profile.error_channel"):
            continue
        end = next(iter(standing.terminals(h, session)), None) or standing.cut(h, session)
        came = tuple(r for r in standing.items(h, session) if not end or r.index < end.index)
        answer = h.first(Opened, session)
        if standing.reset(h, session):
            yield unknown("a reset may have destroyed delivered items", standing.reset(h, session))
        elif not standing.opened(h, session):
            yield unknown(standing.not_opened(h, session), answer)
        elif not end or not (isinstance(end.event, Failed) or standing.cut(h, session)):
            yield unknown("failing showed no failure", answer)
        elif not standing.seen_whole(h, session):
            yield unknown("more items came than we keep", end)
        elif len(came) < due:
            yield broken(came[-1:], end, expected=f"{due} items, then the error", got=f"{len(came)}, then the error")
        else:
            yield held(came[due - 1 : due], end)


ER_04 = Rule(
    id="ER-04",
    level=Level.MUST,
    sentence="A failure after k items delivers those k items, then the error.",
    source="seed 000; seed 002 'event: error'; gRPC PROTOCOL-HTTP2 Trailers",
    why="Items that were sent and then swallowed by an error are work done, billed and lost.",
    needs=("terminal", "role:failing.items_before"),
    after=("SSE-01", "LC-07"),
    check=items_before_the_error,
    good=(
        written(*told("failing", ASK, head(), *_ITEMS, Failed("INTERNAL"), ENDED, EOF), declared=_TM | _THREE),
        written(*told("failing", ASK, head(), *_ITEMS, EOF), declared=_TM | _THREE),
        # an RST may destroy octets that were delivered (standing condition 2)
        written(*told("failing", ASK, head(), item(0), RESET), declared=_TM | _THREE),
        # without an error channel nobody was promised an error after the items
        written(*told("failing", ASK, head(), item(0), EOF), declared=_THREE),
    ),
    bad=(
        written(*told("failing", ASK, head(), item(0), Failed("INTERNAL"), ENDED, EOF), declared=_TM | _THREE),
        written(*told("failing", ASK, head(), item(0), EOF), declared=_TM | _THREE),
    ),
)

# What an interpreter prints when nobody catches, and paths of a server's own disk.
_SPILLS: Final = (
    (re.compile(r"Traceback \(most recent call last\)"), "a Python traceback"),
    (re.compile(r"File \\?\"[^\"]+\.py\\?\", line \d+"), "a Python source line"),
    (re.compile(r"\bat (?:async )?[\w.$<>]+ ?\((?:file://)?[^)\s]+:\d+(?::\d+)?\)"), "a stack frame"),
    (re.compile(r"goroutine \d+ \[running\]"), "a Go stack"),
    (
        re.compile(r"(?:^|[\s\"'(=])(?:/home/|/root/|/usr/src/|/var/www/|[A-Z]:\\\\?Users\\)"),
        "a path of its disk",
    ),
)


def no_insides_in_errors(h: History) -> Iterator[Finding]:
    for record, failed in _failures(h):
        text = f"{failed.code}\n{failed.message}\n{failed.prefix}"
        spilt = next((name for pattern, name in _SPILLS if pattern.search(text)), None)
        if spilt:
            yield broken(record, expected="a message for clients", got=f"{spilt}: {failed.message or failed.prefix}")
        else:
            yield held(record)


ER_10 = Rule(
    id="ER-10",
    level=Level.SHOULD,
    sentence="Default error output shows no stack trace and no path of the server.",
    source="OWASP ASVS 'error handling'; practice",
    why="Whoever can make the server fail is shown its source layout.",
    needs=("terminal", "role:failing"),
    after=("SSE-01", "LC-07"),
    check=no_insides_in_errors,
    good=(
        written(*told("failing", ASK, head(), Failed("INTERNAL", "it failed at step 3"), ENDED, EOF), declared=_TM),
        written(*told("failing", ASK, head(), Failed("NOT_FOUND", "no /orders/home/12"), ENDED, EOF), declared=_TM),
    ),
    bad=(
        written(
            *told(
                "failing",
                ASK,
                head(),
                Failed("INTERNAL", 'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in f'),
                ENDED,
                EOF,
            ),
            declared=_TM,
        ),
    ),
)
