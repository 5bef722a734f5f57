"""`Possible`: every state that a stream may be in, where docs/stream.md leaves open who runs on first.

Tasks of one turn begin in their order, and those that were answered run on in any; racing threads do anything in any
order; in real time a short time may be up whenever it likes. What a shell then shows must fit one of the states, and
the others are forgotten. Never here: what a step does (that is the model's), or a shell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stream_model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stream_model import Call, Outcome

SOON_S: Final = 1.0  # in real time, a time that is up within this may be up at any moment; a longer one never is
STATES_MAX: Final = 20_000


@dataclass(slots=True)
class Seen:
    """What a shell shows when nothing moves any more. None: nobody looked."""

    over: dict[int, Outcome]  # the calls that are over since somebody looked last
    phase: str
    heard: list[tuple[int, str, frozenset[int]]]  # a listener, the phase it saw, the calls that were over by then
    woke: list[int]
    complaints: int
    parked: tuple[int, int] | None = None
    buffered: int | None = None
    ready: bool | None = None
    remaining_s: float | None = None
    timers: int | None = None


class Possible:
    def __init__(self, *models: Model) -> None:
        self.models = list(models)

    def turn(self, calls: Iterable[Call]) -> None:
        """Tasks of one turn: they begin in their order, and nobody who was answered runs on before the last has."""
        models = self.models
        for call in calls:
            models = [left for model in models for left in _left(_begun(model, call))]
        self.models = _at_rest(models, real_time=False)

    def race(self, calls: Iterable[Call]) -> None:
        """Threads: everything in any order."""
        issued = list(calls)
        for model in self.models:
            model.issued += issued
        self.models = _at_rest(self.models, real_time=True)

    def end_of_time(self) -> None:
        """In real time: it was long enough for every short time to be up."""
        self.models = [model for model in _at_rest(self.models, real_time=True) if None not in _soon(model)]

    def pass_time(self, seconds: float) -> None:
        """In virtual time: what is up at the same moment goes in any order."""
        until_s = self.models[0].now_s + seconds
        waiting, done = self.models, []
        while waiting:
            model = waiting.pop()
            next_s = min((due_s for due_s, _ in model.due()), default=until_s + 1)
            model.now_s = min(next_s, until_s)
            if next_s > until_s:
                done.append(model)
            else:
                waiting += _at_rest(_rung(model), real_time=False)
        self.models = done

    def keep_those_that_show(self, seen: Seen) -> None:
        fitting = [model for model in self.models if not _differences(model, seen)]
        if not fitting:
            fewest = min((_differences(model, seen) for model in self.models), key=len)
            raise AssertionError(f"of {len(self.models)} possible states none fits, the nearest: {'; '.join(fewest)}")
        for model in fitting:
            model.over.clear()
        self.models = fitting


def _begun(model: Model, call: Call) -> Model:
    model = model.copy()
    model.begin(call)
    while call.name in model.going:
        model.go_on(call.name)
    return model


def _left(model: Model) -> Iterator[Model]:
    """An iteration that was left may cancel at once, or only when its task has gone on."""
    yield model
    while model.leaving:
        model = model.copy()
        model.leave_an_iteration()
        yield model


def _rung(model: Model) -> Iterator[Model]:
    """Everything that is up now, in any order."""
    up = {name for due_s, name in model.due() if due_s <= model.now_s}
    if not up:
        yield model
    for name in up:
        other = model.copy()
        other.time_is_up(name)
        yield from _rung(other)


def _soon(model: Model) -> set[int | None]:
    return {name for due_s, name in model.due() if due_s - model.now_s < SOON_S}


def _at_rest(models: Iterable[Model], *, real_time: bool) -> list[Model]:
    """Every state, reachable from these, in which nobody has to move any more."""
    known: set[object] = set()
    rested = []
    waiting = [model.copy() for model in models]
    while waiting:
        model = waiting.pop()
        _run_on_plainly(model)
        if (key := model.key()) in known:
            continue
        known.add(key)
        assert len(known) < STATES_MAX, "too many orders to follow"
        must = [(_step if real_time else _run_on, name) for name in (*model.going, *model.told)]
        must += [(_leave_an_iteration, None)] if model.leaving else []
        may = []
        if real_time:
            soon = _soon(model)
            must += [(_begin_issued, call) for call in model.issued]
            must += [(Model.time_is_up, name) for name in soon if name is not None]
            may = [(Model.time_is_up, None)] if None in soon else []
        if not must:
            rested.append(model)
        for step, argument in (*must, *may):
            other = model.copy()
            step(other, argument)
            waiting.append(other)
    return rested


_step: Final = Model.go_on


def _run_on(model: Model, name: int) -> None:
    """A task runs on until it has to wait."""
    model.go_on(name)
    while name in model.going:
        model.go_on(name)


def _begin_issued(model: Model, call: Call) -> None:
    model.issued.remove(call)
    model.begin(call)


def _leave_an_iteration(model: Model, _nothing: None) -> None:
    model.leave_an_iteration()


def _run_on_plainly(model: Model) -> None:
    """Whoever changes nothing by running on may as well do so first."""
    for name in [name for name in model.told if model.runs_on_plainly(name)]:
        model.go_on(name)


def _differences(model: Model, seen: Seen) -> list[str]:
    """What a stream in this state would show, where the shell shows something else."""
    said = {
        "over": (model.over, seen.over),
        "state": (model.phase, seen.phase),
        "woke": (sorted(model.woke), sorted(seen.woke)),
        "complaints": (model.complaints, seen.complaints),
    }
    if seen.parked is not None:
        said["parked"] = ((len(model.senders), len(model.receivers)), seen.parked)
    if seen.ready is not None:
        said["ready"] = (model.ready, seen.ready)
        said["buffered_amount"] = (len(model.buffer), seen.buffered)
    if seen.timers is not None:
        said["timers"] = (model.timers(), seen.timers)
        said["remaining_s"] = (model.remaining_s, seen.remaining_s)
    differences = [f"{what}: {shown!r}, not {should!r}" for what, (should, shown) in said.items() if shown != should]
    return [*differences, *_misheard(model, seen)]


def _misheard(model: Model, seen: Seen) -> Iterator[str]:
    """How its listeners ran: at the end in order and before anybody runs on, later ones each once."""
    at_the_end = {heard.name: heard for heard in model.heard}
    ran = [name for name, _, _ in seen.heard]
    if [name for name in ran if name in at_the_end] != list(at_the_end):
        yield f"listeners at the end: {ran}, not {list(at_the_end)}"
    if sorted(name for name in ran if name not in at_the_end) != sorted(model.late):
        yield f"late listeners: {ran}, not {model.late}"
    for name, phase, over in seen.heard:
        if phase != model.phase:
            yield f"listener {name} saw {phase}"
        if name in at_the_end and (early := over & at_the_end[name].asleep):
            yield f"{sorted(early)} ran on before listener {name}"
