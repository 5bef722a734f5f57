"""Steps: what a scripted server is told to do in one stream, as data, and its JSON (docs/contract.md).

Steps are the server's, acts are ours. Pure; never here: a request, or whether a server can do a step (`contract`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 -- typed.build reads our hints at run time
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final, get_args

from streamspec.harness.core.typed import build

JsonText = str  # an item, as compact JSON: texts are hashable, and nothing is lost on the way


@dataclass(frozen=True, slots=True)
class Send:
    """Send these items, each given as JSON text."""

    items: tuple[JsonText, ...]


@dataclass(frozen=True, slots=True)
class Generate:
    """Send `n` counted items (0: without end) of about so many octets, with a pause between two.

    What depends on the run or on the target is put in before anything is asked (`scaled`): with `per_cycle`, `n` is for
    each cycle of the effort; with `from_limit`, `bytes` are counted from the declared `limit_bytes`, either way."""

    n: int = 0
    bytes: int = 0
    every_ms: int = 0
    per_cycle: bool = False
    from_limit: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    ms: int


@dataclass(frozen=True, slots=True)
class Gate:
    """Wait until we open this gate."""

    name: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Fail as a handler fails; without a code it is an exception that nobody expected."""

    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Fail before the stream begins."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class Complete:
    pass


@dataclass(frozen=True, slots=True)
class Abandon:
    """Return without ending the stream."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Take `n` items of the client's (0: all that come, until it has half-closed), with a pause behind each."""

    n: int = 0
    every_ms: int = 0


@dataclass(frozen=True, slots=True)
class Echo:
    """Send back `n` items of the client's, each when it has come (0: until it has half-closed)."""

    n: int = 0


@dataclass(frozen=True, slots=True)
class Collect:
    """Take all items of the client's, until it has half-closed, and send one that says how many they were."""


@dataclass(frozen=True, slots=True)
class Drain:
    """From now on take all items of the client's, beside what the further steps do."""


Step = Send | Generate | Wait | Gate | Fail | Refuse | Complete | Abandon | Receive | Echo | Collect | Drain
STEPS: Final[Mapping[str, type[Step]]] = MappingProxyType({kind.__name__.lower(): kind for kind in get_args(Step)})


def scaled(step: Step, cycles: int, limit_bytes: int) -> Step:
    """The step with its figures as this run and this target have them."""
    if not isinstance(step, Generate):
        return step
    n = step.n * cycles if step.per_cycle else step.n
    octets = max(0, limit_bytes + step.bytes) if step.from_limit else step.bytes
    return replace(step, n=n, bytes=octets, per_cycle=False, from_limit=False)


def text_of(steps: tuple[Step, ...], options: Mapping[str, int | str]) -> str:
    """The whole script, as compact JSON."""
    told = "".join(f",{_dumps(name)}:{_dumps(value)}" for name, value in options.items())
    return f'{{"steps":[{",".join(map(_text, steps))}]{told}}}'


def _text(step: Step) -> str:
    """One step: what may be left out is where it is empty, and items stand as they are (a number that is read loses its
    digits)."""
    said = {f.name: getattr(step, f.name) for f in fields(step)}
    told = {name: _dumps(v) for name, v in said.items() if name != "items" and (v not in ("", 0) or name == "ms")}
    if isinstance(step, Send):
        told["items"] = f"[{','.join(step.items)}]"
    return f'{{"do":{_dumps(_name(step))}{"".join(f",{_dumps(name)}:{text}" for name, text in told.items())}}}'


def _dumps(value: int | str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _name(step: Step) -> str:
    return type(step).__name__.lower()


def names_of(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """The names of the steps that occur, without repeats, in order."""
    return tuple(dict.fromkeys(_name(step) for step in steps))


def step_to_json(step: Step) -> dict[str, Any]:
    """As a history keeps it."""
    return {"do": _name(step), **{f.name: getattr(step, f.name) for f in fields(step)}}


def step_from_json(data: Any) -> Step:
    """The inverse of `step_to_json`. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    if not isinstance(data, dict):
        raise TypeError("script: a step is an object")
    return build(STEPS[data["do"]], {name: value for name, value in data.items() if name != "do"})
