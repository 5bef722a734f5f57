"""Histories of objects written by hand: the good and bad examples of rules that judge calls, and the tests' own.

A history is a row of events and of tuples of events, one millisecond apart, of one session named `object` unless said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import (
    Called,
    Completed,
    Event,
    Failed,
    Item,
    Raised,
    Record,
    Returned,
    Settled,
    Told,
)
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.script import OBJECT, Script, Session, Settle

if TYPE_CHECKING:
    from collections.abc import Mapping

Part = Event | tuple["Part", ...]

SETTLED: Final = Settled()


def played(
    *parts: Part,
    options: Mapping[str, int | str] | None = None,
    declared: Mapping[str, str | int | bool] | None = None,
    kind: str = "asyncio",
    step_ms: float = 1.0,
) -> History:
    """One session with an object of this kind, made with these options."""
    return together(("object", options or {}, parts), declared=declared, kind=kind, step_ms=step_ms)


def together(
    *sessions: tuple[str, Mapping[str, int | str], tuple[Part, ...]],
    declared: Mapping[str, str | int | bool] | None = None,
    kind: str = "asyncio",
    step_ms: float = 1.0,
) -> History:
    """Several sessions (id, options, parts), one after another."""
    script = Script(tuple(Session(name, OBJECT, (Settle(),), options=dict(options)) for name, options, _ in sessions))
    header = Header(
        case="written",
        scenario="written",
        binding="inprocess",
        profile="object",
        script=script,
        declared={"object": "written:Stream", "object.kind": kind, **(declared or {})},
    )
    rows = [(name, event) for name, _, parts in sessions for event in _flat(parts)]
    records = tuple(
        Record(index, int(index * step_ms * 1e6), name, "driver", event) for index, (name, event) in enumerate(rows)
    )
    return History(header, records)


def _flat(parts: tuple[Part, ...]) -> tuple[Event, ...]:
    found: list[Event] = []
    for part in parts:
        found.extend(_flat(part) if isinstance(part, tuple) else (part,))
    return tuple(found)


def begun(call: int, op: str, by: str = "producer", arg: str = "") -> Called:
    """A call that is still open."""
    return Called(call, op, by, arg)


def back(call: int, value: str = "") -> Returned:
    return Returned(call, value)


def refused(call: int, code: str = "", kind: str = "StreamError") -> Raised:
    return Raised(call, code, kind)


def done(call: int, op: str, by: str = "producer", arg: str = "", value: str = "") -> tuple[Part, ...]:
    """A call that came back at once."""
    return begun(call, op, by, arg), back(call, value)


def failed(call: int, op: str, code: str = "", by: str = "producer", arg: str = "") -> tuple[Part, ...]:
    """A call that was refused at once."""
    return begun(call, op, by, arg), refused(call, code)


def send(call: int, seq: int, by: str = "producer") -> tuple[Part, ...]:
    """A send that came back at once."""
    return done(call, "send", by, f"{by}:{seq}")


def sends(call: int, first: int, last: int, by: str = "producer") -> tuple[Part, ...]:
    """Sends of the items `first` to `last`, each back at once; the first is number `call`."""
    return tuple(send(call + seq - first, seq, by) for seq in range(first, last + 1))


def waiting(call: int, seq: int, by: str = "producer") -> Called:
    """A send that is still open."""
    return begun(call, "send", by, f"{by}:{seq}")


def item(n: int, seq: int, by: str = "producer") -> Item:
    text = f"{by}:{seq}"
    return Item(n, len(text), f"{seq:016x}", text, 0, by, seq)


def take(call: int, n: int, seq: int, sender: str = "producer", by: str = "consumer") -> tuple[Part, ...]:
    """A receive that got an item at once: the `n`-th of the session (from 0), number `seq` of its sender."""
    return begun(call, "receive", by), back(call, f"{sender}:{seq}"), item(n, seq, sender)


def takes(call: int, n: int, first: int, last: int, sender: str = "producer") -> tuple[Part, ...]:
    return tuple(take(call + k, n + k, first + k, sender) for k in range(last - first + 1))


def end(call: int, by: str = "consumer", *, first: bool = True) -> tuple[Part, ...]:
    """A receive that was answered `end`; the first such answer is the terminal."""
    return (*done(call, "receive", by, value="end"), *((Completed(),) if first else ()))


def fail(call: int, code: str = "INTERNAL", by: str = "consumer", *, first: bool = True) -> tuple[Part, ...]:
    """A receive that raised the stream's failure; the first one is the terminal."""
    return (*failed(call, "receive", code, by), *((Failed(code),) if first else ()))


def told(**values: int | str) -> Told:
    """An account; `__` in a name is a dot (`cleanup__a=1`)."""
    return Told(0, {name.replace("__", "."): value for name, value in values.items()})
