"""LC of scripted servers: what a client is shown when a handler ends its stream twice, not at all, or writes on behind
its end, and when nobody was reading.

A second ending may be refused or do nothing; what it may not do is show. The rules are beside those of objects, in
`lifecycle_calls` and `lifecycle_objects`. Never here: a rule, or a script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Failed, Item, Record
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.steps import Abandon, Complete, Fail, Generate, Send, Step
from streamspec.harness.rules._accounts import did
from streamspec.harness.rules._scripted_ends import (
    due,
    ending,
    fell_silent,
    figure,
    numbers,
    tail,
    told_to,
)
from streamspec.harness.rules._wire import unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History
    from streamspec.harness.rules._scripted_ends import Ending

_ALWAYS_FITS_BYTES: Final = 65_536  # what no honest server is too small for
_TIMES: Final = 3  # a late budget counts only three times out of three


def complete_after_error(h: History) -> Iterator[Finding]:
    """LC-03. A failure that is hidden when nothing follows it is another rule's."""
    control = next((end for s in told_to(h, Fail) if (end := ending(h, s)).how == "failure"), None)
    for session in told_to(h, Fail, Complete):
        end = ending(h, session)
        later = standing.terminals(h, session)[1:]
        if end.how == "failure" and later:
            yield broken(end.at, later[:1], expected="nothing after the error that came first", got="the end as well")
        elif end.how == "failure":
            yield held(end.at)
        elif end.how == "success" and control:
            yield broken(control.at, end.at, expected="the error that came first", got="the end")
        else:
            yield unknown("no failure is shown here" if end.how == "success" else end.worded, end.at)


def error_after_complete(h: History) -> Iterator[Finding]:
    """LC-04. While items are still to be received an error may win, as some dialects have it, but no refused one."""
    for session in told_to(h, Complete, Fail):
        end = ending(h, session)
        late = tail(h.steps(session))[-1]
        code = late.code if isinstance(late, Fail) else ""
        later = tuple(r for r in standing.terminals(h, session)[1:] if isinstance(r.event, Failed))
        if end.how == "success" and later:
            yield broken(end.at, later[:1], expected="the end, as it had been told already", got=f"the late {code}")
        elif end.how == "success":
            yield held(end.at)
        elif end.how == "failure" and _shows(end, code) and _was_refused(h, session):
            told = accounts.figures(h, session, "refused")[-1].record
            yield broken(end.at, told, expected="the end, since the error was refused", got=f"the refused {code}")
        elif end.how == "failure":
            yield unknown("the error won while items were still to be received, as some dialects have it", end.at)
        else:
            yield unknown(end.worded, end.at)


def _was_refused(h: History, session: str) -> bool:
    """Whether the witness says that a call was refused, and of no second one that ended the stream."""
    return bool(figure(h, session, "refused")) and figure(h, session, "terminals") in {None, 0, 1}


def _shows(end: Ending, code: str) -> bool:
    return isinstance(end.at[0].event, Failed) and end.at[0].event.code == code


def complete_twice(h: History) -> Iterator[Finding]:
    """LC-05. The control is a stream that was completed once, in the same case."""
    control = next((end for s in told_to(h, Complete) if (end := _all_of_it(h, s))), None)
    for session in told_to(h, Complete, Complete):
        end = ending(h, session)
        missing = due(h, session) - len(standing.items(h, session))
        spoilt = end.how in {"failure", "bare"} or (end.how == "success" and missing > 0)
        later = standing.terminals(h, session)[1:]
        if later:
            yield broken(end.at, later[:1], expected="one end, as after one complete", got="a second one")
        elif spoilt and not control:
            yield unknown("a stream that is completed once does not come whole either", end.at)
        elif spoilt and control and end.how == "success":
            expected, got = "every item, as after one complete", f"the end without {missing} of them"
            yield broken(end.at, control.at, expected=expected, got=got)
        elif spoilt and control:
            yield broken(end.at, control.at, expected="the end, as after one complete", got=end.worded)
        elif end.how == "success":
            yield held(end.at)
        else:
            yield unknown(end.worded, end.at)


def _all_of_it(h: History, session: str) -> Ending | None:
    end = ending(h, session)
    return end if end.how == "success" and len(standing.items(h, session)) == due(h, session) else None


def abandoned(h: History) -> Iterator[Finding]:
    """LC-06. Silence accuses only where it followed every time."""
    silent: list[tuple[Record, ...]] = []
    sessions = told_to(h, Abandon)
    for session in sessions:
        end = ending(h, session)
        if end.how in {"success", "bare"}:
            yield broken(end.at, expected="an error, since the handler ended nothing", got=end.worded)
        elif end.how == "failure":
            yield held(end.at)
        elif end.how == "open" and fell_silent(h, session):
            silent.append(end.at)
        else:
            yield unknown(end.worded, end.at)
    yield from _every_time(silent, len(sessions), "an error, since the handler ended nothing")


def _every_time(silent: list[tuple[Record, ...]], of: int, expected: str) -> Iterator[Finding]:
    if silent and len(silent) == of >= _TIMES:
        yield broken(*silent, expected=expected, got="no answer, every time")
    elif silent:
        yield unknown(f"no answer {len(silent)} of {of} times", *silent)


def drains_before_its_end(h: History) -> Iterator[Finding]:
    """LC-09. Its tail is what a complete may cut off; what is missing in the middle was lost before."""
    for session in told_to(h, Complete):
        wanted, end, came = due(h, session), ending(h, session), numbers(h, session)
        if not wanted or not all(_is_counted(step) for step in h.steps(session)):
            continue
        if end.how != "success":
            yield unknown(end.worded, end.at)
        elif h.header.declared.get("declares.lossy"):
            yield unknown("it may leave items out for slow clients, as it declares", end.at)
        elif unread(h, session) or not standing.seen_whole(h, session):
            yield unknown("not all of it was read", end.at)
        elif len(came) < len(standing.items(h, session)):
            yield unknown("its items do not count", end.at)
        elif lost := wanted - max(came, default=0):
            expected = f"the end after all {wanted} items that had been accepted"
            got = f"the end, and {lost} not received: from {wanted - lost + 1} on"
            yield broken(standing.items(h, session)[-1:], end.at, expected=expected, got=got)
        elif len(set(came)) < wanted:
            yield unknown("items are missing in the middle: these were not lost at the end", end.at)
        else:
            yield held(standing.items(h, session)[-1:], end.at)


def _is_counted(step: Step) -> bool:
    """Whether its items count, and none of them is so large that it might be refused."""
    return not isinstance(step, Send) and not (isinstance(step, Generate) and step.bytes > _ALWAYS_FITS_BYTES)


def sends_after_end(h: History) -> Iterator[Finding]:
    """LC-10. What a witness counts accuses nobody: it is its adapter that counts."""
    for session in told_to(h, Complete, Send):
        late = tail(h.steps(session))[-1]
        texts = late.items if isinstance(late, Send) else ()
        came = tuple(r for r in standing.items(h, session) if _is_one_of(r.event, texts))
        end = ending(h, session)
        sent, refused = figure(h, session, "sent"), figure(h, session, "refused")
        if came:
            expected = f"{texts[0]} refused, since the stream is complete"
            yield broken(came, expected=expected, got="it was accepted, and delivered")
        elif end.how != "success":
            yield unknown(end.worded, end.at)
        elif sent is not None and sent > due(h, session) and not refused:
            yield unknown("its witness says that the send was accepted, and it reached nobody", end.at)
        else:
            yield held(end.at)


def _is_one_of(event: object, texts: tuple[str, ...]) -> bool:
    return isinstance(event, Item) and "".join(event.prefix.split()) in texts


# -- readers that stood still ------------------------------------------------------------------------------------------


def end_without_demand(h: History) -> Iterator[Finding]:
    """LC-12. The control is the same script, read at once."""
    yield from _ends_after_a_stall(h, Complete, "success")
    yield from _ends_after_a_stall(h, Fail, "failure")


def _ends_after_a_stall(h: History, kind: type[Complete | Fail], wanted: str) -> Iterator[Finding]:
    sessions = told_to(h, kind)
    stalled = tuple(session for session in sessions if _stood_still(h, session))
    controls = (ending(h, session) for session in sessions if session not in stalled)
    control = next((end for end in controls if end.how == wanted), None)
    word = "the end" if kind is Complete else "the error"
    expected = f"{word} at the next read, though nobody read when it came"
    wrong: list[tuple[Record, ...]] = []
    silent: list[tuple[Record, ...]] = []
    for session in stalled:
        end = ending(h, session)
        came = len(standing.items(h, session)) >= due(h, session)
        if end.how == wanted:
            yield held(end.at)
        elif not control:
            yield unknown(f"{word} is not shown to a reader that reads on either", end.at)
        elif end.how == "open" and came and fell_silent(h, session):
            silent.append(end.at)
        elif end.how in {"success", "failure"} and came and not _is_a_policy(end):
            wrong.append((*control.at, *end.at))
        else:
            yield unknown(f"{end.worded}: of a client that stands still that may be a policy", end.at)
    if len(wrong) == len(stalled) >= _TIMES:
        got = "the error, every time" if kind is Complete else "the end, as of success, every time"
        yield broken(*wrong, expected=expected, got=got)
    elif wrong:
        yield unknown(f"another end than to a reader that reads on {len(wrong)} of {len(stalled)} times", *wrong)
    yield from _every_time(silent, len(stalled), expected)


def _stood_still(h: History, session: str) -> bool:
    """Whether the reader stood still before it had seen any end."""
    began, head = did(h, session, "stall"), standing.opened(h, session)
    ends = (*standing.terminals(h, session), standing.whole(h, session))
    return bool(began and head) and not any(end and began and end.index < began.index for end in ends)


def _is_a_policy(end: Ending) -> bool:
    """Whether a server ends the streams of slow clients in this way: cut off, or with a time that is over."""
    failed = end.at[0].event
    return end.how == "failure" and (not isinstance(failed, Failed) or "TIME" in failed.code.upper())
