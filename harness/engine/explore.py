"""The search of one property: Hypothesis draws scripts, they are played and judged, a failing one is made smaller and
then played again.

It blocks, and so lives in a thread of its own; who plays a script, and on what, is handed in. Never here: a target, an
event loop, or a rule. Nothing of Hypothesis is changed for anybody else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.case import Case
from streamspec.harness.core.exploration import BAD, Example, Exploration
from streamspec.harness.core.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.property import Property
    from streamspec.harness.core.rule import Rule

    # In so many seconds at most; also says what the target did not come back from. Raises `TimeIsUp`.
    Play = Callable[[Case, float], "tuple[History, str]"]

DRAWING: Final = 0.8  # of the time; what is left is kept for making a failing script smaller
SHRINKING: Final = 0.2  # of the time, at most, for one failure: others may wait to be found
CONFIRMATIONS: Final = 3  # plays of the smallest script, beside the one that was found
CONFIRMING_S: Final = 60.0  # for one of them, at most
# Scripts: then Hypothesis starts anew. From ten on it first tries the smallest that there are, and later plays each
# that it has drawn five times more with parts of it repeated; a slow target would see hardly anything else.
ROUND: Final = 9
KNOWN_MAX: Final = 100_000  # scripts that are known to have been drawn; then it begins to forget
IN_VAIN: Final = 20  # rounds in a row without a script that is new: there are no others
_WORST: Final = {outcome: place for place, outcome in enumerate(BAD)}


class TimeIsUp(BaseException):
    """The search ends here and now. No `Exception`: Hypothesis would take it for a failure, and look for a smaller
    one."""


class _Fails(Exception):
    """What a script raises that shows the failure in question, so that Hypothesis makes it smaller."""


@dataclass(frozen=True, slots=True)
class Found:
    """A failure: the smallest script that shows it, its history and verdict, and how many of its plays failed by the
    same rule. `lost` says what the target did not come back from, so that it could not be played any more."""

    rule: str
    history: History
    verdict: Verdict
    failed: int
    played: int
    lost: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether it failed each time by the same rule, as often as it is to be played."""
        return self.failed == self.played == CONFIRMATIONS + 1

    @property
    def told(self) -> str:
        """Why it is not held against the target, in words."""
        times = f"failed {self.failed} of {self.played} times"
        return f"{times}; it could not be played again: {self.lost}" if self.lost else times


@dataclass(frozen=True, slots=True)
class _Seen:
    """The smallest script so far that shows a failure, and the first one that did, where that is another."""

    prop: Property
    scenario: Scenario
    example: Example
    size: tuple[int, ...]
    first: _Seen | None = None


@dataclass(slots=True)
class _Round:
    """What one round is about: at first nothing, then the failure that it makes smaller, until its time is up."""

    until_s: float
    end_s: float
    shrinking_s: float
    drawn_max: int  # scripts in all, when it is over; 0: the time alone says so
    rule: str = ""
    tried: int = 0  # scripts that might be smaller


@dataclass(slots=True)
class Search:
    """The search on one target; its properties one after another. `clock` is in seconds; `scripts_max` bounds the
    scripts that are drawn for each property, and those that are tried to make one failure smaller (0: the time alone
    does). `stopped` says that somebody wants it to end.

    The same seed draws the same scripts, as long as the target answers alike and the modules of the user's own are the
    same: Hypothesis also tries the numbers that they contain."""

    play: Play
    rules: Sequence[Rule]
    binding: str
    seed: int
    clock: Callable[[], float]
    stopped: Callable[[], bool]
    scripts_max: int = 0
    explored: Exploration = field(default_factory=Exploration)
    found: list[Found] = field(default_factory=list)
    lost: str = ""  # what the target did not come back from
    wrong: Exception | None = None  # why no script can be played any more
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)

    def explore(self, prop: Property, strategy: Any, seconds: float) -> None:
        """Draw scripts until the time is over, or there are no others; then confirm what was seen to fail. Raises what
        playing a script raised."""
        drawn_s = self.clock() + seconds * DRAWING
        enough = self._drawn + self.scripts_max if self.scripts_max else 0
        in_vain = 0
        for number in count(1):
            now = _Round(drawn_s, drawn_s + seconds * (1 - DRAWING), seconds * SHRINKING, enough)
            before = self._drawn
            self._round(prop, strategy, f"{self.seed}/{prop.id}/{number}", now)
            if now.rule in self._seen:
                self._leave_out(now)
                self._confirm(now.rule)
            in_vain = 0 if self._drawn > before else in_vain + 1
            if in_vain == IN_VAIN or (enough and self._drawn >= enough) or self._is_over(drawn_s):
                break
        while self._seen:
            self._confirm(next(iter(self._seen)))
        if self.wrong:
            raise self.wrong

    @property
    def _drawn(self) -> int:
        return self.explored.scripts - self.explored.again

    def _is_over(self, until_s: float) -> bool:
        return bool(self.lost or self.wrong) or self.stopped() or self.clock() >= until_s

    def _round(self, prop: Property, strategy: Any, word: str, now: _Round) -> None:
        """Until one failure that is new was found and made as small as it gets, or the round is over."""
        from hypothesis import HealthCheck, Phase, Verbosity, errors, given, seed, settings

        @seed(_number(word))
        @settings(
            max_examples=ROUND,
            database=None,  # a failure is kept as a case file, and a search depends on its seed alone
            deadline=None,  # how long a script takes is the target's affair, and bounded elsewhere
            derandomize=False,
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink),
            # They look after slow or wasteful tests; ours are slow since targets are, and end by the clock.
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def example(scenario: Scenario) -> None:
            self._try(prop, scenario, now)

        try:
            example()
        except (TimeIsUp, _Fails):
            pass
        except errors.Flaky:  # not once more when it was tried a last time: the confirmation tells how often it fails
            pass

    def _try(self, prop: Property, scenario: Scenario, now: _Round) -> None:
        """Play one script. Raises `_Fails` when it shows the failure in question, or the first that is new."""
        if self._is_over(now.until_s) or self._is_enough(now):
            raise TimeIsUp
        number = _number(repr(scenario.script))
        if not now.rule and number in self._known:
            return  # every round begins with the simplest script that there is
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known.add(number)
        example = self._played(prop, scenario, now.end_s - self.clock(), again=bool(now.rule))
        if not now.rule:
            fresh = [v for v in example.verdicts if v.rule in self._seen and v.rule in example.bad]
            if fresh:
                now.rule = min(fresh, key=lambda v: _WORST[v.outcome]).rule
                now.until_s = min(now.end_s, self.clock() + now.shrinking_s)
        if self.lost or (now.rule and prop.smaller):
            raise TimeIsUp
        if now.rule in example.bad:
            raise _Fails

    def _leave_out(self, now: _Round) -> None:
        """Where the property says what is smaller: go on with the first that fails as well, until none does."""
        tried: set[str] = set()
        found = True
        while found:
            seen = self._seen[now.rule]
            found = False
            for scenario in seen.prop.smaller(seen.scenario) if seen.prop.smaller else ():
                text = repr(scenario.script)
                if text in tried:
                    continue
                if self._is_over(now.until_s) or self._is_enough(now):
                    return
                tried.add(text)
                try:
                    example = self._played(seen.prop, scenario, now.end_s - self.clock(), again=True)
                except TimeIsUp:
                    return
                if found := now.rule in example.bad:
                    break

    def _is_enough(self, now: _Round) -> bool:
        if now.rule:
            now.tried += 1
            return bool(self.scripts_max) and now.tried > self.scripts_max
        return bool(now.drawn_max) and self._drawn >= now.drawn_max

    def _played(self, prop: Property, scenario: Scenario, seconds: float, *, again: bool) -> Example:
        """One script played, judged and counted."""
        case_id = f"{prop.id}/{self.explored.scripts + 1}@{self.binding}"
        case = Case(case_id, scenario, self.binding, (), self.seed)
        try:
            history, self.lost = self.play(case, seconds)
        except TimeIsUp:
            self.explored.unplayed += 1
            raise
        except Exception as raised:
            self.wrong = raised  # to Hypothesis it would be one more failure to make smaller
            raise TimeIsUp from raised
        example = Example(history, judge(history, self.rules, ()))
        self.explored.add(example, again=again)
        size = _size(scenario)
        for rule in example.bad - {found.rule for found in self.found}:
            before = self._seen.get(rule)
            if before is None:
                self._seen[rule] = _Seen(prop, scenario, example, size)
            elif size <= before.size:  # of two that look alike the later one: whoever draws has found it to be smaller
                self._seen[rule] = _Seen(prop, scenario, example, size, before.first or before)
        return example

    def _confirm(self, rule: str) -> None:
        """Play the smallest script again; then, if that does not fail each time, the first one that was seen to. Keep
        what has come of it."""
        seen = self._seen[rule]
        found = self._played_again(rule, seen)
        if not found.confirmed and seen.first:
            first = self._played_again(rule, seen.first)
            found = first if first.confirmed else found
        self.found.append(found)
        del self._seen[rule]

    def _played_again(self, rule: str, seen: _Seen) -> Found:
        failed = played = 1
        for _ in range(CONFIRMATIONS):
            if self.lost or self.wrong or self.stopped():
                break
            try:
                again = self._played(seen.prop, seen.scenario, CONFIRMING_S, again=True)
            except TimeIsUp:
                break
            played += 1
            failed += rule in again.bad
        case_id = f"{seen.prop.id}/{rule}@{self.binding}"
        history = seen.example.history
        history = replace(history, header=replace(history.header, case=case_id, promises=(rule,)))
        verdict = next(verdict for verdict in seen.example.verdicts if verdict.rule == rule)
        return Found(rule, history, verdict, failed, played, self.lost)


def warm_up() -> None:
    """Let Hypothesis do what it does once in a process: before it draws it reads the user's own modules for numbers
    that they contain, and that is no part of any search's time."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @settings(max_examples=1, database=None, deadline=None)
    @given(st.booleans())
    def draw(_: bool) -> None:  # noqa: FBT001 -- its shape
        pass

    draw()


def _number(word: str) -> int:
    """A number that stands for the word: the seed of a round, or a script."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])


def _size(scenario: Scenario) -> tuple[int, ...]:
    """How large a script is for whoever reads it: sessions, acts and steps, then how much they say."""
    sessions = scenario.script.sessions
    parts = sum(len(session.acts) + len(session.steps) + len(session.options) for session in sessions)
    return len(sessions), parts, len(repr(scenario.script))
