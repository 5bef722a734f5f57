"""ER: what a failure looks like to the one who waits for the stream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Failed, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, ENDED, EOF, RESET, chunked, head, item, told, written
from streamspec.harness.core.written_calls import begun, done, fail, played, refused, sends, take, takes
from streamspec.harness.rules._endings import Story, each, named, records
from streamspec.harness.rules._wire import ROOTS, features, is_fatal, is_record_error, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_TM: Final[dict[str, str | int | bool]] = {"profile.terminal": True, "profile.error_channel": True}
WITHOUT_CODES: Final = "errors-without-codes"
_OLLAMA: Final[dict[str, str | int | bool]] = {**_TM, "profile.features": WITHOUT_CODES}
_THREE: Final[dict[str, str | int | bool]] = {"failing.items_before": 3}
_ITEMS: Final = (item(0), item(1), item(2))
_FATAL: Final = (item(3, kind="error", type="error", code="X", fatal=True), Failed("error"), ENDED, EOF)


_WORDLESS: Final = "the dialect has no word for a failure: name it in a profile (docs/adding.md)"


def _failures(h: History) -> Iterator[tuple[Record, Failed]]:
    for session in h.sessions("failing"):
        for record in standing.theirs(h, Failed, session)[:1]:
            if isinstance(record.event, Failed):
                yield record, record.event


def _unseen(h: History) -> Iterator[Finding]:
    """Why no failure is known by its word, where that is so."""
    if h.sessions("failing") and not h.header.declared.get("profile.error_channel"):
        yield unknown(_WORDLESS)


def error_has_a_code(h: History) -> Iterator[Finding]:
    yield from _unseen(h)
    if WITHOUT_CODES in features(h):
        yield unknown("failures of this dialect have no codes, whoever speaks it")
        return
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
    needs=("error-channel", "role:failing"),
    after=(*ROOTS, "LC-07"),
    check=error_has_a_code,
    good=(
        written(*told("failing", ASK, head(), Failed("INTERNAL", "it failed"), ENDED, EOF), declared=_TM),
        written(
            *told("failing", ASK, chunked("json_array"), Failed("X"), ENDED, EOF), declared=_TM, binding="json_array"
        ),
        # a dialect that has none: its servers cannot be blamed for that
        written(
            *told("failing", ASK, chunked("ndjson"), Failed("", "x"), ENDED, EOF), declared=_OLLAMA, binding="ndjson"
        ),
        # an array has an end of its own, and under a dialect without a word for it no failure
        written(
            *told("failing", ASK, chunked("json_array"), EOF), declared={"profile.terminal": True}, binding="json_array"
        ),
    ),
    bad=(
        written(*told("failing", ASK, head(), Failed("", "it failed"), ENDED, EOF), declared=_TM),
        written(*told("failing", ASK, chunked("ndjson"), Failed("", "x"), ENDED, EOF), declared=_TM, binding="ndjson"),
    ),
)


def items_before_the_error(h: History) -> Iterator[Finding]:
    yield from each(_accepted_before_the_error)(h)
    due = h.declared("failing", "items_before")
    if not isinstance(due, int):
        return
    yield from _unseen(h)
    for session in h.sessions("failing"):
        if not h.header.declared.get("profile.error_channel"):
            continue
        end = next(iter(standing.terminals(h, session)), None) or standing.cut(h, session)
        came = _before(h, session, end)
        answer = h.first(Opened, session)
        if standing.reset(h, session):
            yield unknown("a reset may have destroyed delivered items", standing.reset(h, session))
        elif reason := why_unlike(h, session):
            yield unknown(reason, answer)
        elif not end or not (isinstance(end.event, Failed) or standing.cut(h, session)):
            yield unknown("failing showed no failure", answer)
        elif not standing.seen_whole(h, session):
            yield unknown("more items came than we keep", end)
        elif len(came) == due > 0 and is_record_error(came[-1].event):
            yield unknown("whether the last record is an item, or the failure of all, is not said", came[-1], end)
        elif len(came) < due:
            yield broken(came[-1:], end, expected=f"{due} items, then the error", got=f"{len(came)}, then the error")
        else:
            yield held(came[due - 1 : due], end)


def _before(h: History, session: str, end: Record | None) -> tuple[Record, ...]:
    """The items before the end, but for a record that says itself to be the failure of all."""
    return tuple(r for r in standing.items(h, session) if (not end or r.index < end.index) and not is_fatal(r.event))


def _accepted_before_the_error(story: Story) -> Iterator[Finding]:
    """On an object: what had been accepted when somebody called error."""
    error = story.ended_by("error")
    shown = next(iter(story.failures()), None)
    if error is None or shown is None:
        return
    accepted = story.sent_before(error.called)
    if missing := story.undelivered(accepted, shown):
        expected = f"{len(accepted)} items, then the error"
        got = f"{len(accepted) - len(missing)}, then the error; missing {named(missing)}"
        yield broken(records(error, *missing[:3], shown), expected=expected, got=got)
    elif pending := story.pending(error):
        yield held(records(error, pending[-1], shown))
    else:
        yield unknown("nothing was waiting to be received when error was called", records(error))


_FAILED: Final = (sends(0, 1, 3), done(3, "error", arg="NOT_FOUND"))

ER_04 = Rule(
    id="ER-04",
    level=Level.MUST,
    sentence="A failure after k items delivers those k items, then the error.",
    source="seed 000; seed 002 'event: error'; gRPC PROTOCOL-HTTP2 Trailers",
    why="Items that were sent and then swallowed by an error are work done, billed and lost.",
    needs=("wire|object", "error-channel|feature:error", "role:failing.items_before|feature:error"),
    after=(*ROOTS, "LC-07"),
    check=items_before_the_error,
    good=(
        written(*told("failing", ASK, head(), *_ITEMS, Failed("INTERNAL"), ENDED, EOF), declared=_TM | _THREE),
        written(*told("failing", ASK, head(), *_ITEMS, EOF), declared=_TM | _THREE),
        # an RST may destroy octets that were delivered (standing condition 2)
        written(*told("failing", ASK, head(), item(0), RESET), declared=_TM | _THREE),
        # without an error channel nobody was promised an error after the items
        written(*told("failing", ASK, head(), item(0), EOF), declared=_THREE),
        # the record of the failure is none of the items before it
        written(*told("failing", ASK, chunked("ndjson"), *_ITEMS, *_FATAL), declared=_TM | _THREE, binding="ndjson"),
        played(_FAILED, takes(4, 0, 1, 3), fail(7, "NOT_FOUND")),
        # the failure may be written down before an item that another receive was given
        played(
            *(sends(0, 1, 1), begun(1, "receive", "slow"), done(2, "error", arg="NOT_FOUND"), fail(3, "NOT_FOUND")),
            *take(1, 0, 1, by="slow")[1:],
            kind="threads",
        ),
        # what comes after a cancel of ours
        played(_FAILED, done(4, "cancel", "consumer"), fail(5, "NOT_FOUND")),
        # a send that the error refused
        played(begun(0, "send", arg="producer:1"), done(1, "error", "other", "NOT_FOUND"), refused(0, "NOT_FOUND")),
    ),
    bad=(
        played(_FAILED, fail(4, "NOT_FOUND")),
        played(_FAILED, take(4, 0, 1), fail(5, "NOT_FOUND"), take(6, 1, 2)),
        written(*told("failing", ASK, head(), item(0), Failed("INTERNAL"), ENDED, EOF), declared=_TM | _THREE),
        written(*told("failing", ASK, head(), item(0), EOF), declared=_TM | _THREE),
        written(
            *told("failing", ASK, chunked("ndjson"), *_ITEMS[:2], *_FATAL), declared=_TM | _THREE, binding="ndjson"
        ),
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
    yield from _unseen(h)
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
    needs=("error-channel", "role:failing"),
    after=(*ROOTS, "LC-07"),
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
