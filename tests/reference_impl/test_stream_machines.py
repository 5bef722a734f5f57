"""The four shells of the reference stream against one model of docs/stream.md, in histories that are drawn.

A machine makes drawn calls, one by one or together: tasks that begin in one turn of a loop, threads that race. When
nobody moves any more the shell shows which calls are over and with what, who waits, and how its listeners ran; all of
that must fit a state that the page allows. STREAMSPEC_EXAMPLES says how many histories each shell gets.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args, get_type_hints
from unittest import mock

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from stream_callers import OURS, InLoop, InThreads, wakes_for_a_try
from stream_model import Model
from stream_possible import Lost, Possible
from stream_words import ENDED, Call, Failure

from streamspec.reference_impl.stream import aio, tabled, thread_ends, threads
from streamspec.reference_impl.stream import dialect as dialects
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES: Final = int(os.environ.get("STREAMSPEC_EXAMPLES", "100"))
ROUND: Final = 10
STEPS: Final = 30
AFTER_THE_END: Final = 8  # calls, and then the next stream
LONGEST: Final = 80

PRESETS = ("DEFAULT", "OPENSEARCH_EARLY", "RAFFEL", "GRPC_AIO")


def _switched() -> Iterator[tuple[str, Dialect]]:
    """Every other value of every single switch."""
    for switch in fields(Dialect):
        for option in get_args(get_type_hints(Dialect)[switch.name]):
            for value in get_args(option) or (option,):
                changed: dict[str, Any] = {switch.name: value}
                if value not in {switch.default, type(None)}:
                    yield f"{switch.name}={value}", replace(DEFAULT, **changed)


DIALECTS = {**{name: getattr(dialects, name) for name in PRESETS}, **dict(_switched())}

FAILURES = (
    Failure("NOT_FOUND", f"{OURS}gone", "not shown"),
    Failure("RESOURCE_EXHAUSTED", None, f"{OURS}no message but a text"),
    Failure("OK", f"{OURS}confused", "not shown"),
    Failure("NO_CODE_OF_OURS", f"{OURS}secret", f"{OURS}secret"),
    Failure(None, None, f"{OURS}secret"),
)
REASONS = ("", f"{OURS}enough", f"{OURS}more than enough")


class Draft(NamedTuple):
    """A call before it is known who can make it."""

    word: str
    who: int = 0
    items: int = 0
    time: str | None = None
    what: Any = None


SENDERS, RECEIVERS, OTHERS = ("s0", "s1", "s2", "s3"), ("r0", "r1", "r2"), ("o0", "o1", "o2")
GROUPS = {
    **dict.fromkeys(("send", "send_batch", "sleep"), SENDERS),
    **dict.fromkeys(("receive", "receive_batch", "iterate"), RECEIVERS),
}
LONG = frozenset({"send_batch", "receive_batch", "iterate"})
ALL: Final = 99

# What a time is called, and how long it is for tasks and for threads. Real ones are up at once, at any moment or never.
LOOP_S = {"past": -1.0, "now": 0.0, "soon": 0.5, "later": 4.0}
REAL_S = {"past": -1.0, "now": 0.0, "soon": 0.002, "later": 3600.0}

GOING_ON = (
    *(Draft("send", who, 1, time) for who in range(4) for time in (None, None, None, None, "soon", "later")),
    *(Draft("send", who, 1, time) for who in range(2) for time in ("past", "now", "now")),
    *(Draft("send_batch", n % 4, n, what=listed) for n in (0, 1, 2, 3, 4, ALL) for listed in (True, False)),
    *[Draft("receive", who) for who in range(3)] * 8,
    *[Draft("receive_batch", who) for who in range(3)] * 2,
    *(Draft("iterate", who, what=(ALL, "break")) for who in range(3)),
    *[Draft("leave", who) for who in (0, 0, 0, 1, 1, 2, 3, 4, 5)] * 4,
    *[Draft("poll")] * 8,
    *[Draft("pause")] * 5,
    *[Draft("resume")] * 7,
    *(Draft(word, what=raises) for word in ("on_end", "on_ready") for raises in (False, True)),
    *(Draft("sleep", who, time=time) for who in range(4) for time in ("now", "soon", "later")),
    *[Draft("time", time=time) for time in ("soon", "later")] * 4,
    Draft("time", time="all"),
)
# None of these for a while: a history that ends at once has seen little.
ENDING = (
    *[Draft("complete")] * 6,
    *(Draft("error", what=failure) for failure in FAILURES),
    *(Draft("cancel", what=reason) for reason in REASONS),
    *(Draft("iterate", n, what=(n, how)) for n in (1, 2, 3) for how in ("break", "raise")),
)
DRAFTS = st.lists(st.sampled_from(GOING_ON + ENDING), min_size=1, max_size=6)

TIMES: Final = (
    *[(None, None)] * 16,
    *((deadline, idle) for deadline in (None, "now", "limit") for idle in (None, "now", "limit")),
    (None, "limit"),
)
LIMITS_S = {"loop": {"now": 0.0, "limit": 8.0}, "real": {"now": 0.0, "limit": 0.02}}


@dataclass(frozen=True)
class Plan:
    """What a stream is made with, and after how many calls it may end."""

    capacity: int
    dialect: str
    times: tuple[str | None, str | None]
    send_timeout: str | None
    ends_from: int


PLANS = st.builds(
    Plan,
    capacity=st.sampled_from((1, 0, 2, 16, 0, 1, 2)),
    dialect=st.sampled_from(tuple(DIALECTS)),
    times=st.sampled_from(TIMES),
    send_timeout=st.sampled_from((None, None, None, None, "now", "later")),
    ends_from=st.sampled_from((30, 20, 10, 0)),
)


@dataclass
class Tally:
    """What was explored."""

    steps: int = 0
    together: int = 0
    streams: int = 0
    undecided: int = 0
    lost: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    parked: Counter[int] = field(default_factory=Counter)
    states: set[object] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.streams} streams, {self.steps} steps, {self.together} of them of several calls, "
            f"{len(self.states)} states; {self.undecided} times more than one was possible, {self.lost} streams lost\n"
            f"  {self.calls.total()} calls: {dict(self.calls)}\n  outcomes: {dict(self.outcomes)}\n"
            f"  phases: {dict(self.phases)}, parked calls: {dict(sorted(self.parked.items()))}"
        )

    def note(self, plan: Plan, model: Model, outcomes: list[Any]) -> None:
        self.steps += 1
        self.outcomes.update(_kind(outcome) for outcome in outcomes)
        self.phases[model.phase] += 1
        parked = tuple(model.open[name].call.word for name in (*model.senders, *model.receivers, *model.sleepers))
        self.parked[len(parked)] += 1
        watched = (len(model.listeners), len(model.watchers))
        self.states.add((plan.dialect, plan.capacity, model.phase, model.paused, len(model.buffer), parked, watched))


def _kind(outcome: Any) -> str:
    if isinstance(outcome, str):
        return outcome
    return " ".join(str(word) for word in outcome[:2]) if outcome[0] in {"raised", "said"} else str(outcome[0])


@dataclass(frozen=True)
class Shell:
    make: Callable[..., Any]
    callers: type[InLoop | InThreads]
    with_claims: bool = False

    @property
    def real_time(self) -> bool:
        return self.callers is InThreads

    def seconds(self, time: str | None) -> float | None:
        return None if time is None else (REAL_S if self.real_time else LOOP_S)[time]

    def limits(self, times: tuple[str | None, str | None]) -> list[float | None]:
        limits_s = LIMITS_S["real" if self.real_time else "loop"]
        return [None if time is None else limits_s[time] for time in times]


def _locked(**options: Any) -> threads.Stream[Any]:
    """One whose every call takes the lock, as on a Python without the GIL."""
    with mock.patch.object(thread_ends, "ATOMIC", new=False):
        stream: threads.Stream[Any] = threads.Stream(**options)
        stream.resume()  # its lock is made with the first call
    return stream


SHELLS = {
    "aio": Shell(aio.Stream, InLoop, with_claims=True),
    "tabled asyncio": Shell(tabled.AsyncStream, InLoop),
    "threads": Shell(threads.Stream, InThreads),
    "threads, locked": Shell(_locked, InThreads),
    "tabled threads": Shell(tabled.ThreadStream, InThreads),
}


class History:
    """One stream, its callers, and the states that it may be in."""

    def __init__(self, shell: Shell, plan: Plan, tally: Tally) -> None:
        self.shell = shell
        self.plan = plan
        self.tally = tally
        self.written: list[str] = [str(plan)]  # what happened: racing threads may never do the same again
        self.whose: dict[str, Call] = {}  # the latest call of each caller
        self.pending: list[tuple[str, Call]] = []
        self.calls = self.items = self.since_the_end = 0
        self.is_judged = True
        deadline_s, idle_s = shell.limits(plan.times)
        self.is_short_lived = deadline_s is not None or idle_s is not None
        timeout_s = shell.seconds(plan.send_timeout)
        dialect = DIALECTS[plan.dialect]
        model = Model(plan.capacity, dialect, timeout_s, deadline_s, idle_s, wakes_for_a_try(shell.make, shell.callers))  # type: ignore[arg-type]  # a class is hashable
        if 0 in {deadline_s, idle_s}:
            model.time_is_up(None)
        self.possible = Possible(model, with_claims=shell.with_claims)
        options = {"send_timeout_s": timeout_s, "deadline_s": deadline_s, "idle_s": idle_s}
        self.callers = shell.callers(shell.make, capacity=plan.capacity, dialect=dialect, **options)
        tally.streams += 1

    @property
    def is_over(self) -> bool:
        return not self.is_judged or self.since_the_end > AFTER_THE_END or self.calls > LONGEST

    def draw(self, draft: Draft) -> None:
        """The call joins the pending ones, made by the first who has nothing else to do. Or nothing, if nobody has."""
        if self.calls < self.plan.ends_from and draft in ENDING:
            return
        if draft.word == "time":
            self.pass_time(draft.time)
            return
        group = GROUPS.get(draft.word, OTHERS)
        callers = [group[(draft.who + n) % len(group)] for n in range(len(group))]
        free = [caller for caller in callers if not self._is_busy(caller)]
        what = self._who_leaves(draft.who) if draft.word == "leave" else draft.what
        if not free or (draft.word == "leave" and what is None) or (draft.word in LONG and self._has_long(group)):
            return
        self.calls += 1
        count = min(draft.items, self.plan.capacity + 3)
        items = tuple(range(self.items + 1, self.items + count + 1))
        self.items += count
        call = Call(self.calls, draft.word, items, self.shell.seconds(draft.time), what)
        self.whose[free[0]] = call
        self.pending.append((free[0], call))

    def make_calls(self, *, look: bool) -> None:
        issued, self.pending = self.pending, []
        if not issued or not self.is_judged:
            return
        calls = [call for _, call in issued]
        self.written.append(" | ".join(f"{who} {call}" for who, call in issued))
        self.tally.calls.update(call.word for call in calls)
        self.tally.together += len(calls) > 1
        self.callers.do(issued)
        try:
            (self.possible.race if self.shell.real_time else self.possible.turn)(calls)
        except Lost:
            self.is_judged = False
            self.tally.lost += 1
            return
        self._compare(look=look)

    def pass_time(self, time: str | None) -> None:
        """In real time there is only one step: until every limit has passed."""
        self.make_calls(look=False)
        if not self.is_judged or time is None or (self.shell.real_time and not self.is_short_lived):
            return
        self.written.append(f"time: {time}")
        if isinstance(self.callers, InThreads):
            self.callers.until_ended()
            self.possible.end_of_time()
        else:
            seconds = {"soon": 0.5, "later": 3.5, "all": 60.0}[time]
            self.callers.pass_time(seconds)
            self.possible.pass_time(seconds)
        self._compare(look=True)

    def finish(self) -> None:
        """Whoever still waits is released, in the order that the model says."""
        for word in ("resume", "complete", "poll", "cancel"):
            self.draw(Draft(word, what="" if word == "cancel" else None))
            self.make_calls(look=True)

    def _who_leaves(self, who: int) -> int | None:
        """Of those who have not come back, the longest waiting are the next to be served: they are left most often."""
        waiting = sorted(self.whose[caller] for caller in SENDERS + RECEIVERS if self._is_busy(caller))
        if self.calls < self.plan.ends_from:
            waiting = [call for call in waiting if call.word != "iterate"]
        return waiting[who % len(waiting)].name if waiting and not self.shell.real_time else None

    def _has_long(self, group: tuple[str, ...]) -> bool:
        """Few calls of many items at a time, or there are too many orders to follow."""
        long = sum(self._is_busy(caller) and self.whose[caller].word in LONG for caller in group)
        return long >= (1 if self.shell.real_time else 2)

    def _is_busy(self, caller: str) -> bool:
        return caller in self.whose and self.whose[caller].name not in self.callers.notes.over

    def _compare(self, *, look: bool) -> None:
        try:
            seen = self.callers.seen(look=look)
            self.written.append(f"  {seen}")
            self.possible.keep_those_that_show(seen)
        except AssertionError as problem:
            self.is_judged = False
            raise AssertionError("\n".join([*self.written, str(problem)])) from None
        self.tally.undecided += len(self.possible.models) > 1
        self.tally.note(self.plan, self.possible.models[0], list(seen.over.values()))
        self.since_the_end += seen.phase in ENDED


class Machine(RuleBasedStateMachine):
    """Some streams, one after the other. Nothing is drawn by what happened: threads may do it differently next time."""

    def __init__(self, shell: Shell, tally: Tally) -> None:
        super().__init__()
        self.shell = shell
        self.tally = tally
        self.plans: list[Plan] = []
        self.history: History | None = None

    @initialize(plans=st.lists(PLANS, min_size=6, max_size=6))
    def make(self, plans: list[Plan]) -> None:
        self.plans = plans

    @rule(drafts=DRAFTS, look=st.booleans())
    def call_together(self, drafts: list[Draft], *, look: bool) -> None:
        """All of them in one turn of the loop; three threads at once."""
        history = self._history()
        for draft in drafts:
            history.draw(draft)
            crowd = self.shell.real_time and (len(history.pending) == 3 or draft.items > 3)
            if crowd:
                history.make_calls(look=look)
        history.make_calls(look=look)

    @rule(drafts=DRAFTS, look=st.booleans())
    def call_one_by_one(self, drafts: list[Draft], *, look: bool) -> None:
        history = self._history()
        for draft in drafts:
            history.draw(draft)
            history.make_calls(look=look)

    def teardown(self) -> None:
        if self.history is not None:
            self._end(self.history)

    def _history(self) -> History:
        if self.history is not None and self.history.is_over:
            history, self.history = self.history, None
            self._end(history)
        if self.history is None:
            self.history = History(self.shell, self.plans[0], self.tally)
            self.plans = [*self.plans[1:], self.plans[0]]
        return self.history

    def _end(self, history: History) -> None:
        try:
            history.finish()
        finally:
            history.callers.close()


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_does_what_the_page_says_in_every_history(name: str) -> None:
    tally = Tally()
    shell = SHELLS[name]
    explore(shell, tally, EXAMPLES // 2 if shell.real_time else EXAMPLES)
    print(f"{name}: {tally}")  # noqa: T201 -- what was explored


def explore(shell: Shell, tally: Tally, examples: int) -> None:
    """In small rounds: from the eleventh example on, most that Hypothesis makes are copies with a change."""

    def machine() -> Machine:
        return Machine(shell, tally)

    for number in range(0, examples, ROUND):
        run_state_machine_as_test(
            seed(number)(machine),  # type: ignore[arg-type]  # hypothesis calls it, and no more
            settings=settings(
                derandomize=True,
                database=None,
                deadline=None,
                max_examples=min(ROUND, examples - number),
                stateful_step_count=STEPS,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            ),
        )
