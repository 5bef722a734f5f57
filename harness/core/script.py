"""Scripts: what is asked of the target and what the driver does meanwhile, as data.

A script names sessions; a session names the role whose endpoint it opens and its acts, in order. Nothing here runs.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- typed.build reads our hints at run time
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from streamspec.harness.core.typed import build

LOOK: Final = "look"  # the pseudo-role of the URL itself
OBJECT: Final = "object"  # and that of a stream object in this process
AGAIN: Final = "look-again-"  # sessions that the runner appends to every case: is the look served again?
BEFORE: Final = "look-before-"  # and those it puts ahead of it: a case starts from a healthy target


@dataclass(frozen=True, slots=True)
class Ask:
    """Send the request and wait for the head of its answer, at most the named budget."""

    malformed: bool = False
    budget: str = "head_ms"


@dataclass(frozen=True, slots=True)
class Read:
    """Read until `items` further items came, `bytes` body octets came, the stream ended, or the budget ran out.
    `items = 0` reads to the end, and then lingers for what must not follow. `quiet`: the budget counts anew from each
    sign of life (and `finite_ms` bounds the whole). `needed`: without these items the session does no more."""

    items: int
    budget: str
    bytes: int = 0
    quiet: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the stream as a client that lost interest: an abrupt close (`rst`) or an orderly one (`fin`)."""

    how: Literal["rst", "fin"]


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until another session has done its first `acts` acts, or is over."""

    session: str
    acts: int


# -- in process: each session makes one object; its callers act on their own, the script tells them what to do ---------


@dataclass(frozen=True, slots=True)
class Call:
    """The caller `by` begins an operation, when it is done with those it was told before; the script goes on at once.

    `n` repeats it (0: until the stream is over). A caller stops its repeats when the stream refuses, unless `on`:
    then it goes on regardless. `size` pads an item to so many characters. `jitter` lets the caller first step aside
    up to so many times, drawn from the case's seed. `arg` says more, in the words of the operation."""

    op: str
    by: str
    n: int = 1
    arg: str = ""
    size: int = 0
    jitter: int = 0
    on: bool = False


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until nothing moves any more. Callers in `until` are due to get through: with threads they are waited for
    up to `moves_ms`, everybody else until it has been quiet for `settle_ms`."""

    until: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pass:
    """Let so many milliseconds pass (in virtual time they cost nothing)."""

    ms: int


Act = Ask | Read | Cancel | Await | Call | Settle | Pass
ACTS: Final[Mapping[str, type[Act]]] = MappingProxyType({kind.__name__: kind for kind in get_args(Act)})


@dataclass(frozen=True, slots=True)
class Session:
    """One stream to open. Sessions run one after another, unless `beside` names one that runs meanwhile. An object is
    made with `options`. A session with `times` is played so often, each time from another seed: `id`, `id~2`, ...."""

    id: str
    role: str
    acts: tuple[Act, ...]
    beside: str = ""
    options: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))
    times: int = 1


@dataclass(frozen=True, slots=True)
class Script:
    sessions: tuple[Session, ...]

    def roles(self) -> tuple[str, ...]:
        """The roles that its sessions open, without repeats, in order; the look is none, nor is an object."""
        return tuple(dict.fromkeys(s.role for s in self.sessions if s.role not in {LOOK, OBJECT}))


def expanded(script: Script) -> Script:
    """The script with every repeat of a session written out, under its own id."""
    return Script(
        tuple(
            replace(s, id=s.id if n == 1 else f"{s.id}~{n}", times=1)
            for s in script.sessions
            for n in range(1, s.times + 1)
        )
    )


def script_to_json(script: Script) -> list[dict[str, Any]]:
    return [
        {
            "id": s.id,
            "role": s.role,
            "beside": s.beside,
            "options": dict(s.options),
            "times": s.times,
            "acts": [{"act": type(a).__name__, **{f.name: getattr(a, f.name) for f in fields(a)}} for a in s.acts],
        }
        for s in script.sessions
    ]


def script_from_json(data: Any) -> Script:
    """The inverse of `script_to_json`. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    if not isinstance(data, list):
        raise TypeError("script: a list of sessions is needed")
    return Script(tuple(_session(entry) for entry in data))


def _session(data: Any) -> Session:
    if not isinstance(data, dict):
        raise TypeError("script: a session is an object")
    plain = {key: value for key, value in data.items() if key != "acts"}
    return build(Session, plain, acts=tuple(_act(act) for act in data["acts"]))


def _act(data: Any) -> Act:
    if not isinstance(data, dict):
        raise TypeError("script: an act is an object")
    return build(ACTS[data["act"]], {key: value for key, value in data.items() if key != "act"})
