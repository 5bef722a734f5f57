"""Random schedules for stream objects: who calls what in which order, drawn from a seed. A script as any other, so that
one that shows something is a case to keep.

Never here: a run, or an expectation. Whatever is drawn is legal to do to a stream; the rules say what must come of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

ACTS: Final = (3, 14)  # drawn acts of a schedule, at least and at most
JITTER: Final = (0, 0, 0, 1, 3, 8)
CAPACITIES: Final = (1, 1, 2, 3, 5, 16)
SENDERS: Final = ("ann", "ben", "cat")
RECEIVERS: Final = ("rex", "sue")
DRAINER: Final = "zoe"  # receives what is left, at the end


def schedule(chance: Random, features: frozenset[str], settles_max: int = 4) -> Scenario:
    """One session for an object that offers these features. `settles_max` bounds what costs time with threads."""
    senders = SENDERS[: chance.randint(1, 3 if "concurrent-senders" in features else 1)]
    receivers = RECEIVERS[: chance.randint(1, 2)]
    options = _options(chance, features)
    acts = tuple(_acts(chance, features, senders, receivers, settles_max))
    session = Session("object", OBJECT, acts, options=options)
    return Scenario("properties/schedule", "whatever chance had them call", Script((session,)), promises=())


def _options(chance: Random, features: frozenset[str]) -> dict[str, int | str]:
    options: dict[str, int | str] = {}
    if "capacity" in features and (chance.random() < 0.9 or "default-capacity" not in features):
        capacities = (0, 0, *CAPACITIES) if "rendezvous" in features else CAPACITIES
        options["capacity"] = chance.choice(capacities)
    for option, feature in (("send_timeout_ms", "send-timeout"), ("deadline_ms", "deadline"), ("idle_ms", "idle")):
        if feature in features and chance.random() < 0.08:
            options[option] = chance.choice((5, 150, 1_000))
    return options


def _acts(
    chance: Random, features: frozenset[str], senders: tuple[str, ...], receivers: tuple[str, ...], settles_max: int
) -> Iterator[Act]:
    if "listeners" in features and chance.random() < 0.5:
        yield Call("listen", senders[0], arg=chance.choice(("a", "raises-b")))
    if chance.random() < 0.5:  # into a full stream: what waits there is what most goes wrong
        yield from (Call("send", sender, n=chance.randint(1, 8)) for sender in senders)
        yield Settle()
    settles = 0
    for _ in range(chance.randint(*ACTS)):
        act = _act(chance, features, senders, receivers)
        if isinstance(act, Settle | Pass):
            settles += 1
            if settles > settles_max:
                continue
        yield act
    if "complete" in features and chance.random() < 0.6:
        yield Call("complete", "end", jitter=chance.choice(JITTER))
        yield Settle()
    if "pause" in features:
        yield Call("resume", "end")
    if "complete" in features and chance.random() < 0.5:
        yield Call("receive", DRAINER, n=0)
        yield Call("receive", DRAINER, n=2, on=True)
    yield Settle()


def _act(chance: Random, features: frozenset[str], senders: tuple[str, ...], receivers: tuple[str, ...]) -> Act:
    """One act. Sends and receives are the most likely, endings the least."""
    jitter = chance.choice(JITTER)
    sender, receiver = chance.choice(senders), chance.choice(receivers)
    drawn: list[tuple[int, Act]] = [
        (30, Call("send", sender, n=chance.randint(1, 5), jitter=jitter, on=chance.random() < 0.2)),
        (30, Call("receive", receiver, n=chance.randint(1, 5), jitter=jitter, on=chance.random() < 0.2)),
        (12, Settle()),
        (2, Pass(chance.choice((1, 60, 200)))),
        (3, Call("observe", "end", jitter=jitter)),
    ]
    for weight, feature, act in (
        (2, "complete", Call("complete", chance.choice(("end", sender)), jitter=jitter)),
        (2, "error", Call("error", chance.choice(("end", sender)), arg="NOT_FOUND", jitter=jitter)),
        (3, "cancel", Call("cancel", chance.choice(("end", receiver)), jitter=jitter)),
        (3, "pause", Call("pause", "end", jitter=jitter)),
        (3, "pause", Call("resume", "end", jitter=jitter)),
        (3, "iterate", Call("iterate", receiver, n=chance.randint(1, 4), jitter=jitter)),
        (8, "abandon", Call("drop", "script", arg=chance.choice((*senders, *receivers)), jitter=jitter)),
        (2, "produce", Call("produce", "maker", arg=chance.choice(("completes", "returns", "raises")), n=2)),
        (1, "feed", Call("feed", "feeder", arg=chance.choice(("ends", "raises")), n=2)),
    ):
        if feature in features:
            drawn.append((weight, act))
    return chance.choices([act for _, act in drawn], [weight for weight, _ in drawn])[0]
