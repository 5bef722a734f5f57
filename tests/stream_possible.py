"""`Possible`: every state that a stream may be in, where docs/stream.md leaves open who runs on first.

Tasks of one turn begin in their order, and those that were answered run on in any; racing threads do anything in any
order; in real time a short time may be up whenever it likes. What a shell then shows must fit one of the states, and
the others are forgotten. Never here: what a step does (that is the model's), or a shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stream_model import Model
from stream_words import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_words import Call, Seen

SOON_S: Final = 1.0  # in real time, a time that is up within this may be up at any moment; a longer one never is
STATES_MAX: Final = 4_000  # looked at in one step
SLOTS: Final = tuple(Model.__slots__)
NO_STATE: Final = frozenset({"dialect", "fresh", "ends"})


class Lost(Exception):
    """There are too many orders to follow."""


class Possible:
    """Where receives claim (`aio`) one that began in this turn may be served until its task runs on, although that has
    been cancelled; and what it was given may go back as soon as it is cancelled, or later."""

    def __init__(self, model: Model, *, with_claims: bool = False) -> None:
        self.models = [model]
        self.with_claims = with_claims

    def turn(self, calls: list[Call]) -> None:
        """Tasks of one turn: they begin in their order, and nobody who was answered runs on before the last has."""
        models = self.models
        begun = {call.name for call in calls}
        for call in calls:
            may_be_late = self.with_claims and call.word == "leave" and call.what in begun
            late_ones = [_left_late(model, call) for model in models if may_be_late and call.what in model.receivers]
            for model in models:
                model.begin(call)
                _until_it_waits(model, call.name)
            models = [other for model in (*models, *late_ones) for other in self._sooner(model)]
        self.models = _at_rest(models, real_time=False)

    def race(self, calls: list[Call]) -> None:
        """Threads: everything in any order."""
        for model in self.models:
            model.issued += calls
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
            next_s = min((due_s for due_s, _ in _due(model)), default=until_s + 1)
            model.now_s = min(next_s, until_s)
            if next_s > until_s:
                done.append(model)
            else:
                waiting += _at_rest(list(_rung(model)), real_time=False)
        self.models = done

    def _sooner(self, model: Model) -> Iterator[Model]:
        """An iteration that was left may cancel at once, or only when its task has gone on. Just so a claim."""
        yield model
        while model.leaving:
            model = _copy(model)
            model.leave_an_iteration()
            yield model
        for name in [name for name in model.told if self.with_claims and model.is_given_back(name)]:
            other = _copy(model)
            other.give_back(name)
            yield from self._sooner(other)

    def keep_those_that_show(self, seen: Seen) -> None:
        fitting = [model for model in self.models if not _differences(model, seen)]
        if not fitting:
            fewest = min((_differences(model, seen) for model in self.models), key=len)
            raise AssertionError(f"of {len(self.models)} possible states none fits, the nearest: {'; '.join(fewest)}")
        for model in fitting:
            model.over.clear()
        self.models = fitting


def _copy(model: Model) -> Model:
    other = Model.__new__(Model)
    for name in SLOTS:
        value = getattr(model, name)
        setattr(other, name, value.copy() if isinstance(value, list | dict | set) else value)
    return other


def _key(model: Model) -> tuple[object, ...]:
    values = (getattr(model, name) for name in SLOTS if name not in NO_STATE)
    return tuple(
        tuple(value) if isinstance(value, list) else frozenset(value.items()) if isinstance(value, dict) else value
        for value in values
    )


# Who may go on.


def _at_rest(models: list[Model], *, real_time: bool) -> list[Model]:
    """Every state, reachable from these, in which nobody has to go on any more. These themselves are used up."""
    known: set[object] = set()
    rested = []
    while models:
        model = models.pop()
        _run_on_plainly(model)
        must, may = _moves(model, real_time=real_time)
        if len(must) == 1 and not may:
            step, argument = must[0]  # nothing else can come before it
            step(model, argument)
            models.append(model)
            continue
        if (key := _key(model)) in known:
            continue
        known.add(key)
        if len(known) > STATES_MAX:
            raise Lost
        for step, argument in (*must, *may):
            step(other := _copy(model), argument)
            models.append(other)
        if not must:
            rested.append(model)
    return rested


Moves = list[tuple["Callable[[Model, Any], None]", Any]]


def _moves(model: Model, *, real_time: bool) -> tuple[Moves, Moves]:
    """What will happen, and what may or may not."""
    must: Moves = [(Model.go_on if real_time else _run_on, name) for name in (*model.going, *model.told)]
    must += [(_leave_an_iteration, None)] if model.leaving else []
    must += [(Model.leave, name) for name in model.receivers if model.open[name].left]
    if not real_time:
        return must, []
    soon = _soon(model)
    must += [(_begin, call) for call in model.issued]
    must += [(Model.time_is_up, name) for name in soon if name is not None]
    return must, [(Model.time_is_up, None)] if None in soon else []


def _run_on(model: Model, name: int) -> None:
    model.go_on(name)
    _until_it_waits(model, name)


def _until_it_waits(model: Model, name: int) -> None:
    """A task goes on while it need not wait."""
    while name in model.going:
        model.go_on(name)


def _begin(model: Model, call: Call) -> None:
    model.issued.remove(call)
    model.begin(call)


def _leave_an_iteration(model: Model, _: None) -> None:
    model.leave_an_iteration()


def _left_late(model: Model, call: Call) -> Model:
    other = _copy(model)
    other.open[call.what] = other.open[call.what]._replace(left=True)
    other.over[call.name] = "done"
    return other


def _run_on_plainly(model: Model) -> None:
    """Whoever changes nothing but himself by running on may as well do so first."""
    for name in [name for name in model.told if _is_plain(model, name)]:
        model.go_on(name)


def _is_plain(model: Model, name: int) -> bool:
    told, running = model.told[name], model.open[name]
    if running.left:
        return told[0] != "given" and running.call.word != "iterate"
    match running.call.word:
        case "sleep":
            return model.phase in ENDED
        case "send_batch":
            return told != "sent" or running.sent + 1 == len(running.call.items)
        case word:
            return word in {"send", "receive"} or told[0] != "given"


# Time.


def _due(model: Model) -> list[tuple[float, int | None]]:
    """When the time of which call is up, or (None) that of the stream."""
    waiting = ((model.open[name].due_s, name) for name in (*model.senders, *model.sleepers))
    due: list[tuple[float, int | None]] = [(due_s, name) for due_s, name in waiting if due_s is not None]
    if model.phase not in ENDED:
        due += [(model.deadline_s, None)] if model.deadline_s is not None else []
        due += [(model.accepted_s + model.idle_s, None)] if model.idle_s is not None else []
    return due


def _soon(model: Model) -> set[int | None]:
    return {name for due_s, name in _due(model) if due_s - model.now_s < SOON_S}


def _rung(model: Model) -> Iterator[Model]:
    """Everything that is up now, in any order."""
    up = {name for due_s, name in _due(model) if due_s <= model.now_s}
    if not up:
        yield model
    for name in up:
        other = _copy(model)
        other.time_is_up(name)
        yield from _rung(other)


# What it would show.


def _differences(model: Model, seen: Seen) -> list[str]:
    """Where a shell shows something else than a stream in this state would."""
    said: dict[str, tuple[object, object]] = {
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
        said["timers"] = (_timers(model), seen.timers)
        said["remaining_s"] = (_remaining_s(model), seen.remaining_s)
    differences = [f"{what}: {shown!r}, not {should!r}" for what, (should, shown) in said.items() if shown != should]
    return [*differences, *_misheard(model, seen)]


def _timers(model: Model) -> int:
    """A stream waits for the nearer of its two times, so both have one timer."""
    due = [name for _, name in _due(model)]
    return len(due) - max(0, due.count(None) - 1)


def _remaining_s(model: Model) -> float | None:
    return None if model.deadline_s is None else max(0.0, model.deadline_s - model.now_s)


def _misheard(model: Model, seen: Seen) -> Iterator[str]:
    """How its listeners ran: at the end in order and before anybody runs on, later ones each once."""
    ran = [name for name, _, _ in seen.heard]
    if [name for name in ran if name in model.heard] != model.heard:
        yield f"listeners at the end: {ran}, not {model.heard}"
    if sorted(name for name in ran if name not in model.heard) != sorted(model.late):
        yield f"late listeners: {ran}, not {model.late}"
    for name, phase, over in seen.heard:
        if phase != model.phase:
            yield f"listener {name} saw {phase}"
        if name in model.heard and over & model.answered:
            yield f"{sorted(over & model.answered)} ran on before listener {name}"
