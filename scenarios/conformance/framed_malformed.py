"""Length-framed TCP: bodies that are no messages, lengths that are none, a frame that never comes, and who sits beside.

Never here: frames in order, however they are cut (`framed`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, Ask, Await, Read, Script, Session, Write

if TYPE_CHECKING:
    from streamspec.harness.core.script import Act

_ROUNDS: Final = (1, 2, 3)
_TWO: Final = Read(items=2, budget="item_ms", needed=True)
_ONE: Final = Read(items=1, budget="item_ms")
_ITEM: Final = Read(items=1, budget="look_ms")
_ANSWER: Final = Read(items=1_000, budget="terminal_ms")
_SECONDS: Final = 12  # in which an octet comes each


def _round(n: int, role: str, *written: tuple[str, tuple[Act, ...]]) -> tuple[Session, ...]:
    """A neighbour reads, others write, somebody comes anew, and the neighbour reads on."""
    stays, anew = f"endless-beside-{n}", f"look-after-{n}"
    writes = [
        Session(f"{role}-{name}-{n}", role, (Await(stays, 2), Ask(), _ONE, *acts), beside=stays)
        for name, acts in written
    ]
    waits = (Await(session.id, len(session.acts)) for session in writes)
    return (
        Session(stays, "endless", (Ask(), _TWO, Await(anew, len(writes) + 2), _TWO)),
        *writes,
        Session(anew, LOOK, (*waits, Ask(), _ITEM), beside=stays),
    )


def _once(name: str) -> tuple[str, tuple[Act, ...]]:
    return name, (Write(name), _ANSWER)


_GARBAGE: Final = (
    *("tcp-garbage", "tcp-array", "tcp-no-type"),
    *("tcp-empty", "tcp-nested", "tcp-no-id", "tcp-half-prefix", "tcp-half-frame"),
)
_LENGTHS: Final = ("tcp-prefix-80000000", "tcp-prefix-ffffffff")

GARBAGE: Final = Scenario(
    id="conformance/framed-garbage",
    sentence="send bodies that are no messages, and half frames, beside a stream that goes on, three times",
    script=Script(tuple(session for n in _ROUNDS for session in _round(n, "endless", *map(_once, _GARBAGE)))),
    promises=("TC-05",),
    needs=("carrier:framed", "concurrent"),
    order=9,
    exclusive=True,
)

LENGTHS: Final = Scenario(
    id="conformance/framed-lengths",
    sentence="announce frames of 2 GiB, 4 GiB and 16 MiB, beside a stream that goes on, three times",
    script=Script(
        tuple(session for n in _ROUNDS for session in _round(n, "endless", *map(_once, (*_LENGTHS, "tcp-prefix-16m1"))))
    ),
    promises=("TC-03", "TC-10"),
    needs=("carrier:framed", "concurrent"),
    order=9,
    exclusive=True,
)

_SLOWLY: Final[tuple[Act, ...]] = (
    Write("tcp-slow-frame"),
    *(act for _ in range(_SECONDS) for act in (Read(items=1_000, budget="terminal_ms"), Write("tcp-octet"))),
    Read(items=1_000, budget="patience_ms"),
)

SLOW: Final = Scenario(
    id="conformance/framed-slow",
    sentence="send a frame an octet a second, beside a stream that goes on",
    script=Script(_round(1, "idle", ("tcp-slow-frame", _SLOWLY))),
    promises=("TC-06",),
    needs=("carrier:framed", "concurrent"),
    order=9,
)
