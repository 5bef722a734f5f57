"""Many streams on one connection: their items, their ids, how many there may be, and how they share it.

Never here: cancels (`mux_cancels`), or what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import (
    SCRIPT,
    Act,
    Ask,
    Await,
    Cancel,
    Pass,
    Read,
    Script,
    Session,
    Watch,
    Write,
)
from streamspec.harness.core.steps import Complete, Gate, Generate, Step

_ROUNDS: Final = (1, 2, 3)  # a late budget counts only three times out of three
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_SOME: Final = Read(items=8, budget="item_ms")
_BY_HAND: Final = "run the replay: its messages, one by one, are what a client of your own would send"

_LANES: Final = 256
_CROWD: Final = 144  # some more than what many allow


def _lane(kind: str, n: int, of: int, steps: tuple[Step, ...], *acts: Act) -> Session:
    """One of several on the connection of the first, which stays until the last has asked."""
    first = f"script-{kind}-1"
    asking: tuple[Act, ...] = (Await(first, 1), Ask(on=first)) if n > 1 else (Ask(), Await(f"script-{kind}-{of}", 2))
    return Session(f"script-{kind}-{n}", SCRIPT, (*asking, *acts), beside=first if n > 1 else "", steps=steps)


INTERLEAVED: Final = Scenario(
    id="conformance/mux-interleaved",
    sentence="read 256 streams of ten items each, with pauses, on one connection",
    script=Script(
        tuple(
            _lane("lane", n, _LANES, (Generate(10, every_ms=1), Complete()), Read(0, "finite_ms"))
            for n in range(1, _LANES + 1)
        )
    ),
    promises=("MX-02",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)


def _crowded(n: int) -> Session:
    """All of them are open until the last has been waited for."""
    last = () if n == _CROWD else (Await(f"script-crowd-{_CROWD}", 3),)
    return _lane("crowd", n, _CROWD, (Generate(1), Gate("shut")), Read(1, "look_ms"), *last)


CROWD: Final = Scenario(
    id="conformance/mux-crowd",
    sentence="open 144 streams on one connection, and let none of them end",
    script=Script(tuple(_crowded(n) for n in range(1, _CROWD + 1))),
    promises=("MX-08",),
    needs=("concurrent", "feature:max_streams"),
    by_hand=_BY_HAND,
    order=5,
)

# -- ids ---------------------------------------------------------------------------------------------------------------


def _taken(n: int) -> tuple[Session, ...]:
    """What is said of an id reaches the stream that has it. The last pause is for what comes behind a refusal: a
    stream that has been told of an end is read to the end of what is there."""
    held = f"endless-held-{n}"
    again = Session(f"endless-again-{n}", "endless", (Await(held, 2), Ask(on=held, same=held)), beside="endless-held-1")
    behind = (Await(again.id, 2), Read(0, "steady_ms"), Pass(300), Read(0, "aftermath_ms"))
    return Session(held, "endless", (Ask(), _SOME, *behind), beside="endless-held-1" if n > 1 else ""), again


IN_USE: Final = Scenario(
    id="conformance/mux-id-in-use",
    sentence="open a stream under the id of one that is open, on the same connection, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _taken(n))),
    promises=("MX-03",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=5,
)


def _twice(n: int) -> tuple[Session, ...]:
    """On a connection of their own: what names no stream is said of the one that opened it. That the stream behind them
    is answered shows that both starts were read. A refusal may come before all items: a stream that has been told of an
    end is read to the end of what is there."""
    both = f"endless-twice-{n}"
    later = Session(f"endless-later-{n}", "endless", (Await(both, 2), Ask(on=both), _SOME), beside=both)
    acts = (Ask(twice=True), _SOME, Await(later.id, 3), Read(0, "steady_ms"), Pass(300), Read(0, "aftermath_ms"))
    return Session(both, "endless", acts, beside="endless-twice-1" if n > 1 else ""), later


AT_ONCE: Final = Scenario(
    id="conformance/mux-id-at-once",
    sentence="open two streams under one id in the same write, and another behind them on the connection, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _twice(n))),
    promises=("MX-03",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=5,
)


def _stays(n: int, *acts: Act) -> Session:
    return Session(
        f"endless-stays-{n}", "endless", (Ask(), _SOME, *acts, _SOME), beside="endless-stays-1" if n > 1 else ""
    )


def _over(n: int) -> tuple[Session, ...]:
    on = f"endless-stays-{n}"
    acts = (Await(on, 2), Ask(on=on), Read(0, "finite_ms"), Cancel("word"))
    return _stays(n, Await(f"finite-done-{n}", 4)), Session(f"finite-done-{n}", "finite", acts, beside=on)


CLOSED: Final = Scenario(
    id="conformance/mux-closed-id",
    sentence="cancel a stream that is over, beside one on the same connection that is not",
    script=Script(tuple(session for n in _ROUNDS for session in _over(n))),
    promises=("MX-04",),
    needs=("concurrent",),
    by_hand=_BY_HAND,
    order=4,
)


def _nobody(what: str) -> Script:
    return Script(tuple(_stays(n, Write(what)) for n in _ROUNDS))


NOBODY_WS: Final = Scenario(
    id="conformance/mux-unknown-id-ws",
    sentence="say an item for a stream that nobody has opened, in a message of WebSocket",
    script=_nobody("ws-unknown-id"),
    promises=("MX-04",),
    needs=("concurrent", "mux", "carrier:websocket", "role:finite"),
    by_hand=_BY_HAND,
    order=5,
)

NOBODY_TCP: Final = Scenario(
    id="conformance/mux-unknown-id-tcp",
    sentence="say an item for a stream that nobody has opened, in a frame",
    script=_nobody("tcp-unknown-id"),
    promises=("MX-04",),
    needs=("concurrent", "mux", "carrier:framed", "role:finite"),
    by_hand=_BY_HAND,
    order=5,
)

# -- shares ------------------------------------------------------------------------------------------------------------

_TOGETHER: Final = 4


def _turn(kind: str, n: int, k: int, priority: int = 0) -> Session:
    """All of them read as fast as they can from their beginning, so that nothing waits at ours: what came in which
    order is what was sent in that order. The first has a start over the others, and reads more."""
    first = f"script-{kind}-{n}-1"
    ask = Ask(on=first if k > 1 else "", priority=priority)
    acts: tuple[Act, ...] = (
        (ask, _ITEM, Read(500, "item_ms")) if k == 1 else (Await(first, 2), ask, Read(300, "item_ms"))
    )
    steps = (Generate(bytes=4_000),)
    return Session(f"script-{kind}-{n}-{k}", SCRIPT, acts, beside=first if k > 1 else "", steps=steps)


TURNS: Final = Scenario(
    id="conformance/mux-turns",
    sentence="read four streams on one connection that all send as fast as they can, three times",
    script=Script(tuple(_turn("turns", n, k) for n in _ROUNDS for k in range(1, _TOGETHER + 1))),
    promises=("MX-07",),
    needs=("concurrent", "feature:fair"),
    by_hand=_BY_HAND,
    order=4,
)


_RANKS: Final = (0, 0, 9)

RANKS: Final = Scenario(
    id="conformance/mux-ranks",
    sentence="read three streams on one connection that send as fast as they can, one of higher priority, three times",
    script=Script(tuple(_turn("ranks", n, k, rank) for n in _ROUNDS for k, rank in enumerate(_RANKS, 1))),
    promises=("MX-05", "MX-06"),
    needs=("concurrent", "feature:priority"),
    by_hand=_BY_HAND,
    order=4,
)


def _flow(n: int) -> tuple[Session, ...]:
    flows, stalls = f"script-flows-{n}", f"script-stalls-{n}"
    return (
        Session(
            flows,
            SCRIPT,
            (Ask(), _SOME, Await(stalls, 3), Read(60, "item_ms")),
            beside="script-flows-1" if n > 1 else "",
            steps=(Generate(every_ms=5),),
        ),
        Session(
            stalls,
            SCRIPT,
            (Await(flows, 2), Ask(on=flows), Watch("steady_ms"), Await(flows, 4)),
            beside="script-flows-1",
            steps=(Generate(bytes=4_000),),
        ),
    )


FLOWS: Final = Scenario(
    id="conformance/mux-stalled-neighbour",
    sentence="read nothing of one stream until its handler waits, and read its neighbour on the same connection on",
    script=Script(tuple(session for n in _ROUNDS for session in _flow(n))),
    promises=("BP-12",),
    needs=("concurrent", "window", "told:sending"),
    by_hand=_BY_HAND,
    order=5,
)
