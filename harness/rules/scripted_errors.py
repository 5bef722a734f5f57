"""ER by scripts: which code, which words and which way a failure takes that a handler was told to have.

A control beside each of them shows what the target does with a failure that is nothing special. Never here: whether a
failure is shown at all (LC-07), or scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Failed, Item, Meta, Opened, Record
from streamspec.harness.core.inert import printable
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT
from streamspec.harness.core.steps import Fail, Refuse
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, called, head, upgraded
from streamspec.harness.rules._scripted_ends import GENERATE, MARKED, THREE, WELL, ending, scripted, told_to
from streamspec.harness.rules._wire import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_WORDLESS: Final = "the dialect has no word for a failure: name it in a profile (docs/adding.md)"


def _failing(h: History) -> Iterator[tuple[str, Fail]]:
    """The sessions whose handler fails at the end of its script, and how."""
    for session in told_to(h, Fail):
        for step in h.steps(session):
            if isinstance(step, Fail):
                yield session, step


def _shown(h: History, session: str) -> tuple[Record, Failed] | None:
    """The error terminal of this session."""
    first = standing.terminals(h, session)[:1]
    return next(((r, r.event) for r in first if isinstance(r.event, Failed)), None)


# -- the code ----------------------------------------------------------------------------------------------------------


def code_comes_back(h: History) -> Iterator[Finding]:
    """Names are compared, and not how they are spelt: `NOT_FOUND` is `not-found`."""
    for session, step in _failing(h):
        shown = _shown(h, session)
        if not step.code:
            continue
        if not shown:
            yield unknown(ending(h, session).worded if h.header.declared.get("profile.error_channel") else _WORDLESS)
        elif not shown[1].code:
            yield unknown("its errors carry no code at all, which is another rule's", shown[0])
        elif _plain(shown[1].code) == _plain(step.code):
            yield held(shown[0])
        else:
            yield broken(shown[0], expected=step.code, got=shown[1].code)


def _plain(code: str) -> str:
    return "".join(char for char in code.upper() if char.isalnum())


def _failed(*ends: Event) -> tuple[Event, ...]:
    return (*THREE, *ends, ENDED, EOF)


_NOT_FOUND: Final = (GENERATE, Fail("NOT_FOUND"))

ER_02 = Rule(
    id="ER-02",
    level=Level.SHOULD,
    sentence="The code with which a handler fails comes back to its client by name, in every binding.",
    source="declared (docs/contract.md: codes); gRPC statuscodes.md (names; the numbers of seed 000 differ from 7 up)",
    why="A client decides by the code whether to try again: one that changes on the way makes it decide wrongly.",
    needs=("script", "error-channel", "feature:fail", "feature:codes"),
    after=ROOTS,
    check=code_comes_back,
    good=(
        scripted((_NOT_FOUND, _failed(Failed("NOT_FOUND")))),
        scripted((_NOT_FOUND, _failed(Failed("not-found"))), declared=MARKED),
        # no code at all is ER-01's, and no failure LC-07's
        scripted((_NOT_FOUND, _failed(Failed("", "it failed")))),
        scripted((_NOT_FOUND, WELL)),
        scripted((_NOT_FOUND, (*THREE, EOF)), declared={}),
    ),
    bad=(
        scripted((_NOT_FOUND, _failed(Failed("INTERNAL")))),
        scripted((_NOT_FOUND, _failed(Failed("NOT_FOUND"))), ((GENERATE, Fail("TIMED_OUT")), _failed(Failed("4")))),
    ),
)


# -- before the stream begins ------------------------------------------------------------------------------------------


def refused_by_a_status(h: History) -> Iterator[Finding]:
    for session in (s.id for s in h.header.script.sessions if s.role == SCRIPT):
        first = next(iter(h.steps(session)), None)
        if not isinstance(first, Refuse):
            continue
        answer = h.first(Opened, session)
        if not answer or not isinstance(answer.event, Opened):
            yield unknown(standing.not_opened(h, session))
            continue
        status, refusal = answer.event.status, standing.refusal(h, session)
        in_band = standing.says_no_in_band(answer.event)
        if "UNIMPLEMENTED" in _said(refusal) and first.code != "UNIMPLEMENTED":
            yield unknown("its adapter does not know the script", answer)
        elif refusal:
            yield held(refusal)
        elif in_band and (begun := h.first((Meta, Item), session)):
            yield broken(begun, expected="a refusal before the stream begins", got="a stream that began")
        elif 200 <= status < 300 and not in_band:
            yield broken(answer, expected="a status of 400 or more", got=f"{status}, as for a stream")
        else:
            yield unknown(f"it answered {status}", answer)


def _said(refusal: Record | None) -> str:
    """The code of a refusal, by name."""
    match refusal and refusal.event:
        case Opened(status=501):
            return "UNIMPLEMENTED"
        case Failed(code=code):
            return code
        case _:
            return ""


_REFUSED: Final = (Refuse("NOT_FOUND"),)

ER_03 = Rule(
    id="ER-03",
    level=Level.SHOULD,
    sentence="A failure that is known before the stream begins is answered with a status of 400 or more; where streams "
    "have no status of their own, with an error and no start.",
    source="RFC 9110 §15.5, §15.6; gRPC PROTOCOL-HTTP2 (Trailers-Only); docs/contract.md",
    why="Behind a status 200 proxies, caches and clients count the refusal as a success.",
    needs=("script", "feature:refuse"),
    check=refused_by_a_status,
    good=(
        scripted((_REFUSED, (ASK, head(status=404), ENDED, *CLOSE))),
        scripted((_REFUSED, (ASK, head(status=500), ENDED, *CLOSE))),
        # an adapter that does not know its step, and a way to somewhere else
        scripted((_REFUSED, (ASK, head(status=501), ENDED, *CLOSE))),
        scripted((_REFUSED, (ASK, head(status=302), ENDED, *CLOSE))),
        scripted((_REFUSED, (ASK, upgraded(), Failed("NOT_FOUND"), *CLOSE)), binding="ws"),
        scripted((_REFUSED, (ASK, upgraded(), Failed("UNIMPLEMENTED"), *CLOSE)), binding="ws"),
        scripted((_REFUSED, (ASK, called(), Failed("NOT_FOUND"), ENDED)), binding="grpc"),
    ),
    bad=(
        scripted((_REFUSED, (ASK, upgraded(), Meta("start"), Failed("NOT_FOUND"), *CLOSE)), binding="ws"),
        scripted((_REFUSED, (ASK, upgraded(), Meta("start"), Completed(), *CLOSE)), binding="ws"),
        scripted((_REFUSED, (ASK, head(), Failed("NOT_FOUND"), ENDED, EOF))),
        scripted((_REFUSED, (ASK, head(), ENDED, EOF)), declared={}),
    ),
)


# -- the message -------------------------------------------------------------------------------------------------------


def messages_survive(h: History) -> Iterator[Finding]:
    """The control is a plain message that comes back as it is: many servers keep those of their handlers to themselves,
    and are right to."""
    told = [(step.message, shown) for session, step in _failing(h) if step.message and (shown := _shown(h, session))]
    controls = [(r, failed) for text, (r, failed) in told if _is_plain(text) and failed.message == text]
    for text, (record, failed) in told:
        if _is_plain(text):
            continue
        wanted = printable(text)
        if not controls:
            yield unknown("it does not show the messages of its handlers", record)
        elif failed.message != wanted:
            yield broken(controls[0][0], record, expected=wanted, got=failed.message or "no message")
        elif "\\\\" in failed.prefix and "\\\\" not in controls[0][1].prefix:
            yield broken(controls[0][0], record, expected=wanted, got=f"escaped twice: {failed.prefix}")
        else:
            yield held(controls[0][0], record)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _saying(message: str, shown: str | None = None, prefix: str = "") -> tuple[tuple[Fail], tuple[Event, ...]]:
    """A script that fails with this message, and how it was shown: as it is, or as something else."""
    failed = Failed("INTERNAL", printable(message if shown is None else shown), prefix)
    return (Fail("INTERNAL", message),), (ASK, head(), failed, ENDED, EOF)


_CONTROL: Final = _saying("plain words")

ER_05 = Rule(
    id="ER-05",
    level=Level.MUST,
    sentence="Messages of failures come back as they were: tabs, line ends, and letters of every plane.",
    source="gRPC PROTOCOL-HTTP2 (Status-Message is percent-encoded UTF-8); RFC 8259 §7, §8.1",
    why="People search their logs for what the client was shown, and find nothing if it was changed on the way.",
    needs=("script", "error-channel", "feature:fail"),
    after=(*ROOTS, "ER-06"),
    check=messages_survive,
    good=(
        scripted(_CONTROL, _saying("one\r\ntwo"), _saying("\u2116 \U0001d11e")),
        # a server that shows no messages of its handlers
        scripted(_saying("plain words", "it failed"), _saying("one\r\ntwo", "it failed")),
        # escapes that it has anyway, say in a path
        scripted(_saying("plain words", prefix="C:\\\\x"), _saying("one\ttwo", prefix="C:\\\\x one\\ttwo")),
    ),
    bad=(
        scripted(_CONTROL, _saying("one\r\ntwo", "one two")),
        scripted(_CONTROL, _saying("\u2116 \U0001d11e", "\u2116 ?")),
        scripted(_CONTROL, _saying("one\ttwo", "")),
        scripted(_CONTROL, _saying("one\ttwo", prefix='{"message":"one\\\\ttwo"}')),
    ),
)

INJECTED: Final = '{"injected":1}'  # an item of its own, where a message can write the stream


def messages_stay_inside(h: History) -> Iterator[Finding]:
    """That a success terminal was written by the message shows beside a failure that has none. An array's bracket is
    no message: it comes after a record that was spoilt, too."""
    failing, array = tuple(_failing(h)), h.header.binding == "json_array"
    controls = [end for session, step in failing if INJECTED not in step.message and (end := ending(h, session))]
    control = next((end for end in controls if end.how == "failure"), None)
    for session, step in failing:
        if INJECTED not in step.message:
            continue
        end = ending(h, session)
        items = [r for r in standing.items(h, session) if isinstance(r.event, Item) and _is_injected(r.event)]
        marks = [r for r in standing.terminals(h, session) if isinstance(r.event, Completed) and not array]
        wanted = "the words of the failure inside its error, or nowhere"
        if items:
            yield broken(items[:1], expected=wanted, got=f"an item of its own: {INJECTED}")
        elif marks and control:
            yield broken(control.at, marks[:1], expected=wanted, got="the end, as after success")
        elif end.how == "failure":
            yield held(end.at)
        else:
            yield unknown("no failure is shown here" if end.how == "success" else end.worded, end.at)


def _is_injected(item: Item) -> bool:
    return "".join(item.prefix.split()) == INJECTED


_INJECTS: Final = (GENERATE, Fail("INTERNAL", f"x\n\ndata: {INJECTED}\n\n"))
_FAILS: Final = (GENERATE, Fail("INTERNAL", "plain words"))
_ITEM: Final = Item(3, 14, "00000000000000ff", INJECTED, 90)
_SHOWN: Final = Failed("INTERNAL", "x")

ER_06 = Rule(
    id="ER-06",
    level=Level.MUST,
    sentence="The text of a failure cannot write messages of its own into the stream.",
    source="HTML 9.2.5 (a blank line ends an event); ndjson-spec §3.1 (a line is a record); RFC 8259 §7",
    why="Whoever can put words into an error (a name, a path, a query) can forge items, or a good end.",
    needs=("script", "feature:fail"),
    check=messages_stay_inside,
    good=(
        scripted((_INJECTS, _failed(Failed("INTERNAL", f"x\\n\\ndata: {INJECTED}")))),
        scripted((_INJECTS, (*THREE, EOF)), declared={}),
        # as text of several lines, which is one message
        scripted((_INJECTS, (*THREE, Item(3, 20, "ff", f"x\\n\\ndata: {INJECTED}", 90), EOF)), declared={}),
        # its failures look like success anyway
        scripted((_FAILS, WELL), (_INJECTS, WELL)),
    ),
    bad=(
        scripted((_INJECTS, _failed(_SHOWN, _ITEM))),
        scripted((_INJECTS, (*THREE, _ITEM, EOF)), declared={}, binding="ndjson"),
        scripted((_INJECTS, _failed(_SHOWN, Deviation("sse.field", 120), _ITEM))),
        scripted((_FAILS, _failed(_SHOWN)), (_INJECTS, _failed(_SHOWN, Completed()))),
    ),
)
