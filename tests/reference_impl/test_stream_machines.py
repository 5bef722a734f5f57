"""The four shells of the reference stream against one model of docs/stream.md, in histories that are drawn.

A machine makes drawn calls, several at once where a step says "join": tasks that begin in one turn of a loop, threads
that race. After each step the shell shows which calls are over and with what, who waits, and how its listeners ran; all
of that must fit a state that the page allows. STREAMSPEC_EXAMPLES says how many histories each shell gets.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from stream_callers import OURS, InLoop, InThreads
from stream_model import Call, Failure, Model
from stream_possible import Lost, Possible

from streamspec.reference_impl.stream import aio, tabled, threads
from streamspec.reference_impl.stream import dialect as dialects
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES: Final = int(os.environ.get("STREAMSPEC_EXAMPLES", "60"))
STEPS: Final = 30
SENDERS, RECEIVERS, OTHERS = ("s0", "s1", "s2", "s3"), ("r0", "r1", "r2"), ("o0", "o1", "o2")

CAPACITIES = (0, 1, 2, 16, 0, 1)
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

# The times of a stream (deadline, idle) and of a send; few streams have any.
LOOP_TIMES = ((None, None),) * 12 + ((0.0, None), (None, 0.0), (8.0, None), (None, 4.0), (8.0, 4.0))
REAL_TIMES = ((None, None),) * 12 + ((0.0, None), (None, 0.0), (0.02, None), (None, 0.01), (60.0, 60.0))
LOOP_TIMEOUTS = (None, None, None, None, 0.0, -1.0, 0.5, 2.0, 4.0)
REAL_TIMEOUTS = (None, None, None, None, None, None, None, 0.0, -1.0, 0.002)
LOOP_SLEEPS, REAL_SLEEPS = (0.0, 0.5, 4.0, 100.0), (0.0, 3600.0)

LONG = frozenset({"send_batch", "receive_batch", "iterate"})
ENDLESS: Final = 99
FEW: Final = 4  # items that a thread may send while others race it
HOW = st.sampled_from(("look", "blind", "blind", "join", "join"))
WHO = st.integers(0, 3)


@dataclass
class Tally:
    """What was explored."""

    steps: int = 0
    together: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    states: set[object] = field(default_factory=set)
    parked: Counter[int] = field(default_factory=Counter)
    undecided: int = 0
    lost: int = 0

    def __str__(self) -> str:
        return (
            f"{self.steps} steps, {self.together} of them of several calls, {len(self.states)} states, "
            f"{self.undecided} times more than one state was possible, {self.lost} histories lost\n  {self.calls.total()} calls: {dict(self.calls)}\n"
            f"  outcomes: {dict(self.outcomes)}\n  phases: {dict(self.phases)}, parked calls: {dict(sorted(self.parked.items()))}"
        )


@dataclass(frozen=True)
class Shell:
    make: Callable[..., Any]
    callers: type[InLoop] | type[InThreads]

    @property
    def real_time(self) -> bool:
        return self.callers.real_time

    @property
    def together_max(self) -> int:
        """Several that were given items in one turn can all leave in it."""
        return 3 if self.real_time else 6


SHELLS = {
    "aio": Shell(aio.Stream, InLoop),
    "tabled asyncio": Shell(tabled.AsyncStream, InLoop),
    "threads": Shell(threads.Stream, InThreads),
    "tabled threads": Shell(tabled.ThreadStream, InThreads),
}


class Machine(RuleBasedStateMachine):
    """One history of one stream. Nothing is drawn by what happened: threads may do it differently next time."""

    def __init__(self, shell: Shell, tally: Tally) -> None:
        super().__init__()
        self.shell = shell
        self.tally = tally
        self.callers: InLoop | InThreads | None = None
        self.whose: dict[str, int] = {}  # the latest call of each caller
        self.names = 0
        self.items = 0
        self.rules = 0
        self.history: list[str] = []  # as it happened
        self.iterations: set[int] = set()
        self.long: set[int] = set()
        self.pending: list[tuple[str, Call]] = []
        self.sound = True  # so far

    @initialize(
        capacity=st.sampled_from(CAPACITIES),
        name=st.sampled_from(sorted(DIALECTS)),
        times=st.integers(0, 99),
        timeout=st.sampled_from((None, None, None, 0.0, 3.0)),
        ends_from=st.sampled_from((20, 15, 10, 5, 0)),
    )
    def make(self, capacity: int, name: str, times: int, timeout: float | None, ends_from: int) -> None:
        choices = REAL_TIMES if self.shell.real_time else LOOP_TIMES
        deadline_s, idle_s = choices[times % len(choices)]
        timeout_s = timeout if not self.shell.real_time or timeout == 0 else None
        dialect = DIALECTS[name]
        self.dialect_name = name
        self.capacity = capacity
        self.ends_from = ends_from
        self.short_lived = self.shell.real_time and any(s is not None and 0 < s < 1 for s in (deadline_s, idle_s))
        # The page leaves one question open.
        models = [Model(capacity, dialect, timeout_s, deadline_s, idle_s, tries_wake) for tries_wake in (False, True)]
        if 0 in {deadline_s, idle_s}:
            for model in models:
                model.time_is_up(None)
        self.possible = Possible(*models)
        self.history.append(str(models[0]))
        self.callers = self.shell.callers(
            self.shell.make,
            capacity=capacity,
            dialect=dialect,
            send_timeout_s=timeout_s,
            deadline_s=deadline_s,
            idle_s=idle_s,
        )

    @rule(who=WHO, timeout=st.integers(0, 99), how=HOW)
    def send(self, who: int, timeout: int, how: str) -> None:
        timeouts = REAL_TIMEOUTS if self.shell.real_time else LOOP_TIMEOUTS
        self._call(SENDERS, who, how, "send", items=1, seconds=timeouts[timeout % len(timeouts)])

    @rule(who=WHO, how=HOW)
    def send_and_wait(self, who: int, how: str) -> None:
        self._call(SENDERS, who, how, "send", items=1)

    @rule(who=WHO, items=st.sampled_from((0, 1, 2, 3, 4, 15, 18)), listed=st.booleans(), how=HOW)
    def send_batch(self, who: int, items: int, listed: bool, how: str) -> None:
        self._call(SENDERS, who, how, "send_batch", items=items, what=listed)

    @rule(who=WHO, seconds=st.integers(0, 99), how=HOW)
    def sleep(self, who: int, seconds: int, how: str) -> None:
        sleeps = REAL_SLEEPS if self.shell.real_time else LOOP_SLEEPS
        self._call(SENDERS, who, how, "sleep", seconds=sleeps[seconds % len(sleeps)])

    @rule(who=WHO, how=HOW)
    def receive(self, who: int, how: str) -> None:
        self._call(RECEIVERS, who, how, "receive")

    @rule(who=WHO, how=HOW)
    def receive_again(self, who: int, how: str) -> None:
        self._call(RECEIVERS, who, how, "receive")

    @rule(who=WHO, how=HOW)
    def receive_batch(self, who: int, how: str) -> None:
        self._call(RECEIVERS, who, how, "receive_batch")

    @rule(who=WHO, limit=st.sampled_from((ENDLESS, ENDLESS, 4, 2, 1)), left=st.sampled_from(("break", "raise")), how=HOW)
    def iterate(self, who: int, limit: int, left: str, how: str) -> None:
        self._call(RECEIVERS, who, how, "iterate", what=(limit if self.may_end else ENDLESS, left))

    @rule(how=HOW)
    def poll(self, how: str) -> None:
        self._call(OTHERS, 0, how, "poll")

    @rule(word=st.sampled_from(("pause", "resume", "resume")), how=HOW)
    def hold(self, word: str, how: str) -> None:
        self._call(OTHERS, 0, how, word)

    @rule(word=st.sampled_from(("on_end", "on_ready")), raises=st.booleans(), how=HOW)
    def listen(self, word: str, raises: bool, how: str) -> None:
        self._call(OTHERS, 0, how, word, what=raises)

    @precondition(lambda self: self.may_end)
    @rule(
        word=st.sampled_from(("complete", "complete", "error", "error", "cancel")),
        failure=st.sampled_from(FAILURES),
        reason=st.sampled_from(("", f"{OURS}enough", f"{OURS}more than enough")),
        how=HOW,
    )
    def end(self, word: str, failure: Failure, reason: str, how: str) -> None:
        self._call(OTHERS, 0, how, word, what={"error": failure, "cancel": reason}.get(word))

    @precondition(lambda self: not self.shell.real_time)
    @rule(who=st.integers(0, 6), how=HOW)
    def leave(self, who: int, how: str) -> None:
        """The task of a call that is not over is cancelled, also one that has just been answered in this turn."""
        candidates = [name for caller in SENDERS + RECEIVERS if self._is_open(name := self.whose.get(caller, 0))]
        if not self.may_end:
            candidates = [name for name in candidates if name not in self.iterations]
        if candidates:
            self._call(OTHERS, 0, how, "leave", what=candidates[who % len(candidates)])

    @precondition(lambda self: not self.shell.real_time)
    @rule(seconds=st.sampled_from((0.25, 0.5, 1.5, 3.5, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self._flush(look=False)
        if not self.sound:
            return
        self.callers.pass_time(seconds)
        self.possible.pass_time(seconds)
        self._compare(look=True)

    @precondition(lambda self: self.shell.real_time and self.short_lived)
    @rule()
    def time_is_up(self) -> None:
        self._flush(look=False)
        if not self.sound:
            return
        self.callers.until_ended()
        self.possible.end_of_time()
        self._compare(look=True)

    @property
    def may_end(self) -> bool:
        """A history that ends at once has seen little."""
        return self.rules >= self.ends_from

    def teardown(self) -> None:
        """Whoever still waits is released, in the order that the model says."""
        if self.callers is None:
            return
        try:
            if self.sound:
                for word in ("resume", "complete", "poll", "cancel"):
                    self._call(OTHERS, 0, "look", word, what="" if word == "cancel" else None)
        finally:
            self.callers.close()

    def _call(
        self,
        group: tuple[str, ...],
        who: int,
        how: str,
        word: str,
        *,
        items: int = 0,
        seconds: float | None = None,
        what: Any = None,
    ) -> None:
        """By the first of the group, from this one on, who has nothing to do; not at all if there is none."""
        self.rules += 1
        callers = [group[(who + n) % len(group)] for n in range(len(group))]
        free = [caller for caller in callers if not self._is_open(self.whose.get(caller, 0))]
        if not free or (word in LONG and not self._may_be_long(group)):
            return
        caller = free[0]
        items = min(items, self.capacity + 3)
        self.names += 1
        self.items += items
        call = Call(self.names, word, tuple(range(self.items - items + 1, self.items + 1)), seconds, what)
        self.whose[caller] = call.name
        if word == "iterate":
            self.iterations.add(call.name)
        if word in LONG:
            self.long.add(call.name)
        self.pending.append((caller, call))
        if how != "join" or (items > FEW and self.shell.real_time) or len(self.pending) == self.shell.together_max:
            self._flush(look=how == "look")

    def _may_be_long(self, group: tuple[str, ...]) -> bool:
        """Few calls of many items at a time, or there are too many orders to follow."""
        open_ = [self.whose[caller] for caller in group if caller in self.whose and self._is_open(self.whose[caller])]
        return sum(name in self.long for name in open_) < (1 if self.shell.real_time else 2)

    def _is_open(self, name: int) -> bool:
        return name != 0 and name not in self.callers.notes.over

    def _flush(self, *, look: bool) -> None:
        issued, self.pending = self.pending, []
        if not issued or not self.sound:
            return
        calls = [call for _, call in issued]
        self.history.append(f"{' | '.join(map(str, issued))}")
        self.callers.do(issued)
        try:
            (self.possible.race if self.shell.real_time else self.possible.turn)(calls)
        except Lost:  # what follows in this history cannot be judged
            self.sound = False
            self.tally.lost += 1
            return
        self.tally.calls.update(call.word for call in calls)
        self.tally.together += len(calls) > 1
        self._compare(look=look)

    def _compare(self, *, look: bool) -> None:
        self.sound = False
        try:
            seen = self.callers.seen(look=look)
            self.history.append(str(seen))
            self.possible.keep_those_that_show(seen)
        except AssertionError as problem:  # racing threads may never do the same again
            raise AssertionError("\n".join([*self.history, str(problem)])) from None
        self.sound = True
        self.tally.steps += 1
        self.tally.undecided += len({model.key() for model in self.possible.models if not model.tries_wake}) > 1
        self.tally.outcomes.update(_kind(outcome) for outcome in seen.over.values())
        model = self.possible.models[0]
        self.tally.phases[model.phase] += 1
        parked = tuple(model.open[name].call.word for name in (*model.senders, *model.receivers, *model.sleepers))
        self.tally.parked[len(parked)] += 1
        self.tally.states.add((self.dialect_name, model.capacity, model.phase, model.paused, len(model.buffer), parked))


def _kind(outcome: Any) -> str:
    if isinstance(outcome, str):
        return outcome
    return " ".join(str(word) for word in outcome[:2]) if outcome[0] in {"raised", "said"} else str(outcome[0])


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_does_what_the_page_says_in_every_history(name: str) -> None:
    tally = Tally()
    run_state_machine_as_test(
        lambda: Machine(SHELLS[name], tally),
        settings=settings(
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )
    print(f"{name}: {tally}")
