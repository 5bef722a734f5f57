"""LC: how a stream ends, on every binding and in process; that of an empty one is in `lifecycle_empty`.

Checks are pure functions of a history; each rule carries the histories that prove it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Ended,
    Expired,
    Failed,
    Farewell,
    Heartbeat,
    Item,
    Meta,
    Opened,
    Record,
    Refused,
)
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import OBJECT
from streamspec.harness.core.written import (
    ASK,
    CLOSE,
    ENDED,
    EOF,
    RESET,
    called,
    chunked,
    head,
    item,
    told,
    upgraded,
    written,
)
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    fail,
    failed,
    played,
    refused,
    send,
    take,
)
from streamspec.harness.core.written_calls import told as account
from streamspec.harness.rules import lifecycle_objects
from streamspec.harness.rules._endings import each
from streamspec.harness.rules._wire import ROOTS, by_close, deviations, like_an_error, why_unlike, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_TM: Final = {"profile.terminal": True, "profile.error_channel": True}
_OPEN: Final = (ASK, head(), item(0))
_FAILED: Final = Failed("INTERNAL", "it failed")
_ARRAY: Final = "json_array"
_GRPC: Final = "grpc"


def one_terminal(h: History) -> Iterator[Finding]:
    """A stream without any terminal is LC-14's, not this rule's."""
    yield from each(lifecycle_objects.one_terminal)(h)
    for session in _on_a_wire(h):
        ends = standing.terminals(h, session)
        if len(ends) == 1:
            yield held(ends)
        elif ends:
            yield broken(ends, expected="one terminal signal, complete or error", got=f"{len(ends)} of them")


def _on_a_wire(h: History) -> Iterator[str]:
    yield from (session.id for session in h.header.script.sessions if session.role != OBJECT)


_ENDED: Final = (send(0, 1), done(1, "complete"), take(2, 0, 1), end(3))
_ERRED: Final = (done(0, "error", arg="NOT_FOUND"), fail(1, "NOT_FOUND"))

LC_01 = Rule(
    id="LC-01",
    level=Level.MUST,
    sentence="A stream shows at most one terminal signal, complete or error.",
    source="seed 000 'Completion' (never call both); Reactive Streams §1.7",
    why="A consumer acts on the first terminal; a second one contradicts it, or ends the next stream.",
    needs=("wire|object", "terminal"),
    after=(*ROOTS, "ER-06", "LC-14"),
    check=one_terminal,
    good=(
        written(*told("finite", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        written(*told("failing", *_OPEN, _FAILED, ENDED, EOF), declared=_TM),
        played(_ENDED, end(4, first=False)),
        played(_ERRED, fail(2, "NOT_FOUND", first=False)),
        # asked again after the end, some streams refuse; and nothing that follows a cancel of ours counts
        played(_ENDED, fail(4, "CLOSED")),
        played(_ENDED, done(4, "cancel", "consumer"), fail(5, "NOT_FOUND")),
        # where only one may receive at a time, the second one is refused, and the stream has not failed
        played(begun(0, "receive", "other"), fail(1, "BUSY"), done(2, "complete"), end(3)),
    ),
    bad=(
        written(*told("finite", *_OPEN, Completed(), Completed(), ENDED, EOF), declared=_TM),
        written(*told("failing", *_OPEN, _FAILED, Completed(), ENDED, EOF), declared=_TM),
        played(_ENDED, done(4, "error", arg="NOT_FOUND"), fail(5, "NOT_FOUND")),
        played(_ERRED, end(2)),
    ),
)


def silent_after_terminal(h: History) -> Iterator[Finding]:
    """Only what was watched counts: a stream that we left at its terminal shows nothing."""
    yield from each(lifecycle_objects.silent_after_terminal)(h)
    for session in _on_a_wire(h):
        ends = standing.terminals(h, session)
        if not ends:
            continue
        late = tuple(r for r in standing.theirs(h, (Item, *standing.TERMINALS), session) if r.index > ends[0].index)
        watched = next(
            (
                r
                for r in h.of((Ended, Closed, Expired), session)
                if r.index > ends[0].index and r.event != Closed("ours")
            ),
            None,
        )
        if late:
            yield broken(ends[0], late[:3], expected=_NOTHING_AFTER, got=f"{len(late)} more signals")
        elif behind := _behind_its_status(h, session):
            yield broken(ends[0], behind[:3], expected=_NOTHING_AFTER, got=worded(behind[0]))
        elif watched:
            yield held(ends[0], watched)
        else:
            yield unknown("we left the stream at its terminal", ends[0])


def _behind_its_status(h: History, session: str) -> tuple[Record, ...]:
    """Over gRPC the terminal is the end of the stream itself: what follows reaches no decoder, and shows as frames."""
    return deviations(h, session, "h2.after-end") if h.header.binding == _GRPC else ()


_NOTHING_AFTER: Final = "nothing after the terminal"
_CALL: Final = (ASK, called(), item(0), Completed(), Ended("end-stream", 30))
_BEHIND: Final = Deviation("h2.after-end", 90, "DATA")

LC_02 = Rule(
    id="LC-02",
    level=Level.MUST,
    sentence="No item and no second terminal follows the terminal.",
    source="Reactive Streams §1.7",
    why="Consumers stop listening at the terminal: whatever follows is lost, or taken for another stream's.",
    needs=("wire|object", "terminal"),
    after=(*ROOTS, "ER-06", "LC-01", "LC-14"),
    check=silent_after_terminal,
    good=(
        written(*told("finite", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        # a server that keeps its connection open after the terminal says nothing wrong by that
        written(*told("finite", *_OPEN, Completed(), Expired("terminal_ms", 1000), *CLOSE), declared=_TM),
        # of gRPC: nothing more, and what is no frame of this stream, or came behind our own end
        written(
            *told("finite", *_CALL, Deviation("h2.stream", 90, "DATA on stream 7"), EOF), declared=_TM, binding=_GRPC
        ),
        written(*told("finite", *_CALL, *CLOSE, _BEHIND), declared=_TM, binding=_GRPC),
        played(_ENDED, end(4, first=False), end(5, first=False)),
        # a receive that had begun before may be answered, or write it down, later
        played(send(0, 1), begun(1, "receive", "slow"), done(2, "complete"), end(3), take(1, 0, 1, by="slow")[1:]),
    ),
    bad=(
        written(*told("finite", *_OPEN, Completed(), item(1), ENDED, EOF), declared=_TM),
        written(*told("finite", *_CALL, _BEHIND, EOF), declared=_TM, binding=_GRPC),
        played(_ENDED, take(4, 1, 2)),
        played(_ERRED, take(2, 0, 1)),
    ),
)


def failure_is_visible(h: History) -> Iterator[Finding]:
    yield from each(lifecycle_objects.handler_raised)(h)
    silent: list[tuple[Record, ...]] = []
    sessions = h.sessions("failing")
    for session in sessions:
        answer = h.first(Opened, session)
        late = next(iter(standing.expired(h, session, "failing_ms", "finite_ms", "head_ms")), None)
        if answer and standing.opened(h, session):
            yield from _failure_in_stream(h, session, answer)
            if late and not standing.terminals(h, session) and (last := _fell_silent(h, session, answer, late)):
                silent.append((answer, last, late))
        elif answer and isinstance(answer.event, Opened):
            # Below 500 the handler that fails was never reached: a wrong path, a refusal, a redirect.
            failed = answer.event.status >= 500
            yield held(answer) if failed else unknown(standing.not_opened(h, session), answer)
        elif late:
            silent.append((late,))
        else:
            yield from _failure_at_once(h, session)
    if silent and len(silent) == len(sessions) >= 3:
        least_s = min(told[-1].event.after_ms for told in silent if isinstance(told[-1].event, Expired)) / 1e3
        got = f"silence, for {least_s:g} s and more, every time"
        yield broken(*silent, expected="the failure, in bounded time", got=got)
    elif silent:
        yield unknown(f"silent until the deadline {len(silent)} of {len(sessions)} times", *silent)


def _fell_silent(h: History, session: str, answer: Record, late: Record) -> Record | None:
    """The last sign of life, if silence followed it for as long as a failure may take; an item that is called an
    error was the failure, and the connection merely stayed open."""
    if like_an_error(h, session):
        return None
    last = (answer, *standing.theirs(h, (Item, Heartbeat, Meta), session))[-1]
    quiet = isinstance(late.event, Expired) and late.event.budget == "failing_ms"  # it counts from the last sign
    return last if quiet or (late.t_ns - last.t_ns) / 1e6 >= BUDGETS_MS["failing_ms"] else None


def _failure_at_once(h: History, session: str) -> Iterator[Finding]:
    """The connection ended before any answer: a failure that is visible, if the target was alive at all."""
    refused = h.first(Refused, session)
    alive = any(standing.opened(h, s) for s in h.sessions("look"))
    if alive and refused and isinstance(refused.event, Refused) and refused.event.why in {"closed", "reset"}:
        yield held(refused)
    else:
        yield unknown(standing.not_opened(h, session))


def _failure_in_stream(h: History, session: str, answer: Record) -> Iterator[Finding]:
    """An in-band error, a cut or a reset shows the failure; a success terminal or a clean end hides it."""
    ends = standing.terminals(h, session)
    clean = standing.whole(h, session)
    if ends and isinstance(ends[0].event, Failed):
        yield held(ends[0])
    elif ends and h.header.binding == _ARRAY:
        yield unknown("whether a closed array hides a failure is CJ-04's", ends[0])
    elif ends:
        yield broken(ends[0], expected="an error, or an end that is visibly broken", got="the success terminal")
    elif clean:
        yield _clean_failure(h, session, answer, clean)
    elif end := standing.cut(h, session) or standing.reset(h, session):
        yield held(end)
    elif named := like_an_error(h, session):
        yield unknown("the last item looks like an error: name it in a profile (docs/adding.md)", named)
    elif h.of(Expired, session) and not standing.expired(h, session, "failing_ms"):
        yield unknown("failing still showed life (items or heartbeats) when we stopped reading")


def _clean_failure(h: History, session: str, answer: Record, clean: Record) -> Finding:
    """No terminal, and a message whole by its framing. Where success has a marker, its absence shows the failure, but
    a dialect that has a word for failure must use it; an array that is left open is seen by every reader. A body that
    ends with its connection ends alike either way."""
    declared = h.header.declared
    if reason := why_unlike(h, session):
        return unknown(reason, clean)
    visible = by_close(clean) or h.header.binding == _ARRAY or not declared.get("profile.error_channel")
    if declared.get("profile.terminal") and visible:
        return held(clean)
    if by_close(clean):
        return unknown("the body ends with its connection: success and failure look alike", clean)
    if named := like_an_error(h, session):
        return unknown("the last item looks like an error: name it in a profile (docs/adding.md)", named, clean)
    if (farewell := h.first(Farewell, session)) and isinstance(farewell.event, Farewell) and farewell.event.code < 0:
        return unknown("a Close without a code, and whether success has one was not asked", farewell)
    wanted = "the profile's error terminal" if declared.get("profile.error_channel") else "a message cut short"
    return broken(answer, clean, expected=wanted, got="a clean end, as after success")


_ARRAYED: Final = (ASK, chunked(_ARRAY), item(0))
_HANDLER: Final = (begun(0, "produce"), account(handler="began"), begun(1, "receive", "consumer"))

LC_07 = Rule(
    id="LC-07",
    level=Level.MUST,
    sentence="A handler's exception ends the stream in bounded time as an error, never as completion.",
    source="seed 000 'Completion'; Reactive Streams §1.4; RFC 9112 §8",
    why="A failure that looks like a clean end makes half an answer look like a whole one: data is lost in silence.",
    needs=("wire|object", "role:failing|feature:produce"),
    after=ROOTS,
    check=failure_is_visible,
    good=(
        written(*told("failing", *_OPEN, EOF)),
        written(*told("failing", *_OPEN, RESET)),
        # close-delimited: nobody can tell, unless the profile has a marker
        written(*told("failing", *_OPEN, Ended("close", 20), EOF)),
        written(*told("failing", *_OPEN, Ended("close", 20), EOF), declared=_TM),
        written(*told("failing", ASK, head(status=500), ENDED, *CLOSE)),
        written(*told("failing", *_OPEN, _FAILED, ENDED, EOF), declared=_TM),
        # an in-band error under a dialect that does not name it
        written(*told("failing", *_OPEN, item(1, kind="error"), ENDED, EOF)),
        # an array: left open in a whole message everybody sees it; closed it is another rule's finding
        written(*told("failing", *_ARRAYED, ENDED, EOF), declared=_TM, binding=_ARRAY),
        written(*told("failing", *_ARRAYED, Completed(9), ENDED, EOF), declared=_TM, binding=_ARRAY),
        # a WebSocket that ends without a Close, or with one that says nothing: success may have ended otherwise
        written(*told("failing", ASK, upgraded(), item(0), Ended("close", 20), EOF), binding="ws"),
        written(*told("failing", ASK, upgraded(), item(0), Farewell(), Ended("close-frame", 20), EOF), binding="ws"),
        written(*told("failing", ASK, upgraded(), item(0), Farewell(1011), EOF), binding="ws"),
        # a document about the failure, where a stream was expected
        written(*told("failing", *_ARRAYED[:2], Deviation("array.none", 0), ENDED, EOF), binding=_ARRAY),
        # slow twice, then in time: a late budget counts three times out of three
        written(
            *told("failing-1", *_OPEN, Expired("failing_ms", 5000), *CLOSE),
            *told("failing-2", *_OPEN, Expired("failing_ms", 5000), *CLOSE, start_ms=6000),
            *told("failing-3", *_OPEN, EOF, start_ms=12000),
        ),
        played(_HANDLER, lifecycle_objects.RAISED, refused(1, "INTERNAL")),
        # its send had been refused: the stream was over, and the handler only learnt of it
        played(_HANDLER, failed(2, "send", "UNAVAILABLE", "handler", "handler:1"), lifecycle_objects.RAISED),
    ),
    bad=(
        written(
            *told("failing", ASK, upgraded(), item(0), Farewell(1000), Ended("close-frame", 20), EOF), binding="ws"
        ),
        played(_HANDLER, lifecycle_objects.RAISED, back(1, "end")),
        played(_HANDLER, lifecycle_objects.RAISED, SETTLED),
        written(*told("failing", *_OPEN, ENDED, EOF)),
        written(*told("failing", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        written(*told("failing", ASK, chunked("ndjson"), item(0), ENDED, EOF), binding="ndjson"),
        written(
            *(
                row
                for n in (1, 2, 3)
                for row in told(f"failing-{n}", *_OPEN, Expired("failing_ms", 5000), *CLOSE, start_ms=6000 * n)
            )
        ),
    ),
)


def clean_end_has_its_marker(h: History) -> Iterator[Finding]:
    if not h.header.declared.get("profile.terminal"):
        return
    for session in h.sessions("finite"):
        ends = standing.terminals(h, session)
        clean = standing.whole(h, session)
        if ends:
            yield held(ends[0])
        elif reason := why_unlike(h, session):
            yield unknown(reason)
        elif clean:
            yield broken(clean, expected="the profile's terminal marker before the end", got="a clean end without it")
        else:
            yield unknown("finite did not end by itself while we read")


LC_14 = Rule(
    id="LC-14",
    level=Level.MUST,
    sentence="A server never ends the transport cleanly without the profile's terminal marker.",
    source="seed 002 (stream:end); seed 003 (stream-end)",
    why="Without its marker a whole stream cannot be told from one that was cut: consumers must guess.",
    needs=("terminal", "role:finite"),
    after=(*ROOTS, "OI-10"),
    check=clean_end_has_its_marker,
    good=(
        written(*told("finite", *_OPEN, Completed(), ENDED, EOF), declared=_TM),
        written(*told("finite", *_ARRAYED, Completed(9), ENDED, EOF), declared=_TM, binding=_ARRAY),
        # a page where a stream was expected shows nothing of the stream's end
        written(*told("finite", *_ARRAYED[:2], Deviation("array.none", 0), ENDED, EOF), declared=_TM, binding=_ARRAY),
    ),
    bad=(
        written(*told("finite", *_OPEN, ENDED, EOF), declared=_TM),
        written(*told("finite", ASK, chunked("ndjson"), item(0), ENDED, EOF), declared=_TM, binding="ndjson"),
    ),
)
