"""LC: what a consumer is shown of an ending, whoever brought it about; on objects, and by scripts on servers.

A terminal is what a receive was answered: the end, or the stream's failure. What follows a leaving of ours (a cancel, a
broken iteration) is held against nobody. Never here: calls that come after an ending (`lifecycle_calls`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import END, Span, dropped
from streamspec.harness.core.event import Completed, Did, Ended, Expired
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.steps import Abandon, Complete
from streamspec.harness.core.written import CLOSE, ENDED, EOF
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    fail,
    played,
    refused,
    send,
    sends,
    takes,
    told,
)
from streamspec.harness.rules import _scripted_lifecycle as servers
from streamspec.harness.rules._endings import Story, answered, each, ended_at, overlap, records
from streamspec.harness.rules._scripted_ends import BADLY, FAIL, GENERATE, MARKED, THREE, WELL, both, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Record


def _terminal(story: Story) -> Span | None:
    """The first terminal that a receive showed."""
    return min((*story.ends()[:1], *story.failures()[:1]), key=ended_at, default=None)


def one_terminal(story: Story) -> Iterator[Finding]:
    """LC-01. A stream that nobody asked again may have shown more."""
    shown = sorted((*story.ends()[:1], *story.failures()[:1]), key=ended_at)
    if len(shown) == 2:
        got = f"{answered(shown[0])}, then {answered(shown[1])}"
        yield broken(records(*shown), expected="one terminal, the same as often as it is asked for", got=got)
    elif shown and (later := story.asked_after(shown[0])):
        yield held(records(shown[0], later[-1]))
    elif shown:
        yield unknown("nobody received again after the terminal", records(*shown))


def silent_after_terminal(story: Story) -> Iterator[Finding]:
    """LC-02. A receive that was given an item and then dropped gives it back, at worst when the end has been told."""
    terminal = _terminal(story)
    if terminal is None:
        return
    later = story.asked_after(terminal)
    late = tuple(span for span in later if span.op == "receive" and span.returned and span.value != END)
    other = story.failures() if terminal.value == END else story.ends()
    late += tuple(span for span in other if span in later)
    back = sum(dropped(span) and overlap(span, terminal) for span in story.consumers)
    if len(late) > back:
        got = f"{answered(terminal)}, then {', '.join(answered(span) for span in late[:3])}"
        yield broken(records(terminal, *late[:3]), expected="nothing but the terminal, once it was told", got=got)
    elif later and not late:
        yield held(records(terminal, later[-1]))
    else:
        yield unknown("nobody received again after the terminal", records(terminal))


# -- handlers ----------------------------------------------------------------------------------------------------------


def _left_open(story: Story, word: str) -> Record | None:
    """The account of the one handler that it `returned` or `raised`, if nobody else ended its stream before or after,
    and none of its sends had been refused."""
    over = story.handled
    refused = any(span.raised is not None for span in story.calls("send") if span.by == "handler")
    ended = story.calls("complete", "error", "feed") or story.timed
    if len(story.calls("produce")) != 1 or len(over) != 1 or ended or refused or story.left < over[0].index:
        return None
    values = getattr(over[0].event, "values", {})
    return over[0] if values.get("handler") == word else None


def _told_of(story: Story, over: Record, why: str) -> Iterator[Finding]:
    """Whether consumers were told that a handler left its stream open."""
    answers = [s for s in story.consumers if ended_at(s) < story.left and (s.value == END or _refuses(story, s))]
    first = min(answers, key=ended_at, default=None)
    if first is not None and ended_at(first) < over.index:
        yield unknown("the stream was over before its handler", over, records(first))
    elif first is not None and first.value == END:
        yield broken(over, records(first), expected=f"an error, since {why}", got="the end, as after success")
    elif first is not None:
        yield held(over, records(first))
    elif waiting := _waiting(story, over):
        span, settled = waiting
        got = f"no answer: {span.by} still waits"
        yield broken(over, records(span), settled, expected=f"an error, since {why}", got=got)
    else:
        yield unknown("nobody received after the handler was over", over)


def _refuses(story: Story, span: Span) -> bool:
    """Whether a receive was refused, and not because another one was there."""
    return span.raised is not None and not dropped(span) and story.alone(span)


def _waiting(story: Story, since: Record) -> tuple[Span, Record] | None:
    """A receive that surely waits, some time after this record, although the stream is not paused."""
    for settled in story.settled:
        if since.index < settled.index < story.left and not story.paused_at(settled):
            stuck = next((span for span in story.consumers if story.stuck(span, settled)), None)
            if stuck:
                return stuck, settled
    return None


def _handler_returned(story: Story) -> Iterator[Finding]:
    if over := _left_open(story, "returned"):
        yield from _told_of(story, over, "the handler ended nothing")


def handler_raised(story: Story) -> Iterator[Finding]:
    """LC-07, of a handler that an object runs."""
    if over := _left_open(story, "raised"):
        yield from _told_of(story, over, "the handler raised")


_BEGAN: Final = (begun(0, "produce"), told(handler="began"), begun(1, "receive", "consumer"))
_RETURNED: Final = (told(handler="returned"), back(0))
RAISED: Final = (told(handler="raised", handler_raised="RuntimeError"), back(0))
_SAYS_ITSELF: Final = (told(handler="began"), done(1, "complete", "handler"))

_LEFT: Final = (GENERATE, Abandon())
_SILENT: Final = (*THREE, Expired("failing_ms", 5000), *CLOSE)

LC_06 = Rule(
    id="LC-06",
    level=Level.MUST,
    sentence="A handler that returns without ending its stream is reported as an error, not as success, not as a hang.",
    source="seed 000 'Completion' (a stream must be explicitly completed or terminated)",
    why="A forgotten completion looks like a whole answer, or leaves its consumer waiting for ever.",
    needs=("object|script", "feature:complete", "feature:produce|feature:explicit_end", "object|feature:abandon"),
    check=both(each(_handler_returned), servers.abandoned),
    good=(
        scripted((_LEFT, BADLY)),
        scripted((_LEFT, (*THREE, EOF)), declared={}),
        # close-delimited, and without a word for success: nobody can tell
        scripted((_LEFT, (*THREE, Ended("close", 20), EOF)), declared={}),
        # silent once, and then in time
        scripted((_LEFT, _SILENT), (_LEFT, BADLY), (_LEFT, BADLY)),
        played(_BEGAN, _RETURNED, refused(1, "INTERNAL"), fail(2), SETTLED),
        # a handler that ends its stream does as it should
        played(begun(0, "produce"), _SAYS_ITSELF, _RETURNED, end(2), SETTLED),
        # somebody else ended it meanwhile
        played(_BEGAN, done(2, "cancel", "consumer"), _RETURNED, SETTLED),
    ),
    bad=(
        scripted((_LEFT, WELL)),
        scripted((_LEFT, (*THREE, ENDED, EOF))),
        scripted((_LEFT, (*THREE, ENDED, EOF)), declared={}),
        scripted((_LEFT, (*THREE, Completed(9), ENDED, EOF)), declared=MARKED, binding="json_array"),
        scripted(*((_LEFT, _SILENT),) * 3),
        played(_BEGAN, _RETURNED, back(1, END), SETTLED),
        played(_BEGAN, _RETURNED, SETTLED),
    ),
)


# -- the end of an empty stream, of which `lifecycle_empty` has the rule, and of one that nobody was reading -----------


def empty_ends(story: Story) -> Iterator[Finding]:
    complete = next(iter(story.calls("complete")), None)
    if complete is None or any(s.called.index < ended_at(complete) for s in story.calls("send", "produce", "feed")):
        return
    refused = complete.raised is not None and not dropped(complete) and not story.unruly
    before = [s for s in story.calls("error") if s.called.index < ended_at(complete)]
    if refused and not before and not story.timed and story.left > ended_at(complete):
        yield broken(records(complete), expected="an empty stream that can be completed", got=answered(complete))
        return
    if story.ended_by("complete") is not complete:
        yield unknown("something else ended the empty stream", records(complete))
        return
    told = [
        span
        for span in story.consumers
        if complete.called.index < ended_at(span) < story.left and (span.value == END or _refuses(story, span))
    ]
    first = min(told, key=ended_at, default=None)
    if first is not None and first.value == END:
        yield held(records(complete, first))
    elif first is not None and any(error.called.index < ended_at(first) for error in story.calls("error")):
        yield unknown("an error came before anybody was told of the end", records(complete, first))
    elif first is not None:
        yield broken(records(complete, first), expected="the end of an empty stream", got=answered(first))
    elif complete.ended is not None and (waiting := _waiting(story, complete.ended)):
        got = f"no answer: {waiting[0].by} still waits"
        yield broken(records(complete, waiting[0]), waiting[1], expected="the end of an empty stream", got=got)
    else:
        yield unknown("nobody received from the empty stream", records(complete))


def _completed_before(story: Story, receive: Span) -> bool:
    """Whether it may have been another call that ended the stream well."""
    return any(span.called.index < ended_at(receive) for span in story.calls("complete", "feed"))


def _end_without_demand(story: Story) -> Iterator[Finding]:
    ender = story.ended_by("complete") or story.ended_by("error")
    if ender is None or ender.ended is None:
        return
    if any(span.open_at(ender.called) for span in story.consumers):
        yield unknown("somebody was receiving when the stream ended", records(ender))
        return
    later = [span for span in story.consumers if span.called.index > ender.called.index]
    told = [s for s in later if ended_at(s) < story.left and (s.value == END or _refuses(story, s))]
    wanted = "the end" if ender.op == "complete" else "the error"
    if told and ender.op == "error" and told[0].value == END and not _completed_before(story, told[0]):
        wanted += f", {ender.arg or 'INTERNAL'}"
        yield broken(records(ender, told[0]), expected=wanted, got="the end, as of success")
    elif told:
        yield held(records(ender, told[0]))
    elif waiting := _waiting(story, ender.ended):
        got = f"no answer: {waiting[0].by} still waits"
        expected = f"{wanted} at the next read, though nobody read when it came"
        yield broken(records(ender, waiting[0]), waiting[1], expected=expected, got=got)
    else:
        yield unknown("nobody read on to the terminal", records(ender))


_FULL: Final = (sends(0, 1, 2), done(2, "complete"), SETTLED, takes(3, 0, 1, 2))

_READ: Final = ((GENERATE, Complete()), WELL)
_READ_BADLY: Final = ((GENERATE, FAIL), BADLY)
_STALL: Final = (*THREE[:2], Did("stall"), Did("resume"))

LC_12 = Rule(
    id="LC-12",
    level=Level.MUST,
    sentence="Completion and error reach a consumer that was asking for nothing, or has a full buffer to drain first.",
    source="Reactive Streams §2.9, §2.10",
    why="An ending that is told only to who happens to wait leaves every slower consumer waiting for ever.",
    needs=("object|script", "feature:complete|feature:error|feature:fail"),
    check=both(each(_end_without_demand), servers.end_without_demand),
    good=(
        scripted(_READ, (_READ[0], (*_STALL, *WELL[2:]))),
        scripted(_READ_BADLY, (_READ_BADLY[0], (*_STALL, *BADLY[2:]))),
        # a client that stands still may be cut off
        scripted(_READ, *((_READ[0], (*_STALL, EOF)),) * 3),
        # late once
        scripted(_READ, (_READ[0], (*_STALL, *_SILENT[2:])), *((_READ[0], (*_STALL, *WELL[2:])),) * 2),
        # nor is the end told to who reads on
        scripted((_READ[0], _SILENT), *((_READ[0], (*_STALL, *_SILENT[2:])),) * 3),
        played(_FULL, end(5), SETTLED, options={"capacity": 2}),
        played(send(0, 1), done(1, "error", arg="INTERNAL"), SETTLED, takes(2, 0, 1, 1), fail(3), SETTLED),
        # held back by a pause
        played(send(0, 1), done(1, "complete"), done(2, "pause"), begun(3, "receive", "consumer"), SETTLED),
        # with threads, a receive that is not due may be slow
        played(_FULL, begun(5, "receive", "consumer"), kind="threads"),
    ),
    bad=(
        scripted(_READ, *((_READ[0], (*_STALL, *_SILENT[2:])),) * 3),
        scripted(_READ, *((_READ[0], (*_STALL, *BADLY[2:])),) * 3),
        scripted(_READ_BADLY, *((_READ_BADLY[0], (*_STALL, *WELL[2:])),) * 3),
        played(_FULL, begun(5, "receive", "consumer"), SETTLED, options={"capacity": 2}),
        played(send(0, 1), done(1, "error"), takes(2, 0, 1, 1), begun(3, "receive", "consumer"), SETTLED),
        # a failure that looks like success
        played(send(0, 1), done(1, "error", arg="NOT_FOUND"), takes(2, 0, 1, 1), end(3), SETTLED),
    ),
)
