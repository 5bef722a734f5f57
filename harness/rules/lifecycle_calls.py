"""LC: what calls mean that come after an ending, and what an ending still owes; on objects, and by scripts on servers.

A second ending may be refused or do nothing, as the dialect has it; what it may not do is show. Never here: what a
consumer is shown of a first ending (`lifecycle_objects`), or the checks of servers (`_scripted_lifecycle`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import END, Span, dropped
from streamspec.harness.core.event import Completed, Expired, Failed, Item
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.steps import Complete, Gate, Send
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, account, chunked, item
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
    sends,
    take,
    takes,
    together,
    waiting,
)
from streamspec.harness.rules import _scripted_lifecycle as servers
from streamspec.harness.rules._endings import (
    NEVER,
    Story,
    answered,
    each,
    ended_at,
    named,
    records,
    stories,
    text,
)
from streamspec.harness.rules._scripted_ends import BADLY, FAIL, GENERATE, MARKED, THREE, WELL, both, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History
    from streamspec.harness.core.written_calls import Part


def _second(story: Story, first: Span, op: str) -> Span | None:
    """A call of this operation that was begun after the first ending was over, and was not dropped."""
    later = (span for span in story.calls(op) if span.called.index > ended_at(first) and not dropped(span))
    return next((span for span in later if span.called.index < story.left), None)


def _hangs(story: Story, second: Span) -> Iterator[Finding]:
    """Some streams let an ending wait until everything has been received: then it may."""
    told = [s for s in story.consumers if s.called.index > second.called.index and (s.value == END or s.raised)]
    over = min((ended_at(span) for span in told if not dropped(span)), default=NEVER)
    if (settled := story.stuck_ever(second, over)) is not None:
        expected = f"a second ending ({second.op}) that is refused or does nothing"
        yield broken(records(second), settled, expected=expected, got=f"{second.op} still waits")


def _complete_after_error(story: Story) -> Iterator[Finding]:
    error = story.ended_by("error")
    complete = _second(story, error, "complete") if error else None
    if error is None or complete is None:
        return
    yield from _hangs(story, complete)
    ends = tuple(span for span in story.ends() if ended_at(span) > complete.called.index)
    failures = tuple(span for span in story.failures() if span.called.index > ended_at(complete))
    if ends:
        yield broken(records(error, complete, ends[0]), expected="the error that came first", got="the end")
    elif failures:
        yield held(records(error, complete, failures[0]))
    else:
        yield unknown("nobody received after the second ending", records(error, complete))


_ERRED: Final = (send(0, 1), done(1, "error", arg="NOT_FOUND"))
_FAILED: Final = ((GENERATE, FAIL), BADLY)

LC_03 = Rule(
    id="LC-03",
    level=Level.MUST,
    sentence="A complete after an error is refused or does nothing, and shows nowhere.",
    source="seed 000 'Completion' (never call both); Reactive Streams §1.7",
    why="A late complete that wins turns a failure into half an answer that looks whole.",
    needs=("object|script", "feature:complete", "feature:error|feature:fail", "object|feature:explicit_end"),
    after=("LC-01",),
    check=both(each(_complete_after_error), servers.complete_after_error),
    good=(
        scripted(_FAILED, ((GENERATE, FAIL, Complete()), BADLY)),
        # whole, but without the word that success has: nobody takes that for a success
        scripted(_FAILED, ((GENERATE, FAIL, Complete()), (*THREE, EOF))),
        # its failures look like success, whatever follows them: that is another rule's
        scripted(((GENERATE, FAIL), WELL), ((GENERATE, FAIL, Complete()), WELL)),
        played(_ERRED, failed(2, "complete", "UNAVAILABLE"), takes(3, 0, 1, 1), fail(4, "NOT_FOUND")),
        played(_ERRED, done(2, "complete"), takes(3, 0, 1, 1), fail(4, "NOT_FOUND"), fail(5, "NOT_FOUND", first=False)),
        # both at once: whichever won
        played(begun(0, "error"), done(1, "complete", "other"), refused(0, "UNAVAILABLE"), end(2)),
    ),
    bad=(
        scripted(_FAILED, ((GENERATE, FAIL, Complete()), WELL)),
        scripted(((GENERATE, FAIL, Complete()), (*BADLY[:-2], Completed(), ENDED, EOF))),
        played(_ERRED, done(2, "complete"), takes(3, 0, 1, 1), end(4)),
        played(_ERRED, begun(2, "complete"), takes(3, 0, 1, 1), fail(4, "NOT_FOUND"), SETTLED),
    ),
)


def _error_after_complete(story: Story) -> Iterator[Finding]:
    complete = story.ended_by("complete")
    error = _second(story, complete, "error") if complete else None
    if complete is None or error is None:
        return
    yield from _hangs(story, error)
    code = error.arg or "INTERNAL"
    shown = [s for s in story.failures() if ended_at(s) > error.called.index and s.raised and s.raised.code == code]
    ends = story.ends()
    done_before = [span for span in ends if ended_at(span) < error.called.index]
    # A `Failure` that comes back to whoever brought it is how some streams hand it on: no refusal.
    refusals = [e for e in story.calls("error") if e.raised and e.raised.kind != "Failure" and not dropped(e)]
    was_refused = len(refusals) == len(story.calls("error")) and not story.unruly
    if shown and done_before:
        evidence = records(complete, done_before[0], error, shown[0])
        yield broken(evidence, expected="the end, as it had been told already", got=f"the late {code}")
    elif shown and was_refused:
        evidence = records(complete, error, shown[0])
        yield broken(evidence, expected="the end, since the error was refused", got=f"the refused {code}")
    elif shown:
        yield unknown("the error won while items were still to be received, as some dialects have it", records(error))
    elif ends and (later := [span for span in ends if span.called.index > ended_at(error)]):
        yield held(records(complete, error, later[0]))
    else:
        yield unknown("nobody received after the second ending", records(complete, error))


_COMPLETED: Final = (send(0, 1), done(1, "complete"))
_REFUSES: Final[dict[str, str | int | bool]] = {"tells.refused.per": "stream"}
_REFUSED: Final = account(100, refused=1)

LC_04 = Rule(
    id="LC-04",
    level=Level.MUST,
    sentence="An error after a complete is refused or does nothing, and shows nowhere, or wins while it still drains.",
    source="seed 000 'Completion' (never call both); Reactive Streams §1.7",
    why="A late error that shows makes a consumer throw away an answer that it had whole.",
    needs=("object|script", "feature:complete", "feature:error|feature:fail", "object|feature:explicit_end"),
    check=both(each(_error_after_complete), servers.error_after_complete),
    good=(
        scripted(((GENERATE, Complete(), FAIL), WELL)),
        # a dialect in which an error wins while items are still on their way
        scripted(((GENERATE, Complete(), FAIL), BADLY), declared=MARKED | _REFUSES),
        # it was refused, and what shows is another failure
        scripted(
            ((GENERATE, Complete(), FAIL), (*THREE, Failed("UNAVAILABLE"), ENDED, EOF, _REFUSED)),
            declared=MARKED | _REFUSES,
        ),
        played(_COMPLETED, failed(2, "error", "UNAVAILABLE", arg="NOT_FOUND"), takes(3, 0, 1, 1), end(4)),
        played(_COMPLETED, takes(2, 0, 1, 1), end(3), done(4, "error", arg="NOT_FOUND"), end(5, first=False)),
        # a dialect in which an error wins while items are still to be received
        played(_COMPLETED, done(2, "error", arg="NOT_FOUND"), fail(3, "NOT_FOUND")),
        # asked again after the end, some streams refuse
        played(_COMPLETED, takes(2, 0, 1, 1), end(3), done(4, "error", arg="NOT_FOUND"), fail(5, "UNAVAILABLE")),
    ),
    bad=(
        scripted(((GENERATE, Complete(), Gate("a"), FAIL), (*WELL[:-2], Failed("NOT_FOUND"), ENDED, EOF))),
        scripted(((GENERATE, Complete(), FAIL), (*BADLY, _REFUSED)), declared=MARKED | _REFUSES),
        played(_COMPLETED, takes(2, 0, 1, 1), end(3), done(4, "error", arg="NOT_FOUND"), fail(5, "NOT_FOUND")),
        played(_COMPLETED, failed(2, "error", "UNAVAILABLE", arg="NOT_FOUND"), takes(3, 0, 1, 1), fail(4, "NOT_FOUND")),
        played(_COMPLETED, begun(2, "error", arg="NOT_FOUND"), takes(3, 0, 1, 1), end(4), SETTLED),
    ),
)


def complete_twice(h: History) -> Iterator[Finding]:
    """A loss is the second complete's only if a stream that was completed once, in the same case, lost nothing."""
    told = tuple(story for story, whole in stories(h) if whole)
    control = next((end for story in told if (end := _drained_after_one(story))), None)
    for story in told:
        first = story.ended_by("complete")
        second = _second(story, first, "complete") if first else None
        if first is None or second is None or story.calls("error", "produce", "feed"):
            continue
        yield from _hangs(story, second)
        end = next(iter(story.ends()), None)
        refusal = next((s for s in story.consumers if _spoils(story, s, second, end)), None)
        missing = story.undelivered(story.sent_before(first.called), end) if end else ()
        if refusal:
            evidence = records(first, second, refusal)
            yield broken(evidence, expected="the end, as after one complete", got=answered(refusal))
        elif missing and control and end:
            evidence = records(first, second, *missing[:1], end, control)
            yield broken(
                evidence, expected="every item, as after one complete", got=f"the end without {named(missing)}"
            )
        elif missing:
            yield unknown("items were lost, and it is not known by which complete", records(first, second, end))
        elif end and end.called.index > ended_at(second):
            yield held(records(first, second, end))
        else:
            yield unknown("nobody received to the end after the second complete", records(first, second))


def _drained_after_one(story: Story) -> Span | None:
    """The receive that told the end of a stream that was completed once, with items waiting, and lost none of them."""
    complete = story.ended_by("complete")
    if complete is None or len(story.calls("complete", "error", "cancel", "produce", "feed")) > 1:
        return None
    end = next(iter(story.ends()), None)
    lossless = end and not story.undelivered(story.sent_before(complete.called), end)
    return end if lossless and story.pending(complete) else None


def _spoils(story: Story, span: Span, second: Span, end: Span | None) -> bool:
    """Whether this receive was refused because of the second complete, before any end was told."""
    refused_then = span.raised is not None and not dropped(span) and second.called.index < ended_at(span) < story.left
    return refused_then and story.alone(span) and (end is None or ended_at(end) > ended_at(span))


_TWICE: Final = (sends(0, 1, 2), done(2, "complete"), done(3, "complete"))
_ONCE: Final[tuple[str, dict[str, int | str], tuple[Part, ...]]] = (
    "once",
    {},
    (sends(0, 1, 2), done(2, "complete"), takes(3, 0, 1, 2), end(5)),
)

_DONE: Final = ((GENERATE, Complete()), WELL)

LC_05 = Rule(
    id="LC-05",
    level=Level.MUST,
    sentence="A second complete is refused or does nothing, and shows nowhere.",
    source="seed 000 'Completion'; Reactive Streams §1.7",
    why="Two parts of a handler that both tidy up must not cost the consumer what it had not read yet.",
    needs=("object|script", "feature:complete", "object|feature:explicit_end"),
    after=("LC-01", "LC-12"),
    check=both(complete_twice, servers.complete_twice),
    good=(
        scripted(_DONE, ((GENERATE, Complete(), Complete()), WELL)),
        # it does not come whole after one complete either
        scripted(((GENERATE, Complete()), BADLY), ((GENERATE, Complete(), Complete()), BADLY)),
        played(_TWICE, takes(4, 0, 1, 2), end(6)),
        played(sends(0, 1, 1), done(1, "complete"), failed(2, "complete", "UNAVAILABLE"), takes(3, 0, 1, 1), end(4)),
        # a loss without a control: not known whose
        played(_TWICE, takes(4, 0, 1, 1), end(5)),
    ),
    bad=(
        scripted(_DONE, ((GENERATE, Complete(), Complete()), (*WELL[:3], *WELL[-3:]))),
        scripted(_DONE, ((GENERATE, Complete(), Complete()), (*THREE, EOF))),
        scripted(((GENERATE, Complete(), Complete()), (*WELL[:-2], Completed(), ENDED, EOF))),
        together(_ONCE, ("twice", {}, (_TWICE, takes(4, 0, 1, 1), end(5)))),
        played(_TWICE, takes(4, 0, 1, 2), fail(6, "UNAVAILABLE")),
        played(send(0, 1), done(1, "complete"), begun(2, "complete"), takes(3, 0, 1, 1), end(4), SETTLED),
    ),
)


def _end_drains(story: Story) -> Iterator[Finding]:
    complete = story.ended_by("complete")
    end = next(iter(story.ends()), None)
    if complete is None or end is None:
        return
    accepted = story.sent_before(complete.called)
    if missing := story.undelivered(accepted, end):
        expected = f"the end after all {len(accepted)} items that had been accepted"
        got = f"the end, and {len(missing)} not received: {named(missing)}"
        yield broken(records(complete, *missing[:3], end), expected=expected, got=got)
    elif pending := story.pending(complete):
        yield held(records(complete, pending[-1], end))
    else:
        yield unknown("nothing was waiting to be received when complete was called", records(complete, end))


LC_09 = Rule(
    id="LC-09",
    level=Level.MUST,
    sentence="A complete drains every buffered item before the end becomes visible.",
    source="seed 002 'Stream States' (closing: draining buffer; closed: all data consumed)",
    why="What was accepted and not yet read is lost without a trace, and only for slow consumers.",
    needs=("object|script", "feature:complete"),
    check=both(each(_end_drains), servers.drains_before_its_end),
    good=(
        scripted(_DONE),
        # lost in the middle: not by its end
        scripted(((GENERATE, Complete()), (*WELL[:3], *WELL[4:]))),
        # as it declares, for slow clients
        scripted(((GENERATE, Complete()), (*WELL[:3], *WELL[-3:])), declared={**MARKED, "declares.lossy": "left"}),
        # an end that is none: of a client that stands still a policy
        scripted(((GENERATE, Complete()), (*WELL[:3], EOF))),
        played(sends(0, 1, 2), done(2, "complete"), takes(3, 0, 1, 2), end(5)),
        # with threads, another receiver may have the last item and not have said so
        played(
            *(send(0, 1), begun(1, "receive", "slow"), done(2, "complete"), end(3)),
            *take(1, 0, 1, by="slow")[1:],
            kind="threads",
        ),
        # a send that was still waiting may be refused by the end
        played(send(0, 1), waiting(1, 2), done(2, "complete", "other"), refused(1), takes(3, 0, 1, 1), end(4)),
        # one that we dropped may have taken an item with it
        played(send(0, 1), begun(1, "receive", "gone"), refused(1, "", "CancelledError"), done(2, "complete"), end(3)),
    ),
    bad=(
        scripted(((GENERATE, Complete()), (*WELL[:3], *WELL[-3:]))),
        scripted(
            ((GENERATE, Complete()), (ASK, chunked("ndjson"), item(0), ENDED, EOF)), declared={}, binding="ndjson"
        ),
        played(sends(0, 1, 3), done(3, "complete"), takes(4, 0, 1, 1), end(5)),
        played(sends(0, 1, 2), done(2, "complete"), takes(3, 0, 1, 1), end(4), take(5, 1, 2)),
    ),
)


def _sends_after_end(story: Story) -> Iterator[Finding]:
    complete = story.ended_by("complete")
    came = story.came()
    for send_ in story.calls("send") if complete else ():
        if complete is None or send_.called.index < ended_at(complete) or send_.called.index > story.left:
            continue
        expected = f"{text(send_)} refused, since the stream is complete"
        if send_.returned and ended_at(send_) < story.left:
            yield broken(records(complete, send_), expected=expected, got="it was accepted")
        elif text(send_) in came:
            yield broken(records(complete, send_), expected=expected, got="it was delivered")
        elif settled := story.stuck_ever(send_):
            yield broken(records(complete, send_), settled, expected=expected, got="the send waits")
        elif send_.raised is not None and not dropped(send_) and ended_at(send_) < story.left:
            yield held(records(complete, send_))


_LATE: Final = Send(('{"late":1}',))
_LATE_ITEM: Final = Item(3, 10, "00000000000000ff", '{"late":1}', 60)

LC_10 = Rule(
    id="LC-10",
    level=Level.MUST,
    sentence="A send after a complete is refused, not buffered.",
    source="seed 002 'Stream States' (only an open stream can be written)",
    why="An item that is accepted after the end is work done for nobody, and its sender believes it arrived.",
    needs=("object|script", "feature:complete", "object|feature:send", "object|feature:explicit_end"),
    after=("LC-02",),
    check=both(each(_sends_after_end), servers.sends_after_end),
    good=(
        scripted(((GENERATE, Complete(), _LATE), WELL)),
        # the stream never came to its end
        scripted(((GENERATE, Complete(), _LATE), (*THREE, Expired("look_ms", 2000), *CLOSE))),
        played(done(0, "complete"), failed(1, "send", "UNAVAILABLE", arg="producer:1")),
        played(done(0, "complete"), failed(1, "send", arg="producer:1"), end(2)),
        # begun before the end
        played(waiting(0, 1), done(1, "complete", "other"), take(2, 0, 1), back(0), end(3)),
        # what follows a cancel of ours
        played(done(0, "complete"), done(1, "cancel", "consumer"), send(2, 1)),
    ),
    bad=(
        scripted(((GENERATE, Complete(), _LATE), (*THREE, _LATE_ITEM, *WELL[-3:]))),
        played(done(0, "complete"), send(1, 1)),
        played(done(0, "complete"), failed(1, "send", "UNAVAILABLE", arg="producer:1"), take(2, 0, 1)),
        played(done(0, "complete"), waiting(1, 1), SETTLED),
    ),
)
